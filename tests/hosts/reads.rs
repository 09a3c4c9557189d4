//! A property is judged again only when something that it has read has changed. That must never be seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::scenario::Host;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Profile, Run, Scenario, Status};
use proptest::prelude::*;

/// What a toy does at its n-th input: whether it tells, whom it writes to, what its state is, whether it ends.
type Turn = (bool, Option<usize>, u8, bool);

/// A machine that does what its table says, and wakes every 9 ms for a while.
struct Toy {
    table: Vec<Turn>,
    peers: [Peer; 3],
    inputs: usize,
    state: u8,
    wake_at: Option<Instant>,
}

impl Machine for Toy {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, _: Input<'_, ()>, now: Instant, out: &mut Outbox<u8>) {
        let Some(&(tells, to, state, ends)) = self.table.get(self.inputs) else {
            self.wake_at = None;
            return;
        };
        (self.inputs, self.state) = (self.inputs + 1, state);
        if tells {
            out.event(state);
        }
        if let Some(to) = to {
            out.send(self.peers[to], b"x");
        }
        self.wake_at = Some(now + Duration::from_millis(9));
        if ends {
            out.done(Status::Success);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.wake_at
    }
}

/// A statement that reads one thing after another: what it reads next depends on what it has read.
#[derive(Clone, Debug)]
enum Asks {
    Tells(usize, usize),
    LastIs(usize, u8),
    IsIn(usize, u8),
    IsDown(usize),
    HasEnded(usize),
    Inputs(u64),
    Late(u64),
    New(usize),
    If(Box<Asks>, Box<Asks>, Box<Asks>),
}

impl Asks {
    fn holds(&self, run: &Run<'_>, hosts: [Host<Toy>; 3]) -> bool {
        match *self {
            Self::Tells(host, most) => run.events(hosts[host]).len() > most,
            Self::LastIs(host, what) => run.events(hosts[host]).last() == Some(&what),
            Self::IsIn(host, state) => run.state(hosts[host]).is_some_and(|toy| toy.state == state),
            Self::IsDown(host) => run.state(hosts[host]).is_none(),
            Self::HasEnded(host) => run.status(hosts[host]).is_some(),
            Self::Inputs(most) => run.inputs() > most,
            Self::Late(millis) => run.now() > Instant::from_millis(millis),
            Self::New(host) => !run.new_events(hosts[host]).is_empty(),
            Self::If(ref what, ref then, ref otherwise) => {
                if what.holds(run, hosts) {
                    then.holds(run, hosts)
                } else {
                    otherwise.holds(run, hosts)
                }
            }
        }
    }
}

fn any_asks() -> impl Strategy<Value = Asks> {
    let (host, state) = (0_usize..3, 0_u8..3);
    let leaf = prop_oneof![
        (host.clone(), 0_usize..4).prop_map(|(host, most)| Asks::Tells(host, most)),
        (host.clone(), state.clone()).prop_map(|(host, what)| Asks::LastIs(host, what)),
        (host.clone(), state).prop_map(|(host, state)| Asks::IsIn(host, state)),
        host.clone().prop_map(Asks::IsDown),
        host.clone().prop_map(Asks::HasEnded),
        (0_u64..20).prop_map(Asks::Inputs),
        (0_u64..60).prop_map(Asks::Late),
        host.prop_map(Asks::New),
    ];
    leaf.prop_recursive(3, 20, 3, |inner| {
        (inner.clone(), inner.clone(), inner)
            .prop_map(|(what, then, otherwise)| Asks::If(what.into(), then.into(), otherwise.into()))
    })
}

fn toys(tables: &[Vec<Turn>; 3]) -> (Net, [Host<Toy>; 3]) {
    let net = Net::new("toys");
    net.max_time(Duration::from_millis(200));
    let places = ["a", "b", "c"].map(|name| net.host(name).udp(1));
    let ids = [places[0].id(), places[1].id(), places[2].id()];
    let mut tables = tables.iter().cloned();
    let hosts = places.map(|place| {
        let table = tables.next().unwrap_or_default();
        place.machine(move |boot| Toy {
            table: table.clone(),
            peers: ids.map(|id| boot.peer(id)),
            inputs: 0,
            state: 0,
            wake_at: None,
        })
    });
    (net, hosts)
}

/// How statements are judged.
#[derive(Clone, Copy, Debug)]
enum Demanded {
    Always,
    Never,
    Sometimes,
    Within,
    Converges,
}

