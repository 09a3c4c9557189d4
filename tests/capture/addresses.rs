//! Hosts with other addresses than the one that every host has: IPv6, further ones, and Unix sockets.

use lossproof::capture::{self, Payload};
use lossproof::engine::{Engine, Settings};
use lossproof::machine::Conn;
use lossproof::scenario::Net;
use lossproof::{Input, Instant, Machine, Outbox, Peer, Scenario, Status};

/// Answers what it hears, on datagrams and on streams.
struct Echo;

impl Machine for Echo {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Datagram { bytes, .. } => out.reply(bytes),
            Input::Received { conn, bytes } => assert_eq!(out.write(conn, bytes), bytes.len()),
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}

/// Says something to all of these, by datagrams or by streams, and ends when all have answered.
struct Caller {
    datagrams: Vec<(Peer, Peer)>,
    streams: Vec<Peer>,
    open: usize,
}

impl Machine for Caller {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        let over = |conn: Conn, out: &mut Outbox<()>| out.close(conn);
        match input {
            Input::Start { .. } => {
                self.datagrams.iter().for_each(|(local, peer)| out.send_from(*local, *peer, b"datagram"));
                for peer in &self.streams {
                    out.connect(*peer);
                }
            }
            Input::Connected { conn, .. } => assert_eq!(out.write(conn, b"stream"), 6),
            Input::Datagram { .. } => self.open -= 1,
            Input::Received { conn, .. } => {
                self.open -= 1;
                over(conn, out);
            }
            _ => {}
        }
        if self.open == 0 {
            out.done(Status::Success);
        }
    }
}

fn peer(text: &str) -> Peer {
    text.parse().expect("it is an address")
}

/// A server at four kinds of address, and a client that calls it at each.
fn scenario() -> Scenario {
    let net = Net::new("addresses");
    let [further, path] = [peer("10.0.0.1:7"), peer("unix:/run/echo")];
    let server = net.host("server").udp(7).udp6(7).udp_at(further).udp_at(path);
    let server = server.listen(8).listen6(8).listen_at(path).machine(|_| Echo);
    let six = peer("[fd00::1]:7");
    let locals = [peer("192.168.0.2:9"), peer("[fd00::2]:9"), peer("unix:/run/caller")];
    let client = net.host("client").udp(9).udp6(9).udp_at(locals[2]);
    client.machine(move |boot| {
        let four = boot.peer(server);
        let datagrams = vec![(locals[0], four), (locals[1], six), (locals[0], further), (locals[2], path)];
        let streams = vec![four.with_port(8), six.with_port(8), path];
        Caller { open: datagrams.len() + streams.len(), datagrams, streams }
    });
    Scenario::from(net)
}

#[test]
fn packets_have_the_addresses_that_they_were_sent_to_and_unix_sockets_none() {
    let scenario = scenario();
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { laws: None, ..Settings::default() });
    assert_eq!(engine.statuses()[1], Some(Status::Success), "{}", engine.transcript());
    let file = capture::export(&engine.transcript(), "a run");
    let read = capture::read(&file).unwrap();
    assert_eq!((read.replay.as_deref(), read.others), (Some("a run"), 0));

    let datagrams: Vec<String> = read
        .frames
        .iter()
        .filter(|frame| frame.payload == Payload::Datagram(b"datagram".to_vec()))
        .map(|frame| format!("{} > {}", frame.from, frame.to))
        .collect();
    assert_eq!(
        datagrams,
        [
            "192.168.0.2:9 > 192.168.0.1:7",
            "[fd00::2]:9 > [fd00::1]:7",
            "192.168.0.2:9 > 10.0.0.1:7",
            "192.168.0.1:7 > 192.168.0.2:9",
            "[fd00::1]:7 > [fd00::2]:9",
            "10.0.0.1:7 > 192.168.0.2:9",
        ]
    );
    let said = |frame: &&capture::Frame| matches!(&frame.payload, Payload::Segment { bytes, .. } if bytes == b"stream");
    let said: Vec<_> = read.frames.iter().filter(said).map(|frame| frame.to.to_string()).collect();
    assert_eq!(said[..2], ["192.168.0.1:8", "[fd00::1]:8"]);
    assert_eq!(said.len(), 4);

    let left_out = capture::left_out(&engine.transcript());
    assert!(left_out > 6, "{left_out}");
    let note = format!("{left_out} packets of unix sockets are left out");
    assert!(String::from_utf8_lossy(&file).contains(&note), "{note}");
}

/// A refusal over IPv6 is word of the ICMP of IPv6, with the datagram in it.
#[test]
fn a_refusal_goes_the_way_of_what_is_refused() {
    let net = Net::new("refused");
    let server = net.host("server").udp6(7).machine(|_| Echo);
    net.host("client").udp6(9).connected(server).machine(move |boot| Caller {
        datagrams: vec![(peer("[fd00::2]:9"), boot.peer(server))],
        streams: Vec::new(),
        open: 1,
    });
    let scenario = Scenario::from(net);
    let plan = &"at 1ms crash server".parse().unwrap();
    let plan = lossproof::engine::Prepared::new(plan, &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { plan, ..Settings::default() });
    let file = capture::export(&engine.transcript(), "");
    let read = capture::read(&file).unwrap();
    assert_eq!((read.frames.len(), read.others), (1, 1));
    // Destination unreachable, port unreachable (RFC 4443, 3.1), and later the text of what was refused.
    let blocks = pcap_parser::PcapNGSlice::from_slice(&file).unwrap();
    let packets: Vec<Vec<u8>> = blocks
        .filter_map(|block| match block.unwrap() {
            pcap_parser::PcapBlockOwned::NG(pcap_parser::Block::EnhancedPacket(packet)) => {
                Some(packet.data[..packet.caplen as usize].to_vec())
            }
            _ => None,
        })
        .collect();
    let refusal = &packets[1][14 + 40..];
    assert_eq!(refusal[..2], [1, 4]);
    assert!(refusal.ends_with(b"datagram"));
}
