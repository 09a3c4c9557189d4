use file_transfer::{Receiver, Sender};
use lossproof::fault::FaultKind;
use lossproof::{Chance, Check, Instant, Net, Profile};
use std::time::Duration;

const FILE: &str = "stop and go";

fn one_file() -> Net {
    let net = Net::new("file transfer");
    let receiver = net.host("receiver").udp(6900).machine(|_| Receiver::default());
    let sender = net.host("sender").udp(6901).machine(move |boot| Sender::new(boot.peer(receiver)));
    net.command(Instant::START, sender, FILE.to_owned());

    // Events: what a machine reported with `out.event`.
    net.always("a file that is sent has arrived", move |run| {
        run.events(sender).iter().all(|file| run.events(receiver).contains(file))
    });
    // State: the machine itself. It is `None` while its host is down.
    net.always("the receiver has a beginning of the file", move |run| {
        run.state(receiver).is_none_or(|receiver| FILE.as_bytes().starts_with(&receiver.file))
    });
    // Time.
    net.eventually_within("the file is sent", Duration::from_secs(30), move |run| {
        !run.events(sender).is_empty()
    });
    // Coverage: a situation that at least one run should reach.
    net.sometimes("the transfer takes more than a second", move |run| {
        run.times(sender).first().is_some_and(|at| *at > Instant::from_millis(1_000))
    });
    // A fold: a property with a state of its own. It sees each event once.
    net.fold("no file arrives twice", Vec::new).on(receiver, |files, file, at| {
        if files.contains(file) {
            return Err(format!("{file:?} arrived again at {at}"));
        }
        files.push(file.clone());
        Ok(())
    });
    net
}

#[test]
fn a_file_survives_bad_networks() {
    let worse = Profile {
        loss: Chance::percent(30),
        duplicate: Chance::percent(10),
        jitter: Duration::from_millis(300),
        ..Profile::default()
    };
    let verdict = Check::new(one_file())
        .profiles([Profile::WIFI, Profile::LTE, worse])
        .runs(2_000)
        .demand_faults([FaultKind::Drop, FaultKind::Duplicate])
        .demand_sometimes()
        .assert();
    assert_eq!(verdict.tally().runs, 2_000);
}

#[test]
fn a_file_survives_any_two_faults() {
    Check::new(one_file()).exhaustive(2).assert();
}
