//! What a stranger's command line does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitCode, Output, Stdio};
use std::thread;

use super::NAME;

/// All tests, and how many failed.
const TESTS: [(&str, fn()); 9] = [
    ("systems_are_listed", systems_are_listed),
    ("help_is_about_this_program", help_is_about_this_program),
    ("words_of_others_are_refused", words_of_others_are_refused),
    ("one_run_is_shown", one_run_is_shown),
    ("checks_find_and_replay", checks_find_and_replay),
    ("sweeps_count_the_client", sweeps_count_the_client),
    ("captures_are_imported", captures_are_imported),
    ("files_go_over_real_sockets", files_go_over_real_sockets),
    ("a_server_goes_on_from_its_state", a_server_goes_on_from_its_state),
];

/// Runs those whose name has the first word in it, all without one.
pub(crate) fn run() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let lists = std::env::args().any(|word| word == "--list");
    let filter = words.find(|word| !word.starts_with('-')).unwrap_or_default();
    let mut failed = 0;
    for (name, test) in TESTS.into_iter().filter(|(name, _)| name.contains(&filter)) {
        if lists {
            println!("{name}: test");
            continue;
        }
        let held =
            thread::Builder::new().name(name.to_owned()).spawn(test).expect("there are threads").join();
        println!("test {name} ... {}", if held.is_ok() { "ok" } else { "FAILED" });
        failed += usize::from(held.is_err());
    }
    ExitCode::from(u8::from(failed > 0))
}

/// The command line.
fn command(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test knows its program"));
    command.arg0(NAME).args(args);
    command
}

fn output(args: &[&str]) -> Output {
    command(args).output().expect("it is this program")
}

/// Runs a command that is to end with this status and to write nothing to standard error; gives its standard output.
fn quiet(args: &[&str], status: i32) -> String {
    let output = output(args);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!((&*complaint, output.status.code()), ("", Some(status)), "{args:?}");
    String::from_utf8(output.stdout).expect("it writes UTF-8")
}

/// Checks that wrong words are answered with one line and status 2.
fn refused(args: &[&str], line: &str) {
    let output = output(args);
    assert_eq!(String::from_utf8_lossy(&output.stderr), format!("{NAME}: {line}\n"), "{args:?}");
    assert_eq!((output.stdout.len(), output.status.code()), (0, Some(2)), "{args:?}");
}

fn systems_are_listed() {
    let lines = "file-transfer   7000  udp      a file, block by block\n\
                 counter         7001  udp      questions are counted\n\
                 chatter         7002  udp      two never stop talking\n";
    assert_eq!(quiet(&["list"], 0), lines);
}

fn help_is_about_this_program() {
    let whole = quiet(&["--help"], 0);
    assert!(whole.contains("\n  transfers check file-transfer\n"), "{whole}");
    for command in ["list", "sim", "check", "sweep", "merge", "import", "serve", "call", "completions", "man"]
    {
        let help = quiet(&[command, "--help"], 0);
        assert!(help.contains(&format!("Examples:\n  transfers {command}")), "{help}");
        for word in
            ["lossproof", "udp-remote", "tcp-sixteen", "http", "--bug", "--ids", "--time-scale", "--workers"]
        {
            assert!(!help.contains(word), "{word} in {help}");
        }
    }
    let sim = quiet(&["sim", "--help"], 0);
    assert!(sim.contains("'sender>receiver #0 drop"), "{sim}");
    assert!(quiet(&["completions", "bash"], 0).contains("_transfers"));
    let pages = directory("man");
    quiet(&["man", "-o", &pages.display().to_string()], 0);
    let page = std::fs::read_to_string(pages.join("transfers-sim.1")).expect("it was written");
    assert!(page.contains(".TH transfers-sim 1") && !page.contains("lossproof"), "{page}");
}

fn words_of_others_are_refused() {
    refused(
        &["sim", "file-transfer", "--ids"],
        "unexpected argument '--ids' found; try 'transfers sim --help'",
    );
    refused(&["ip", "::1"], "unrecognized subcommand 'ip'; did you mean 'import'? (try 'transfers --help')");
    refused(
        &["sim", "file-transfr"],
        "unknown system 'file-transfr'; did you mean 'file-transfer'? ('transfers list' shows all)",
    );
    refused(
        &["serve", "counter", "--faults", "a>b #0 drop"],
        "--faults: the plan names the host 'a'; the hosts are server, client",
    );
}

