//! What is kept of what does not repeat.

use std::time::Duration;

use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};

use crate::{counted, printed};

/// Passes on what comes in, after a while.
struct Relay {
    to: Option<Peer>,
    after: Duration,
    held: Option<(Instant, Vec<u8>)>,
}

impl Machine for Relay {
    type Command = &'static str;
    type Event = String;

    fn handle(&mut self, input: Input<'_, &'static str>, now: Instant, out: &mut Outbox<String>) {
        match (input, self.to) {
            (Input::Command(text), Some(to)) => out.send(to, text.as_bytes()),
            (Input::Datagram { bytes, .. }, Some(_)) => self.held = Some((now + self.after, bytes.to_vec())),
            (Input::Datagram { bytes, .. }, None) => out.event(String::from_utf8_lossy(bytes).into_owned()),
            (Input::Timeout, Some(to)) => {
                if let Some((_, bytes)) = self.held.take() {
                    out.send(to, &bytes);
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.held.as_ref().map(|(at, _)| *at)
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

/// An order goes from `a` by `b` to `c`, and takes its time, while two others chat.
fn net() -> Net {
    let net = Net::new("order");
    net.max_time(Duration::from_secs(30));
    let (speaker, hearer) = (net.host("x").udp(1), net.host("y").udp(1));
    let to = hearer.id();
    speaker.machine(move |boot| Chatter { to: Some(boot.peer(to)), next_at: None, state: 1 });
    hearer.machine(|_| Chatter { to: None, next_at: None, state: 1 });
    let relay = |to, after| Relay { to, after: Duration::from_secs(after), held: None };
    let c = net.host("c").udp(1).machine(move |_| relay(None, 0));
    let b = net.host("b").udp(1).machine(move |boot| relay(Some(boot.peer(c)), 9));
    let a = net.host("a").udp(1).machine(move |boot| relay(Some(boot.peer(b)), 0));
    net.command(Instant::from_millis(500), a, "buy");
    net.command(Instant::from_millis(1_500), a, "sell");
    net.always("nothing is bought", move |run| !run.events(c).contains(&"buy".to_owned()));
    net.always("nothing is sold", move |run| !run.events(c).contains(&"sell".to_owned()));
    net
}

/// Far apart, among thousands of lines that have nothing to do with it.
#[test]
fn what_led_to_it_is_kept() {
    let (report, verdict) = printed(&Check::new(net()).plan("a>b #1 drop".parse().unwrap()).runs(1));
    let transcript = &verdict.failure().unwrap_or_else(|| panic!("{report}")).transcript;
    assert!(transcript.lines().count() > 1_800, "{report}");
    let excerpt = report.split_once("\n\n").unwrap().1;
    assert_eq!(counted::counts(excerpt, transcript), Ok(()), "{report}");
    for line in [
        "0.500  a  command #0",
        "0.500  a  send  #0 \"buy\" → b",
        "0.505  b  recv  #0 \"buy\" ← a",
        "9.505  b  send  #0 \"buy\" → c",
        "9.510  c  recv  #0 \"buy\" ← b",
        "9.510  c  event \"buy\"",
        "9.510  c  broken nothing is bought: it did not hold at 9.510",
    ] {
        assert!(excerpt.lines().any(|kept| kept == line), "{line}\n{report}");
    }
}

/// What hit nothing that led to it is shown with what it hit.
#[test]
fn a_fault_is_kept_with_what_it_hit() {
    let plan = "x>y #7 drop; x>y #300 duplicate; a>b #1 drop";
    let check = Check::new(net()).plan(plan.parse().unwrap()).max_shrink(0, Duration::ZERO).runs(1);
    let (report, _) = printed(&check);
    for line in [
        "0.070  -  fault x>y #7 drop",
        "3.000  -  fault x>y #300 duplicate",
        "1.500  a  send  #1 \"sell\" → b",
        "1.500  -  fault a>b #1 drop",
    ] {
        assert!(report.lines().any(|kept| kept == line), "{line}\n{report}");
    }
    let of = |start: &str| report.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!((of("0.070  x  send  #7 "), of("3.000  x  send  #300 ")), (1, 1), "{report}");
    assert_eq!(of("3.005  y  recv  #300 "), 2, "it came twice: {report}");
}
