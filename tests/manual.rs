//! What shells and `man` are told of the command line.

#[allow(dead_code, reason = "each test uses a part of it")]
mod command;

use std::fs;
use std::path::Path;
use std::process::Command;

use command::directory;

/// Runs a command that is to succeed and to write nothing to standard error; gives its standard output.
fn quiet(args: &[&str]) -> String {
    command::quiet(args, 0)
}

/// The commands that the help shows.
fn commands() -> Vec<String> {
    let help = quiet(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").expect("the help lists the commands");
    // What is broken over lines goes on further to the right.
    let starts = list.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    let words =
        starts.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split_whitespace().next());
    let commands: Vec<String> = words.filter(|word| *word != "help").map(str::to_owned).collect();
    assert!(commands.len() > 9 && commands.contains(&"sweep".to_owned()), "{commands:?}");
    commands
}

#[test]
fn the_help_of_each_command_has_examples() {
    for command in commands() {
        let help = quiet(&[&command, "--help"]);
        let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{command}: {help}"));
        let of_it = examples.lines().take_while(|line| line.starts_with("  lossproof "));
        let word = |line: &str| line.split_whitespace().nth(1) == Some(command.as_str());
        assert!(of_it.clone().count() >= 2 && of_it.clone().all(word), "{command}: {examples}");
        assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
    }
}

/// What a bash with the completions offers for the last of these words.
fn offered(script: &Path, words: &[&str]) -> Vec<String> {
    // What bash does itself when the key is pressed.
    let program = "source \"$1\" || exit; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1))\n\
                   complete -p lossproof >/dev/null || exit\n\
                   _lossproof lossproof \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"\n\
                   printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", program, "bash"]).arg(script).args(words);
    let output = bash.output().expect("bash can be run");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!((&*complaint, output.status.code()), ("", Some(0)), "{words:?}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_systems_and_values() {
    if Command::new("bash").arg("--version").output().is_err() {
        eprintln!("left out: there is no bash here");
        return;
    }
    let script = directory("bash").join("lossproof.bash");
    fs::write(&script, quiet(&["completions", "bash"])).expect("the file can be written");
    let read = Command::new("bash").arg("-n").arg(&script).output().expect("bash can be run");
    assert_eq!((&*String::from_utf8_lossy(&read.stderr), read.status.code()), ("", Some(0)));
    for (words, expected) in [
        (&["lossproof", "sw"][..], &["sweep"][..]),
        (&["lossproof", "sim", "udp-re"], &["udp-remote"]),
        (&["lossproof", "serve", "tcp-"], &["tcp-sixteen", "tcp-deadlock", "tcp-chat"]),
        (&["lossproof", "sweep", "udp-remote", "--profile", "l"], &["lan", "lte", "lossy"]),
        (&["lossproof", "check", "udp-remote", "--bug", "accepts"], &["accepts-any-reply"]),
        (&["lossproof", "sim", "udp-remote", "--format", "l"], &["ladder"]),
        (&["lossproof", "merge", "--o"], &["--output"]),
    ] {
        assert_eq!(offered(&script, words), expected, "{words:?}");
    }
}

#[test]
fn every_shell_gets_all_commands() {
    let list = quiet(&["list"]);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = quiet(&["completions", shell]);
        // The others complete the values of options only.
        let takes_values = matches!(shell, "bash" | "zsh");
        for system in list.lines().filter_map(|line| line.split_whitespace().next()).filter(|_| takes_values)
        {
            assert!(script.contains(system), "{shell}: {system}");
        }
        assert!(commands().iter().all(|command| script.contains(command)), "{shell}");
    }
}

/// What a page of the manual may be made of: every line that begins with a dot is one of these requests.
const REQUESTS: [&str; 13] =
    [".ie", ".el", ".br", ".nf", ".fi", ".TH", ".SH", ".SS", ".PP", ".TP", ".IP", ".RS", ".RE"];

#[test]
fn the_manual_has_a_page_for_each_command() {
    let directory = directory("man").join("made");
    assert_eq!(quiet(&["man", "-o", &directory.display().to_string()]), "");
    let mut expected: Vec<String> = commands().iter().map(|name| format!("lossproof-{name}.1")).collect();
    expected.push("lossproof.1".to_owned());
    expected.sort();
    let entries = fs::read_dir(&directory).expect("it was made");
    let mut found: Vec<String> =
        entries.map(|entry| entry.expect("a file").file_name().into_string().expect("a name")).collect();
    found.sort();
    assert_eq!(found, expected);
    for name in &found {
        let page = fs::read_to_string(directory.join(name)).expect("it was written");
        let requests = page.lines().filter(|line| line.starts_with('.'));
        for request in requests {
            let word = request.split_whitespace().next().unwrap_or_default();
            assert!(REQUESTS.contains(&word), "{name}: {request}");
        }
        let (name, version) = (name.trim_end_matches(".1"), env!("CARGO_PKG_VERSION"));
        let title = format!(".TH {name} 1 \" \" \"lossproof {version}\" \"lossproof manual\"");
        assert_eq!(page.lines().filter(|line| *line == title).count(), 1, "{name}: {page}");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES"] {
            let heading = format!(".SH {section}");
            assert_eq!(page.lines().filter(|line| *line == heading).count(), 1, "{name}: {section}");
        }
        let (_, examples) = page.split_once("\n.SH EXAMPLES\n.nf\n").expect("lines that are not filled");
        assert!(examples.starts_with("  lossproof ") && examples.contains("\n.fi\n"), "{name}: {examples}");
    }
}

#[test]
fn a_manual_that_cannot_be_written_says_where() {
    let file = directory("taken").join("file");
    fs::write(&file, "").expect("the file can be written");
    let path = file.display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lossproof"));
    let output = command.args(["man", "-o", &path]).output().expect("the binary was built for this test");
    let line = format!("lossproof: cannot write '{path}': file exists\n");
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        (line.as_str(), Some(1))
    );
}
