//! What a search finds, what it says of it, and that threads change nothing.

mod around;
mod demands;
mod found;
mod guided;
mod sender;
mod shrinking;
mod tallies;
mod turns;
mod wraps;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lossproof::check::{Failure, Search, Tally};
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, FaultPlan, Profile};
use lossproof::scenario::Host;
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario, Status};

/// What is wrong with the asker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// It takes every answer for the answer to its newest question.
    TakesAny,
    /// It panics when an answer comes a second time.
    Panics,
    /// It asks with the time in its question.
    KnowsTheTime,
    /// It counts its questions across all machines of the process.
    Global,
    /// Every other question of the process is another one.
    Alternates,
    /// The order of its questions is the order of a hash set.
    Hashed,
    /// It asks with how many runs have ended before, and so do all its twins.
    CountsRuns,
    /// It never gives up, and asks for ever.
    NeverEnds,
    /// It asks once.
    AsksOnce,
}

static GLOBAL: AtomicU64 = AtomicU64::new(0);
static ALTERNATE: AtomicU64 = AtomicU64::new(0);
static RUNS: AtomicU64 = AtomicU64::new(0);
const PATIENCE: Duration = Duration::from_millis(100);

/// Asks 0, 1, 2, each until it is answered.
struct Asker {
    bug: Bug,
    server: Peer,
    question: u8,
    tries: u32,
    ask_again_at: Option<Instant>,
}

impl Asker {
    fn ask(&mut self, now: Instant, out: &mut Outbox<String>) {
        self.tries += 1;
        self.ask_again_at = (self.bug != Bug::AsksOnce).then(|| now + PATIENCE);
        match self.bug {
            Bug::KnowsTheTime => {
                out.send_fmt(self.server, format_args!("{}{now}", char::from(self.question)));
            }
            Bug::Global => {
                let n = GLOBAL.fetch_add(1, Ordering::Relaxed);
                out.send_fmt(self.server, format_args!("{}{n}", char::from(self.question)));
            }
            Bug::Alternates => {
                out.send(
                    self.server,
                    &[self.question, (ALTERNATE.fetch_add(1, Ordering::Relaxed) % 2) as u8],
                );
            }
            Bug::CountsRuns => {
                let runs = RUNS.load(Ordering::Relaxed);
                out.send_fmt(self.server, format_args!("{} after {runs}", char::from(self.question)));
            }
            Bug::Hashed => out.send(self.server, &hashed(self.question)),
            _ => out.send(self.server, &[self.question]),
        }
    }

    fn answered(&mut self, bytes: &[u8], now: Instant, out: &mut Outbox<String>) {
        let is_mine = bytes.first() == Some(&self.question);
        assert!(is_mine || self.bug != Bug::Panics, "an answer that nobody has asked for");
        if !is_mine && self.bug != Bug::TakesAny {
            return;
        }
        out.event(format!("{} is answered with {}", self.question, bytes[0]));
        self.question += 1;
        if self.question < 3 {
            self.ask(now, out);
        } else if self.bug == Bug::NeverEnds {
            self.ask_again_at = Some(now + PATIENCE);
        } else {
            self.ask_again_at = None;
            RUNS.fetch_add(u64::from(self.bug == Bug::CountsRuns), Ordering::Relaxed);
            out.event(format!("{} tries", self.tries));
            out.done(Status::Success);
        }
    }
}

#[expect(clippy::disallowed_types, reason = "this is the mistake that is to be found")]
fn hashed(question: u8) -> Vec<u8> {
    let set: std::collections::HashSet<u8> = (0..20).collect();
    std::iter::once(question).chain(set).collect()
}

impl Machine for Asker {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } | Input::Timeout => self.ask(now, out),
            Input::Datagram { bytes, .. } => self.answered(bytes, now, out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_again_at
    }
}

/// Sends back what comes.
struct Echo;

impl Machine for Echo {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { bytes, .. } = input {
            out.reply(bytes);
        }
    }
}

/// An asker and who answers it, with nothing that is to hold.
fn hosts(bug: Bug) -> (Net, Host<Asker>) {
    let net = Net::new("questions");
    net.max_time(Duration::from_secs(20));
    let server = net.host("server").udp(1).machine(|_| Echo);
    let asker = net.host("asker").udp(2).machine(move |boot| Asker {
        bug,
        server: boot.peer(server),
        question: 0,
        tries: 0,
        ask_again_at: None,
    });
    (net, asker)
}

fn scenario(bug: Bug) -> Scenario {
    let (net, asker) = hosts(bug);
    net.always("an answer answers its question", move |run| {
        run.events(asker).iter().all(|event| match event.split_once(" is answered with ") {
            Some((question, answer)) => question == answer,
            None => true,
        })
    });
    net.eventually_within("the asker ends", Duration::from_secs(19), move |run| run.status(asker).is_some());
    net.sometimes("a question is asked again", move |run| {
        run.events(asker).last().is_some_and(|last| last == "4 tries")
    });
    Scenario::from(net)
}

fn profile() -> Profile {
    let (loss, duplicate) = (Chance::percent(10), Chance::percent(10));
    Profile { loss, duplicate, jitter: Duration::from_millis(150), ..Profile::default() }
}

/// The tally of a search of so many runs.
fn search(bug: Bug, profile: Profile, runs: u64) -> Tally {
    let scenario = scenario(bug);
    Search::new(&scenario, Prepared::default(), profile, 7).runs(0..runs)
}

/// The failure of the one run that a plan makes.
fn replay(bug: Bug, plan: &FaultPlan) -> Failure {
    attempt(bug, plan).expect("the failure comes again")
}

/// What the one run that a plan makes breaks, if anything.
fn attempt(bug: Bug, plan: &FaultPlan) -> Option<Failure> {
    let scenario = scenario(bug);
    let plan = Prepared::new(plan, &scenario).unwrap();
    let tally = Search::new(&scenario, plan, Profile::default(), 99).runs(0..1);
    tally.failure
}
