use lossproof::{Check, FaultPlan, Input, Instant, Machine, Net, Outbox, Peer};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The group and the port of multicast DNS (RFC 6762).
const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 251));
const PORT: u16 = 5353;

/// Answers who asks the group, after a delay of its own, so that not all printers answer at once.
struct Printer {
    name: &'static str,
    delay: Duration,
    asker: Option<(Instant, Peer)>,
}

impl Machine for Printer {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => out.join(GROUP),
            Input::Datagram { peer, bytes: b"who prints?", .. } => {
                self.asker = Some((now + self.delay, peer));
            }
            Input::Timeout => {
                if let Some((_, asker)) = self.asker.take() {
                    out.send(asker, self.name.as_bytes());
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.asker.map(|(answer_at, _)| answer_at)
    }
}

/// Looks for the printer that is called laser, and reports its address.
struct Finder {
    asks_again: bool,
    ask_at: Option<Instant>,
}

impl Machine for Finder {
    type Command = ();
    type Event = Peer;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Peer>) {
        match input {
            Input::Start { .. } | Input::Timeout => {
                out.send((GROUP, PORT).into(), b"who prints?");
                self.ask_at = self.asks_again.then(|| now + Duration::from_secs(1));
            }
            Input::Datagram { peer, bytes: b"laser", .. } => {
                self.ask_at = None;
                out.event(peer);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }
}

/// Two printers in the group, and a host that looks for one of them.
fn office(asks_again: bool) -> Net {
    let net = Net::new("office");
    for name in ["laser", "inkjet"] {
        net.host(name).udp(PORT).machine(move |boot| Printer {
            name,
            delay: Duration::from_millis(20 + boot.seed() % 100),
            asker: None,
        });
    }
    let finder = net.host("finder").udp(0).machine(move |_| Finder { asks_again, ask_at: None });
    net.eventually_within("the printer is found", Duration::from_mins(1), move |run| {
        !run.events(finder).is_empty()
    });
    net
}

#[test]
fn what_is_lost_is_sent_again() {
    Check::new(office(true)).runs(1_000).loss(0.3).assert();

    // Each printer has a copy of the question: a loss of one does no harm to the other.
    let plan = |text: &str| text.parse::<FaultPlan>().unwrap();
    let check = |text| Check::new(office(false)).plan(plan(text)).runs(1).loss(0.0);
    check("finder>inkjet #0 drop").assert();
    for text in ["finder>laser #0 drop", "laser>finder #0 drop"] {
        assert!(!check(text).verdict().unwrap().holds(), "nobody asks again");
    }
}
