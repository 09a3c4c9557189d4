//! A lock that opens only after the right steps, each of them rare.

use lossproof::check::{Draws, Search};
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, Profile};
use lossproof::{Input, Instant, Machine, Net, Outbox, Scenario};

use super::sender::Sender;

#[derive(Debug, PartialEq)]
enum Told {
    Shut,
    OneTurn,
    TwoTurns,
    Open,
}

/// Takes a turn where two in a row are missing, and loses all turns where one is.
struct Lock {
    next: u8,
    turns: u8,
}

impl Machine for Lock {
    type Command = ();
    type Event = Told;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<Told>) {
        let Input::Datagram { bytes, .. } = input else { return };
        match bytes[0] - self.next {
            0 => {}
            2 => self.turns += 1,
            _ => self.turns = 0,
        }
        self.next = bytes[0] + 1;
        out.event(match self.turns {
            0 => Told::Shut,
            1 => Told::OneTurn,
            2 => Told::TwoTurns,
            _ => Told::Open,
        });
    }
}

fn lock() -> Scenario {
    let net = Net::new("lock");
    let lock = net.host("lock").udp(1).machine(|_| Lock { next: 0, turns: 0 });
    net.host("sender").udp(2).machine(move |boot| Sender::new(boot.peer(lock), 80));
    net.never("it opens", move |run| run.events(lock).contains(&Told::Open));
    Scenario::from(net)
}

/// In which run it is found, at most so many.
fn found(scenario: &Scenario, seed: u64, guided: bool) -> u64 {
    let profile = Profile { loss: Chance::percent(4), ..Profile::CALM };
    let search = Search::new(scenario, Prepared::default(), Profile::CALM, seed);
    let search = search.with_draws(Draws::Profiles(vec![profile])).without_laws();
    let mut search = if guided { search.guided() } else { search };
    search.runs(0..3_000).runs
}

/// A fault of the plan hits in the step it was given for, also in a run that begins where another has come to something new.
#[test]
fn every_run_has_the_faults_of_the_plan() {
    let scenario = lock();
    let plan = "sender>lock #70 drop; at 790ms crash lock; at 795ms restart lock; sender>lock #99 drop";
    let plan = Prepared::new(&plan.parse().unwrap(), &scenario).unwrap();
    let profile = Profile { loss: Chance::percent(1), ..Profile::CALM };
    let mut search = Search::new(&scenario, plan, profile, 0).guided();
    // Two calls, as the runs of a long check come in parts.
    for runs in [0..200, 200..400] {
        let tally = search.runs(runs);
        assert_eq!(tally.failure, None);
        let fired: Vec<_> = tally.planned.iter().map(|(fault, runs)| (fault.to_string(), *runs)).collect();
        let each = ["sender>lock #70 drop", "at 790ms crash lock", "at 795ms restart lock"];
        let each = each.map(|fault| (fault.to_owned(), 200));
        assert_eq!(fired[..3], each);
        assert_eq!(fired[3..], [("sender>lock #99 drop".to_owned(), 0)]);
    }
}

fn median(mut runs: Vec<u64>) -> u64 {
    runs.sort_unstable();
    runs[runs.len() / 2]
}

#[test]
fn a_guided_search_goes_on_from_where_it_came_to() {
    let scenario = lock();
    let plain = median((0..5).map(|seed| found(&scenario, seed, false)).collect());
    let guided = median((0..5).map(|seed| found(&scenario, seed, true)).collect());
    println!("guided {guided}, plain {plain}");
    assert!(guided * 3 < plain, "guided {guided}, plain {plain}");
}

#[test]
fn what_it_finds_replays_and_is_the_same_each_time() {
    let scenario = lock();
    let profile = Profile { loss: Chance::percent(4), ..Profile::CALM };
    let search = || Search::new(&scenario, Prepared::default(), profile, 3).guided();
    let tally = search().runs(0..20_000);
    let failure = tally.failure.clone().expect("it opens");
    assert_eq!(search().runs(0..20_000), tally);
    let plan = Prepared::new(&failure.plan.to_string().parse().unwrap(), &scenario).unwrap();
    let again = Search::new(&scenario, plan, Profile::CALM, 0).runs(0..1).failure.expect("it opens again");
    assert_eq!((again.plan, again.transcript), (failure.plan.clone(), failure.transcript.clone()));
    // Three times two in a row.
    assert_eq!(search().shrink(&failure, 20_000).failure.plan.len(), 6);
}
