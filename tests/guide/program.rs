//! The guide's own command line: it is driven by this same binary, which is the program if it is called as such.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitCode, Output, Stdio};

#[path = "transfer/fixed/file_transfer.rs"]
#[expect(unreachable_pub, reason = "in the reader's library they are reached")]
mod file_transfer;

mod program {
    use super::file_transfer;
    include!("chapters/program.rs");

    pub(super) fn run() -> ExitCode {
        main()
    }
}

/// Is set where this binary is the reader's program.
const IS_PROGRAM: &str = "LOSSPROOF_GUIDE_PROGRAM";

fn main() -> ExitCode {
    if std::env::var_os(IS_PROGRAM).is_some() {
        return program::run();
    }
    it_lists_and_simulates();
    it_checks_and_sweeps();
    it_serves_and_calls();
    println!("the guide's own command line: 3 tests passed");
    ExitCode::SUCCESS
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test knows its binary"));
    command.args(words).env(IS_PROGRAM, "1").stdin(Stdio::null());
    command
}

/// What it prints if all is well.
fn printed(words: &[&str]) -> String {
    let Output { status, stdout, stderr } = command(words).output().expect("it runs");
    let stdout = String::from_utf8(stdout).expect("it prints text");
    assert!(status.success(), "{words:?}: {stdout}{}", String::from_utf8_lossy(&stderr));
    stdout
}

fn it_lists_and_simulates() {
    let list = printed(&["list"]);
    assert!(list.starts_with("file-transfer   6900  udp      a file in blocks, stop-and-wait"), "{list}");
    let plan = "sender>receiver #1 duplicate";
    let transcript = printed(&["sim", "file-transfer", "--faults", plan]);
    assert!(transcript.contains(&format!("-         fault {plan}\n")), "{transcript}");
    assert!(transcript.contains("  sender    event \"stop and go\"\n"), "{transcript}");
    let page = printed(&["sim", "file-transfer", "--profile", "lossy", "--format", "html"]);
    assert!(page.contains("<h1>"), "{page}");
}

fn it_checks_and_sweeps() {
    let words = ["check", "file-transfer", "--runs", "1000", "--loss", "30%", "--jobs", "2"];
    assert!(printed(&words).contains("1,000 runs"), "{words:?}");
    let exhaustive = printed(&["check", "file-transfer", "--exhaustive", "2"]);
    assert!(exhaustive.contains("file-transfer"), "{exhaustive}");
    let sweep = printed(&["sweep", "file-transfer", "--step", "20%", "--runs", "100"]);
    assert!(sweep.starts_with("SWEEP file-transfer"), "{sweep}");
}

/// Ends the server also if something fails.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn it_serves_and_calls() {
    let server = command(&["serve", "file-transfer", "127.0.0.1:0", "-v"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut server = Server(server.expect("it runs"));
    let log = BufReader::new(server.0.stderr.take().expect("it is piped"));
    let is_opened = |line: &String| line.contains("opened");
    let opened = log.lines().map_while(Result::ok).find(is_opened).expect("it opens its socket");
    let port =
        opened.split("127.0.0.1:").nth(1).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
    let address = format!("127.0.0.1:{}", port.expect("it says which port"));
    let mut call = command(&["call", "file-transfer", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut typed = call.stdin.take().expect("it is piped");
    std::io::Write::write_all(&mut typed, b"hello, world\n").expect("it reads");
    let mut received = BufReader::new(server.0.stdout.take().expect("it is piped")).lines();
    let received = received.next().expect("it prints what it receives").expect("as text");
    assert!(received.contains("hello, world"), "{received}");
    drop(typed);
    // The sender is never done by itself.
    call.kill().expect("it runs");
    call.wait().expect("it ran");
}
