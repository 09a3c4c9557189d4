use file_transfer::{Event, Receiver, Sender};
use lossproof::{Binding, Chance, Check, HostId, Instant, Profile, Property, Scenario};
use std::time::Duration;

fn transfer() -> (Scenario<String, Event>, HostId, [Property<Event>; 2]) {
    let mut scenario = Scenario::new("file transfer");
    let receiver = scenario.host("receiver", Binding::datagram(6900), |_| Box::new(Receiver::default()));
    let to = scenario.peer(receiver);
    let sender = scenario.host("sender", Binding::datagram(6901), move |_| Box::new(Sender::new(to)));

    let arrives = Property::always("a file that is sent has arrived", move |view| {
        let arrived = |file| view.of(receiver).any(|it| matches!(it, Event::Received(got) if got == file));
        view.of(sender).all(|event| matches!(event, Event::Sent(file) if arrived(file)))
    });
    let ends = Property::eventually_within("the file is sent", Duration::from_secs(30), move |view| {
        view.of(sender).next().is_some()
    });
    (scenario, sender, [arrives, ends])
}

#[test]
#[ignore = "it is to fail: the tests of the guide run it and look at what it says"]
fn a_file_arrives() {
    let (mut scenario, sender, properties) = transfer();
    scenario.command(Instant::START, sender, "stop and go".to_owned());
    let faults = Profile { duplicate: Chance::percent(10), ..Profile::default() };
    Check::new("a_file_arrives", &scenario, &properties).profile(faults).assert();
}
