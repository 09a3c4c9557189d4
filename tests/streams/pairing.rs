//! Whatever machines do to streams, and whatever becomes of hosts and links: what machines are told of a stream is a
//! story that makes sense.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use lossproof::engine::{Ended, Engine, Prepared, Settings};
use lossproof::fault::{Chance, FaultKind, FaultPlan, Profile, strategy};
use lossproof::machine::{CloseReason, Conn};
use lossproof::scenario::Host;
use lossproof::{Cuts, Input, Instant, Machine, Net, Outbox, Peer, Promises, Scenario, Status};
use proptest::collection::vec;
use proptest::prelude::*;

/// What a machine is told to do with one of its connections, counted from the newest.
#[derive(Clone, Copy, Debug)]
enum Do {
    Connect,
    Write(usize, usize),
    Shutdown(usize),
    Close(usize),
    Abort(usize),
    Pause(usize),
    Resume(usize),
    Done,
    /// Closes all that is still open, and dials no more.
    Finish,
}

/// One end of a stream in one machine: its incarnation, its own address and the other's.
type End = (u32, Peer, Peer);

/// What a machine has seen and done.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Dialed(Conn),
    /// It gave up before the connection stood.
    Undialed(Conn),
    Failed(Conn),
    Connected(Option<Conn>, End),
    Wrote(End, Vec<u8>),
    Read(End, Vec<u8>),
    Paused(End, bool),
    Eof(End),
    Closed(End, CloseReason),
    /// The machine is done: nothing follows.
    Over,
}

struct Line {
    conn: Conn,
    /// None while it is being dialed.
    end: Option<End>,
    writable: bool,
    closing: bool,
    sent_len: usize,
}

/// The bytes at these places of whatever is written.
fn pattern(places: Range<usize>) -> impl Iterator<Item = u8> {
    places.map(|place| (place * 7) as u8)
}

/// Does as it is told and tells everything.
struct Teller {
    incarnation: u32,
    other: Peer,
    lines: Vec<Line>,
}

impl Teller {
    fn line(&mut self, conn: Conn) -> &mut Line {
        self.lines.iter_mut().find(|line| line.conn == conn).expect("the connection is known")
    }

    fn obey(&mut self, action: Do, out: &mut Outbox<Told>) {
        let (Do::Write(nth, _)
        | Do::Shutdown(nth)
        | Do::Close(nth)
        | Do::Abort(nth)
        | Do::Pause(nth)
        | Do::Resume(nth)) = action
        else {
            match action {
                Do::Connect => {
                    let conn = out.connect(self.other);
                    out.event(Told::Dialed(conn));
                    self.lines.push(Line { conn, end: None, writable: false, closing: false, sent_len: 0 });
                }
                Do::Done => {
                    out.event(Told::Over);
                    out.done(Status::Success);
                }
                _ => (0..self.lines.len()).rev().for_each(|nth| self.obey(Do::Close(nth), out)),
            }
            return;
        };
        let Some(index) = self.lines.len().checked_sub(nth + 1) else { return };
        let line = &mut self.lines[index];
        match (action, line.end) {
            (Do::Close(_) | Do::Abort(_), None) => {
                out.close(line.conn);
                out.event(Told::Undialed(line.conn));
                self.lines.remove(index);
            }
            (Do::Write(_, len), Some(end)) if line.writable => {
                let bytes: Vec<u8> = pattern(line.sent_len..line.sent_len + len).collect();
                let fits_len = out.write(line.conn, &bytes);
                line.sent_len += fits_len;
                out.event(Told::Wrote(end, bytes[..fits_len].to_vec()));
            }
            (Do::Shutdown(_), Some(_)) if line.writable => {
                line.writable = false;
                out.shutdown(line.conn);
            }
            (Do::Close(_), Some(_)) => {
                (line.writable, line.closing) = (false, true);
                out.close(line.conn);
            }
            (Do::Abort(_), Some(_)) => {
                (line.writable, line.closing) = (false, true);
                out.abort(line.conn);
            }
            (Do::Pause(_), Some(end)) if !line.closing => {
                out.pause(line.conn);
                out.event(Told::Paused(end, true));
            }
            (Do::Resume(_), Some(end)) if !line.closing => {
                out.resume(line.conn);
                out.event(Told::Paused(end, false));
            }
            _ => {}
        }
    }
}

impl Machine for Teller {
    type Command = Do;
    type Event = Told;

