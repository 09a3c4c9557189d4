use file_transfer::{Receiver, Sender};
use lossproof::{Chance, Check, Host, Instant, Net, Profile};
use std::time::Duration;

fn transfer() -> (Net, Host<Sender>) {
    let net = Net::new("file transfer");
    let receiver = net.host("receiver").udp(6900).machine(|_| Receiver::default());
    let sender = net.host("sender").udp(6901).machine(move |boot| Sender::new(boot.peer(receiver)));

    // `run` is everything that has happened so far.
    net.always("a file that is sent has arrived", move |run| {
        run.events(sender).iter().all(|file| run.events(receiver).contains(file))
    });
    (net, sender)
}

#[test]
#[ignore = "it fails, which is what the guide shows"]
fn a_file_arrives() {
    let (net, sender) = transfer();
    net.command(Instant::START, sender, "stop and go".to_owned());
    net.eventually_within("the file is sent", Duration::from_secs(30), move |run| {
        !run.events(sender).is_empty()
    });
    let faults = Profile { duplicate: Chance::percent(10), ..Profile::default() };
    Check::new(net).profile(faults).assert();
}
