//! Interrupted work is kept: what was found so far is printed, a sweep goes on from its file, and no file is ever half
//! there.

#[allow(dead_code, reason = "each test uses a part of it")]
mod command;

use std::fs;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use command::{directory, lossproof, quiet, refused, stderr, stdout};

/// How long a command works before it is interrupted.
const WORK: Duration = Duration::from_millis(700);
/// How long it may take to end then, on a busy machine.
const END: Duration = Duration::from_secs(5);

#[expect(clippy::disallowed_methods, reason = "how long a process takes is a matter of the real clock")]
fn now() -> Instant {
    Instant::now()
}

/// Starts a command, interrupts it after a while, and gives what it printed.
fn interrupted(args: &[&str], signal: &'static str) -> Output {
    interrupted_after(WORK, args, signal)
}

fn interrupted_after(work: Duration, args: &[&str], signal: &'static str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    let child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("the binary was built for this test");
    let id = child.id().to_string();
    let killer = thread::spawn(move || {
        thread::sleep(work);
        assert!(Command::new("kill").args([signal, &id]).status().expect("there is kill").success());
        now()
    });
    let output = child.wait_with_output().expect("it ends");
    let took = now() - killer.join().expect("it was interrupted, and had not ended");
    assert!(took < END, "{args:?} took {took:?} to end");
    output
}

/// How many runs the one line on standard error tells of.
fn runs_told(output: &Output) -> u64 {
    let told = stderr(output);
    let line = told.strip_prefix("lossproof: interrupted after ").unwrap_or_else(|| panic!("{told}"));
    assert_eq!((line.lines().count(), output.status.code()), (1, Some(130)), "{line}");
    let number = line.split(' ').next().unwrap_or_default().replace(',', "");
    number.trim().parse().expect(line)
}

#[test]
fn what_a_check_has_found_is_printed() {
    for (args, signal) in [
        (vec!["check", "udp-remote", "--runs", "1000000000"], "-INT"),
        (vec!["check", "tcp-chat", "--runs", "1000000000", "--jobs", "1"], "-INT"),
        (vec!["check", "udp-remote", "--runs", "1000000000", "--twice"], "-TERM"),
        (vec!["check", "udp-remote", "--runs", "1000000000", "--guided"], "-INT"),
        (vec!["check", "udp-remote", "--ids", "--exhaustive", "9"], "-INT"),
        (vec!["check", "tcp-sixteen", "--exhaustive", "5", "--jobs", "2"], "-INT"),
    ] {
        for format in ["text", "json"] {
            let output = interrupted(&[&args[..], &["--format", format]].concat(), signal);
            let runs = runs_told(&output);
            assert!(runs > 0, "{args:?}");
            let report = stdout(&output);
            if format == "json" {
                let report: serde_json::Value = serde_json::from_str(report).expect(report);
                assert_eq!((&report["held"], &report["runs"]), (&false.into(), &runs.into()), "{report}");
            } else {
                assert!(report.starts_with("UNFINISHED "), "{report}");
                assert!(report.contains("in every run:"), "{report}");
                assert!(!report.contains("PASSED"), "{report}");
            }
        }
    }
}

#[test]
fn a_sweep_goes_on_from_its_file_to_the_same_bytes() {
    let directory = directory("sweep");
    let path = |name: &str| directory.join(name).display().to_string();
    let (part, whole) = (path("part.json"), path("whole.json"));
    for shard in [vec![], vec!["--shard", "2/3"]] {
        let words = ["sweep", "udp-remote", "--runs", "24000", "--loss", "0%..50%", "--step", "10%"];
        let words = [&words[..], &shard[..]].concat();
        let begin = now();
        let at_once = quiet(&[&words[..], &["--jobs", "1", "-o", &whole]].concat(), 0);
        // It takes as long again, but for what differs from time to time.
        let work = (now() - begin) / 4;
        let output = interrupted_after(work, &[&words[..], &["--jobs", "1", "-o", &part]].concat(), "-INT");
        let runs = runs_told(&output);
        assert!(stderr(&output).ends_with(&format!("go on with --continue {part}\n")), "{}", stderr(&output));
        let kept = fs::read_to_string(&part).expect("it was written");
        assert_ne!(kept, fs::read_to_string(&whole).expect("it was written"));
        // What is there is shown by `merge`, as far as it goes.
        if shard.is_empty() {
            assert!(stdout(&output).starts_with("SWEEP udp-remote"), "{}", stdout(&output));
            let merged = lossproof(&["merge", &part]);
            assert_eq!((stdout(&merged), merged.status.code()), (stdout(&output), Some(0)));
            let note = stderr(&merged);
            assert!(
                note.contains("1 part of the sweep was interrupted") && note.lines().count() == 1,
                "{note}"
            );
        }
        // Another question is not answered by it.
        let args = [&words[..], &["--seed", "7", "--continue", &part, "-o", &part]].concat();
        refused(&args, &format!("--continue: '{part}' is of another sweep: its seed differs"));
        // It may be interrupted again.
        let again = interrupted_after(
            work,
            &[&words[..], &["--jobs", "1", "--continue", &part, "-o", &part]].concat(),
            "-INT",
        );
        assert!(runs_told(&again) > runs, "{}", stderr(&again));
        let rest = quiet(&[&words[..], &["--continue", &part, "-o", &part]].concat(), 0);
        assert_eq!(rest, at_once);
        let read = |path: &str| fs::read_to_string(path).expect("it was written");
        assert_eq!(read(&part), read(&whole), "{shard:?}");
        // From what is whole there is nothing left to do.
        quiet(&[&words[..], &["--continue", &part, "-o", &part]].concat(), 0);
        assert_eq!(read(&part), read(&whole), "{shard:?}");
    }
}