    fn handle(&mut self, input: Input<'_, Do>, _now: Instant, out: &mut Outbox<Told>) {
        match input {
            Input::Command(action) => self.obey(*action, out),
            Input::Connected { conn, peer, local } => {
                let end = (self.incarnation, local, peer);
                let dialed = self.lines.iter_mut().find(|line| line.conn == conn);
                out.event(Told::Connected(dialed.as_ref().map(|line| line.conn), end));
                if let Some(line) = dialed {
                    (line.end, line.writable) = (Some(end), true);
                } else {
                    let end = Some(end);
                    self.lines.push(Line { conn, end, writable: true, closing: false, sent_len: 0 });
                }
            }
            Input::ConnectFailed { conn, .. } => {
                out.event(Told::Failed(conn));
                self.lines.retain(|line| line.conn != conn);
            }
            Input::Received { conn, bytes } => {
                let line = self.line(conn);
                assert!(!line.closing, "it was closed already");
                out.event(Told::Read(line.end.unwrap(), bytes.to_vec()));
            }
            Input::Eof { conn } => {
                let line = self.line(conn);
                assert!(!line.closing, "it was closed already");
                out.event(Told::Eof(line.end.unwrap()));
            }
            Input::Closed { conn, reason } => {
                let end = self.line(conn).end.expect("it stood");
                out.event(Told::Closed(end, reason));
                self.lines.retain(|line| line.conn != conn);
            }
            _ => {}
        }
    }
}

/// Two hosts that listen and dial each other.
fn net(commands: &[(u64, usize, Do)]) -> (Net, [Host<Teller>; 2]) {
    let net = Net::new("tellers");
    net.max_time(Duration::from_hours(1));
    // A stream that is cut at every byte has an input for each.
    net.max_inputs(100_000_000);
    let promises = Promises::DEFAULT.cuts(Cuts::EventsTell).max_messages(64);
    let places = ["a", "b"].map(|name| net.host(name).listen(7).promises(promises));
    let ids = [places[1].id(), places[0].id()];
    let hosts = places.into_iter().zip(ids).map(|(place, other)| {
        place.machine(move |boot| Teller {
            incarnation: boot.incarnation(),
            other: boot.peer(other),
            lines: Vec::new(),
        })
    });
    let hosts: [_; 2] = hosts.collect::<Vec<_>>().try_into().unwrap();
    for &(millis, host, action) in commands {
        net.command(Instant::from_millis(millis), hosts[host], action);
    }
    for host in hosts {
        net.command(Instant::from_millis(30_000), host, Do::Finish);
    }
    (net, hosts)
}

/// The story of one end.
#[derive(Debug, Default)]
struct Story {
    written: Vec<u8>,
    read: Vec<u8>,
    eof: bool,
    paused: bool,
    closed: Option<CloseReason>,
}

/// What the machines of one host were told, judged by itself.
#[derive(Debug, Default)]
struct Stories {
    ends: BTreeMap<End, Story>,
    /// What was asked for and has not been answered, of each incarnation.
    dialing: BTreeSet<Conn>,
}

impl Stories {
    fn take(&mut self, told: &Told) {
        let story = |ends: &mut BTreeMap<End, Story>, end: &End, what: &Told| {
            let story = ends.get_mut(end).unwrap_or_else(|| panic!("never connected: {what:?}"));
            assert_eq!(story.closed, None, "after the end: {what:?}");
            std::mem::take(story)
        };
        match told {
            Told::Dialed(conn) => {
                self.dialing.insert(*conn);
            }
            Told::Undialed(conn) | Told::Failed(conn) => {
                assert!(self.dialing.remove(conn), "{told:?}");
            }
            Told::Connected(dialed, end) => {
                assert!(dialed.is_none_or(|conn| self.dialing.remove(&conn)), "{told:?}");
                assert!(self.ends.insert(*end, Story::default()).is_none(), "twice: {told:?}");
            }
            Told::Wrote(end, bytes) => {
                let mut story = story(&mut self.ends, end, told);
                story.written.extend(bytes);
                self.ends.insert(*end, story);
            }
            Told::Read(end, bytes) => {
                let mut story = story(&mut self.ends, end, told);
                assert!(!story.eof && !story.paused && !bytes.is_empty(), "{told:?}");
                story.read.extend(bytes);
                self.ends.insert(*end, story);
            }
            Told::Paused(end, paused) => {
                let story = Story { paused: *paused, ..story(&mut self.ends, end, told) };
                self.ends.insert(*end, story);
            }
            Told::Eof(end) => {
                let story = story(&mut self.ends, end, told);
                assert!(!story.eof && !story.paused, "{told:?}");
                self.ends.insert(*end, Story { eof: true, ..story });
            }
            Told::Over => {
                self.dialing.clear();
                for story in self.ends.values_mut() {
                    story.closed.get_or_insert(CloseReason::Finished);
                }
            }
            Told::Closed(end, reason) => {
                let story = story(&mut self.ends, end, told);
                self.ends.insert(*end, Story { closed: Some(*reason), ..story });
            }
        }
    }
}

