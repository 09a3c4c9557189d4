//! A command line of a stranger's systems: the guide's file transfer, and a counter.
//!
//! This program is two: called `transfers` it is that command line, and nothing else; otherwise it is the test, which
//! calls itself. So it has no harness.

mod counter;
#[allow(dead_code, unreachable_pub, reason = "it is the guide's")]
#[path = "../guide/transfer/fixed/file_transfer.rs"]
mod file_transfer;
mod tests;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use file_transfer::{Receiver, Sender};
use lossproof::Instant;
use lossproof::cli::{self, App, Typed};
use lossproof::fault::FaultKind;
use lossproof::scenario::Net;

/// What the command line is called.
const NAME: &str = "transfers";

fn transfer() -> Net {
    let net = Net::new("file-transfer");
    let receiver = net.host("receiver").udp(7000).machine(|_| Receiver::default());
    let sender = net.host("sender").udp(0).machine(move |boot| Sender::new(boot.peer(receiver)));
    net.command(Instant::START, sender, "stop and go".to_owned());
    // What has arrived is in memory alone.
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    net.eventually_within("the file arrives", Duration::from_secs(30), move |run| {
        run.events(receiver) == ["stop and go"]
    });
    net
}

fn main() -> ExitCode {
    let name = std::env::args_os().next();
    if name.is_some_and(|name| Path::new(&name).file_name() == Some(NAME.as_ref())) {
        let transfer = App::new("file-transfer", "a file, block by block", transfer);
        let transfer = transfer.server("receiver").client("sender").typed::<Sender>(|typed| match typed {
            Typed::Line(line) => Some(String::from_utf8_lossy(&line).into_owned()),
            Typed::End => None,
        });
        return cli::main([transfer, counter::app(), counter::chatter()]);
    }
    tests::run()
}
