//! Streams of segments through NATs: what each segment meets there.

use std::time::Duration;

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::StreamKind;
use lossproof::machine::Conn;
use lossproof::scenario::{Host, Nat, NatKind, Net};
use lossproof::{FaultPlan, Input, Instant, Machine, Outbox, Peer, Scenario};

/// What a host is to do with its newest stream.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    Dial(Peer),
    Write,
    Close,
}

/// Does as it is told, and tells what it hears.
#[derive(Default)]
pub(crate) struct End(Option<Conn>);

impl Machine for End {
    type Command = Do;
    type Event = String;

    fn handle(&mut self, input: Input<'_, Do>, _now: Instant, out: &mut Outbox<String>) {
        match (input, self.0) {
            (Input::Command(Do::Dial(peer)), _) => _ = out.connect(*peer),
            (Input::Command(Do::Write), Some(conn)) => _ = out.write(conn, b"x"),
            (Input::Command(Do::Close), Some(conn)) => out.close(conn),
            (Input::Connected { conn, peer, local }, _) => {
                self.0 = Some(conn);
                out.event(format!("stands {peer} {local}"));
            }
            (Input::ConnectFailed { reason, .. }, _) => {
                self.0 = None;
                out.event(format!("failed: {reason}"));
            }
            (Input::Received { bytes, .. }, _) => bytes.iter().for_each(|_| out.event("byte".to_owned())),
            (Input::Eof { .. }, _) => out.event("eof".to_owned()),
            (Input::Closed { reason, .. }, _) => {
                self.0 = None;
                out.event(format!("closed: {reason}"));
            }
            _ => {}
        }
    }
}

const SERVER: &str = "192.168.0.1:7";
const OUTER: &str = "203.0.113.1:20000";

/// A server and a third host in the open, and two clients behind one NAT, which is at 203.0.113.1.
struct Home {
    net: Net,
    server: Host<End>,
    third: Host<End>,
    clients: [Host<End>; 2],
}

impl Home {
    fn new(nat: Nat) -> Self {
        let net = Net::new("home");
        net.max_time(Duration::from_mins(5));
        net.streams(StreamKind::SEGMENTS);
        let server = net.host("server").listen(7).machine(|_| End::default());
        let third = net.host("third").machine(|_| End::default());
        let home = net.nat("home", nat.public([203, 0, 113, 1].into()));
        let clients = ["a", "b"].map(|name| net.host(name).behind(home).machine(|_| End::default()));
        Self { net, server, third, clients }
    }

    fn at(&self, millis: u64, host: Host<End>, what: Do) {
        self.net.command(Instant::from_millis(millis), host, what);
    }

    /// The first client dials the server at once.
    fn dialed(nat: Nat) -> Self {
        let home = Self::new(nat);
        home.at(0, home.clients[0], dial(SERVER));
        home
    }

    /// What the server, the third host and the clients told, each with its second, and the transcript.
    fn run(self, plan: &str) -> ([Vec<String>; 4], String) {
        let [a, b] = self.clients;
        let hosts = [self.server, self.third, a, b];
        self.look(plan, |engine| {
            let run = engine.view();
            let told = hosts.map(|host| {
                let times = run.times(host).iter();
                times.zip(run.events(host)).map(|(at, told)| format!("{at} {told}")).collect()
            });
            (told, engine.transcript().to_string())
        })
    }

