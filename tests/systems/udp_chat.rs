//! udp-chat in simulation.

use std::net::{SocketAddr, SocketAddrV6};
use std::time::Duration;

use lossproof::fault::{Chance, Fault, HostFault, Profile, strategy};
use lossproof::machine::{Ecn, Effect, Outlet};
use lossproof::systems::udp_chat::{
    self, Client, ClientEvent, Command, MAX_MEMBERS, MAX_SAID_LEN, MAX_TOLD_LEN, Note, Server, ServerEvent,
    print_client, print_server, typed, wants_line,
};
use lossproof::systems::{Options, Typed};
use lossproof::{Input, Instant, Machine, Net, Peer, Status};
use proptest::prelude::*;

use crate::support::{assert_held, assert_snapshot, config, run, stormy};

fn net() -> Net {
    udp_chat::net(&Options::default())
}

const EXPIRY: Duration = Duration::from_secs(10);

/// One run, of which only some lines are kept.
fn assert_lines(name: &str, plan: &str, keep: impl Fn(f64, &str) -> bool) {
    let text = run(net(), plan).0;
    let kept = text.lines().filter(|line| {
        let (at, rest) = line.split_once("  ").expect("a line begins with its time");
        keep(at.parse().expect("a time is a number"), rest)
    });
    assert_snapshot(name, plan, &kept.collect::<Vec<_>>().join("\n"));
}

/// S78, S79, S80, S82. What the server sees from 5 s to 17 s: two pings of client-3 are lost, so it expires at 10.006, is
/// told nothing, and joins again; client-1's line is doubled, and client-2 leaves.
#[test]
fn two_lost_pings_expire_a_member() {
    let plan = "client-3>server #1 drop; client-3>server #3 drop; client-1>server #4 duplicate; \
                server>client-3 #3 drop";
    assert_lines("udp-chat", plan, |at, rest| {
        (5.0..17.0).contains(&at) && (rest.starts_with("server") || rest.starts_with('-'))
    });
}

/// S77, S81. Who falls silent behind a partition expires; a server that is started again knows nobody, and within 5 s
/// everybody who is left has joined again. Pings and the sends to each member are left out.
#[test]
fn a_partition_and_a_crash_are_outlived() {
    let plan = "at 1s partition client-3|server; at 12500ms crash server; at 13s restart server; at 13s heal";
    assert_lines("udp-chat-crash", plan, |_, rest| {
        let unspoken = ["Ready", "Pinging", "still there"];
        let spoken = rest.contains("event") && !unspoken.iter().any(|word| rest.contains(word));
        spoken || rest.contains("fault") || rest.contains("done") || rest.contains("unreachable")
    });
}

#[test]
fn its_properties_hold_in_a_storm() {
    let corrupt = Profile { corrupt: Chance::percent(5), ..stormy() };
    assert_held(net(), "", corrupt, 400);
    let options = Options { not_to_sender: true, ..Options::default() };
    let plan = "at 7s crash server; at 8s restart server; at 12s poweroff client-3; at 15s restart client-3; \
                at 16s skew server +3s; at 3s skew client-1 +2s";
    assert_held(udp_chat::net(&options), plan, corrupt, 300);
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn its_properties_hold_under_any_plan(
        plan in strategy::plan(&["server", "client-1", "client-2", "client-3"], 10),
        not_to_sender in any::<bool>(),
    ) {
        let options = Options { not_to_sender, ..Options::default() };
        let mut plan = plan;
        // Its bounds are those of the time.
        plan.retain(|fault| {
            !matches!(fault, Fault::Host { fault: HostFault::Lag { .. } | HostFault::Drift { .. }, .. })
        });
        assert_held(udp_chat::net(&options), &plan.to_string(), stormy(), 1);
    }
}

#[cfg(feature = "turmoil")]
mod on_turmoil {
    use lossproof::fault::Flow;

    use super::*;
    use crate::support::assert_parity;

    fn flows() -> Vec<Flow> {
        let clients = ["client-1", "client-2", "client-3"];
        clients.iter().flat_map(|c| [Flow::new(*c, "server"), Flow::new("server", *c)]).collect()
    }

