//! A long run in which hardly anything happens but heartbeats, and one of them is the last that counts.

use std::collections::BTreeMap;
use std::time::Duration;

use lossproof::fault::{Chance, Profile};
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer};

use crate::{counted, printed, tells};

/// After how long without a heartbeat the server forgets a client.
const PATIENCE: Duration = Duration::from_secs(5);

/// Joins once, and sends heartbeats from then on. It never asks whether it is a member still.
struct Client {
    server: Peer,
    beat: Beat,
    period: Duration,
    next_at: Option<Instant>,
    beats: u64,
}

/// What a heartbeat looks like.
#[derive(Clone, Copy)]
enum Beat {
    Text,
    /// A number in eight bytes.
    Binary,
}

impl Machine for Client {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } => out.send(self.server, b"join"),
            Input::Timeout => {
                self.beats += 1;
                match self.beat {
                    Beat::Text => out.send(self.server, format!("alive {}", self.beats).as_bytes()),
                    Beat::Binary => out.send(self.server, &self.beats.to_be_bytes()),
                }
            }
            _ => return,
        }
        self.next_at = Some(now + self.period);
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_at
    }
}

/// Answers the heartbeats of its members and forgets those that are silent.
#[derive(Default)]
struct Server {
    members: BTreeMap<Peer, Instant>,
}

