//! Counters that wrap (law 10), and fingerprints that forget (law 11).

use std::hash::{Hash, Hasher};
use std::time::Duration;

use lossproof::machine::Law;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Profile};

/// Sends numbered blocks, each until it is acknowledged.
struct Sender {
    to: Peer,
    number: u8,
    left: u8,
    send_at: Option<Instant>,
}

impl Sender {
    fn send(&mut self, now: Instant, out: &mut Outbox<&'static str>) {
        out.send(self.to, &[self.number]);
        self.send_at = Some(now + Duration::from_millis(50));
    }
}

impl Machine for Sender {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Start { .. } | Input::Timeout => self.send(now, out),
            Input::Datagram { bytes, .. } if bytes == [self.number] && self.left > 0 => {
                (self.number, self.left) = (self.number.wrapping_add(1), self.left - 1);
                if self.left > 0 {
                    self.send(now, out);
                } else {
                    self.send_at = None;
                    out.event("all are acknowledged");
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.send_at
    }
}

/// Takes what is new and acknowledges all that it has had.
struct Receiver {
    next: u8,
    /// It compares numbers as if they did not wrap.
    is_naive: bool,
}

impl Machine for Receiver {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<&'static str>) {
        let Input::Datagram { bytes, .. } = input else { return };
        let number = bytes[0];
        let is_new = if self.is_naive { number >= self.next } else { number.wrapping_sub(self.next) < 128 };
        if is_new {
            self.next = number.wrapping_add(1);
            out.event("a block");
        }
        out.reply(&[number]);
    }
}

fn blocks(is_naive: bool) -> Net {
    let net = Net::new("blocks");
    let receiver = net
        .host("receiver")
        .udp(1)
        .machine(move |boot| Receiver { next: boot.first_number() as u8, is_naive });
    net.host("sender").udp(2).machine(move |boot| Sender {
        to: boot.peer(receiver),
        number: boot.first_number() as u8,
        left: 6,
        send_at: None,
    });
    net
}

#[test]
fn numbers_that_are_compared_as_if_they_did_not_wrap_are_found() {
    Check::new(blocks(false)).loss(0.2).wrapping().runs(300).assert();
    Check::new(blocks(true)).loss(0.2).runs(300).assert();
    let verdict = Check::new(blocks(true)).loss(0.2).wrapping().runs(300).verdict().unwrap();
    let failure = verdict.failure().expect("it is naive");
    assert_eq!(failure.broken, Law::WrapsUnseen.to_string());
    assert!(
        failure.plan.len() == 1 && failure.detail.starts_with("with counters about to wrap "),
        "{failure:?}"
    );
}

/// Answers every third datagram, by a count that its fingerprint may forget.
struct Third {
    count: u8,
    forgets: bool,
}

impl Machine for Third {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { .. } = input {
            self.count = (self.count + 1) % 3;
            if self.count == 0 {
                out.reply(b"third");
            }
        }
    }

    fn fingerprint(&self, _: Instant, mut to: &mut dyn Hasher) -> bool {
        if !self.forgets {
            self.count.hash(&mut to);
        }
        true
    }
}

fn thirds(forgets: bool) -> Net {
    let net = Net::new("thirds");
    let server = net.host("server").udp(1).machine(move |_| Third { count: 0, forgets });
    net.host("sender").udp(2).machine(move |boot| Sender {
        to: boot.peer(server),
        number: 0,
        left: 1,
        send_at: None,
    });
    net.max_time(Duration::from_secs(2));
    net
}

#[test]
fn a_field_that_a_fingerprint_forgets_is_found() {
    Check::new(thirds(false)).runs(200).assert();
    let verdict = Check::new(thirds(true)).profile(Profile::CALM).runs(200).verdict().unwrap();
    let failure = verdict.failure().expect("it forgets");
    assert_eq!(
        (failure.broken.as_str(), failure.plan.len()),
        (Law::FingerprintsAreTrue.to_string().as_str(), 0)
    );
    assert!(
        failure.detail.starts_with("server: at 0.105 the machine put out something else"),
        "{}",
        failure.detail
    );
    // It takes a law to see it.
    Check::new(thirds(true)).without_laws().runs(200).assert();
}
