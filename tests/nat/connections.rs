//! Searches in nets whose streams of segments pass NATs.

use std::time::Duration;

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{Chance, FaultKind, HostChances, Profile, StreamKind};
use lossproof::machine::Conn;
use lossproof::scenario::{Nat, NatKind, Net};
use lossproof::{Check, FaultPlan, Input, Instant, Machine, Outbox, Peer, Scenario, Status};

/// How long an answer is, in bytes: several segments.
const ANSWER_LEN: usize = 5_000;
const ANSWERS: usize = 3;
/// How long a client waits for one before it dials anew.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it pauses after a stream has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers each byte that it is asked, and closes when it is closed.
struct Server;

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Received { conn, bytes } => {
                for _ in bytes {
                    // There is room for many.
                    let _ = out.write(conn, &[b'x'; ANSWER_LEN]);
                }
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}

/// Asks until it has been answered in full so many times, each time on a stream of its own.
struct Client {
    server: Peer,
    conn: Option<Conn>,
    came_len: usize,
    answers: usize,
    give_up_at: Option<Instant>,
}

impl Client {
    fn dial(&mut self, now: Instant, out: &mut Outbox<usize>) {
        self.conn = Some(out.connect(self.server));
        self.came_len = 0;
        self.give_up_at = Some(now + PATIENCE);
    }
}

impl Machine for Client {
    type Command = ();
    /// How many right bytes an answer had.
    type Event = usize;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<usize>) {
        match input {
            Input::Start { .. } => self.dial(now, out),
            Input::Connected { conn, .. } if Some(conn) == self.conn => {
                assert_eq!(out.write(conn, b"?"), 1);
                out.shutdown(conn);
            }
            Input::Received { conn, bytes } if Some(conn) == self.conn => {
                self.came_len += bytes.iter().map(|byte| usize::from(*byte == b'x')).sum::<usize>();
            }
            Input::Eof { conn } if Some(conn) == self.conn => {
                out.event(self.came_len);
                self.answers += 1;
                self.conn = None;
                if self.answers < ANSWERS {
                    self.dial(now, out);
                } else {
                    self.give_up_at = None;
                    out.done(Status::Success);
                }
            }
            Input::ConnectFailed { conn, .. } | Input::Closed { conn, .. } if Some(conn) == self.conn => {
                (self.conn, self.give_up_at) = (None, Some(now + PAUSE));
            }
            Input::Timeout => {
                if let Some(conn) = self.conn {
                    out.abort(conn);
                }
                self.dial(now, out);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.give_up_at
    }
}

fn client(server: Peer) -> Client {
    Client { server, conn: None, came_len: 0, answers: 0, give_up_at: None }
}

/// Two clients behind a NAT of this kind, and a server that both ask. All is to be answered in time where hosts go on.
fn net(kind: NatKind, goes_on: bool) -> Net {
    let net = Net::new("answers");
    net.streams(StreamKind::SEGMENTS);
    net.max_time(Duration::from_mins(20));
    let server = net.host("server").listen(7).machine(|_| Server);
    let home = net.nat("home", Nat::new(kind));
    let clients = ["one", "other"];
    let clients =
        clients.map(|name| net.host(name).behind(home).machine(move |boot| client(boot.peer(server))));
    net.always("answers are whole", move |run| {
        clients.iter().all(|client| run.events(*client).iter().all(|len| *len == ANSWER_LEN))
    });
    if goes_on {
        net.eventually_within("all are answered", Duration::from_mins(20), move |run| {
            clients.iter().all(|client| run.status(*client).is_some())
        });
    }
    net
}

/// What homes are like, and worse.
fn stormy() -> Profile {
    let often = Chance::percent(5);
    let longest = Duration::from_millis(400);
    let hosts = HostChances { rebind: often, reboot: often, max: 4, longest, ..HostChances::NONE };
    Profile {
        loss: Chance::percent(20),
        duplicate: Chance::percent(10),
        corrupt: Chance::percent(2),
        jitter: Duration::from_millis(20),
        hosts,
        ..Profile::CALM
    }
}

#[test]
fn answers_come_whole_through_every_kind_of_nat_whatever_befalls_them() {
    for kind in NatKind::ALL {
        let verdict = Check::new(net(kind, true)).profile(stormy()).runs(50).assert();
        let fired: Vec<FaultKind> = verdict.faults().fired.iter().map(|(kind, _)| *kind).collect();
        for expected in
            [FaultKind::Rebind, FaultKind::Reboot, FaultKind::Drop, FaultKind::Duplicate, FaultKind::Flip]
        {
            assert!(fired.contains(&expected), "{kind}: {}", verdict.faults());
        }
    }
}

/// Whatever befalls hosts, too: no answer is wrong, and no law is broken.
#[test]
fn hosts_go_down_move_and_are_cut_off_behind_every_kind_of_nat() {
    for kind in NatKind::ALL {
        let often = Chance::percent(3);
        let hosts = HostChances {
            crash: often,
            poweroff: often,
            restart: Chance::percent(80),
            partition: often,
            stop: Chance::percent(1),
            moves: often,
            ..stormy().hosts
        };
        let verdict = Check::new(net(kind, false)).profile(Profile { hosts, ..stormy() }).runs(50).assert();
        let fired: Vec<FaultKind> = verdict.faults().fired.iter().map(|(kind, _)| *kind).collect();
        for expected in [FaultKind::Rebind, FaultKind::Crash, FaultKind::Poweroff, FaultKind::Move] {
            assert!(fired.contains(&expected), "{kind}: {}", verdict.faults());
        }
    }
}

/// A run with what a profile draws, and one with the plan that it has recorded, are the same to the letter.
#[test]
fn what_is_drawn_is_recorded_and_replays() {
    for kind in NatKind::ALL {
        let scenario = Scenario::from(net(kind, true));
        let mut engine = Engine::new(&scenario);
        let mut deaths = 0;
        for seed in 0..5 {
            let drawn = Settings { seed, profile: stormy(), ..Settings::default() };
            engine.run(&drawn);
            let (plan, transcript) = (engine.plan(&drawn), engine.transcript().to_string());
            deaths += transcript.matches("home    drop").count();
            let plan: FaultPlan = plan.to_string().parse().unwrap();
            let planned =
                Settings { seed, plan: Prepared::new(&plan, &scenario).unwrap(), ..Settings::default() };
            engine.run(&planned);
            assert_eq!(engine.transcript().to_string(), transcript, "{plan}");
            engine.run(&drawn);
            assert_eq!(engine.transcript().to_string(), transcript, "{seed}");
        }
        assert!(deaths > 0);
    }
}

/// Waits for what the server pushes. Without the bug it says something at this interval, so that no NAT forgets it.
struct Subscriber {
    server: Peer,
    heartbeat: Option<Duration>,
    conn: Option<Conn>,
    next: Option<Instant>,
}

impl Machine for Subscriber {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<&'static str>) {
        match input {
            Input::Start { .. } => _ = out.connect(self.server),
            Input::Connected { conn, .. } => {
                self.conn = Some(conn);
                self.next = self.heartbeat.map(|every| now + every);
            }
            Input::Timeout => {
                if let Some(conn) = self.conn {
                    let _ = out.write(conn, b".");
                }
                self.next = self.heartbeat.map(|every| now + every);
            }
            Input::Received { .. } => {
                out.event("news");
                self.next = None;
                out.done(Status::Success);
            }
            Input::Closed { .. } => (self.conn, self.next) = (None, None),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next
    }
}

/// Pushes once to whoever is connected.
struct Publisher {
    conn: Option<Conn>,
    after: Duration,
    push_at: Option<Instant>,
}

impl Machine for Publisher {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Connected { conn, .. } => {
                (self.conn, self.push_at) = (Some(conn), Some(now + self.after));
            }
            Input::Timeout => {
                self.push_at = None;
                if let Some(conn) = self.conn {
                    let _ = out.write(conn, b"!");
                }
            }
            Input::Closed { .. } => (self.conn, self.push_at) = (None, None),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.push_at
    }
}

