//! link: selective repeat over a link that keeps the order, numbered modulo sixteen.
//!
//! ```text
//! sender ── 0 message 0 ──► receiver      eight messages at most are on their way
//!        ── 1 message 1 ──►
//!        ◄── ack 2 ──────── receiver      5 ms after the first of those that it acknowledges
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use super::{parsed, words};
use crate::fault::FaultKind;
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::scenario::{Net, Transport};
use crate::specimens::{Specimen, System};
use crate::systems::{About, Options};
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About = About::new(
    "link",
    1060,
    Transport::Udp,
    "selective repeat with sixteen numbers, over a link that keeps the order",
);

/// How many numbers there are.
const NUMBERS: u32 = 16;
/// How many messages are on their way at most: half of the numbers.
const WINDOW: u32 = 8;
/// How many messages there are.
const MESSAGES: u32 = 20;
const RESEND_AFTER: Duration = Duration::from_millis(100);
const ACK_AFTER: Duration = Duration::from_millis(5);
/// By when all has come.
const BOUND: Duration = Duration::from_mins(2);

const SYSTEM: System = (ABOUT.name, net);

/// Both ends have nine of sixteen numbers in their windows. Where one acknowledgement of all nine is lost, the first of
/// them comes again and is taken for the seventeenth (Tanenbaum, "Computer Networks", 3.4.3: protocol 6; RFC 1982 says
/// which numbers can be compared).
const WINDOW_TOO_LARGE_BY_ONE: &str = "window-too-large-by-one";

/// All of them.
pub(in crate::specimens) const BUGS: &[Specimen] = &[Specimen::new(
    SYSTEM,
    WINDOW_TOO_LARGE_BY_ONE,
    "nine of sixteen numbers are on their way at the same time",
    "receiver>sender #0 drop",
    |net, _| {
        let receiver = net.find::<Receiver>("receiver");
        net.replace(receiver, |_| Receiver::new(WINDOW + 1));
        net.replace(net.find::<Sender>("sender"), move |boot| Sender::new(boot.peer(receiver), WINDOW + 1));
    },
)];

fn text(number: u32) -> String {
    format!("message {number}")
}

/// Sends its messages, each again until it is acknowledged.
#[derive(Debug)]
pub struct Sender {
    receiver: Peer,
    window: u32,
    /// The first that is not acknowledged.
    base: u32,
    /// The next to be sent for the first time.
    next: u32,
    resend_at: Option<Instant>,
}

impl Sender {
    const fn new(receiver: Peer, window: u32) -> Self {
        Self { receiver, window, base: 0, next: 0, resend_at: None }
    }

    fn send(&self, number: u32, out: &mut Outbox<()>) {
        out.send_fmt(self.receiver, format_args!("{} {}", number % NUMBERS, text(number)));
    }

    /// Sends what there is room for.
    fn fill(&mut self, now: Instant, out: &mut Outbox<()>) {
        while self.next < MESSAGES.min(self.base + self.window) {
            self.send(self.next, out);
            self.next += 1;
        }
        self.resend_at = Some(now + RESEND_AFTER);
    }

    fn acknowledged(&mut self, number: u32, now: Instant, out: &mut Outbox<()>) {
        let advance = (number + NUMBERS - self.base % NUMBERS) % NUMBERS;
        if advance == 0 || advance > self.next - self.base {
            return;
        }
        self.base += advance;
        if self.base == MESSAGES {
            self.resend_at = None;
            out.done(Status::Success);
        } else {
            self.fill(now, out);
        }
    }
}

impl Machine for Sender {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => self.fill(now, out),
            Input::Timeout => {
                self.send(self.base, out);
                self.resend_at = Some(now + RESEND_AFTER);
            }
            Input::Datagram { bytes, .. } => {
                if let Some(number) = parsed::<u32>(words(bytes).nth(1)).filter(|number| *number < NUMBERS) {
                    self.acknowledged(number, now, out);
                }
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.resend_at
    }
}

/// Tells what has come, in order.
#[derive(Debug)]
pub struct Receiver {
    window: u32,
    next: u32,
    /// What came before its turn.
    kept: BTreeMap<u32, String>,
    ack: Option<(Instant, Peer)>,
}

impl Receiver {
    const fn new(window: u32) -> Self {
        Self { window, next: 0, kept: BTreeMap::new(), ack: None }
    }

    fn came(&mut self, number: u32, text: &str, out: &mut Outbox<String>) {
        let ahead = (number + NUMBERS - self.next % NUMBERS) % NUMBERS;
        if ahead < self.window {
            self.kept.entry(self.next + ahead).or_insert_with(|| text.to_owned());
        }
        while let Some(text) = self.kept.remove(&self.next) {
            out.event(text);
            self.next += 1;
        }
    }
}

impl Machine for Receiver {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Datagram { peer, bytes, .. } => {
                let (number, text) = str::from_utf8(bytes).ok().and_then(|line| line.split_once(' ')).unzip();
                let number = parsed::<u32>(number).filter(|number| *number < NUMBERS);
                if let (Some(number), Some(text)) = (number, text) {
                    self.came(number, text, out);
                    self.ack.get_or_insert((now + ACK_AFTER, peer));
                }
            }
            Input::Timeout => {
                if let Some((_, peer)) = self.ack.take() {
                    out.send_fmt(peer, format_args!("ack {}", self.next % NUMBERS));
                }
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ack.map(|(at, _)| at)
    }
}

/// A receiver and a sender to it.
pub fn net(_: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.max_time(BOUND);
    let receiver = net.host("receiver").udp(ABOUT.port).machine(|_| Receiver::new(WINDOW));
    let sender = net.host("sender").udp(0).machine(move |boot| Sender::new(boot.peer(receiver), WINDOW));
    net.fold("what was sent comes once, whole and in order", || 0).on(receiver, |next, came: &String, _| {
        *next += 1;
        *came == text(*next - 1)
    });
    net.eventually_within("all is acknowledged", BOUND, move |run| run.status(sender).is_some());
    // It has sixteen numbers and no handshake: nothing may be overtaken, and both ends are there from begin to end.
    net.rules_out([FaultKind::Delay, FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    net
}
