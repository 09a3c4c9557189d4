//! The same bytes wherever they go: to a pipe, to a terminal, to a file, with colours or without.

#[allow(dead_code, reason = "each test uses a part of it")]
mod command;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use command::{directory, lossproof, quiet, stderr};

/// Every system that is listed, with a network on which bytes change: so there is everything in what hosts hear.
fn runs() -> Vec<Vec<String>> {
    let systems = quiet(&["list"], 0);
    let systems = systems.lines().filter_map(|line| line.split_whitespace().next());
    let words = |system: &str, seed: u32| {
        let words = format!("sim {system} --corrupt 60% --seed {seed}");
        words.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    systems.flat_map(|system| (1..=SEEDS).map(move |seed| words(system, seed))).collect()
}

/// How many runs of each.
const SEEDS: u32 = 2;

fn command(args: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    command.args(args).stderr(Stdio::null()).env_remove("NO_COLOR").env_remove("CLICOLOR");
    command
}

/// What goes to a terminal that changes nothing.
fn on_terminal(args: &[String]) -> Vec<u8> {
    let pty = openpty(None, None).expect("there are terminals");
    let mut modes = tcgetattr(&pty.slave).expect("it is one");
    cfmakeraw(&mut modes);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &modes).expect("it takes them");
    let mut process = command(args).env("TERM", "xterm").stdout(pty.slave).spawn().expect("it was built");
    let (mut master, mut text, mut buf) = (File::from(pty.master), Vec::new(), vec![0; 65_536]);
    // A terminal that nobody has open any more is at its end by an error.
    while let Ok(len @ 1..) = master.read(&mut buf) {
        text.extend_from_slice(&buf[..len]);
    }
    process.wait().expect("it is our child");
    text
}

/// The text without what tints its lines.
fn without_tints(text: &[u8]) -> Vec<u8> {
    let (mut rest, mut plain) = (text, Vec::new());
    while let Some(at) = rest.windows(2).position(|two| two == b"\x1b[") {
        plain.extend_from_slice(&rest[..at]);
        let len = rest[at..].iter().position(|byte| *byte == b'm').expect("it ends");
        rest = &rest[at + len + 1..];
    }
    [&plain, rest].concat()
}

#[test]
fn a_pipe_a_terminal_and_a_file_get_the_same_bytes() {
    let directory = directory("same");
    let formats = ["text", "json", "ladder", "mermaid", "svg", "html", "pcapng"];
    std::thread::scope(|scope| {
        for format in formats {
            let path = directory.join(format);
            scope.spawn(move || gets_the_same_bytes_everywhere(format, &path));
        }
    });
}

fn gets_the_same_bytes_everywhere(format: &str, path: &Path) {
    for run in runs() {
        let mut args = [run, vec!["--format".to_owned(), format.to_owned()]].concat();
        if format == "ladder" {
            args.extend(["--width", "100"].map(str::to_owned));
        }
        let pipe = command(&args).output().expect("it was built").stdout;
        assert!(!pipe.is_empty(), "{args:?}");
        let forced = command(&args).env("CLICOLOR_FORCE", "1").output().expect("it was built").stdout;
        let to_file = [&args[..], &["-o".to_owned(), path.display().to_string()]].concat();
        let status = command(&to_file).stdout(Stdio::null()).status().expect("it was built");
        assert!(matches!(status.code(), Some(0 | 1)), "{args:?}: {status}");
        let file = std::fs::read(path).expect("it was written");
        assert_eq!(pipe, file, "{args:?}: a pipe and a file");
        let is_text = format != "pcapng";
        let forced = if is_text { without_tints(&forced) } else { forced };
        assert_eq!(forced, file, "{args:?}: with colours");
        // Bytes that are no text do not go there.
        if is_text {
            assert_eq!(without_tints(&on_terminal(&args)), file, "{args:?}: a terminal");
            let text = std::str::from_utf8(&file).expect("it is text");
            assert_eq!(text.chars().find(|c| c.is_control() && *c != '\n'), None, "{args:?}");
        }
    }
}

