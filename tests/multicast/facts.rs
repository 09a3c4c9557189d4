//! What the event engine does with what is sent to a group.

use std::net::IpAddr;

use lossproof::engine::{Engine, Settings};
use lossproof::machine::{Law, limits};
use lossproof::scenario::{Nat, NatKind};
use lossproof::{Instant, Net, Scenario};

use crate::member::{Ask, GROUPS, Meeting, Member, PORT, at_port, words};

#[test]
fn all_members_hear_and_nobody_else() {
    for (group, b) in GROUPS.into_iter().zip(["192.168.0.2:5353", "[fd00::2]:5353"]) {
        let meeting = Meeting::new(group);
        let a = meeting.host("a", PORT);
        let [b_host, c] = ["b", "c"].map(|name| meeting.member(name));
        let stranger = meeting.host("stranger", PORT);
        let elsewhere = meeting.host("elsewhere", PORT + 1);
        meeting.ask(0, elsewhere, Ask::Join(meeting.group));
        meeting.say(1, a, "hello");
        let (told, transcript) = meeting.run([a, b_host, c, stranger, elsewhere], "");
        assert_eq!(told.each_ref().map(|told| words(told)), [&[][..], &["hello"], &["hello"], &[], &[]]);
        assert!(told[1][0].ends_with(&format!(" at {b}")), "it came to an address that can answer: {told:?}");
        let sends: Vec<&str> = transcript.lines().filter(|line| line.contains("send")).collect();
        assert_eq!(sends.len(), 2, "one for each who hears it: {transcript}");
        assert!(
            sends[0].ends_with(&format!("#0 \"hello\" → b ({})", at_port(group.parse().unwrap()))),
            "{transcript}"
        );
    }
}

#[test]
fn a_reply_goes_to_the_sender_alone_and_from_an_own_address() {
    let meeting = Meeting::new(GROUPS[0]);
    let a = meeting.host("a", PORT);
    let [b, c] = ["b", "c"].map(|name| meeting.member(name));
    meeting.say(1, a, "who?");
    let ([at_a, at_b, at_c], _) = meeting.run([a, b, c], "");
    let from = |ip| format!("I from {ip}:{PORT} at 192.168.0.1:{PORT}");
    assert_eq!(at_a, [from("192.168.0.2"), from("192.168.0.3")]);
    assert_eq!((at_b.len(), at_c.len()), (1, 1));
}

/// As on real sockets, where a computer loops what it sends back to those of its own that are members. Nothing befalls what a
/// host sends itself.
#[test]
fn a_member_hears_itself() {
    let meeting = Meeting::new(GROUPS[0]);
    let [a, b] = ["a", "b"].map(|name| meeting.member(name));
    meeting.say(1, a, "hello");
    let ([at_a, at_b], _) = meeting.run([a, b], "");
    assert_eq!((words(&at_a), words(&at_b)), (vec!["hello"], vec!["hello"]));
    assert_eq!(at_a[0], format!("hello from 192.168.0.1:{PORT} at 192.168.0.1:{PORT}"), "its own message");
}

#[test]
fn whoever_has_left_hears_nothing_more_and_may_join_again() {
    let meeting = Meeting::new(GROUPS[0]);
    let (a, b) = (meeting.host("a", PORT), meeting.member("b"));
    let group = meeting.group;
    for (at, text) in [(1, "one"), (11, "two"), (21, "three")] {
        meeting.say(at, a, text);
    }
    // Both twice: the second of each does nothing.
    for at in [8, 9] {
        meeting.ask(at, b, Ask::Leave(group));
    }
    for at in [18, 19] {
        meeting.ask(at, b, Ask::Join(group));
    }
    let ([_, at_b], transcript) = meeting.run([a, b], "");
    assert_eq!(words(&at_b), ["one", "three"]);
    let count = |what: &str| transcript.matches(what).count();
    assert_eq!((count("join  239.1.2.3\n"), count("leave 239.1.2.3\n")), (2, 1), "{transcript}");
    assert!(transcript.contains("\"two\" → nowhere (239.1.2.3:5353)"), "{transcript}");
}