#[test]
fn a_picture_that_was_interrupted_leaves_a_part_beside_it() {
    let directory = directory("picture");
    let (picture, part) = (directory.join("report.html"), directory.join("report.part.json"));
    let [picture, part] = [picture, part].map(|path| path.display().to_string());
    let words = ["sweep", "udp-remote", "--runs", "1000000000", "-o", &picture];
    let output = interrupted(&words, "-INT");
    runs_told(&output);
    assert!(stderr(&output).ends_with(&format!("go on with --continue {part}\n")), "{}", stderr(&output));
    assert!(fs::read_to_string(&picture).expect("it was written").contains("</html>"));
    let merged = lossproof(&["merge", &part, "-o", &picture]);
    assert_eq!(merged.status.code(), Some(0), "{}", stderr(&merged));
}

/// Whoever reads a file while it is written anew finds it as it was or whole; and nothing is left beside it.
#[test]
fn a_file_is_whole_at_every_moment() {
    let directory = directory("whole");
    let path = directory.join("run.json");
    let name = path.display().to_string();
    let write = |seed: u32| {
        let output = lossproof(&[
            "sim",
            "udp-chat",
            "--seed",
            &seed.to_string(),
            "--loss",
            "30%",
            "--format",
            "json",
            "-o",
            &name,
        ]);
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", stderr(&output));
    };
    write(0);
    thread::scope(|scope| {
        let writer = scope.spawn(|| (1..30).for_each(write));
        while !writer.is_finished() {
            let text = fs::read_to_string(&path).expect("it is there");
            assert!(text.ends_with("}\n"), "{} bytes", text.len());
        }
    });
    let left: Vec<_> = fs::read_dir(&directory).expect("it is there").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    // What is no file stays what it is, and a link leads where it led.
    assert_eq!(lossproof(&["sim", "udp-local", "-o", "/dev/null"]).status.code(), Some(0));
    assert!(!fs::metadata("/dev/null").expect("it is there").is_file());
    let link = directory.join("link.json");
    std::os::unix::fs::symlink(&path, &link).expect("it can be made");
    let before = fs::read_to_string(&path).expect("it is there");
    quiet(&["sim", "udp-local", "-o", &link.display().to_string()], 0);
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert_ne!(fs::read_to_string(&path).expect("it is there"), before);
}

/// A place where nothing can be written is told of before the work, not after it.
#[test]
fn where_nothing_can_be_written_is_told_before_the_work() {
    let name = |end: &str| format!("/nope/x.{end}");
    for (args, end) in [
        (vec!["sweep", "udp-remote", "--runs", "1000000000"], "html"),
        (vec!["sweep", "udp-remote", "--runs", "1000000000"], "json"),
        (vec!["check", "udp-remote", "--runs", "1000000000"], "json"),
        (vec!["merge", "/no/part"], "json"),
    ] {
        let begin = now();
        let output = lossproof(&[&args[..], &["-o", &name(end)]].concat());
        let line = format!("lossproof: cannot write '/nope/x.{end}': no such file or directory\n");
        if args[0] != "merge" {
            assert_eq!((stderr(&output), output.status.code()), (&*line, Some(1)), "{args:?}");
        }
        assert!(now() - begin < END && stdout(&output).is_empty(), "{args:?}");
    }
}

/// The first Ctrl-C lets a client end its stream, the second ends it at once.
#[test]
fn a_second_interruption_ends_at_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    let mut client =
        command.args(["call", "tcp-sixteen", &addr]).stdout(Stdio::null()).spawn().expect("it was built");
    // It is answered by nobody, and waits for the end of the stream. What it says has to be there: before that it is still
    // dialing, and a client that dials ends by one signal.
    let (mut stream, _) = listener.accept().expect("it calls");
    std::io::Read::read_exact(&mut stream, &mut [0; 16]).expect("it says something");
    let id = client.id().to_string();
    let kill =
        || assert!(Command::new("kill").args(["-INT", &id]).status().expect("there is kill").success());
    kill();
    thread::sleep(Duration::from_millis(200));
    assert_eq!(client.try_wait().expect("it is our child"), None, "it waits");
    let begin = now();
    kill();
    let status = client.wait().expect("it is our child");
    assert_eq!(status.code(), Some(130));
    assert!(now() - begin < Duration::from_secs(1));
}