    proptest! {
        #![proptest_config(config(30))]

        #[test]
        fn it_is_the_same_in_both_worlds(
            plan in strategy::datagram_plan(&flows(), 8, 8),
            not_to_sender in any::<bool>(),
        ) {
            let options = Options { not_to_sender, ..Options::default() };
            assert_parity(udp_chat::net(&options), &plan, Profile::default(), 7);
        }
    }

    #[test]
    fn storms_and_partitions_are_the_same_in_both_worlds() {
        assert_parity(net(), &"".parse().unwrap(), stormy(), 3);
        let plan = "at 1s partition client-2|server; at 13s heal; at 6s skew server +2s".parse().unwrap();
        assert_parity(net(), &plan, Profile::default(), 1);
    }
}

// The machines themselves

fn peer(port: usize) -> Peer {
    format!("192.0.2.1:{port}").parse().unwrap()
}

/// A server to which datagrams are handed by hand.
struct Bench {
    server: Server,
    out: Outlet<ServerEvent>,
}

impl Bench {
    fn new(to_speaker: bool) -> Self {
        Self::of(Server::new(EXPIRY, to_speaker))
    }

    fn of(server: Server) -> Self {
        let mut bench = Self { server, out: Outlet::new() };
        bench.give(Input::Start { local: peer(9001) }, 0);
        bench
    }

    /// What one input makes the server note and send.
    fn give(&mut self, input: Input<'_, ()>, millis: u64) -> (Vec<Note>, Vec<(Peer, Vec<u8>)>) {
        self.out.feed(&mut self.server, input, Instant::from_millis(millis));
        let (mut notes, mut sent) = (Vec::new(), Vec::new());
        self.out.drain(|effect| match effect {
            Effect::Send { peer, bytes, .. } => sent.push((peer, bytes.to_vec())),
            Effect::Event(ServerEvent::Noted { note, .. }) => notes.push(note),
            Effect::Event(ServerEvent::Listening(_)) => {}
            other => panic!("{other:?}"),
        });
        (notes, sent)
    }

    fn hear(&mut self, port: usize, bytes: &[u8], millis: u64) -> (Vec<Note>, Vec<(Peer, Vec<u8>)>) {
        self.give(Input::Datagram { peer: peer(port), local: peer(9001), bytes, ecn: Ecn::default() }, millis)
    }

    /// What a member is told when this is said.
    fn told(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.hear(1, b"#ping#", 0);
        let (_, mut sent) = self.hear(2, bytes, 0);
        assert_eq!(sent.len(), 1);
        sent.remove(0).1
    }
}

/// S77.
#[test]
fn a_ping_is_neither_answered_nor_told_on() {
    let mut bench = Bench::new(true);
    assert_eq!(bench.hear(1, b"#ping#", 0), (vec![Note::Joined(peer(1))], vec![]));
    assert_eq!(bench.hear(2, b" #ping#\r\n", 0), (vec![Note::Joined(peer(2))], vec![]));
    assert_eq!(bench.hear(1, b"#ping#", 1), (vec![Note::Pinged(peer(1))], vec![]));
}

/// S78, S79.
#[test]
fn what_is_said_goes_to_all_members_with_the_speakers_address() {
    for (to_speaker, expected) in [(true, vec![1, 2]), (false, vec![2])] {
        let mut bench = Bench::new(to_speaker);
        for port in [2, 1] {
            bench.hear(port, b"#ping#", 0);
        }
        let (notes, sent) = bench.hear(1, b" \thello \n", 1);
        let told = |text: &str, ports: &[usize]| -> Vec<(Peer, Vec<u8>)> {
            ports.iter().map(|port| (peer(*port), text.as_bytes().to_vec())).collect()
        };
        assert_eq!(sent, told("192.0.2.1:1\nhello", &expected));
        assert_eq!(notes, [Note::Said { peer: peer(1), text: "hello".to_owned(), told: expected.len() }]);
        // Who speaks need not be a member, and does not become one.
        assert_eq!(bench.hear(3, b"me too", 1).1, told("192.0.2.1:3\nme too", &[1, 2]));
        assert_eq!(bench.hear(3, b"", 1).1, told("192.0.2.1:3\n", &[1, 2]));
    }
}