    fn look<T>(self, plan: &str, look: impl FnOnce(&Engine<'_>) -> T) -> T {
        let scenario = Scenario::from(self.net);
        let plan: FaultPlan = plan.parse().unwrap();
        let settings = Settings { plan: Prepared::new(&plan, &scenario).unwrap(), ..Settings::default() };
        let mut engine = Engine::new(&scenario);
        engine.run(&settings);
        assert_eq!((engine.broken(), engine.violation()), (None, None));
        look(&engine)
    }
}

pub(crate) fn dial(to: &str) -> Do {
    Do::Dial(to.parse().unwrap())
}

fn strict() -> Nat {
    Nat::new(NatKind::PortRestricted)
}

/// Whether a line of a transcript begins so, spaces aside.
fn has(transcript: &str, begin: &str) -> bool {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    transcript.lines().any(|line| words(line).starts_with(begin))
}

#[track_caller]
fn assert_has(transcript: &str, lines: &[&str]) {
    for line in lines {
        assert!(has(transcript, line), "{line}\n{transcript}");
    }
}

#[test]
fn a_dial_out_is_seen_with_the_nats_address_and_answered() {
    for kind in NatKind::ALL {
        let home = Home::dialed(Nat::new(kind));
        let [a, b] = home.clients;
        home.at(10, b, dial(SERVER));
        home.at(500, a, Do::Write);
        home.at(1_000, home.server, Do::Write);
        let ([server, third, a, b], transcript) = home.run("");
        assert_eq!(
            server,
            [
                format!("0.015 stands {OUTER} {SERVER}"),
                format!("0.025 stands 203.0.113.1:20001 {SERVER}"),
                "0.505 byte".to_owned()
            ]
        );
        // The server writes to whom it heard of last.
        assert_eq!(a, [format!("0.010 stands {SERVER} 192.168.0.4:49152")]);
        assert_eq!(b, [format!("0.020 stands {SERVER} 192.168.0.5:49152"), "1.005 byte".to_owned()]);
        assert!(third.is_empty() && !transcript.contains(" drop "), "{transcript}");
        assert_has(&transcript, &["0.000 a send #0 [SYN] → server", "0.005 server recv #0 [SYN] ← a"]);
    }
}

/// What comes in afterwards dies at the NAT. What goes out has another port, of which the server's system knows nothing: it
/// answers with a reset. The server's own end hears nothing any more, and is given up after 100 s.
#[test]
fn a_rebind_resets_who_writes_inside_and_leaves_who_writes_outside_alone() {
    let home = Home::dialed(strict());
    home.at(500, home.clients[0], Do::Write);
    home.at(2_500, home.server, Do::Write);
    home.at(4_000, home.clients[0], Do::Write);
    let ([server, _, a, _], transcript) = home.run("at 2s rebind home");
    assert_eq!(a[1..], ["4.010 closed: reset"]);
    assert_eq!(server[1..], ["0.505 byte", "102.500 closed: reset"]);
    assert_has(
        &transcript,
        &[
            "2.505 home drop server>a #2: no mapping",
            "3.505 home drop server>a #3: no mapping",
            "4.000 a send #3 [PSH ACK] 2:3 ack 1 → server",
            "4.005 server recv #3 [PSH ACK] 2:3 ack 1 ← a",
            "4.005 server send #4 [RST] → a",
        ],
    );
}

/// A NAT that has started anew gives the same port again if the same host is the first to send: the server notices nothing.
#[test]
fn a_connection_outlives_a_reboot_that_gives_it_its_port_again() {
    let home = Home::dialed(strict());
    home.at(3_000, home.clients[0], Do::Write);
    home.at(4_000, home.server, Do::Write);
    let ([server, _, a, _], transcript) = home.run("at 2s reboot home");
    assert_eq!((&server[1..], &a[1..]), (&["3.005 byte".to_owned()][..], &["4.005 byte".to_owned()][..]));
    assert!(!transcript.contains(" drop "), "{transcript}");
}

/// With the port of the other's connection, which stands at the server: smoltcp does not answer a SYN there (RFC 5961 has it
/// answer with an acknowledgement, and the client reset the old connection).
#[test]
fn after_a_reboot_another_host_may_get_the_port() {
    let home = Home::dialed(strict());
    home.at(3_000, home.clients[1], dial(SERVER));
    home.at(5_000, home.server, Do::Write);
    home.at(40_000, home.clients[0], Do::Write);
    let ([server, _, a, b], transcript) = home.run("at 2s reboot home");
    assert_eq!(b, ["33.000 failed: connecting timed out"]);
    assert_eq!(a[1..], ["40.010 closed: reset"]);
    // What is for the old one comes to the other host, which dials no more at 36 s, and so resets it.
    assert_eq!(server[1..], ["36.010 closed: reset"]);
    assert_has(&transcript, &["3.005 server recv #0 [SYN] ← b", "5.005 b recv #0 [PSH ACK] 1:2"]);
}

/// RFC 5382 section 4.3: a NAT does not answer a connection that nobody inside has asked for.
#[test]
fn a_dial_to_a_nat_or_to_what_is_behind_it_meets_silence() {
    for (to, kind, death) in [
        ("203.0.113.1:30000", NatKind::FullCone, "1.005 home drop third>home #0: no mapping"),
        (OUTER, NatKind::AddressRestricted, "1.005 home drop third>a #0: filtered"),
        (OUTER, NatKind::Symmetric, "1.005 home drop third>a #0: filtered"),
        ("192.168.0.4:49152", NatKind::FullCone, "1.000 home drop third>a #0: private address"),
    ] {
        let home = Home::dialed(Nat::new(kind));
        home.at(1_000, home.third, dial(to));
        let ([_, third, a, _], transcript) = home.run("");
        assert_eq!((&third[..], a.len()), (&["31.000 failed: connecting timed out".to_owned()][..], 1));
        // A SYN at 1, 2, 4, 8 and 16 s.
        assert_eq!(transcript.matches(" drop ").count(), 5, "{transcript}");
        assert_has(&transcript, &[death]);
    }
}

/// Whoever may send to a mapping reaches the host behind it, whose system says that nobody listens there.
#[test]
fn a_dial_that_a_nat_lets_in_is_refused_by_who_is_behind_it() {
    for (by_third, nat, refused) in [
        (true, Nat::new(NatKind::FullCone), true),
        (false, Nat::new(NatKind::FullCone).hairpin(), true),
        (false, Nat::new(NatKind::PortRestricted).hairpin(), false),
        (false, Nat::new(NatKind::FullCone), false),
    ] {
        let home = Home::dialed(nat);
        let by = if by_third { home.third } else { home.clients[1] };
        home.at(1_000, by, dial(OUTER));
        let ([_, third, _, b], transcript) = home.run("");
        let told = if by_third { third } else { b };
        if refused {
            assert_eq!(told, ["1.010 failed: connection refused"]);
        } else {
            let death = if nat == Nat::new(NatKind::FullCone) {
                "1.000 home drop b>a #0: no hairpin"
            } else {
                "1.005 home drop b>a #0: filtered"
            };
            assert_eq!(told, ["31.000 failed: connecting timed out"]);
            assert_has(&transcript, &[death]);
        }
    }
}

/// Its last segment passes at 1.020 s: what comes before 11.020 s is let in, and nothing then.
#[test]
fn an_idle_connection_dies_with_its_mapping() {
    for (at, is_in_time) in [(11_014, true), (11_015, false)] {
        let home = Home::dialed(strict().tcp_timeout(Duration::from_secs(10)));
        home.at(1_000, home.clients[0], Do::Write);
        home.at(at, home.server, Do::Write);
        let ([_, _, a, _], transcript) = home.run("");
        assert_has(&transcript, &["1.020 a recv #1 [ACK] ack 2 ← server"]);
        assert_eq!(a.len(), 1 + usize::from(is_in_time), "{transcript}");
        assert_eq!(has(&transcript, "11.020 home drop server>a #2: no mapping"), !is_in_time, "{transcript}");
    }
}

/// Unless somebody says otherwise, it is two hours and four minutes; and four minutes once both sides have ended. A rebind is
/// in the transcript if there was a mapping to forget.
#[test]
fn a_mapping_lasts_as_rfc_5382_asks() {
    for (closes, lasts) in [(false, 2 * 3_600 + 4 * 60), (true, 4 * 60)] {
        // The last segments pass between 0 and 2 s.
        for (at, stands) in [(lasts, true), (lasts + 2, false)] {
            let home = Home::dialed(strict());
            home.net.max_time(Duration::from_hours(3));
            if closes {
                home.at(1_000, home.clients[0], Do::Close);
                home.at(1_500, home.server, Do::Close);
            }
            let (_, transcript) = home.run(&format!("at {at}s rebind home"));
            assert_eq!(transcript.contains("rebind"), stands, "{transcript}");
            assert_eq!(transcript.contains("finished"), closes, "{transcript}");
        }
    }
}

#[test]
fn a_stream_is_silent_in_both_directions_once_its_client_has_left_the_nat() {
    let home = Home::dialed(strict());
    home.at(3_000, home.server, Do::Write);
    home.at(4_000, home.clients[0], Do::Write);
    let ([server, _, a, _], transcript) = home.run("at 2s move a 10.0.1.7");
    assert_eq!(server[1..], ["103.000 closed: reset"], "{transcript}");
    assert_eq!(a[1..], ["104.000 closed: reset"]);
}

#[test]
fn datagrams_and_segments_have_ports_of_their_own() {
    // The first mapping of UDP does not take the port of the first of TCP.
    let (net, server, client) = both();
    net.streams(StreamKind::SEGMENTS);
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    let run = engine.view();
    assert_eq!(run.events(server), ["datagram 203.0.113.1:20000", "stream 203.0.113.1:20000"]);
    assert_eq!(run.events(client).len(), 0);
}

/// Sends a datagram, and dials; or tells from where each comes.
struct Both(Option<Peer>);

impl Machine for Both {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<String>) {
        match (input, self.0) {
            (Input::Start { .. }, Some(server)) => {
                out.send(server, b"x");
                out.connect(server);
            }
            (Input::Datagram { peer, .. }, None) => out.event(format!("datagram {peer}")),
            (Input::Connected { peer, .. }, None) => out.event(format!("stream {peer}")),
            _ => {}
        }
    }
}