fn one_run_is_shown() {
    let plan = "sender>receiver #0 drop";
    let text = quiet(&["sim", "file-transfer", "--faults", plan], 0);
    assert!(text.contains("0.100  sender    send  #1 \"\\0stop\" → receiver\n"), "{text}");
    assert!(text.contains("  receiver  event \"stop and go\"\n"), "{text}");
    assert_eq!(text, quiet(&["sim", "file-transfer", "--engine", "turmoil", "--faults", plan], 0));
    let page = quiet(&["sim", "file-transfer", "--format", "html", "--faults", plan], 0);
    assert!(
        page.contains("transfers sim file-transfer --faults 'v2; seed 0; sender"),
        "it has its replay line"
    );
}

fn checks_find_and_replay() {
    let held = quiet(&["check", "file-transfer", "--runs", "300"], 0);
    assert!(held.starts_with("PASSED file-transfer: 1 property and the laws\n"), "{held}");
    assert!(held.contains("  replay: transfers sim file-transfer --faults 'v2; seed "), "{held}");
    let all = quiet(&["check", "counter", "--exhaustive", "1", "--fates", "delay 40ms"], 0);
    assert!(all.starts_with("PASSED counter --exhaustive 1 "), "{all}");

    let cut_off = quiet(&["check", "chatter", "--loss", "0%", "--runs", "20"], 0);
    let line = "  cut off  20 runs, by max_inputs: what would have come after it is not tested\n";
    assert!(cut_off.contains(line), "{cut_off}");

    let failed = quiet(&["check", "counter", "--duplicate", "10%", "--loss", "0%", "--runs", "300"], 1);
    assert!(failed.starts_with("FAILED counter: one question counts once\n"), "{failed}");
    let plan = "v2; client>server #0 duplicate";
    assert!(failed.contains(&format!("\n  replay: transfers sim counter --faults '{plan}'\n")), "{failed}");
    assert_eq!(output(&["sim", "counter", "--faults", plan]).status.code(), Some(1));
}

fn sweeps_count_the_client() {
    let table = quiet(&["sweep", "counter", "--loss", "0%..50%", "--step", "50%", "--runs", "200"], 0);
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.contains("200"))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), 2, "{table}");
    for (row, loss) in rows.iter().zip(["0%", "50%"]) {
        assert_eq!(row[..5], [loss, "200", "100.0000", "0.0000", "-"], "{table}");
    }
}

fn captures_are_imported() {
    let file = directory("captures").join("run.pcapng").display().to_string();
    let words = ["file-transfer", "--loss", "30%", "--seed", "3"];
    let text = quiet(&[&["sim"], &words[..]].concat(), 0);
    quiet(&[&["sim"], &words[..], &["--format", "pcapng", "-o", &file]].concat(), 0);
    let line = quiet(&["import", &file, "--as", "file-transfer"], 0);
    let (_, plan) = line.trim_end().split_once(" --faults ").expect("it has a plan");
    assert!(line.starts_with("transfers sim file-transfer --faults 'v2; seed 3; "), "{line}");
    assert_eq!(quiet(&["sim", "file-transfer", "--faults", plan.trim_matches('\'')], 0), text);
}

/// A program that runs, and ends with the test.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut command = command(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it is this program");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, lines }
    }

    /// A server, and where it is.
    fn serve(args: &[&str]) -> (Self, String) {
        let mut server = Self::start(&[&["serve"], args].concat());
        let line = server.line();
        let addr = line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).trim_end();
        let addr = addr.to_owned();
        (server, addr)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it writes UTF-8");
        line
    }

    fn type_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("it is piped");
        writeln!(input, "{line}").expect("it reads");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn files_go_over_real_sockets() {
    for at in ["127.0.0.1:0", "[::1]:0"] {
        let (mut server, addr) =
            Running::serve(&["file-transfer", at, "--faults", "receiver>sender #0 drop"]);
        let mut client = Running::start(&["call", "file-transfer", &addr]);
        client.type_line("a file of a stranger");
        assert_eq!(server.line(), "\"a file of a stranger\"\n");
        assert_eq!(client.line(), "\"a file of a stranger\"\n");
    }
}

fn a_server_goes_on_from_its_state() {
    let state = directory("state").join("count").display().to_string();
    for number in 1..=2 {
        let (server, addr) = Running::serve(&["counter", "127.0.0.1:0", "--state", &state]);
        let mut client = Running::start(&["call", "counter", &addr]);
        client.type_line("how many?");
        assert_eq!(client.line(), format!("? number {number}\n"));
        assert!(client.child.wait().expect("it ends").success());
        drop(server);
    }
}

/// An empty directory of a test's own.
fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("app").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a directory can be made there");
    path
}