/// A member that pings another of the server's addresses is told from there.
#[test]
fn a_member_hears_from_the_address_that_it_pings() {
    let mut bench = Bench::new(true);
    let other: Peer = "192.0.2.2:9001".parse().unwrap();
    let mut told_from = |input| {
        bench.out.feed(&mut bench.server, input, Instant::from_millis(1));
        let mut from = Vec::new();
        bench.out.drain(|effect| {
            if let Effect::Send { local, peer, .. } = effect {
                from.push((local, peer));
            }
        });
        from
    };
    told_from(Input::Datagram { peer: peer(1), local: peer(9001), bytes: b"#ping#", ecn: Ecn::default() });
    told_from(Input::Datagram { peer: peer(2), local: other, bytes: b"#ping#", ecn: Ecn::default() });
    let both = [(peer(9001), peer(1)), (other, peer(2))];
    assert_eq!(
        told_from(Input::Datagram { peer: peer(3), local: other, bytes: b"hello", ecn: Ecn::default() }),
        both
    );
    told_from(Input::Datagram { peer: peer(1), local: other, bytes: b"#ping#", ecn: Ecn::default() });
    assert_eq!(
        told_from(Input::Datagram { peer: peer(3), local: peer(9001), bytes: b"hello", ecn: Ecn::default() })
            [0]
        .0,
        other
    );
}

/// S80. The bound, and one nanosecond and one millisecond beyond it.
#[test]
fn a_member_expires_after_its_last_moment_and_by_the_timer() {
    let mut bench = Bench::new(true);
    bench.hear(1, b"#ping#", 500);
    bench.hear(2, b"#ping#", 700);
    // Speaking does not refresh.
    bench.hear(1, b"I am here", 9_000);
    assert_eq!(bench.hear(9, b"x", 10_500).1.len(), 2, "exactly ten seconds are alive");
    assert_eq!(bench.server.deadline(), Some(Instant::from_millis(10_501)));
    assert_eq!(bench.give(Input::Timeout, 10_500), (vec![], vec![]));
    assert_eq!(bench.give(Input::Timeout, 10_501), (vec![Note::Expired(peer(1))], vec![]));
    assert_eq!(bench.server.deadline(), Some(Instant::from_millis(10_701)));

    // Data that comes before the timer finds nobody who is dead.
    let input = Input::Datagram { peer: peer(9), local: peer(9001), bytes: b"x", ecn: Ecn::default() };
    let mut out = Outlet::new();
    out.feed(&mut bench.server, input, Instant::from_millis(10_700) + Duration::from_nanos(1));
    assert!(out.effects().all(|effect| !matches!(effect, Effect::Send { .. })));
    assert_eq!(bench.server.deadline(), None);
}

/// S82.
#[test]
fn a_leave_datagram_ends_a_membership_in_silence() {
    let mut bench = Bench::new(true);
    bench.hear(1, b"#ping#", 0);
    bench.hear(2, b"#ping#", 0);
    assert_eq!(bench.hear(1, b"/quit\n", 1), (vec![Note::Left(peer(1))], vec![]));
    assert_eq!(bench.hear(3, b"/quit", 1), (vec![], vec![]));
    assert_eq!(bench.hear(3, b"hi", 1).1.len(), 1);
}

/// S84.
#[test]
fn bytes_that_are_not_utf8_are_replaced() {
    let mut bench = Bench::new(true);
    assert_eq!(bench.told(b"a\xffb"), "192.0.2.1:2\na\u{fffd}b".as_bytes());
    assert_eq!(bench.told("你好".as_bytes()), "192.0.2.1:2\n你好".as_bytes());
}

/// S86.
#[test]
fn what_is_said_is_cut_before_the_address_is_put_on() {
    let mut bench = Bench::new(true);
    let header = b"192.0.2.1:2\n".len();
    for (said_len, told_len) in [(1023, 1023), (1024, 1024), (1025, 1024), (65_507, 1024)] {
        assert_eq!(bench.told(&vec![b'x'; said_len]).len(), header + told_len, "{said_len}");
    }
    // Each bad byte becomes three, and no character is cut.
    assert_eq!(bench.told(&vec![0xff; 65_507]).len(), header + MAX_SAID_LEN / 3 * 3);
    assert!(header + MAX_SAID_LEN <= MAX_TOLD_LEN);
}

