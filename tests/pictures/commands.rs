//! `sim --format …` as a user meets it.

use std::path::Path;
use std::process::{Command, Output};

pub(super) fn sim(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    command.arg("sim").args(args).output().expect("the binary was built for this test")
}

/// Standard output of a command that is to succeed without a word on standard error.
fn quiet(args: &[&str]) -> String {
    let output = sim(args);
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        ("", Some(0)),
        "{args:?}"
    );
    String::from_utf8(output.stdout).expect("standard output is UTF-8")
}

/// Checks that a command ends with this status and this one line.
fn refused(args: &[&str], status: i32, line: &str) {
    let output = sim(args);
    assert_eq!(String::from_utf8_lossy(&output.stderr), format!("lossproof: {line}\n"), "{args:?}");
    assert_eq!((output.stdout.len(), output.status.code()), (0, Some(status)), "{args:?}");
}

const LOSSY: [&str; 5] = ["udp-remote", "--loss", "50%", "--seed", "7"];

#[test]
fn a_pipe_gets_eighty_columns_without_colours() {
    let ladder = quiet(&[&LOSSY[..], &["--format", "ladder"]].concat());
    assert!(ladder.lines().any(|line| line.chars().count() == 80), "{ladder}");
    assert!(ladder.lines().all(|line| line.chars().count() <= 80) && !ladder.contains('\u{1b}'), "{ladder}");
    let narrow = quiet(&[&LOSSY[..], &["--format", "ladder", "--width", "40", "--ascii"]].concat());
    assert!(narrow.lines().all(|line| line.is_ascii() && line.len() <= 40), "{narrow}");
}

#[test]
fn a_file_gets_what_standard_output_would() {
    for format in ["text", "json", "ladder", "mermaid", "svg", "html"] {
        let path = format!("{}/run.{format}", env!("CARGO_TARGET_TMPDIR"));
        let args = [&LOSSY[..], &["--format", format]].concat();
        assert_eq!(quiet(&[&args[..], &["-o", &path]].concat()), "", "{format}");
        let file = std::fs::read_to_string(&path).expect("it was written");
        assert_eq!(file, quiet(&args), "{format}");
    }
}

#[test]
fn what_cannot_be_written_or_means_nothing_is_refused() {
    let line = "cannot write 'no/such/run.html': no such file or directory";
    refused(&["udp-remote", "--format", "html", "-o", "no/such/run.html"], 1, line);
    refused(&["udp-remote", "--width", "80"], 2, "--width is for --format ladder");
    refused(&["udp-remote", "--format", "svg", "--ascii"], 2, "--ascii is for --format ladder");
    let line = "--width: '19' is not a whole number from 20 to 1000";
    refused(&["udp-remote", "--format", "ladder", "--width", "19"], 2, line);
    let line = "--width: a ladder of 4 hosts takes 34 columns, and there are 30: widen it, or read the text";
    refused(&["udp-chat", "--format", "ladder", "--width", "30"], 2, line);
}

/// The words of a shell that single quotes hold together.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// The replay line of a page makes the same run, with what was drawn as an explicit plan; on turmoil it is drawn again.
#[test]
fn the_replay_line_of_a_page_makes_the_run_again() {
    for engine in ["event", "turmoil"] {
        let asked = ["udp-remote", "--ids", "--loss", "40%", "--jitter", "--seed", "9", "--engine", engine];
        let page = quiet(&[&asked[..], &["--format", "html"]].concat());
        let (_, from) = page.split_once("json\">{\"replay\":\"").expect("the data begins with it");
        let (replay, _) = from.split_once("\",\"hosts\"").expect("the hosts are next");
        let words = words(replay);
        assert_eq!((words[0].as_str(), words[1].as_str()), ("lossproof", "sim"), "{replay}");
        let again: Vec<&str> = words[2..].iter().map(String::as_str).collect();
        assert_eq!(quiet(&again), quiet(&asked), "{replay}");
        assert_eq!(again.contains(&"--loss"), engine == "turmoil", "{replay}");
    }
}

/// A newcomer's first command, after the build, and with fewer runs; and the page that a picture takes.
#[test]
fn the_first_command_of_the_readme_holds_and_a_page_is_drawn() {
    let readme = include_str!("../../README.md");
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
        let output =
            command.args(args).current_dir(env!("CARGO_TARGET_TMPDIR")).output().expect("it is built");
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}");
        String::from_utf8(output.stdout).expect("standard output is UTF-8")
    };
    assert!(readme.contains("\ncargo lossproof check udp-remote\n"), "the command is there");
    let config = include_str!("../../.cargo/config.toml");
    assert!(config.contains("lossproof = \"run --release --features cli --\""), "it is an alias");
    assert!(run(&["check", "udp-remote", "--runs", "200"]).starts_with("PASSED "));
    assert!(readme.contains("`--format html -o run.html`"), "the page is there");
    let lossy =
        ["sim", "udp-remote", "--faults", "client>server #0 drop", "--format", "html", "-o", "run.html"];
    assert!(run(&lossy).is_empty());
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_TARGET_TMPDIR"), "/run.html")).expect("it is written");
    assert!(page.contains("fault: drop"), "a datagram is lost");
}

/// The pictures that are shown are there, and small enough for a repository.
#[test]
fn the_pictures_of_the_readme_and_the_guide_are_small() {
    let texts = [
        include_str!("../../README.md"),
        include_str!("../../src/guide/debugging.md"),
        include_str!("../../src/guide/sweeps.md"),
    ];
    for text in texts {
        let (_, name) = text.split_once("snapshots/").expect("it has a picture");
        let name = name.split([')', '\n']).next().expect("it has a name");
        assert_eq!(Path::new(name).extension(), Some("svg".as_ref()), "{name}");
        let path = format!("{}/snapshots/{name}", env!("CARGO_MANIFEST_DIR"));
        let len = std::fs::metadata(&path).expect("it is committed").len();
        assert!((1..60_000).contains(&len), "{name}: {len}");
    }
}

#[test]
fn the_ladder_of_the_guide_is_what_is_printed() {
    let page = include_str!("../../src/guide/transcripts.md");
    let (_, from) = page.split_once("$ lossproof sim ").expect("the command is there");
    let (command, from) = from.split_once('\n').expect("a line ends");
    let (shown, _) = from.split_once("```").expect("the block ends");
    let words = words(command);
    let ladder = quiet(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(shown.lines().count() > 9 && ladder.starts_with(shown), "{ladder}");
}
