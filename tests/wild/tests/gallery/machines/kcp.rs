//! `kcp` 0.6.0: reliable messages over datagrams. A client says ten lines; the clock is u32 milliseconds.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use kcp::Kcp;
use lossproof::fault::FaultKind;
use lossproof::{Host, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, finding, holds};

/// Where kcp writes each packet that it wants sent.
#[derive(Clone, Default)]
struct Packets(Rc<RefCell<Vec<Vec<u8>>>>);

impl io::Write for Packets {
    fn write(&mut self, packet: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(packet.to_vec());
        Ok(packet.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// When kcp is updated: the two ways that its documentation names.
#[derive(Clone, Copy)]
enum Updates {
    Every10Ms,
    WhenCheckSays,
}

struct End {
    kcp: Kcp<Packets>,
    packets: Packets,
    peer: Peer,
    updates: Updates,
    /// What kcp's clock shows when the machine begins, and when that is.
    first_ms: u32,
    begun_at: Option<Instant>,
    update_at: Option<Instant>,
}

impl End {
    fn new(peer: Peer, updates: Updates, first_ms: u32) -> Self {
        let packets = Packets::default();
        let kcp = Kcp::new(7, packets.clone());
        Self { kcp, packets, peer, updates, first_ms, begun_at: None, update_at: None }
    }
}

impl Machine for End {
    type Command = &'static str;
    type Event = String;

    fn handle(&mut self, input: Input<'_, &'static str>, now: Instant, out: &mut Outbox<String>) {
        let begun_at = *self.begun_at.get_or_insert(now);
        let now_ms = self.first_ms.wrapping_add(now.since(begun_at).as_millis() as u32);
        match input {
            Input::Command(line) => drop(self.kcp.send(line.as_bytes()).expect("the line is short")),
            // A packet that is not kcp's is refused with an error.
            Input::Datagram { bytes, .. } => drop(self.kcp.input(bytes)),
            _ => {}
        }
        if let Input::Start { .. } | Input::Timeout = input {
            self.kcp.update(now_ms).expect("the output takes all");
        }
        let mut line = [0; 100];
        while let Ok(len) = self.kcp.recv(&mut line) {
            out.event(String::from_utf8_lossy(&line[..len]).into_owned());
        }
        self.packets.0.borrow_mut().drain(..).for_each(|packet| out.send(self.peer, &packet));
        let wait = match (self.updates, input, self.update_at) {
            (Updates::WhenCheckSays, ..) => Duration::from_millis(self.kcp.check(now_ms).into()),
            (Updates::Every10Ms, Input::Start { .. } | Input::Timeout, _) | (.., None) => {
                Duration::from_millis(10)
            }
            (Updates::Every10Ms, _, Some(update_at)) => update_at.since(now),
        };
        self.update_at = Some(now + wait);
    }

    fn deadline(&self) -> Option<Instant> {
        self.update_at
    }
}

const LINES: [&str; 10] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

fn net(updates: Updates, first_ms: u32) -> (Net, Host<End>) {
    let net = Net::new("kcp");
    net.max_time(Duration::from_secs(30));
    // A clock that jumps makes a round trip long, and then a segment is sent again after up to a minute: as it is meant.
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart, FaultKind::Skew]);
    net.decode(shown);
    let (server, client) = (net.host("server").udp(4000), net.host("client").udp(4000));
    let ids = (server.id(), client.id());
    let server = server.machine(move |boot| End::new(boot.peer(ids.1), updates, first_ms));
    let client = client.machine(move |boot| End::new(boot.peer(ids.0), updates, first_ms));
    for (line, at) in LINES.into_iter().zip((100..).step_by(70)) {
        net.command(Instant::from_millis(at), client, line);
    }
    net.always("lines come once and in order", move |run| {
        let lines = run.events(server);
        lines.len() <= LINES.len() && lines.iter().eq(&LINES[..lines.len()])
    });
    (net, server)
}

/// The segments of a packet.
fn shown(mut packet: &[u8]) -> Option<String> {
    let mut segments = Vec::new();
    while let Some((head, rest)) = packet.split_at_checked(24) {
        let word = |at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (number, data_len) = (word(12), word(20) as usize);
        let data = rest.get(..data_len)?;
        segments.push(match head[4] {
            81 => format!("push {number} {}", data.escape_ascii()),
            82 => format!("ack {number}"),
            83 => "window?".to_owned(),
            _ => "window".to_owned(),
        });
        packet = &rest[data_len..];
    }
    Some(segments.join(", "))
}

#[test]
fn lines_arrive_if_it_is_updated_every_10_ms() {
    let (net, server) = net(Updates::Every10Ms, 0);
    net.converges_within("all lines arrive", Duration::from_secs(20), 100_000, move |run| {
        run.events(server).len() == LINES.len()
    });
    holds("kcp", check(net, 2_000).calm_at(Instant::from_millis(4_000)));
}

#[test]
fn check_says_now_and_update_does_nothing() {
    finding("kcp-check", || check(net(Updates::WhenCheckSays, 0).0, 2_000), "v2; client>server #0 drop");
}

#[test]
fn a_clock_that_passes_2_31_ms_panics() {
    finding("kcp-overflow", || check(net(Updates::Every10Ms, (1 << 31) - 500).0, 1), "v2");
}
