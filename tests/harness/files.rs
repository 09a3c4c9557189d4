//! What a check that fails leaves in files, and when they are gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lossproof::systems::Options;
use lossproof::transcript::MAX_REPORT_LINES;
use lossproof::{Check, Profile};

use crate::{CHECKED, checked, hosts, once, panic_of, said, target};

#[test]
fn a_check_that_fails_says_why_and_how_to_see_it_again() {
    let output = checked(CHECKED, &[]);
    let report = said(&output);
    assert!(!output.status.success());
    for part in [
        "FAILED a_request_is_counted_once: a request is counted twice\n  it happened at 0.105\n  after ",
        " simulated)\n  minimal: 1 fault, 4 packets   (from ",
        "    server>client #0 drop\n",
        "  replay: LOSSPROOF_REPLAY='v2; server>client #0 drop' cargo test -- --exact a_request_is_counted_once\n",
        "0.105  server  broken a request is counted twice: it happened at 0.105\n",
    ] {
        assert!(report.contains(part), "{part:?} in {report}");
    }
    let directory = target().join("lossproof").join(CHECKED);
    let read = |name: &str| fs::read_to_string(directory.join(name)).expect(name);
    let capture = if cfg!(feature = "capture") { "capture.pcapng " } else { "" };
    let kept = format!("report.txt fault.plan transcript.txt ladder.txt page.html {capture}test.rs");
    assert!(report.contains(&format!("\n  files: {}\n         {kept}\n", directory.display())), "{report}");
    assert_eq!(read("fault.plan"), "v2; server>client #0 drop\n");
    assert!(read("report.txt").starts_with("FAILED a_request_is_counted_once"));
    assert!(
        read("transcript.txt")
            .ends_with("  server  broken a request is counted twice: it happened at 0.105\n")
    );
    assert_eq!(read("test.rs"), include_str!("again.rs"));
    // The first answer is lost on its way, and what does not hold is marked.
    let ladder = read("ladder.txt");
    assert!(
        ladder.starts_with(" time   server") && ladder.lines().all(|line| line.chars().count() <= 80),
        "{ladder}"
    );
    let row = |mark: &str, text: &str| ladder.lines().any(|line| line.contains(mark) && line.contains(text));
    assert!(row(" ! ", "─ drop: #0 \"counted\" ") && row(" ✗ ", "a request is counted twice"), "{ladder}");
    let page = read("page.html");
    let replay = "\"replay\":\"LOSSPROOF_REPLAY='v2; server>client #0 drop' cargo test -- --exact \
                  a_request_is_counted_once\"";
    assert!(page.contains("<h1>a_request_is_counted_once</h1>") && page.contains(replay), "{page}");
    assert!(page.contains("a request is counted twice: it happened at 0.105"), "{page}");
    #[cfg(feature = "capture")]
    {
        let capture = lossproof::capture::read(&fs::read(directory.join("capture.pcapng")).unwrap()).unwrap();
        assert_eq!((capture.frames.len(), capture.replay.is_some()), (4, true), "two requests, two replies");
    }
}

#[test]
fn hosts_that_do_not_fit_into_eighty_columns_get_a_wider_ladder() {
    let (net, server, _) = hosts();
    for number in 0..20 {
        net.host(format!("other{number}")).udp(1).machine(|_| crate::Counter(0));
    }
    net.never("a request is counted", move |run| !run.events(server).is_empty());
    let said = panic_of(|| Check::new(net).named("many").assert());
    assert!(said.contains(" ladder.txt "), "{said}");
    let test = "files.hosts_that_do_not_fit_into_eighty_columns_get_a_wider_ladder.many";
    let ladder = fs::read_to_string(target().join("lossproof").join(test).join("ladder.txt")).unwrap();
    let head = ladder.lines().next().expect("the names of the hosts");
    assert!(head.contains(" server ") && head.contains(" client ") && head.contains(" other19"), "{ladder}");
}

