//! What is kept of what does not repeat.

use std::collections::VecDeque;
use std::time::Duration;

use lossproof::fault::FaultPlan;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};

use crate::{counted, printed};

/// Passes on what comes in, after a while.
struct Relay {
    to: Option<Peer>,
    after: Duration,
    held: VecDeque<(Instant, Vec<u8>)>,
}

impl Machine for Relay {
    type Command = String;
    type Event = String;

    fn handle(&mut self, input: Input<'_, String>, now: Instant, out: &mut Outbox<String>) {
        match (input, self.to) {
            (Input::Command(text), Some(to)) => out.send(to, text.as_bytes()),
            (Input::Datagram { bytes, .. }, Some(_)) => {
                self.held.push_back((now + self.after, bytes.to_vec()));
            }
            (Input::Datagram { bytes, .. }, None) => out.event(String::from_utf8_lossy(bytes).into_owned()),
            (Input::Timeout, Some(to)) => {
                if let Some((_, bytes)) = self.held.pop_front() {
                    out.send(to, &bytes);
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.held.front().map(|(at, _)| *at)
    }
}

/// Tells each tenth of a second that all is well, and once that it is not.
struct Watcher {
    next_at: Option<Instant>,
}

impl Machine for Watcher {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, _: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
        out.event(if now == Instant::from_millis(3_100) { "smoke" } else { "all is well" });
        self.next_at = Some(now + Duration::from_millis(100));
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_at
    }
}

/// Says another word every ten milliseconds: no block of them is like another.
struct Chatter {
    to: Option<Peer>,
    next_at: Option<Instant>,
    state: u64,
}

impl Machine for Chatter {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        if let (Input::Start { .. } | Input::Timeout, Some(to)) = (input, self.to) {
            self.state =
                self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let word: Vec<u8> = self.state.to_be_bytes().iter().map(|byte| b'a' + byte % 26).collect();
            out.send(to, &word);
            self.next_at = Some(now + Duration::from_millis(10));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_at
    }
}

/// Orders go from `a` by `b` to `c`, and take their time, while two others chat and one watches.
pub(crate) fn net() -> Net {
    let net = Net::new("order");
    net.max_time(Duration::from_secs(30));
    let (speaker, hearer) = (net.host("x").udp(1), net.host("y").udp(1));
    let to = hearer.id();
    speaker.machine(move |boot| Chatter { to: Some(boot.peer(to)), next_at: None, state: 1 });
    hearer.machine(|_| Chatter { to: None, next_at: None, state: 1 });
    net.host("watcher").machine(|_| Watcher { next_at: None });
    let relay = |to, after| Relay { to, after: Duration::from_secs(after), held: VecDeque::new() };
    let last = net.host("c").udp(1).machine(move |_| relay(None, 0));
    let middle = net.host("b").udp(1).machine(move |boot| relay(Some(boot.peer(last)), 4));
    let first = net.host("a").udp(1).machine(move |boot| relay(Some(boot.peer(middle)), 0));
    for number in 0..60 {
        net.command(Instant::from_millis(300 * number + 151), first, format!("order {number}"));
    }
    net.always("order 17 is never delivered", move |run| !run.events(last).contains(&"order 17".to_owned()));
    net
}

/// Far apart, among a thousand lines that have nothing to do with it and forty orders that look like it.
#[test]
fn what_led_to_it_is_kept() {
    let (report, verdict) = printed(&Check::new(net()).without_laws().plan(FaultPlan::default()).runs(1));
    let transcript = &verdict.failure().unwrap_or_else(|| panic!("{report}")).transcript;
    assert!(transcript.lines().count() > 1_800, "{report}");
    let excerpt = report.split_once("\n\n").unwrap().1;
    assert_eq!(counted::counts(excerpt, transcript), Ok(()), "{report}");
    for line in [
        "5.251  a        command #17",
        "5.251  a        send  #17 \"order 17\" → b",
        "5.256  b        recv  #17 \"order 17\" ← a",
        "9.256  b        send  #17 \"order 17\" → c",
        "9.261  c        recv  #17 \"order 17\" ← b",
        "9.261  c        event \"order 17\"",
        "9.261  c        broken order 17 is never delivered: it did not hold at 9.261",
        // It happens once.
        "3.100  watcher  event \"smoke\"",
    ] {
        assert!(excerpt.lines().any(|kept| kept == line), "{line}\n{report}");
    }
}

/// What hit nothing that led to it is shown with what it hit.
#[test]
fn a_fault_is_kept_with_what_it_hit() {
    let plan = "x>y #7 drop; x>y #300 duplicate; a>b #3 drop";
    let check =
        Check::new(net()).without_laws().plan(plan.parse().unwrap()).max_shrink(0, Duration::ZERO).runs(1);
    let (report, _) = printed(&check);
    for line in [
        "0.070  -        fault x>y #7 drop",
        "3.000  -        fault x>y #300 duplicate",
        "1.051  a        send  #3 \"order 3\" → b",
        "1.051  -        fault a>b #3 drop",
    ] {
        assert!(report.lines().any(|kept| kept == line), "{line}\n{report}");
    }
    let of = |start: &str| report.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((of("0.070  x        send  #7 "), of("3.000  x        send  #300 ")), (1, 1), "{report}");
    assert_eq!(of("3.005  y        recv  #300 "), 2, "it came twice: {report}");
}
