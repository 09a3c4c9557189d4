//! beats: two hosts tell each other every second that they are there.

use std::time::Duration;

use super::{parsed, words};
use crate::fault::FaultKind;
use crate::machine::{Input, Machine, Outbox, Peer, Status};
use crate::scenario::{Net, Transport};
use crate::specimens::{Specimen, System};
use crate::systems::{About, Options};
use crate::time::Instant;

/// What is to be known beside the machines.
pub const ABOUT: About =
    About::new("beats", 1060, Transport::Udp, "two hosts tell each other every second that they are there");

const LATENCY: Duration = Duration::from_millis(5);
const BEAT_AFTER: Duration = Duration::from_secs(1);
/// After how long a silence the other one is taken for dead.
const SILENCE: Duration = Duration::from_millis(2_500);
/// How long a run takes.
const RUN: Duration = Duration::from_secs(20);
/// How many beats are remembered to tell whether an alarm is a false one: more than there are in a silence.
const REMEMBERED: usize = 8;

const SYSTEM: System = (ABOUT.name, net);

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// It beats, and never looks whether the other one does: a peer that is gone is never missed (RFC 9293, 3.8.4, and
    /// sshj issue 166: a heartbeat that nobody has to answer).
    NeverLooks,
    /// It waits for exactly as long as there is between two beats. A beat that comes at that moment is too late where the
    /// timer is looked at first (amqplib issue 588: why AMQP has two intervals).
    WaitsForOneInterval,
}

/// All of them.
pub(in crate::specimens) const BUGS: &[Specimen] = &[
    Specimen::new(
        SYSTEM,
        "never-looks",
        "it beats and never looks whether the other one does",
        "at 500ms poweroff right",
        |net, _| in_left(net, Bug::NeverLooks),
    ),
    Specimen::new(
        SYSTEM,
        "waits-for-one-interval",
        "the other one is dead when one interval has passed, to the moment",
        "at 1005ms timer-first left",
        |net, _| in_left(net, Bug::WaitsForOneInterval),
    ),
];

fn in_left(net: &Net, bug: Bug) {
    let right = net.find::<Beater>("right");
    net.replace(net.find::<Beater>("left"), move |boot| {
        Beater::new(boot.peer(right), boot.seed() as u32, Some(bug))
    });
}

/// What each tells of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// This one has started.
    Started,
    /// A beat of this number was heard.
    Heard(u64),
    /// The other one is dead.
    Dead,
}

/// Beats, and listens.
#[derive(Debug)]
pub struct Beater {
    other: Peer,
    /// The number of the next beat.
    next: u64,
    beat_at: Option<Instant>,
    /// When the other one is dead, unless something is heard until then.
    dead_at: Option<Instant>,
    bug: Option<Bug>,
}

impl Beater {
    /// Numbers begin elsewhere after each start.
    fn new(other: Peer, seed: u32, bug: Option<Bug>) -> Self {
        Self { other, next: u64::from(seed) << 16, beat_at: None, dead_at: None, bug }
    }

    fn beat(&mut self, now: Instant, out: &mut Outbox<Event>) {
        out.send_fmt(self.other, format_args!("beat {}", self.next));
        self.next += 1;
        self.beat_at = Some(now + BEAT_AFTER);
    }
}

impl Machine for Beater {
    type Command = ();
    type Event = Event;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Event>) {
        match input {
            Input::Start { .. } => {
                out.event(Event::Started);
                self.beat(now, out);
            }
            Input::Datagram { bytes, .. } => {
                if let Some(number) = parsed(words(bytes).nth(1)) {
                    out.event(Event::Heard(number));
                    self.dead_at = match self.bug {
                        Some(Bug::NeverLooks) => None,
                        Some(Bug::WaitsForOneInterval) => Some(now + BEAT_AFTER),
                        None => Some(now + SILENCE),
                    };
                }
            }
            Input::Timeout => {
                if self.dead_at.take_if(|at| *at <= now).is_some() {
                    out.event(Event::Dead);
                }
                if self.beat_at.is_some_and(|at| at <= now) {
                    self.beat(now, out);
                }
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.beat_at.into_iter().chain(self.dead_at).min()
    }
}

/// A beat that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Beat {
    number: u64,
    at: Instant,
    is_heard: bool,
}

/// What is known of the beats of one.
#[derive(Debug, Default, Hash)]
struct Known {
    beats: Vec<Beat>,
    /// The last alarm after which nothing but the beat of that very moment was missing.
    alarm_at: Option<Instant>,
}

impl Known {
    fn sent(&mut self, number: u64, at: Instant) {
        if self.beats.len() == REMEMBERED {
            self.beats.remove(0);
        }
        self.beats.push(Beat { number, at, is_heard: false });
    }

    /// Takes a beat for heard; whether there was no alarm at that moment.
    fn heard(&mut self, number: u64, now: Instant) -> bool {
        let Some(beat) = self.beats.iter_mut().find(|beat| beat.number == number) else { return true };
        beat.is_heard = true;
        beat.at + LATENCY != now || self.alarm_at != Some(now)
    }

    fn alarm(&mut self, now: Instant) {
        let past = self.beats.iter().filter(|beat| beat.at + LATENCY < now);
        // One that beats has done so within an interval.
        let mut recent = past.clone().filter(|beat| beat.at + LATENCY + BEAT_AFTER >= now);
        let is_false = recent.next().is_some() && past.into_iter().all(|beat| beat.is_heard);
        self.alarm_at = is_false.then_some(now);
    }
}

/// Two of them.
pub fn net(_: &Options) -> Net {
    let net = Net::new(ABOUT.name);
    net.latency(LATENCY);
    net.max_time(RUN);
    let places = ["left", "right"].map(|name| net.host(name).udp(ABOUT.port));
    let right = places[1].id();
    let [at_left, at_right] = places;
    let left = at_left.machine(move |boot| Beater::new(boot.peer(right), boot.seed() as u32, None));
    let right = at_right.machine(move |boot| Beater::new(boot.peer(left), boot.seed() as u32, None));
    let alarms = net.fold("nobody is taken for dead whose beats all come in time", Known::default);
    let alarms = alarms.on_send(right, |known: &mut Known, datagram, at| {
        if let Some(number) = parsed(words(datagram.bytes).nth(1)) {
            known.sent(number, at);
        }
        true
    });
    alarms.on(left, |known, event, at| match event {
        Event::Heard(number) => known.heard(*number, at),
        Event::Dead => {
            known.alarm(at);
            true
        }
        Event::Started => true,
    });
    net.always("one that is gone is missed", move |run| {
        let last = run.events(left).last().zip(run.times(left).last());
        let is_silent = |(event, at): (&Event, &Instant)| {
            matches!(event, Event::Heard(_)) && *at + SILENCE + BEAT_AFTER < run.now()
        };
        // It is gone when it is down, and has heard of nobody for as long.
        let is_gone =
            run.state(right).is_none() && run.times(right).last().is_some_and(|at| *at + SILENCE < run.now());
        !is_gone || run.state(left).is_none() || !last.is_some_and(is_silent)
    });
    // Silences are measured by each one's own clock.
    net.rules_out([FaultKind::Skew, FaultKind::Drift]);
    net
}
