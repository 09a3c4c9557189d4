use file_transfer::{Receiver, Sender};
use lossproof::fault::Links;
use lossproof::{Chance, Check, Instant, Net, Profile};
use std::time::Duration;

#[test]
fn a_file_arrives_after_a_bad_start() {
    let net = Net::new("file transfer");
    let receiver = net.host("receiver").udp(6900).machine(|_| Receiver::default());
    let sender = net.host("sender").udp(6901).machine(move |boot| Sender::new(boot.peer(receiver)));
    net.command(Instant::START, sender, "stop and go".to_owned());
    // Within 2 s after the faults stop, and within 200 inputs.
    net.converges_within("the file is sent", Duration::from_secs(2), 200, move |run| {
        !run.events(sender).is_empty()
    });

    // A named network with one figure changed, and another network in one direction.
    let wifi = Profile { loss: Chance::percent(5), ..Profile::WIFI };
    let links = Links::default().direction(sender, receiver, Profile::SATELLITE);
    // Every run has this partition, in addition to the random faults.
    let partition = "at 300ms partition sender|receiver; at 4s heal".parse().unwrap();
    Check::new(net)
        .profile(wifi)
        .links(links)
        .plan(partition)
        .calm_at(Instant::from_millis(5_000))
        .demand_plan()
        .runs(1_000)
        .assert();
}
