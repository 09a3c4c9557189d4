//! tcp-chat in simulation, and its machines by hand.

use std::time::Duration;

use lossproof::engine::{Ended, Engine, Prepared, Settings};
use lossproof::fault::strategy::{plan, stream_plan};
use lossproof::machine::{CloseReason, Conn, Effect, Outlet};
use lossproof::systems::tcp_chat::{
    self, Client, ClientEvent, Command, MAX_MEMBERS, MAX_MESSAGE_LEN, MAX_QUEUE_LEN, MAX_UNSENT_LEN,
    PATIENCE, Server, ServerEvent,
};
use lossproof::systems::{Options, Typed};
use lossproof::{Cuts, Host, Input, Instant, Lawful, Machine, Net, Peer, Run, Scenario, Status};
use proptest::prelude::*;

use crate::support::{assert_held, assert_snapshot, config, run, stormy};

fn net() -> Net {
    tcp_chat::net(&Options::default())
}

/// The clients of the scenario, each on its own way to and from the server.
fn flows() -> Vec<lossproof::fault::Flow> {
    let both = |name: &str| {
        [lossproof::fault::Flow::new(name, "server"), lossproof::fault::Flow::new("server", name)]
    };
    ["client-1", "client-2", "client-3"].into_iter().flat_map(both).collect()
}

/// S67, S70: a line that is cut and late is two messages, and all hear all in one order.
#[test]
fn a_line_that_stalls_is_told_in_two_parts() {
    let plan = "client-2>server @6 stall 120ms; server>client-1 @24 cut; at 200ms crash client-3";
    let (transcript, _) = run(net(), plan);
    // The server and one member show it all: what happens, and what goes wrong.
    let is_shown = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        matches!(words[1], "server" | "client-1" | "-")
            && matches!(words[2], "event" | "fault" | "done" | "closed")
            && !line.contains("ready")
    };
    let shown: Vec<&str> = transcript.lines().filter(is_shown).collect();
    assert_snapshot("tcp-chat", plan, &shown.join("\n"));
}

