//! Properties that look at what was told because of the last input: judged when that changes, and not more often.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lossproof::engine::{Engine, Settings};
use lossproof::{Input, Instant, Machine, Net, Outbox, Scenario};

/// Wakes up every so often, and tells of every third time.
struct Waker {
    every: Duration,
    woken: u32,
    due_at: Instant,
}

impl Machine for Waker {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<u32>) {
        if let Input::Start { .. } | Input::Timeout = input {
            self.due_at = now + self.every;
            self.woken += 1;
            if self.woken.is_multiple_of(3) {
                out.event(self.woken);
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.due_at)
    }
}

#[test]
fn a_property_sees_each_change_of_what_is_new() {
    let net = Net::new("news");
    net.max_time(Duration::from_secs(1));
    let waker = |millis| Waker { every: Duration::from_millis(millis), woken: 0, due_at: Instant::START };
    // Often both wake up at one moment.
    let (a, b) = (net.host("a").machine(move |_| waker(10)), net.host("b").machine(move |_| waker(20)));
    let [quick, slow] = [Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new()))];
    let [seen, all] = [Arc::clone(&quick), Arc::clone(&slow)];
    net.always("what is new", move |run| {
        seen.lock().unwrap().push((run.new_events(a).to_vec(), run.new_events(b).to_vec()));
        true
    });
    net.always("what is new, looked at each time", move |run| {
        run.now();
        all.lock().unwrap().push((run.new_events(a).to_vec(), run.new_events(b).to_vec()));
        true
    });
    let scenario = Scenario::from(net);
    Engine::new(&scenario).run(&Settings::default());
    let (seen, mut all) = (quick.lock().unwrap().clone(), slow.lock().unwrap().clone());
    let judged = all.len();
    all.dedup();
    let mut changes = seen.clone();
    changes.dedup();
    assert_eq!(changes, all);
    assert!(all.len() > 50 && seen.len() < judged, "{} of {judged}", seen.len());
}