/// A part of a check or of a sweep may come from anybody.
#[test]
fn what_a_part_says_is_harmless_wherever_it_is_shown() {
    let directory = directory("parts");
    let path = |name: &str| directory.join(name).display().to_string();
    let hostile = "\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\r\u{85}\u{2028}";
    for (kind, made) in [
        ("check", vec!["check", "udp-remote", "--runs", "20", "--bug", "accepts-any-reply"]),
        ("sweep", vec!["sweep", "udp-remote", "--runs", "20", "--loss", "0..10%", "--step", "10%"]),
    ] {
        let part = path("part.json");
        lossproof(&[&made[..], &["-o", &part]].concat());
        let text = std::fs::read_to_string(&part).expect("it was written");
        let mut json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let changed = poison(&mut json, hostile);
        assert!(changed >= 1, "{text}");
        std::fs::write(path("hostile.json"), json.to_string()).expect("it can be written");
        let (input, output) = (path("hostile.json"), path(&format!("{kind}.json")));
        for format in ["text", "json", "junit", "github"] {
            let merged = lossproof(&["merge", &input, "--format", format, "-o", &output]);
            for (whence, bytes) in [("output", &merged.stdout), ("error", &merged.stderr)] {
                harmless(bytes).unwrap_or_else(|why| panic!("{kind}, {format}, standard {whence}: {why}"));
            }
        }
        for end in ["svg", "html", "json"] {
            let output = path(&format!("{kind}.{end}"));
            let _ = std::fs::remove_file(&output);
            let merged = lossproof(&["merge", &input, "-o", &output]);
            harmless(&merged.stderr).unwrap();
            if let Ok(bytes) = std::fs::read(&output) {
                harmless(&bytes).unwrap_or_else(|why| panic!("{kind}, {end}: {why}"));
            }
        }
    }
}

/// Puts a text behind every string in it that nothing depends on; says how many there are.
fn poison(value: &mut serde_json::Value, with: &str) -> usize {
    match value {
        serde_json::Value::String(text)
            if text.parse::<f64>().is_err() && !text.contains('%') && !text.contains('/') =>
        {
            text.push_str(with);
            1
        }
        serde_json::Value::Array(values) => values.iter_mut().map(|value| poison(value, with)).sum(),
        serde_json::Value::Object(values) => {
            let told = ["system", "options", "network", "hosts", "properties", "laws", "broken"];
            let mut values = values.iter_mut();
            let mut count = 0;
            for (key, value) in &mut values {
                if value.is_object() || told.contains(&key.as_str()) {
                    count += poison(value, with);
                }
            }
            count
        }
        _ => 0,
    }
}

fn harmless(bytes: &[u8]) -> Result<(), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let is_active = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match text.chars().find(|c| is_active(*c)) {
        Some(c) => Err(format!("{c:?} in {text:?}")),
        None => Ok(()),
    }
}

/// Every command, and each of its options that takes a text: what an argument says is harmless in the line that refuses it.
#[test]
fn what_an_argument_says_is_harmless_where_it_is_refused() {
    let hostile = "x\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\r\n\u{85}\u{2028}";
    let commands = [
        "list",
        "sim",
        "check",
        "sweep",
        "merge",
        "import",
        "serve",
        "call",
        "ip",
        "lookup",
        "completions",
        "man",
    ];
    for command in commands {
        let help = lossproof(&[command, "--help"]);
        let help = String::from_utf8(help.stdout).expect("help is text");
        let words = help.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '\''));
        let options: Vec<&str> = words.filter(|word| word.starts_with("--") && word.len() > 2).collect();
        let mut all = vec![vec![command, hostile], vec![command, hostile, hostile], vec![hostile, command]];
        for option in options.iter().filter(|option| **option != "--help") {
            // Few runs, where an option takes any text.
            let is_long = matches!(command, "check" | "sweep") && *option != "--runs";
            let runs = if is_long { &["--runs", "10"][..] } else { &[] };
            all.push([&[command, "udp-remote"], runs, &[option, hostile]].concat());
            all.push(vec![command, option, hostile]);
        }
        for args in all
            .iter()
            .filter(|args| !matches!(args[..], ["serve" | "call", _, "--key" | "--text" | "--seed-from", _]))
        {
            let output = quick(args);
            for bytes in [&output.stdout, &output.stderr] {
                harmless(bytes).unwrap_or_else(|why| panic!("{args:?}: {why}"));
            }
            assert!(
                stderr(&output).lines().count() <= 1 || output.status.code() != Some(2),
                "{args:?}: {}",
                stderr(&output)
            );
        }
    }
}

/// Runs a command that is to end soon, in a directory where it may write.
fn quick(args: &[&str]) -> std::process::Output {
    let mut command = Command::new("timeout");
    command.arg("2").arg(env!("CARGO_BIN_EXE_lossproof")).args(args);
    command.current_dir(directory("refused")).stdin(Stdio::null()).output().expect("there is timeout(1)")
}