fn demand(
    net: &Net,
    demanded: Demanded,
    name: &str,
    test: impl Fn(&Run<'_>) -> bool + Send + Sync + 'static,
) {
    let span = Duration::from_millis(50);
    match demanded {
        Demanded::Always => net.always(name, test),
        Demanded::Never => net.never(name, test),
        Demanded::Sometimes => net.sometimes(name, test),
        Demanded::Within => net.eventually_within(name, span, test),
        Demanded::Converges => net.converges_within(name, span, 9, test),
    }
}

/// What a run comes to in which the statement is judged as it reads, or at everything that happens.
fn judged(
    tables: &[Vec<Turn>; 3],
    asks: &Asks,
    demanded: Demanded,
    plan: &str,
    reads_all: bool,
) -> (Option<(String, Instant)>, Vec<u64>) {
    let (net, hosts) = toys(tables);
    let asks = asks.clone();
    demand(&net, demanded, "so it is", move |run| {
        if reads_all {
            run.now();
        }
        asks.holds(run, hosts)
    });
    let scenario = Scenario::from(net);
    let plan = Prepared::new(&plan.parse().unwrap(), &scenario).unwrap();
    let tally = Search::new(&scenario, plan, Profile::default(), 1).without_laws().runs(0..1);
    let failure = tally.failure.map(|failure| (failure.detail, failure.at));
    (failure, tally.sometimes.iter().map(|(_, runs)| *runs).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn judging_what_has_changed_is_judging_everything(
        tables in prop::array::uniform3(prop::collection::vec(
            (any::<bool>(), prop::option::of(0_usize..3), 0_u8..3, prop::bool::weighted(0.05)), 1..8,
        )),
        asks in any_asks(),
        demanded in prop::sample::select(vec![
            Demanded::Always, Demanded::Never, Demanded::Sometimes, Demanded::Within, Demanded::Converges,
        ]),
        plan in prop::sample::select(vec![
            "", "at 12ms crash a", "at 12ms crash a; at 31ms restart a", "calm 25ms; at 12ms crash a; at 14ms crash b",
            "at 12ms stop b; a>b #0 drop",
        ]),
    ) {
        let lean = judged(&tables, &asks, demanded, plan, false);
        prop_assert_eq!(lean, judged(&tables, &asks, demanded, plan, true));
    }
}

/// A property that reads a second host only later is judged by that one from then on.
#[test]
fn what_is_read_later_counts_from_then_on() {
    let tables =
        [vec![(true, None, 1, false); 3], vec![(false, None, 0, false), (true, None, 2, false)], vec![]];
    let (net, [a, b, _]) = toys(&tables);
    net.never("b tells once a has told three times", move |run| {
        run.events(a).len() == 3 && run.events(b).contains(&2)
    });
    // a tells for the third time at 18 ms; b has told at 9.
    let failure = Check::new(net).runs(1).verdict().unwrap().failure().cloned().unwrap();
    assert_eq!(failure.detail, "it happened at 0.018");
    let (net, [a, b, _]) = toys(&tables);
    net.never("b tells once a has told", move |run| !run.events(a).is_empty() && run.events(b).contains(&2));
    let failure = Check::new(net).runs(1).verdict().unwrap().failure().cloned().unwrap();
    assert_eq!(failure.detail, "it happened at 0.009");
}

/// How often a property is asked in the one run of these toys.
fn asked(test: impl Fn(&Run<'_>, [Host<Toy>; 3]) + Send + Sync + 'static) -> u64 {
    let busy = vec![(true, None, 1, false); 5];
    let (net, hosts) = toys(&[busy.clone(), busy, vec![(false, None, 0, false); 5]]);
    let times = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&times);
    net.always("it is asked", move |run| {
        count.fetch_add(1, Relaxed);
        test(run, hosts);
        true
    });
    assert!(Check::new(net).runs(1).verdict().unwrap().holds());
    times.load(Relaxed)
}

/// Judged once for each input that has changed what it reads: not for each event, nor for what others do.
#[test]
fn a_property_is_asked_once_per_input_that_concerns_it() {
    // Each has a start, four ticks, and one after which it sleeps.
    let nothing = asked(|_, _| ());
    let one = asked(|run, [a, ..]| _ = run.events(a));
    let two = asked(|run, [a, b, _]| _ = (run.events(a), run.events(b)));
    let silent = asked(|run, [.., c]| _ = run.events(c));
    let state = asked(|run, [.., c]| _ = run.state(c));
    let all = asked(|run, _| _ = run.now());
    assert_eq!((nothing, silent, one, two), (1, 1, 5, 10));
    // Its state may have changed with any of its inputs. Everything else is judged at each of the 18 inputs, and once more
    // for what happened.
    assert_eq!(state, 1 + 6);
    assert!((18..=36).contains(&all), "{all}");
}

/// A fold's step is called once for each event.
#[test]
fn a_fold_is_stepped_once_for_each_event() {
    let busy = vec![(true, None, 1, false); 5];
    let (net, [a, b, _]) = toys(&[busy.clone(), busy, vec![]]);
    let count = |steps: &mut u32, _: &u8, _| {
        *steps += 1;
        true
    };
    net.fold("each once", || 0).on(a, count).on(b, count).at_end(|steps| *steps == 10);
    assert!(Check::new(net).runs(1).verdict().unwrap().holds());
}