impl Machine for Server {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Datagram { peer, bytes: b"join", .. } => {
                out.event(format!("{peer} has joined"));
                self.members.insert(peer, now + PATIENCE);
            }
            Input::Datagram { peer, bytes, .. } => {
                if let Some(until_at) = self.members.get_mut(&peer) {
                    *until_at = now + PATIENCE;
                    out.reply(bytes);
                }
            }
            Input::Timeout => {
                let gone: Vec<Peer> = self
                    .members
                    .iter()
                    .filter(|(_, until_at)| **until_at <= now)
                    .map(|(peer, _)| *peer)
                    .collect();
                for peer in gone {
                    self.members.remove(&peer);
                    out.event(format!("{peer} is silent, and forgotten"));
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.members.values().min().copied()
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Clients whose heartbeats look like this, the first's and the others'. The first sends one every second, the others
/// later and later by `step`, unless that is a second, too.
fn net(clients: u64, beats: [Beat; 2], step: Duration) -> Net {
    let net = Net::new("heartbeats");
    net.max_time(Duration::from_mins(20));
    let server = net.host("server").udp(1060).machine(|_| Server::default());
    for number in 1..=clients {
        let period = if step == SECOND { SECOND } else { SECOND + step * (number as u32 - 1) };
        let client = move |boot: lossproof::Boot<'_>| Client {
            server: boot.peer(server),
            beat: beats[usize::from(number > 1)],
            period,
            next_at: None,
            beats: 0,
        };
        let client = net.host(format!("client-{number}")).udp(0).machine(client);
        net.link_latency(client, server, Duration::from_millis(5 * number));
    }
    net.converges_within("everybody is a member", Duration::from_mins(9), 100_000, move |run| {
        run.state(server).is_some_and(|server| server.members.len() as u64 == clients)
    });
    net
}

/// What a check of one plan prints.
fn report(net: Net, plan: &str) -> String {
    let plan = plan.parse().expect("a plan");
    let (report, verdict) = printed(
        &Check::new(net)
            .plan(plan)
            .calm_at(Instant::from_millis(60_000))
            .max_shrink(0, Duration::ZERO)
            .runs(1),
    );
    let transcript = &verdict.failure().unwrap_or_else(|| panic!("{report}")).transcript;
    assert!(transcript.lines().count() > 1_000, "it is long: {}", transcript.lines().count());
    let excerpt = report.split_once("\n\n").expect("a head").1;
    assert_eq!(counted::counts(excerpt, transcript), Ok(()), "{report}");
    report
}

const CAUSE: [&str; 6] = [
    "server    event \"192.168.0.2:49152 has joined\"",
    "  -         fault partition server|client-1",
    "30.000  client-1  send  #30 ",
    "34.005  server    event \"192.168.0.2:49152 is silent, and forgotten\"",
    "  -         calm  nothing goes wrong from here on",
    "600.005  server    broken everybody is a member: not converged",
];

/// Ten minutes of heartbeats, and one partition.
#[test]
fn the_cause_is_among_thousands_of_heartbeats() {
    for beat in [Beat::Text, Beat::Binary] {
        for clients in [1, 2, 3, 5, 8] {
            let report = report(net(clients, [beat; 2], SECOND), "at 30s partition server|client-1");
            println!("{report}");
            tells(&report, &CAUSE);
            assert!(report.contains(" lines like "), "{report}");
        }
    }
}

/// The shortest whole of it: what happens once, and what happens all the time.
#[test]
fn what_repeats_is_folded() {
    let report = report(net(1, [Beat::Text; 2], SECOND), "at 30s partition server|client-1");
    let excerpt = report.split_once("\n\n").expect("a head").1;
    assert_eq!(
        excerpt,
        "\
0.000  client-1  send  #0 \"join\" → server
0.005  server    recv  #0 \"join\" ← client-1
0.005  server    event \"192.168.0.2:49152 has joined\"
1.000  client-1  send  #1 \"alive 1\" → server
1.005  server    recv  #1 \"alive 1\" ← client-1
1.005  server    send  #0 \"alive 1\" → client-1
1.010  client-1  recv  #0 \"alive 1\" ← server
… 112 lines like these 4, every 1 s, until 29.010 …
30.000  -         fault partition server|client-1
30.000  client-1  send  #30 \"alive 30\" → server
… 4 lines like this one, every 1 s, until 34.000 …
34.005  server    event \"192.168.0.2:49152 is silent, and forgotten\"
… 25 lines like that at 30.000, every 1 s, until 59.000 …
60.000  -         calm  nothing goes wrong from here on
60.000  client-1  send  #60 \"alive 60\" → server
60.005  server    recv  #60 \"alive 60\" ← client-1
… 1080 lines like these 2, every 1 s, until 600.005 …
600.005  server    broken everybody is a member: not converged: not within 540 s after the calm at 60.000
"
    );
}

/// Of clients with periods of their own no round is like another.
#[test]
fn what_does_not_repeat_in_rounds_is_left_out() {
    for clients in [2, 3, 8] {
        let beats = [Beat::Text, Beat::Binary];
        let report =
            report(net(clients, beats, Duration::from_millis(137)), "at 30s partition server|client-1");
        tells(&report, &CAUSE);
        // By chance many lines are of the same kinds as those before them.
        for line in report.lines().filter(|line| line.starts_with("… ") && line.contains(" like the")) {
            let words = line.split_once(" like the").expect("it was looked for").1;
            let number = words.split(' ').find_map(|word| word.parse::<usize>().ok());
            assert!(number.is_some_and(|number| number <= 16), "{line}");
        }
    }
}

/// A failure that was not made small has hundreds of faults, and most of them say nothing.
#[test]
fn of_hundreds_of_faults_a_few_are_shown() {
    let profile = Profile {
        loss: Chance::percent(30),
        duplicate: Chance::percent(5),
        jitter: Duration::from_millis(300),
        ..Profile::default()
    };
    let check = Check::new(net(2, [Beat::Text; 2], SECOND)).profile(profile);
    let check = check.calm_at(Instant::from_millis(100_000)).max_shrink(0, Duration::ZERO).runs(10);
    let (report, verdict) = printed(&check);
    let failure = verdict.failure().unwrap_or_else(|| panic!("{report}"));
    assert!(failure.plan.len() > 200, "{report}");
    let excerpt = report.split_once("\n\n").expect("a head").1;
    assert_eq!(counted::counts(excerpt, &failure.transcript), Ok(()), "{report}");
    tells(
        &report,
        &[
            "client-1>server #0 delay",
            " more …",
            " is silent, and forgotten",
            " broken everybody is a member",
        ],
    );
}