/// What is printed is short, and the files have all of it.
#[test]
fn a_long_report_is_whole_in_its_files() {
    let specimen = lossproof::specimens::all().find(|specimen| specimen.name == "expires-when-data-comes");
    let specimen = specimen.expect("it is a specimen of udp-chat");
    let check =
        || Check::new(specimen.net(&Options::default())).named("long").plan(specimen.plan.parse().unwrap());
    let said = panic_of(|| check().runs(1).assert());
    assert!(said.lines().count() <= MAX_REPORT_LINES && said.contains("\n… "), "{said}");
    assert!(said.contains("\n  files: ") && said.contains(" transcript.txt "), "{said}");
    let test = "files.a_long_report_is_whole_in_its_files.long";
    let read = |name: &str| fs::read_to_string(target().join("lossproof").join(test).join(name)).unwrap();
    let (report, transcript) = (read("report.txt"), read("transcript.txt"));
    assert!(transcript.lines().count() > MAX_REPORT_LINES && !transcript.contains("… "), "{transcript}");
    let (head, whole) = report.split_once("\n\n").expect("a head");
    assert_eq!(whole, transcript);
    assert!(said.starts_with(head), "{said}");
}

/// Whoever finds files may believe them: a failure that was mended leaves none.
#[test]
fn the_files_of_an_old_failure_are_gone_after_the_next_run_that_passes() {
    let directory = target()
        .join("lossproof/files.the_files_of_an_old_failure_are_gone_after_the_next_run_that_passes.mended");
    panic_of(|| Check::new(once()).named("mended").loss(0.3).assert());
    assert!(directory.join("report.txt").exists());
    // Those of another check of this test are not touched.
    panic_of(|| Check::new(once()).named("other").loss(0.3).assert());
    Check::new(once()).named("mended").profile(Profile::CALM).assert();
    assert!(!directory.exists());
    let other = directory.with_extension("other").join("report.txt");
    assert!(other.exists());
    // Nor are they when another check is made again, and this one is not.
    let replayed = || Check::new(once()).named("other").assert();
    lossproof::harness::replay("mended: v2", replayed);
    assert!(other.exists());
}

/// A verdict is only told: who asks for one decides what becomes of it.
#[test]
fn a_verdict_writes_no_files() {
    let verdict = Check::new(once()).named("told").loss(0.3).verdict().unwrap();
    assert!(
        !verdict.holds()
            && verdict.to_string().starts_with("FAILED files::a_verdict_writes_no_files (told): ")
    );
    assert!(!target().join("lossproof/files.a_verdict_writes_no_files.told").exists());
}

/// Fails, in a copy of this binary that is elsewhere.
#[test]
#[ignore = "it is to fail: another test runs it and looks at what it says"]
fn somewhere_else() {
    std::thread::Builder::new()
        .spawn(|| Check::new(once()).loss(0.3).assert())
        .and_then(|thread| thread.join().map_err(|_| std::io::Error::other("it fails")))
        .unwrap();
}

/// A program that `cargo test` does not run keeps files too, and says where.
#[test]
fn outside_of_cargo_test_a_failing_check_says_where_its_files_are() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("elsewhere");
    // An old run may have left them.
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    let copy = place.join("program");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let output = Command::new(&copy)
        .args(["--ignored", "--exact", "files::somewhere_else", "--nocapture"])
        .current_dir(&place)
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .unwrap();
    let report = said(&output);
    let line = report.lines().find_map(|line| line.strip_prefix("  files: ")).expect("it says where");
    let directory = PathBuf::from(line);
    assert!(directory.is_absolute() && directory.starts_with(fs::canonicalize(&place).unwrap()), "{line}");
    assert!(directory.join("report.txt").exists());
    // No test has this name, and so it is called by its net and replayed by no name.
    assert!(report.contains("FAILED counter: ") && report.contains(" drop' cargo test\n"), "{report}");
}