fn both() -> (Net, Host<Both>, Host<Both>) {
    let net = Net::new("both");
    net.max_time(Duration::from_secs(1));
    let server = net.host("server").udp(7).listen(7).machine(|_| Both(None));
    let home = net.nat("home", strict().public([203, 0, 113, 1].into()));
    let client = net.host("client").udp(0).behind(home);
    let client = client.machine(move |boot| Both(Some(boot.peer(server))));
    (net, server, client)
}

/// A capture shows the segments as they are outside, with right checksums, and says of each that died at the NAT why.
#[cfg(feature = "capture")]
#[test]
fn a_capture_has_the_addresses_outside_and_says_what_died() {
    let home = Home::dialed(strict());
    home.at(500, home.clients[0], Do::Write);
    home.at(2_500, home.server, Do::Write);
    home.at(4_000, home.clients[0], Do::Write);
    let file = home.look("at 2s rebind home", |engine| lossproof::capture::export(&engine.transcript(), ""));
    let path = format!("{}/nat.pcapng", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, file).unwrap();
    let fields = ["ip.checksum.status", "tcp.checksum.status", "_ws.malformed", "ip.src", "tcp.srcport"];
    let fields = fields.into_iter().chain(["tcp.stream", "tcp.flags.str", "_ws.expert.message"]);
    let output = std::process::Command::new("tshark")
        .args(["-r", &path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields"])
        .args(fields.flat_map(|field| ["-e", field]))
        .output();
    let Ok(output) = output else {
        eprintln!("skipped: tshark is not installed ('apt-get install tshark' does that)");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let packets: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert!(packets.iter().all(|packet| packet[..3] == ["1", "1", ""]), "{text}");
    let at = |index: usize| [packets[index][3], packets[index][4], packets[index][5]];
    assert_eq!(at(0), ["203.0.113.1", "20000", "0"], "{text}");
    // After the rebind it is another connection.
    let anew = packets.iter().position(|packet| packet[5] == "1").unwrap();
    assert_eq!(at(anew), ["203.0.113.1", "20001", "1"], "{text}");
    assert!(text.contains("lost: server>a #2: home: no mapping"), "{text}");
    assert!(!text.contains("192.168.0.4"), "{text}");
}
