//! A multicast in a capture: one packet to the group, whoever hears it.

use lossproof::Scenario;
use lossproof::capture;
use lossproof::engine::{Engine, Prepared, Settings};

use crate::member::{Ask, GROUPS, Meeting, PORT, at_port};

/// What is said to two members, and a plan for one of them, as packets.
fn captured(group: &str, plan: &str) -> Vec<u8> {
    let meeting = Meeting::new(group);
    let a = meeting.host("a", PORT);
    for name in ["b", "c"] {
        meeting.member(name);
    }
    let other = if group.contains(':') { "ff02::9" } else { "224.0.1.9" }.parse().unwrap();
    let d = meeting.host("d", PORT);
    meeting.ask(0, d, Ask::Join(other));
    meeting.say(1, a, "hello");
    // The same at the same moment, to another group.
    meeting.ask(1, a, Ask::Say(at_port(other), "hello"));
    let scenario = Scenario::from(meeting.net);
    let plan = Prepared::new(&plan.parse().unwrap(), &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { plan, ..Settings::default() });
    capture::export(&engine.transcript(), "nothing")
}

#[test]
fn one_packet_goes_to_the_group_by_its_address_on_the_cards() {
    let macs: [[&[u8]; 2]; 2] = [
        [&[0x01, 0x00, 0x5e, 0x01, 0x02, 0x03], &[0x01, 0x00, 0x5e, 0x00, 0x01, 0x09]],
        [&[0x33, 0x33, 0, 0, 0x01, 0x23], &[0x33, 0x33, 0, 0, 0, 0x09]],
    ];
    for (group, macs) in GROUPS.into_iter().zip(macs) {
        let file = captured(group, "");
        let read = capture::read(&file).unwrap();
        let to: Vec<String> = read.frames.iter().map(|frame| frame.to.ip().to_string()).collect();
        assert_eq!((to.len(), to[0].as_str()), (2, group), "one for both who hear it: {to:?}");
        assert!(read.frames.iter().all(|frame| frame.comments.is_empty()), "all arrive: {read:?}");
        for mac in macs {
            assert!(file.windows(6).any(|bytes| bytes == mac), "{group}: {mac:x?}");
        }
    }
}

#[test]
fn what_becomes_of_one_copy_is_a_comment_of_the_packet() {
    let read = capture::read(&captured(GROUPS[0], "a>c #0 drop; a>b #0 duplicate")).unwrap();
    assert_eq!(read.frames.len(), 2);
    let comments = read.frames[0].comments.join("\n");
    assert!(
        comments.contains("arrives twice: a>b #0 duplicate") && comments.contains("lost: a>c #0 drop"),
        "{comments}"
    );
}