#[test]
fn the_longest_address_and_the_worst_text_are_within_the_promise() {
    let longest = SocketAddrV6::new([0xffff; 8].into(), u16::MAX, 0, u32::MAX);
    let longest: Peer = SocketAddr::V6(longest).into();
    let mut bench = Bench::new(true);
    bench.hear(1, b"#ping#", 0);
    let (_, sent) = bench.give(
        Input::Datagram { peer: longest, local: peer(9001), bytes: &[b'x'; 1025], ecn: Ecn::default() },
        0,
    );
    assert_eq!(sent[0].1.len(), MAX_TOLD_LEN);
}

#[test]
fn for_one_member_too_many_who_was_silent_longest_makes_way() {
    let mut bench = Bench::new(true);
    for port in 1..=MAX_MEMBERS {
        assert_eq!(bench.hear(port, b"#ping#", 0).0, [Note::Joined(peer(port))]);
    }
    let late = MAX_MEMBERS + 1;
    assert_eq!(bench.hear(1, b"#ping#", 1).0, [Note::Pinged(peer(1))]);
    assert_eq!(bench.hear(late, b"#ping#", 1).0, [Note::MadeWay(peer(2)), Note::Joined(peer(late))]);
    assert_eq!(bench.hear(late, b"hello", 1).1.len(), MAX_MEMBERS);
    assert_eq!(bench.hear(2, b"#ping#", 2).0, [Note::MadeWay(peer(3)), Note::Joined(peer(2))]);
    // The others are dead by now, which is found out before the newcomer is looked at.
    let (notes, _) = bench.hear(late + 1, b"#ping#", 10_001);
    assert_eq!((notes.len(), notes.last()), (MAX_MEMBERS - 2, Some(&Note::Joined(peer(late + 1)))));
}

#[test]
fn a_server_has_as_many_members_as_it_was_told_but_at_least_one() {
    for (max, members) in [(2, 2), (1, 1), (0, 1), (MAX_MEMBERS + 1, MAX_MEMBERS)] {
        let mut bench = Bench::of(Server::new(EXPIRY, true).max_members(max));
        for port in 1..=members {
            assert_eq!(bench.hear(port, b"#ping#", 0).0, [Note::Joined(peer(port))], "{max}");
        }
        let late = members + 1;
        let notes = [Note::MadeWay(peer(1)), Note::Joined(peer(late))];
        assert_eq!(bench.hear(late, b"#ping#", 1).0, notes, "{max}");
        assert_eq!(bench.hear(late, b"hello", 1).1.len(), members, "{max}");
    }
}

#[test]
fn among_members_only_nothing_of_a_stranger_is_told() {
    let mut bench = Bench::of(Server::new(EXPIRY, true).members_only());
    bench.hear(1, b"#ping#", 0);
    assert_eq!(bench.hear(2, b"hello", 1), (vec![Note::Ignored { peer: peer(2), len: 5 }], vec![]));
    assert_eq!(bench.hear(1, b"hello", 1).1.len(), 1);
    bench.hear(2, b"#ping#", 2);
    assert_eq!(bench.hear(2, b"hello", 3).1.len(), 2);
}

/// A client, and what one input makes it send and tell.
fn step(client: &mut Client, input: Input<'_, Command>, millis: u64) -> (String, Option<Status>) {
    let mut out = Outlet::new();
    out.feed(client, input, Instant::from_millis(millis));
    let (mut did, mut status) = (Vec::new(), None);
    out.drain(|effect| match effect {
        Effect::Send { bytes, .. } => did.push(format!("> {}", bytes.escape_ascii())),
        Effect::Event(event) => did.push(format!("{event:?}")),
        Effect::Done(done) => status = Some(done),
        other => panic!("{other:?}"),
    });
    (did.join(", "), status)
}

fn started() -> Client {
    let mut client = Client::new(peer(9001), Duration::from_secs(5));
    let start = Input::Start { local: peer(50_000) };
    assert_eq!(step(&mut client, start, 0), ("> #ping#, Pinging, Ready".to_owned(), None));
    client
}

fn say(line: &[u8]) -> Command {
    typed(Typed::Line(line.to_vec()))
}