/// S71, S72: who is reset leaves silently, and the others hear on.
#[test]
fn its_properties_hold_in_a_storm() {
    assert_held(net(), "", stormy(), 600);
    for plan in [
        "client-1>server cut every 1 byte; server>client-2 cut every 2 bytes; client-3>server @2 stall 200ms",
        "client-1>server @9 reset; server>client-2 @40 reset",
        "server>client-3 @0 stall 3s; client-2>server @7 stall 60ms",
        "at 120ms crash client-1; at 200ms restart client-1; client-1>server/1 @1 stall 100ms",
        "at 155ms crash server; at 200ms restart server",
        "at 105ms poweroff client-2; at 6s restart client-2",
        "at 130ms partition server>client-1; at 500ms heal; server>client-3 cut every 3 bytes",
    ] {
        assert_held(net(), plan, stormy(), 40);
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn its_properties_hold_under_any_plan(plan in plan(&["server", "client-1", "client-2", "client-3"], 8)) {
        assert_held(net(), &plan.to_string(), stormy(), 2);
    }
}

/// Three members, who say so much at these times, and of whom nobody leaves; the server is with them.
fn members_who_stay(said: &[(usize, u64)]) -> (Net, Host<Server>, [Host<Client>; 3]) {
    let net = Net::new("members who stay");
    let server = net.host("server").listen(9001).promises(Server::PROMISES);
    let server = server.machine(|_| Server::new(PATIENCE));
    let members = [1, 2, 3].map(|number| {
        let member = net.host(format!("client-{number}")).promises(Client::PROMISES);
        member.machine(move |boot| Client::new(boot.peer(server), Duration::from_secs(5)))
    });
    for (index, (member, millis)) in said.iter().enumerate() {
        let line = format!("{index}{}", "你".repeat(index)).into_bytes();
        net.command(Instant::from_millis(*millis), members[*member], Command::Say(line));
    }
    (net, server, members)
}

/// What a member has heard, and what the server told from its joining on; `None` if it is there no more.
fn heard_and_told(host: Host<Client>, server: Host<Server>, run: &Run<'_>) -> Option<(Peer, String, String)> {
    let member = run.events(host).iter().find_map(|event| match event {
        ClientEvent::Connected(member) => Some(*member),
        _ => None,
    })?;
    let is_over = |event: &ServerEvent| matches!(event, ServerEvent::Left(peer) | ServerEvent::Dropped(peer) if *peer == member);
    if run.status(host).is_some() || run.events(server).iter().any(is_over) {
        return None;
    }
    let heard = run.events(host).iter().filter_map(|event| match event {
        ClientEvent::Heard(text) => Some(text.as_str()),
        _ => None,
    });
    let there = run.events(server).iter().skip_while(|event| **event != ServerEvent::Joined(member));
    let told = there.filter_map(|event| match event {
        ServerEvent::Said { speaker, text } => Some(format!("{speaker}\n{text}")),
        _ => None,
    });
    Some((member, heard.collect(), told.collect()))
}

proptest! {
    #![proptest_config(config(300))]

    /// S67, S70: every member that stays hears every message, in one order and each speaker's in the speaker's.
    #[test]
    fn who_stays_hears_all(
        said in prop::collection::vec((0..3_usize, 20..400_u64), 0..12),
        plan in stream_plan(&flows(), 200, 6),
        seed in any::<u64>(),
    ) {
        let (net, server, members) = members_who_stay(&said);
        let scenario = Scenario::from(net);
        let plan = Prepared::new(&plan, &scenario).unwrap();
        let mut engine = Engine::new(&scenario);
        let outcome = engine.run(&Settings { seed, plan, profile: stormy(), ..Settings::default() });
        prop_assert_eq!(outcome.ended, Ended::Quiet);
        let run = engine.view();
        for (number, host) in members.into_iter().enumerate() {
            let Some((member, heard, told)) = heard_and_told(host, server, &run) else { continue };
            prop_assert_eq!(heard, told);
            let is_line = |event: &&ServerEvent| {
                matches!(event, ServerEvent::Said { speaker, text } if *speaker == member && text.ends_with('\n'))
            };
            let spoken = said.iter().filter(|(speaker, _)| *speaker == number).count();
            let told_on = run.events(server).iter().filter(is_line).count();
            prop_assert_eq!(told_on, spoken, "who stays has said all");
        }
    }
}

/// S69, S76: whatever stalls, every client comes to its end.
#[test]
fn every_client_ends() {
    for plan in ["", "at 300ms crash server", "server>client-1 @30 reset; client-2>server @3 reset"] {
        let net = net().without_properties();
        net.max_time(Duration::from_mins(5));
        let members = ["client-1", "client-2", "client-3"].map(|member| net.find::<Client>(member));
        net.eventually_within("every client ends", Duration::from_mins(5), move |run| {
            members.iter().all(|member| run.status(*member).is_some())
        });
        assert_held(net, plan, stormy(), 100);
    }
}

/// A server by hand, with what it tells each member.
struct Room {
    server: Server,
    out: Outlet<ServerEvent>,
    now: Instant,
    told: Vec<(Conn, String)>,
    events: Vec<String>,
    acts: Vec<String>,
}

impl Room {
    fn new() -> Self {
        Self {
            server: Server::new(PATIENCE),
            out: Outlet::new(),
            now: Instant::START,
            told: Vec::new(),
            events: Vec::new(),
            acts: Vec::new(),
        }
    }

    fn give(&mut self, input: Input<'_, ()>) {
        self.out.feed(&mut self.server, input, self.now);
        assert_eq!(self.out.take_misuse(), None);
        self.out.drain(|effect| match effect {
            Effect::Write { conn, bytes } => {
                self.told.push((conn, String::from_utf8_lossy(bytes).into_owned()));
            }
            Effect::Event(event) => self.events.push(event.to_string()),
            Effect::Pause { conn } => self.acts.push(format!("pause {conn}")),
            Effect::Resume { conn } => self.acts.push(format!("resume {conn}")),
            Effect::Close { conn } => self.acts.push(format!("close {conn}")),
            Effect::Abort { conn } => self.acts.push(format!("abort {conn}")),
            other => panic!("{other:?}"),
        });
    }

    fn join(&mut self, port: u16, room: u32) -> Conn {
        let conn = self.out.accept(room);
        let (peer, local) = (format!("127.0.0.1:{port}").parse().unwrap(), "127.0.0.1:9001".parse().unwrap());
        self.give(Input::Connected { conn, peer, local });
        conn
    }

    fn say(&mut self, conn: Conn, text: impl AsRef<[u8]>) {
        self.give(Input::Received { conn, bytes: text.as_ref() });
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
        self.give(Input::Timeout);
    }

    /// All that a member was told since this was asked last.
    fn heard(&mut self, conn: Conn) -> String {
        let heard = self.told.iter().filter(|(to, _)| *to == conn).map(|(_, text)| text.as_str()).collect();
        self.told.retain(|(to, _)| *to != conn);
        heard
    }
}

const PLENTY: u32 = 1 << 30;

/// S67, S70.
#[test]
fn all_members_hear_what_is_said_and_joining_is_silent() {
    let mut room = Room::new();
    let (one, two) = (room.join(1, PLENTY), room.join(2, PLENTY));
    assert!(room.told.is_empty());
    room.say(one, "hello\n你");
    room.say(two, "me\r\n\n");
    room.say(one, "好\n");
    let expected = "127.0.0.1:1\nhello\n127.0.0.1:2\nme\r\n127.0.0.1:2\n\n127.0.0.1:1\n你好\n";
    assert_eq!((room.heard(one).as_str(), room.heard(two).as_str()), (expected, expected));
}

/// S68, S70.
#[test]
fn quit_closes_and_tells_nobody() {
    for quit in ["/quit\n", " /quit \r\n", "/quit", "\t/quit"] {
        let mut room = Room::new();
        let (one, two) = (room.join(1, PLENTY), room.join(2, PLENTY));
        room.say(one, quit);
        room.wait(PATIENCE);
        assert_eq!(room.acts, [format!("close {one}")], "{quit:?}");
        assert_eq!(room.events.last().unwrap(), "127.0.0.1:1 has left");
        room.say(two, "/quit now\n");
        assert_eq!(
            (room.heard(one), room.heard(two)),
            (String::new(), "127.0.0.1:2\n/quit now\n".to_owned())
        );
    }
}

/// S70: exactly 50 ms after its last byte, and not a moment earlier; the end does not wait.
#[test]
fn text_without_a_newline_is_a_message_after_50_ms() {
    let mut room = Room::new();
    let one = room.join(1, PLENTY);
    room.say(one, "a");
    room.now = Instant::from_millis(30);
    room.say(one, "b");
    assert_eq!(room.server.deadline(), Some(Instant::from_millis(80)));
    room.now = Instant::from_millis(80);
    room.wait(Duration::ZERO);
    assert_eq!(room.heard(one), "127.0.0.1:1\nab");
    assert_eq!(room.server.deadline(), None);

    let two = room.join(2, PLENTY);
    room.say(two, "c");
    room.wait(Duration::from_nanos(49_999_999));
    assert_eq!(room.heard(one), "");
    room.give(Input::Eof { conn: two });
    assert_eq!(room.heard(one), "127.0.0.1:2\nc");
    assert_eq!(room.acts, [format!("close {two}")]);
}

/// S70: only the first message of a classic member waits; its reads are messages until one ends with a newline.
#[test]
fn a_classic_member_is_told_on_at_once_until_it_ends_a_line() {
    let mut room = Room::new();
    let (classic, other) = (room.join(1, PLENTY), room.join(2, PLENTY));
    room.say(classic, "hello");
    assert_eq!(room.heard(other), "");
    room.wait(PATIENCE);
    assert_eq!(room.heard(other), "127.0.0.1:1\nhello");
    assert_eq!(room.events[2], "127.0.0.1:1 sends no newline: each read of it is a message");
    // Newlines inside are its own affair; and half a character waits for its other half.
    for (read, told) in [
        (&b"a"[..], "127.0.0.1:1\na"),
        (b"two\nlines", "127.0.0.1:1\ntwo\nlines"),
        (b"\nb", "127.0.0.1:1\n\nb"),
        (b"c\xe4\xbd", "127.0.0.1:1\nc"),
        (b"\xa0", "127.0.0.1:1\n你"),
        (b"\xe4", ""),
        (b"x", "127.0.0.1:1\n\u{fffd}x"),
    ] {
        room.say(classic, read);
        assert_eq!(
            (room.heard(other).as_str(), room.server.deadline()),
            (told, None),
            "{}",
            read.escape_ascii()
        );
    }
    // It is of this member alone.
    room.say(other, "I ");
    assert_eq!(room.heard(classic).matches("I ").count(), 0);
    room.say(other, "wait\n");
    assert_eq!(room.heard(other), "127.0.0.1:2\nI wait\n");
    // A read that ends with a newline is lines again, and so is all that follows.
    room.say(classic, "rest\nnext\n");
    assert_eq!(room.heard(other), "127.0.0.1:1\nrest\n127.0.0.1:1\nnext\n");
    room.say(classic, "cu");
    room.say(classic, "t\n");
    assert_eq!(room.heard(other), "127.0.0.1:1\ncut\n");
    room.say(classic, "silent");
    assert_eq!(room.server.deadline(), Some(room.now + PATIENCE));
    room.wait(PATIENCE);
    room.say(classic, " /quit ");
    assert_eq!(room.heard(other), "127.0.0.1:1\nsilent");
    assert_eq!(room.acts, [format!("close {classic}")]);
}

/// S70, S74: a read that came while something waited for its sender is told on once that is out.
#[test]
fn what_a_classic_member_says_while_it_is_held_back_is_one_message() {
    let mut room = Room::new();
    let (classic, other) = (room.join(1, 14), room.join(2, PLENTY));
    room.say(classic, "hi");
    room.wait(PATIENCE);
    // It has heard itself, and has no room for the other.
    room.say(other, "fills\n");
    assert!(room.acts.is_empty());
    room.say(classic, "second\npart");
    assert_eq!(room.acts, [format!("pause {classic}")]);
    assert_eq!(room.heard(other), "127.0.0.1:1\nhi127.0.0.1:2\nfills\n");
    assert!(room.out.credit(classic, PLENTY));
    room.give(Input::Writable { conn: classic });
    assert_eq!(room.heard(other), "127.0.0.1:1\nsecond\npart");
    assert_eq!((room.acts.last(), room.server.deadline()), (Some(&format!("resume {classic}")), None));
}

/// S70, S74: a read that is as long as one may be is one message of a classic member, and half a character before it makes two.
#[test]
fn a_read_of_a_classic_member_at_the_bound_is_one_message() {
    let mut room = Room::new();
    let (classic, other) = (room.join(1, PLENTY), room.join(2, PLENTY));
    room.say(classic, "hi");
    room.wait(PATIENCE);
    assert_eq!(room.heard(other), "127.0.0.1:1\nhi");
    room.say(classic, "x".repeat(MAX_MESSAGE_LEN));
    assert_eq!(room.heard(other).matches("127.0.0.1:1\n").count(), 1);
    room.say(classic, b"\xe4");
    room.say(classic, "x".repeat(MAX_MESSAGE_LEN));
    assert_eq!(room.heard(other).matches("127.0.0.1:1\n").count(), 2);
}

/// What a member is that comes now, that was classic and is no longer, or of whom a line has just stalled.
fn speakers(room: &mut Room) -> [Conn; 3] {
    let [new, former, stalled] = [1, 2, 3].map(|port| room.join(port, PLENTY));
    for conn in [former, stalled] {
        room.say(conn, "no newline");
    }
    room.wait(PATIENCE);
    room.say(former, "one\n");
    room.say(stalled, "st");
    room.say(stalled, "alls\n");
    [new, former, stalled]
}

/// S70: a line of our own client stays one message wherever it is cut, in all ways, however near the pieces come to the wait.
#[test]
fn a_line_is_one_message_however_it_is_cut() {
    let lines = "ab\n你好!\n".as_bytes();
    for gap in [Duration::ZERO, Duration::from_millis(49)] {
        for cuts in 0..1_u32 << (lines.len() - 1) {
            let mut room = Room::new();
            for (index, speaker) in speakers(&mut room).into_iter().enumerate() {
                let said = room.events.len();
                let mut begin = 0;
                for end in 1..=lines.len() {
                    if end == lines.len() || cuts >> (end - 1) & 1 == 1 {
                        room.say(speaker, &lines[begin..end]);
                        begin = end;
                        room.now += gap;
                        assert!(room.server.deadline().is_none_or(|due_at| due_at > room.now), "{cuts:b}");
                    }
                }
                let port = index + 1;
                let expected = [
                    format!("127.0.0.1:{port} said \"ab\\n\""),
                    format!("127.0.0.1:{port} said \"你好!\\n\""),
                ];
                assert_eq!(room.events[said..], expected, "{cuts:b}");
            }
        }
    }
}

/// S73.
#[test]
fn a_character_cut_in_two_is_told_whole_and_bad_bytes_are_replaced() {
    let mut room = Room::new();
    let one = room.join(1, PLENTY);
    room.say(one, b"a\xe4\xbd");
    room.wait(PATIENCE);
    assert_eq!(room.heard(one), "127.0.0.1:1\na");
    assert_eq!(room.server.deadline(), None, "half a character is no message");
    room.say(one, b"\xa0\n\xff\xfe\n");
    assert_eq!(room.heard(one), "127.0.0.1:1\n你\n127.0.0.1:1\n\u{fffd}\u{fffd}\n");
    room.say(one, b"\xe4");
    room.give(Input::Eof { conn: one });
    assert_eq!(room.heard(one), "127.0.0.1:1\n\u{fffd}");
}

/// S71.
#[test]
fn an_end_and_a_reset_are_silent() {
    let mut room = Room::new();
    let (one, two, three) = (room.join(1, PLENTY), room.join(2, PLENTY), room.join(3, PLENTY));
    room.say(two, "half");
    room.give(Input::Eof { conn: one });
    room.give(Input::Closed { conn: two, reason: CloseReason::Reset });
    room.wait(PATIENCE);
    assert_eq!(room.heard(three), "");
    assert_eq!(room.events[3..], ["127.0.0.1:1 has left", "127.0.0.1:2 has left"]);
}

/// S72, S74: at the bound it is kept, one byte beyond it is dropped, and the other loses nothing.
#[test]
fn a_member_that_does_not_read_is_dropped_beyond_the_bound() {
    let header_len = "127.0.0.1:1\n".len();
    for (surplus_len, is_dropped) in [(0, false), (1, true)] {
        let mut room = Room::new();
        let (speaker, slow) = (room.join(1, PLENTY), room.join(2, 0));
        let (mut left_len, mut said) = (MAX_QUEUE_LEN + surplus_len, String::new());
        while left_len > 0 {
            // No rest is left that is too short for a message.
            let len = if left_len > 40_000 {
                20_000
            } else {
                left_len.div_ceil(if left_len > 20_000 { 2 } else { 1 })
            };
            let line = format!("{}\n", "x".repeat(len - header_len - 1));
            room.say(speaker, &line);
            said.push_str("127.0.0.1:1\n");
            said.push_str(&line);
            left_len -= len;
        }
        assert_eq!(room.heard(speaker), said);
        let dropped = room.events.contains(&"dropped 127.0.0.1:2, which does not read".to_owned());
        assert_eq!((dropped, room.acts.contains(&format!("abort {slow}"))), (is_dropped, is_dropped));
        if !is_dropped {
            assert!(room.out.credit(slow, PLENTY));
            room.give(Input::Writable { conn: slow });
            assert_eq!(room.heard(slow), said);
        }
    }
}

/// S74: who speaks much and does not read is held back by its own echo, and loses nothing by it.
#[test]
fn a_speaker_is_held_back_until_it_has_taken_its_own_echo() {
    let mut room = Room::new();
    let (speaker, other) = (room.join(1, 20), room.join(2, PLENTY));
    room.say(speaker, "first\nsecond\n/quit\n");
    assert_eq!(
        (room.heard(speaker).as_str(), room.heard(other).as_str()),
        (
            "127.0.0.1:1\nfirst\n127.0.0.1:1\nsecond\n".get(..20).unwrap(),
            "127.0.0.1:1\nfirst\n127.0.0.1:1\nsecond\n",
        )
    );
    assert_eq!(room.acts, [format!("pause {speaker}")]);
    assert!(room.out.credit(speaker, 10));
    room.give(Input::Writable { conn: speaker });
    assert_eq!(room.acts, [format!("pause {speaker}")]);
    assert!(room.out.credit(speaker, PLENTY));
    room.give(Input::Writable { conn: speaker });
    assert_eq!(room.heard(speaker), &"127.0.0.1:1\nfirst\n127.0.0.1:1\nsecond\n"[20..]);
    assert_eq!(room.acts[1..], [format!("resume {speaker}"), format!("close {speaker}")]);
}

/// S70, S74: the longest line is one message, and one byte more is another.
#[test]
fn a_line_at_the_bound_is_one_message() {
    let mut room = Room::new();
    let one = room.join(1, PLENTY);
    room.say(one, format!("{}\n", "x".repeat(MAX_MESSAGE_LEN - 1)));
    assert_eq!(room.heard(one).matches("127.0.0.1:1\n").count(), 1);
    room.say(one, format!("{}\n", "x".repeat(MAX_MESSAGE_LEN)));
    assert_eq!(room.heard(one).matches("127.0.0.1:1\n").count(), 2);
    // Bad bytes grow when they are replaced, and the speaker still takes them.
    let mut room = Room::new();
    let one = room.join(1, 0);
    room.say(one, vec![0xff; MAX_MESSAGE_LEN]);
    assert!(!room.events.iter().any(|event| event.starts_with("dropped")), "{}", room.events.len());
}

#[test]
fn for_one_member_more_than_the_bound_who_was_silent_longest_makes_way() {
    let mut room = Room::new();
    let conns: Vec<_> = (1..=MAX_MEMBERS as u16).map(|port| room.join(port, PLENTY)).collect();
    assert!(room.acts.is_empty());
    // The first says something, and the second is in the middle of it.
    room.now += Duration::from_millis(1);
    room.say(conns[0], "hello\n");
    room.say(conns[1], "half a li");
    let told = room.acts.len();
    room.join(9999, PLENTY);
    assert_eq!(room.acts[told..], [format!("close {}", conns[2])]);
    let made_way = "127.0.0.1:3 makes way: of 1024 members it was silent longest, and another comes";
    let [.., before, last] = &room.events[..] else { panic!("{:?}", room.events) };
    assert_eq!([before.as_str(), last.as_str()], [made_way, "127.0.0.1:9999 has joined"]);
}

/// S70, S74: what a server puts out for one read stays within its promises, however many lines that has.
#[test]
fn a_flood_of_lines_is_within_the_promises_and_does_not_depend_on_the_reads() {
    let server = || Server::new(PATIENCE);
    // Nobody here is classic, so law 4 holds.
    let mut lawful = Lawful::new(server(), server(), Server::PROMISES.cuts(Cuts::Free));
    let (mut out, mut conns) = (Outlet::<ServerEvent>::new(), Vec::new());
    for port in 1..=5 {
        let conn = out.accept(64 * 1024);
        let (peer, local) = (format!("127.0.0.1:{port}").parse().unwrap(), "127.0.0.1:9001".parse().unwrap());
        out.feed(&mut lawful, Input::Connected { conn, peer, local }, Instant::START);
        conns.push(conn);
    }
    let said = b"\n".repeat(64 * 1024);
    let mut now = Instant::START;
    out.feed(&mut lawful, Input::Received { conn: conns[0], bytes: &said }, now);
    for _ in 0..40 {
        now += Duration::from_millis(10);
        let mut written = vec![0; conns.len()];
        out.drain(|effect| match effect {
            Effect::Write { conn, bytes } => written[conn.index()] += bytes.len() as u32,
            Effect::Violation(violation) => panic!("{violation}"),
            _ => {}
        });
        for (conn, len) in conns.iter().zip(written) {
            if out.credit(*conn, len) {
                out.feed(&mut lawful, Input::Writable { conn: *conn }, now);
            }
        }
    }
}

// The client

struct Talker {
    client: Client,
    out: Outlet<ClientEvent>,
    conn: Conn,
    now: Instant,
    written: Vec<u8>,
    events: Vec<ClientEvent>,
    shown: String,
    shut: bool,
    done: Option<Status>,
}

impl Talker {
    /// A client that is connected.
    fn new(room: u32) -> Self {
        let server: Peer = "127.0.0.1:9001".parse().unwrap();
        let (mut client, mut out) = (Client::new(server, Duration::from_secs(5)), Outlet::new());
        out.feed(&mut client, Input::Start { local: "127.0.0.1:0".parse().unwrap() }, Instant::START);
        let conn = match out.effects().next() {
            Some(Effect::Connect { conn, .. }) => conn,
            other => panic!("{other:?}"),
        };
        out.drain(|_| ());
        assert!(out.connected(conn, room));
        let mut talker = Self {
            client,
            out,
            conn,
            now: Instant::START,
            written: Vec::new(),
            events: Vec::new(),
            shown: String::new(),
            shut: false,
            done: None,
        };
        talker.give(Input::Connected { conn, peer: server, local: "127.0.0.1:50000".parse().unwrap() });
        talker
    }

    fn give(&mut self, input: Input<'_, Command>) {
        self.out.feed(&mut self.client, input, self.now);
        assert_eq!(self.out.take_misuse(), None);
        self.out.drain(|effect| match effect {
            Effect::Write { bytes, .. } => self.written.extend_from_slice(bytes),
            Effect::Event(event) => {
                tcp_chat::print_client(&event, &mut self.shown).unwrap();
                self.events.push(event);
            }
            Effect::Done(status) => self.done = Some(status),
            Effect::Shutdown { .. } => self.shut = true,
            Effect::Abort { .. } => {}
            other => panic!("{other:?}"),
        });
    }

    fn type_line(&mut self, line: &str) {
        let typed = Typed::Line(line.as_bytes().to_vec());
        self.give(Input::Command(&tcp_chat::typed(typed)));
    }

    /// How many lines have been asked for.
    fn wanted(&self) -> usize {
        self.events.iter().filter(|event| tcp_chat::wants_line(event)).count()
    }
}

/// S69, S73, S76.
#[test]
fn the_client_shows_what_it_hears_as_it_comes() {
    let mut client = Talker::new(PLENTY);
    for bytes in [&b"127.0.0.1:1\nhi"[..], b"\n\xe4", b"\xbd\xa0", b"\xff", b"", b"\xe4"] {
        client.give(Input::Received { conn: client.conn, bytes });
    }
    assert_eq!(client.shown, "127.0.0.1:1\nhi\n你\u{fffd}");
    client.give(Input::Eof { conn: client.conn });
    assert_eq!(client.shown, "127.0.0.1:1\nhi\n你\u{fffd}\u{fffd}");
    assert_eq!(client.done, Some(Status::Success));
}

/// S69.
#[test]
fn the_client_sends_quit_and_ends_when_it_is_out() {
    let mut client = Talker::new(10);
    client.type_line("hello");
    assert_eq!(client.wanted(), 2);
    client.type_line("/quit");
    assert_eq!((client.shut, client.wanted()), (false, 2));
    assert!(client.out.credit(client.conn, 100));
    client.give(Input::Writable { conn: client.conn });
    assert_eq!((client.written.as_slice(), client.shut, client.done), (&b"hello\n/quit\n"[..], true, None));
    client.give(Input::Received { conn: client.conn, bytes: b"still on its way" });
    client.give(Input::Closed { conn: client.conn, reason: CloseReason::Reset });
    assert_eq!((client.shown.as_str(), client.done), ("still on its way", Some(Status::Success)));
}

/// S69: the end of the input leaves, and no wait is without a bound.
#[test]
fn the_client_leaves_at_the_end_of_its_input() {
    for (room, status, shown) in
        [(PLENTY, Status::Success, ""), (0, Status::Failure, "no answer within 5 seconds\n")]
    {
        let mut client = Talker::new(room);
        client.type_line("bye");
        client.give(Input::Command(&tcp_chat::typed(Typed::End)));
        assert_eq!(client.client.deadline(), Some(Instant::from_millis(5_000)));
        client.now = Instant::from_millis(5_000);
        client.give(Input::Timeout);
        assert_eq!((client.done, client.shown.as_str()), (Some(status), shown));
    }
}

/// S69: the next line is asked for when the one before is handed over, and what waits is bounded.
#[test]
fn a_slow_server_holds_the_input_back() {
    let mut client = Talker::new(4);
    client.type_line("hello");
    assert_eq!(client.wanted(), 1);
    assert!(client.out.credit(client.conn, 4));
    client.give(Input::Writable { conn: client.conn });
    assert_eq!(client.wanted(), 2);

    let mut client = Talker::new(0);
    client.type_line(&"x".repeat(MAX_UNSENT_LEN - 1));
    assert_eq!(client.shown, "");
    client.type_line("");
    assert_eq!(client.shown, "a line was not sent: 127.0.0.1:9001 has not taken what was said before it\n");
    assert!(client.out.credit(client.conn, PLENTY));
    client.give(Input::Writable { conn: client.conn });
    assert_eq!(client.written.len(), MAX_UNSENT_LEN);
}

#[cfg(feature = "turmoil")]
mod parity {
    use super::*;
    use crate::support::assert_parity;
    use lossproof::fault::strategy::stream_plan;
    use lossproof::fault::{Fault, Profile};

    proptest! {
        #![proptest_config(config(30))]

        #[test]
        fn it_is_the_same_in_both_worlds(mut plan in stream_plan(&flows(), 120, 8)) {
            // Turmoil holds 64 segments of a stream: what is told at one moment must not be cut into more.
            plan.retain(|fault| !matches!(fault, Fault::CutEvery { len, .. } if len.get() < 3));
            assert_parity(net(), &plan, Profile::default(), 7);
        }
    }

    #[test]
    fn resets_and_partitions_are_the_same_in_both_worlds() {
        for plan in [
            "client-1>server @9 reset; server>client-2 @40 reset",
            "at 130ms partition server>client-1; at 500ms heal; client-3>server @5 stall 1s",
            "at 1ms partition client-2|server",
        ] {
            assert_parity(net(), &plan.parse().unwrap(), stormy(), 1);
        }
    }
}