/// What is on its way when its receiver leaves is not taken.
#[test]
fn membership_counts_when_a_datagram_leaves_and_when_it_arrives() {
    let meeting = Meeting::new(GROUPS[0]);
    let (a, b, c) = (meeting.host("a", PORT), meeting.member("b"), meeting.host("c", PORT));
    let group = meeting.group;
    meeting.say(1, a, "hello");
    meeting.ask(3, b, Ask::Leave(group));
    meeting.ask(3, c, Ask::Join(group));
    let ([_, at_b, at_c], _) = meeting.run([a, b, c], "link 5ms");
    assert_eq!((at_b.len(), at_c.len()), (0, 0));
}

#[test]
fn a_fault_hits_one_copy_and_leaves_the_others_alone() {
    let scene = || {
        let meeting = Meeting::new(GROUPS[0]);
        let a = meeting.host("a", PORT);
        let members = ["b", "c", "d"].map(|name| meeting.member(name));
        meeting.say(1, a, "hello");
        meeting.say(50, a, "again");
        (meeting, members)
    };
    let (meeting, members) = scene();
    let (told, _) = meeting.run(members, "a>b #0 drop; a>c #1 duplicate; a>d #0 flip 0:0x20");
    assert_eq!(
        told.each_ref().map(|told| words(told)),
        [&["again"][..], &["hello", "again", "again"], &["Hello", "again"],]
    );
    let (meeting, members) = scene();
    let (told, _) = meeting.run(members, "at 0s partition a|b; at 20ms heal");
    assert_eq!(
        told.each_ref().map(|told| words(told)),
        [&["again"][..], &["hello", "again"], &["hello", "again"]]
    );
}

#[test]
fn a_mark_is_on_one_copy_alone() {
    for group in GROUPS {
        let meeting = Meeting::new(group);
        let a = meeting.host("a", PORT);
        let members = ["b", "c"].map(|name| meeting.member(name));
        meeting.ask(1, a, Ask::SayCapable(at_port(meeting.group), "hello"));
        let ([at_b, at_c], transcript) = meeting.run(members, "a>b #0 mark");
        assert!(
            at_b[0].starts_with("hello ce from ") && at_c[0].starts_with("hello ect(0) from "),
            "{transcript}"
        );
        let marked =
            |host| move |line: &&str| line.contains(host) && line.contains("recv") && line.contains("ce");
        assert_eq!(transcript.lines().filter(marked("b ")).count(), 1, "{transcript}");
    }
}

#[test]
fn membership_ends_with_the_machine() {
    for (plan, ends) in [
        ("at 10ms crash b; at 20ms restart b", false),
        ("at 10ms poweroff b; at 20ms restart b", false),
        ("", true),
    ] {
        let meeting = Meeting::new(GROUPS[0]);
        let (a, b) = (meeting.host("a", PORT), meeting.member("b"));
        if ends {
            meeting.ask(10, b, Ask::End);
        }
        meeting.say(1, a, "one");
        meeting.say(30, a, "two");
        let ([_, at_b], transcript) = meeting.run([a, b], plan);
        assert!(words(&at_b).iter().all(|word| *word == "one"), "{plan}: {transcript}");
        assert!(transcript.contains("\"one\" → b (239.1.2.3:5353)"), "{plan}: {transcript}");
        assert!(transcript.contains("\"two\" → nowhere"), "{plan}: it is nobody's: {transcript}");
    }
}

#[test]
fn whoever_moves_stays_a_member() {
    let meeting = Meeting::new(GROUPS[0]);
    let (a, b) = (meeting.host("a", PORT), meeting.member("b"));
    meeting.say(20, a, "hello");
    let ([_, at_b], _) = meeting.run([a, b], "at 10ms move b 10.0.1.7");
    assert_eq!(at_b, [format!("hello from 192.168.0.1:{PORT} at 192.168.0.2:{PORT}")]);
}