/// S81.
#[test]
fn the_client_pings_at_once_and_every_five_seconds() {
    let mut client = started();
    for beat in 1..4 {
        assert_eq!(client.deadline(), Some(Instant::from_millis(5_000 * beat)));
        assert_eq!(step(&mut client, Input::Timeout, 5_000 * beat - 1).0, "");
        assert_eq!(step(&mut client, Input::Command(&say(b"hi")), 5_000 * beat - 1).0, "> hi, Ready");
        assert_eq!(step(&mut client, Input::Timeout, 5_000 * beat).0, "> #ping#, Pinging");
    }
}

/// S82.
#[test]
fn quit_the_end_of_the_input_and_a_signal_leave_with_success() {
    let commands = [say(b"/quit"), say(b" /quit \r"), typed(Typed::End)];
    for quit in commands.iter().map(Input::Command).chain([Input::Stop]) {
        let mut client = started();
        assert_eq!(step(&mut client, quit, 1), ("> /quit".to_owned(), Some(Status::Success)));
        assert_eq!(client.deadline(), None);
    }
}

/// S86.
#[test]
fn a_line_is_sent_up_to_its_bound_and_the_answer_is_heard_whole() {
    let mut client = started();
    for (typed_len, sent_len) in [(1023, 1023), (1024, 1024), (1025, 1024)] {
        let sent = format!("> {}, Ready", "x".repeat(sent_len));
        assert_eq!(step(&mut client, Input::Command(&say(&vec![b'x'; typed_len])), 1).0, sent);
    }
    let told = [b"192.0.2.1:7\n".as_slice(), &[b'x'; MAX_SAID_LEN]].concat();
    let heard = Input::Datagram { peer: peer(9001), local: peer(9001), bytes: &told, ecn: Ecn::default() };
    assert_eq!(step(&mut client, heard, 2).0, format!("{:?}", ClientEvent::Heard(told.clone())));
    let stranger =
        Input::Datagram { peer: peer(9002), local: peer(9001), bytes: b"listen to me", ecn: Ecn::default() };
    assert_eq!(step(&mut client, stranger, 3).0, "");
}

/// The first refusal ends a client that has heard nothing; later it takes two pings in a row.
#[test]
fn a_server_that_is_gone_is_told_from_one_that_starts_again() {
    let refused = || Input::Unreachable { peer: peer(9001), local: peer(50_000) };
    let gone = || (format!("{:?}", ClientEvent::NobodyListens(peer(9001))), Some(Status::Failure));
    let mut client = started();
    assert_eq!(step(&mut client, refused(), 1), gone());

    let mut client = started();
    step(
        &mut client,
        Input::Datagram { peer: peer(9001), local: peer(9001), bytes: b"x", ecn: Ecn::default() },
        1,
    );
    assert_eq!(step(&mut client, refused(), 2), (String::new(), None));
    // The next ping arrives, and so does that after it.
    for beat in 1..3 {
        step(&mut client, Input::Timeout, 5_000 * beat);
    }
    assert_eq!(step(&mut client, refused(), 10_001), (String::new(), None));
    assert_eq!(step(&mut client, refused(), 10_002), (String::new(), None));
    step(&mut client, Input::Timeout, 15_000);
    assert_eq!(step(&mut client, refused(), 15_001), gone());
    let line = ClientEvent::NobodyListens(peer(9001)).to_string();
    assert_eq!(line, "cannot connect to 192.0.2.1:9001: connection refused");
}

/// What a terminal shows: notes and what is heard, not what only the application needs to know.
#[test]
fn a_terminal_shows_what_is_heard() {
    let printed = |event: &ClientEvent| {
        let mut text = String::new();
        print_client(event, &mut text).unwrap();
        text
    };
    let heard = ClientEvent::Heard(b"192.0.2.1:7\nhi \xff".to_vec());
    assert_eq!(printed(&heard), "192.0.2.1:7\nhi \u{fffd}\n");
    assert_eq!(
        (printed(&ClientEvent::Ready), printed(&ClientEvent::Pinging)),
        (String::new(), String::new())
    );
    let noted = |note| {
        let mut text = String::new();
        print_server(&ServerEvent::Noted { up: Duration::ZERO, note }, &mut text).unwrap();
        text
    };
    assert_eq!(noted(Note::Pinged(peer(1))), "");
    assert_eq!(noted(Note::Expired(peer(1))), "192.0.2.1:1 has expired\n");
    assert!(wants_line(&ClientEvent::Ready) && !wants_line(&heard));
}
