use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// Wants to lead. It leads if it hears no other claim for 50 ms. If it does, it waits 100 ms and claims again.
struct Member {
    other: Peer,
    leads_at: Option<Instant>,
    claims_at: Option<Instant>,
}

impl Machine for Member {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
        match (input, self.leads_at) {
            (Input::Timeout, Some(_)) => {
                self.leads_at = None;
                out.event("I lead");
            }
            (Input::Start { .. } | Input::Timeout, None) => {
                out.send(self.other, b"I claim to lead");
                (self.leads_at, self.claims_at) = (Some(now + Duration::from_millis(50)), None);
            }
            (Input::Datagram { .. }, _) => {
                (self.leads_at, self.claims_at) = (None, Some(now + Duration::from_millis(100)));
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.leads_at.or(self.claims_at)
    }

    /// Everything that decides how this machine goes on, with times relative to `now`.
    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        let left = |at: Option<Instant>| at.map(|at| at.since(now));
        (left(self.leads_at), left(self.claims_at)).hash(&mut to);
        true
    }
}

#[test]
#[ignore = "it fails, which is what the guide shows"]
fn somebody_leads() {
    let net = Net::new("election");
    let (ann, bob) = (net.host("ann").udp(7), net.host("bob").udp(7));
    let (at_ann, at_bob) = (ann.id(), bob.id());
    let member = |other| Member { other, leads_at: None, claims_at: None };
    let ann = ann.machine(move |boot| member(boot.peer(at_bob)));
    let bob = bob.machine(move |boot| member(boot.peer(at_ann)));
    net.eventually_within("somebody leads", Duration::from_secs(30), move |run| {
        !run.events(ann).is_empty() || !run.events(bob).is_empty()
    });
    Check::new(net).runs(1).assert();
}