#[test]
fn no_multicast_passes_a_nat() {
    let meeting = Meeting::new(GROUPS[0]);
    let [outside, other] = ["outside", "other"].map(|name| meeting.member(name));
    let home = meeting.net.nat("home", Nat::new(NatKind::FullCone));
    let [a, b] = ["a", "b"].map(|name| {
        let host = meeting.net.host(name).udp(PORT).behind(home).machine(|_| Member);
        meeting.ask(0, host, Ask::Join(meeting.group));
        host
    });
    meeting.say(1, outside, "out");
    meeting.say(1, a, "in");
    let (told, _) = meeting.run([outside, other, a, b], "");
    assert_eq!(told.each_ref().map(|told| words(told)), [&["out"][..], &["out"], &["in"], &["in"]]);
}

/// A connected socket has one address, and hears nothing that came to another.
#[test]
fn a_connected_socket_hears_no_group() {
    let meeting = Meeting::new(GROUPS[0]);
    let a = meeting.host("a", PORT);
    let b = meeting.net.host("b").udp(PORT).connected(a).machine(|_| Member);
    meeting.ask(0, b, Ask::Join(meeting.group));
    meeting.say(1, a, "hello");
    let ([_, at_b], _) = meeting.run([a, b], "");
    assert_eq!(at_b, [""; 0]);
}

/// Every copy takes its own room in the queue of its link.
#[test]
fn a_copy_waits_for_the_bandwidth_of_its_own_link() {
    let meeting = Meeting::new(GROUPS[0]);
    let a = meeting.host("a", PORT);
    let [b, c] = ["b", "c"].map(|name| meeting.member(name));
    (0..4).for_each(|_| meeting.say(1, a, "hello"));
    let scenario = Scenario::from(meeting.net);
    let mut engine = Engine::new(&scenario);
    let [from, to] = ["a", "b"].map(|name| scenario.find(name).unwrap());
    let slow = lossproof::Profile {
        bandwidth: Some(lossproof::fault::Bandwidth::bits(8_000, 60)),
        ..lossproof::Profile::CALM
    };
    let links = lossproof::fault::Links::default().direction(from, to, slow);
    engine.run(&Settings { links, ..Settings::default() });
    let told = [b, c].map(|host| engine.view().events(host).len());
    assert!(told[0] < 4 && told[1] == 4, "{told:?}: {}", engine.transcript());
}

fn run_asks(family: &str, asks: impl IntoIterator<Item = Ask>) -> Option<String> {
    let net = Net::new("asks");
    let place = net.host("a");
    let place = match family {
        "IPv4" => place.udp(PORT),
        "IPv6" => place.udp6(PORT),
        _ => place,
    };
    let a = place.machine(|_| Member);
    asks.into_iter().for_each(|ask| net.command(Instant::START, a, ask));
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    let violation = engine.violation().map(|(_, violation)| violation.clone());
    violation.map(|violation| {
        assert_eq!(violation.law, Law::SilentAfterTheEnd);
        violation.detail.strip_prefix("at 0.000 ").unwrap_or(&violation.detail).to_owned()
    })
}

#[test]
fn what_cannot_be_joined_breaks_law_9() {
    let join = |group: &str| [Ask::Join(group.parse().unwrap())];
    let [v4, v6] = GROUPS;
    assert_eq!(run_asks("IPv4", join(v4)), None);
    assert_eq!(run_asks("IPv6", join(v6)), None);
    let no_group = Some("it joined or left 192.168.0.7, which is no multicast group".to_owned());
    assert_eq!(run_asks("IPv4", join("192.168.0.7")), no_group);
    assert_eq!(run_asks("IPv4", [Ask::Leave("192.168.0.7".parse().unwrap())]), no_group);
    for (family, group) in [("IPv4", v6), ("IPv6", v4), ("none", v4)] {
        let why = format!("it joined {group}, and its host has no datagram socket of that family");
        assert_eq!(run_asks(family, join(group)), Some(why));
    }
    let after = [Ask::Leave(v4.parse().unwrap()), Ask::End, Ask::Join(v4.parse().unwrap())];
    assert_eq!(run_asks("IPv4", after), None, "nothing is asked of whoever has ended");
}

