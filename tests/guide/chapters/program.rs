use file_transfer::{Receiver, Sender};
use lossproof::cli::{self, App, Typed};
use lossproof::{Instant, Net};
use std::process::ExitCode;
use std::time::Duration;

fn transfer() -> Net {
    let net = Net::new("file transfer");
    let receiver = net.host("receiver").udp(6900).machine(|_| Receiver::default());
    let sender = net.host("sender").udp(0).machine(move |boot| Sender::new(boot.peer(receiver)));
    net.command(Instant::START, sender, "stop and go".to_owned());
    net.always("a file that is sent has arrived", move |run| {
        run.events(sender).iter().all(|file| run.events(receiver).contains(file))
    });
    net.eventually_within("the file is sent", Duration::from_secs(30), move |run| {
        !run.events(sender).is_empty()
    });
    net
}

fn main() -> ExitCode {
    let app = App::new("file-transfer", "a file in blocks, stop-and-wait", transfer)
        .server("receiver")
        .client("sender")
        // Each line that is typed in `call` is a file to send.
        .typed::<Sender>(|typed| match typed {
            Typed::Line(line) => Some(String::from_utf8_lossy(&line).into_owned()),
            Typed::End => None,
        });
    cli::main([app])
}