/// Runs it, and holds what both hosts were told to what the contract promises.
fn tell(commands: &[(u64, usize, Do)], plan: &FaultPlan, profile: Profile) {
    let (net, hosts) = net(commands);
    let scenario = Scenario::from(net);
    let plan_of = Prepared::new(plan, &scenario).unwrap();
    let settings = Settings { plan: plan_of, profile, seed: 7, ..Settings::default() };
    let mut engine = Engine::new(&scenario);
    let outcome = engine.run(&settings);
    let transcript = || engine.transcript().to_string();
    assert_eq!(outcome.ended, Ended::Quiet, "{}", transcript());

    // A machine that dies leaves its connections without an end, and what it dialed without an answer.
    let kills = [FaultKind::Crash, FaultKind::Poweroff];
    let may_die = plan.faults().iter().any(|fault| kills.contains(&fault.kind()));
    let stories = hosts.map(|host| {
        let mut stories = Stories::default();
        engine.view().events(host).iter().for_each(|told| stories.take(told));
        if !may_die {
            let open: Vec<_> = stories.ends.iter().filter(|(_, story)| story.closed.is_none()).collect();
            assert!(open.is_empty(), "never closed: {open:?}\n{}", transcript());
            assert!(stories.dialing.is_empty(), "never answered: {:?}\n{}", stories.dialing, transcript());
        }
        stories
    });
    for (mine, theirs) in [(&stories[0], &stories[1]), (&stories[1], &stories[0])] {
        for (&(_, local, peer), story) in &mine.ends {
            let other = theirs.ends.iter().find(|(end, _)| (end.1, end.2) == (peer, local));
            let written = other.map_or(&[][..], |(_, other)| &other.written);
            if may_die {
                // A machine that dies after a write may not have told of it; what it writes is known all the same.
                assert!(
                    story.read.iter().copied().eq(pattern(0..story.read.len())),
                    "{local} read what nobody writes"
                );
                continue;
            }
            assert!(written.starts_with(&story.read), "{local} read what {peer} did not write");
            assert!(!story.eof || story.read == written, "{local} did not read all before the end");
        }
    }
}

fn action() -> impl Strategy<Value = Do> {
    let nth = 0_usize..4;
    let len = prop_oneof![4 => 1_usize..300, 1 => 20_000_usize..70_000];
    prop_oneof![
        6 => Just(Do::Connect),
        8 => (nth.clone(), len).prop_map(|(nth, len)| Do::Write(nth, len)),
        2 => nth.clone().prop_map(Do::Shutdown),
        3 => nth.clone().prop_map(Do::Close),
        1 => nth.clone().prop_map(Do::Abort),
        3 => nth.clone().prop_map(Do::Pause),
        3 => nth.prop_map(Do::Resume),
        1 => Just(Do::Done),
    ]
}

fn commands() -> impl Strategy<Value = Vec<(u64, usize, Do)>> {
    let at = prop_oneof![4 => 0_u64..120, 1 => 0_u64..10_000];
    vec((at, 0_usize..2, action()), 0..40)
}

fn profile() -> impl Strategy<Value = Profile> {
    let lossy = Profile { loss: Chance::percent(20), jitter: Duration::from_millis(9), ..Profile::default() };
    prop_oneof![Just(Profile::default()), Just(lossy)]
}

/// Plans whose faults hit early, where most of the commands are.
fn plan() -> impl Strategy<Value = FaultPlan> {
    let early = |plan: FaultPlan| {
        let text = plan.to_string();
        // "at 4321ms crash a" becomes "at 321ms crash a".
        let items = text.split("; ").map(|item| match item.strip_prefix("at ") {
            Some(rest) => {
                let (at, what) = rest.split_once(' ').unwrap();
                let millis = lossproof::fault::parse_span(at).unwrap().as_millis() % 150;
                format!("at {millis}ms {what}")
            }
            None => item.to_owned(),
        });
        items.collect::<Vec<_>>().join("; ").parse().unwrap()
    };
    let any = strategy::plan(&["a", "b"], 8);
    let flows = [lossproof::fault::Flow::new("a", "b"), lossproof::fault::Flow::new("b", "a")];
    prop_oneof![any.clone().prop_map(early), any, strategy::stream_plan(&flows, 300, 8),]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_connection_has_one_beginning_and_one_end(
        commands in commands(), plan in plan(), profile in profile(),
    ) {
        tell(&commands, &plan, profile);
    }
}