/// News come once, after up to five hours; the NAT keeps an idle connection for two hours and four minutes.
fn news(streams: StreamKind, heartbeat: Option<Duration>) -> Net {
    let net = Net::new("news");
    net.streams(streams);
    net.max_time(Duration::from_hours(6));
    let server = net.host("server").listen(7).machine(|boot| Publisher {
        conn: None,
        after: Duration::from_mins(1 + boot.seed() % 300),
        push_at: None,
    });
    let home = net.nat("home", Nat::new(NatKind::PortRestricted));
    let client = net.host("client").behind(home);
    let client = client.machine(move |boot| Subscriber {
        server: boot.peer(server),
        heartbeat,
        conn: None,
        next: None,
    });
    net.eventually_within("the news arrive", Duration::from_hours(6), move |run| {
        !run.events(client).is_empty()
    });
    net
}

/// Segments are lost, and no NAT is rebound: time alone does it.
fn lossy() -> Profile {
    Profile { loss: Chance::percent(5), ..Profile::CALM }
}

const HOURLY: Duration = Duration::from_hours(1);

#[test]
fn a_subscriber_that_says_nothing_for_hours_is_found() {
    let verdict = Check::new(news(StreamKind::SEGMENTS, None)).profile(lossy()).runs(100).verdict().unwrap();
    let failure = verdict.failure().expect("the bug is found");
    // Nothing needs to be lost: only the news come late.
    assert_eq!(failure.plan.len(), 0, "{verdict}");
    let text = verdict.to_string();
    assert!(
        text.contains("the news arrive") && text.contains("home") && text.contains("no mapping"),
        "{text}"
    );
}

#[test]
fn one_that_says_something_each_hour_holds() {
    Check::new(news(StreamKind::SEGMENTS, Some(HOURLY))).profile(lossy()).runs(100).assert();
    // The NAT is a minute faster.
    let longer = Duration::from_mins(125);
    let late = Check::new(news(StreamKind::SEGMENTS, Some(longer))).profile(lossy()).runs(100);
    assert!(!late.verdict().unwrap().holds());
}

/// Streams of the model last until a rebind.
#[test]
fn the_model_does_not_know_idleness() {
    Check::new(news(StreamKind::Model, None)).profile(lossy()).runs(100).assert();
}

/// Whatever the number of threads, a search finds the same.
#[test]
fn threads_make_no_difference() {
    let verdict = |jobs| {
        let check = Check::new(news(StreamKind::SEGMENTS, None)).profile(stormy()).runs(50).jobs(jobs);
        let verdict = check.verdict().unwrap();
        (format!("{:?}", verdict.tally()), verdict.failure().map(|failure| failure.plan.to_string()))
    };
    assert_eq!(verdict(1), verdict(2));
}