#[test]
fn a_host_can_be_in_so_many_groups_and_not_in_one_more() {
    let groups: Vec<IpAddr> = (0..=limits::MAX_GROUPS as u8).map(|n| IpAddr::from([239, 0, 0, n])).collect();
    let (bound, one_more) = groups.split_at(limits::MAX_GROUPS);
    let joins = |groups: &[IpAddr]| groups.iter().copied().map(Ask::Join).collect::<Vec<_>>();
    assert_eq!(limits::MAX_GROUPS, 20);
    assert_eq!(run_asks("IPv4", joins(bound)), None);
    assert_eq!(run_asks("IPv4", joins(&[bound, bound].concat())), None, "those that it is in");
    let instead = [joins(bound), vec![Ask::Leave(bound[3])], joins(one_more)].concat();
    assert_eq!(run_asks("IPv4", instead), None, "there is room again");
    let why = "it joined 239.0.0.20, and a host can be in 20 groups".to_owned();
    assert_eq!(run_asks("IPv4", joins(&groups)), Some(why));
}

/// Groups are kept apart, also where one host is in several.
#[test]
fn a_group_is_not_another() {
    let meeting = Meeting::new(GROUPS[0]);
    let other: IpAddr = "239.9.9.9".parse().unwrap();
    let (a, b, c) = (meeting.host("a", PORT), meeting.member("b"), meeting.host("c", PORT));
    meeting.ask(0, c, Ask::Join(other));
    meeting.ask(0, b, Ask::Join(other));
    meeting.say(1, a, "first");
    meeting.ask(1, a, Ask::Say(at_port(other), "second"));
    let ([_, at_b, at_c], _) = meeting.run([a, b, c], "");
    assert_eq!((words(&at_b), words(&at_c)), (vec!["first", "second"], vec!["second"]));
}

/// The zone of an IPv6 group names a network card of the sender, and the simulated network is one network.
#[test]
fn a_zone_names_no_other_group() {
    let meeting = Meeting::new(GROUPS[1]);
    let (a, b) = (meeting.host("a", PORT), meeting.member("b"));
    meeting.ask(1, a, Ask::Say("[ff02::123%7]:5353".parse().unwrap(), "hello"));
    let ([_, at_b], _) = meeting.run([a, b], "");
    assert_eq!(words(&at_b), ["hello"]);
}

#[test]
fn json_and_pictures_name_the_group() {
    let meeting = Meeting::new(GROUPS[0]);
    let (a, b) = (meeting.host("a", PORT), meeting.member("b"));
    meeting.say(1, a, "hello");
    meeting.ask(9, b, Ask::Leave(meeting.group));
    let scenario = Scenario::from(meeting.net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    let transcript = engine.transcript();
    let json = transcript.json_lines();
    let line = |what: &str| {
        json.lines().find(|line| line.contains(&format!("\"what\":\"{what}\""))).unwrap().to_owned()
    };
    assert!(line("join").contains("\"group\":\"239.1.2.3\""), "{json}");
    assert!(line("leave").contains("\"group\":\"239.1.2.3\""), "{json}");
    assert!(line("send").contains("\"group\":\"239.1.2.3:5353\""), "{json}");
    assert!(!line("recv").contains("group"), "{json}");
    let ladder = transcript.ladder(lossproof::transcript::Look::default()).unwrap();
    for text in ["#0 \"hello\" (239.1.2.3:5353)", "join 239.1.2.3", "leave 239.1.2.3"] {
        assert!(ladder.contains(text), "{text}: {ladder}");
    }
}
