//! Links fitted to captures: the loss, the bursts and the delays of a link are found again, as exactly as the length of
//! the capture allows.

use std::sync::LazyLock;
use std::time::Duration;

use lossproof::capture::{self, Capture, FittedLink, Frame, LinkError, Payload, Told};
use lossproof::engine::{Engine, Settings};
use lossproof::fault::{Bursts, Chance, Profile, Spread};
use lossproof::scenario::Net;
use lossproof::{Input, Instant, Machine, Outbox, Peer, Scenario, Status};

use super::command::{lossproof, refused, stderr, stdout};
use super::path;

/// How many requests there are.
const REQUESTS: u32 = 12_000;
/// Longer than any round trip.
const PATIENCE: Duration = Duration::from_millis(100);

/// Sends request after request, each when the one before is answered or given up. A request has a number.
struct Client {
    server: Peer,
    sent: u32,
    give_up_at: Option<Instant>,
}

impl Client {
    fn send(&mut self, now: Instant, out: &mut Outbox<()>) {
        if self.sent == REQUESTS {
            self.give_up_at = None;
            return out.done(Status::Success);
        }
        out.send(self.server, &self.sent.to_be_bytes());
        self.sent += 1;
        self.give_up_at = Some(now + PATIENCE);
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } | Input::Timeout => self.send(now, out),
            Input::Datagram { bytes, .. } if bytes == (self.sent - 1).to_be_bytes() => self.send(now, out),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.give_up_at
    }
}

/// Answers with what it hears.
struct Echo;

impl Machine for Echo {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { bytes, .. } = input {
            out.reply(bytes);
        }
    }
}

/// A capture of all requests under the profile that is to be found.
static WIFI: LazyLock<Capture> = LazyLock::new(|| captured(Profile::WIFI));

/// A capture of all requests under a profile.
fn captured(profile: Profile) -> Capture {
    let net = Net::new("requests");
    net.max_time(Duration::from_hours(1));
    net.max_inputs(10 * u64::from(REQUESTS));
    let server = net.host("server").udp(7).machine(|_| Echo);
    net.host("client").udp(9).machine(move |boot| Client {
        server: boot.peer(server),
        sent: 0,
        give_up_at: None,
    });
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { profile, laws: None, ..Settings::default() });
    assert_eq!(engine.statuses()[1], Some(Status::Success));
    capture::read(&capture::export(&engine.transcript(), "")).expect("it was exported")
}

/// The same as a machine between client and network sees it: no comments, and what comes is captured when it comes.
fn at_client(exported: &Capture, latency: Duration) -> Capture {
    let seen = |frame: &Frame| {
        let said = frame.comments.join(" ");
        let late = said.split_once(" delay ").and_then(|(_, span)| span.strip_suffix("ms")?.parse().ok());
        let at = frame.at + latency + Duration::from_millis(late.unwrap_or_default());
        let is_up = frame.to.port() == 7;
        (is_up || !said.contains(" drop")).then(|| Frame {
            at: if is_up { frame.at } else { at },
            comments: Vec::new(),
            ..frame.clone()
        })
    };
    Capture { frames: exported.frames.iter().filter_map(seen).collect(), ..Capture::default() }
}

/// Holds that a direction's loss and bursts are within three standard errors of what they were.
fn assert_found(link: &FittedLink, direction: usize, loss: f64, burst_len: f64) {
    let found = &link.directions[direction];
    let (measured, len) = (found.loss, found.burst_len.expect("there are losses"));
    // The error is that of the length of the capture, and no wide one.
    assert!(measured.error < 0.25 * loss && len.error < 0.25 * burst_len, "{found:?}");
    assert!((measured.value - loss).abs() < 3.0 * measured.error, "{found:?}");
    assert!((len.value - burst_len).abs() < 3.0 * len.error, "{found:?}");
}

#[test]
fn a_link_is_found_in_an_export_that_went_through_it() {
    let link = capture::fit_link(&WIFI, None).unwrap();
    assert_eq!(link.told, Told::Comments);
    for direction in [0, 1] {
        assert_found(&link, direction, 0.01, 3.0);
    }
    // The model is that of the profile, each of its figures near.
    let (found, wanted) = (link.profile.bursts, Profile::WIFI.bursts);
    assert_eq!(
        (found.loss_in_bad, found.loss_in_good, link.profile.loss),
        (Chance::ALWAYS, Chance::NEVER, Chance::NEVER)
    );
    let near = |found: Chance, wanted: Chance| (found.as_f64() / wanted.as_f64() - 1.0).abs() < 0.25;
    assert!(
        near(found.good_to_bad, wanted.good_to_bad) && near(found.bad_to_good, wanted.bad_to_good),
        "{found:?}"
    );
    // Up to 8 ms late, all equally likely: nine steps, each rounded to from half a millisecond around.
    assert_eq!(link.profile.latency, Profile::WIFI.latency);
    let shares = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0];
    for share in shares {
        let quantile = link.profile.spread.quantile(Chance::share(share).unwrap());
        let wanted = (9.0 * share - 0.5_f64).max(0.0);
        assert!((quantile.as_secs_f64() * 1000.0 - wanted).abs() < 0.3, "{share}: {quantile:?}");
    }

    // What went through the link that was found finds it again.
    let again = capture::fit_link(&captured(link.profile), None).unwrap();
    for direction in [0, 1] {
        assert_found(&again, direction, 0.01, 3.0);
    }
    let median = |link: &FittedLink| link.profile.spread.quantile(Chance::percent(50));
    assert!(median(&again).abs_diff(median(&link)) < Duration::from_micros(300));
}

#[test]
fn a_link_is_found_by_requests_and_replies() {
    let capture = at_client(&WIFI, Profile::WIFI.latency);
    let link = capture::fit_link(&capture, None).unwrap();
    assert_eq!((link.told, link.directions.len()), (Told::RoundTrips, 1));
    // A round trip is lost where either direction loses, and the bursts are those of either.
    assert_found(&link, 0, 1.0 - 0.99 * 0.99, 3.0);
    assert_eq!(link.profile.latency, Profile::WIFI.latency);
    let median = link.profile.spread.quantile(Chance::percent(50));
    assert!(median.abs_diff(Duration::from_millis(4)) < Duration::from_micros(300), "{median:?}");
    // What either direction has loses as many round trips.
    let again = at_client(&captured(link.profile), link.profile.latency);
    assert_found(&capture::fit_link(&again, None).unwrap(), 0, 1.0 - 0.99 * 0.99, 3.0);
}

#[test]
fn a_link_is_found_by_numbers_where_they_arrive() {
    let mut capture = WIFI.clone();
    capture.replay = None;
    capture.frames.retain(|frame| frame.to.port() == 7 && !frame.comments.concat().contains(" drop"));
    let link = capture::fit_link(&capture, None).unwrap();
    assert_eq!((link.told, link.directions.len()), (Told::Numbers, 1));
    assert_found(&link, 0, 0.01, 3.0);
    assert_eq!(link.profile.spread, Spread::NONE);
    // Without them nothing tells.
    for frame in &mut capture.frames {
        frame.payload = Payload::Datagram(b"without a number".to_vec());
    }
    assert!(matches!(capture::fit_link(&capture, None), Err(LinkError::NothingTold(_))));
}

/// A stream of 10,000 segments of ten bytes to a receiver that acknowledges each after 20 to 28 ms. What is lost is sent
/// again 200 ms later.
fn stream(lost: impl Fn(u32) -> bool) -> Capture {
    let ends = ["10.0.0.1:5000", "10.0.0.2:80"].map(|end| end.parse().unwrap());
    let segment = |millis: u32, side: usize, sequence, acknowledged, len| Frame {
        at: Duration::from_millis(millis.into()),
        packet: 1,
        from: ends[side],
        to: ends[1 - side],
        ecn: lossproof::machine::Ecn::default(),
        payload: Payload::Segment {
            sequence,
            acknowledgment: Some(acknowledged),
            syn: false,
            fin: false,
            rst: false,
            bytes: vec![0; len],
        },
        missing_len: 0,
        comments: Vec::new(),
    };
    let mut frames = Vec::new();
    for n in 0..10_000_u32 {
        // The numbers go round on the way.
        let (at, number) = (n * 40, (10 * n).wrapping_sub(5_000));
        frames.push(segment(at, 0, number, 1, 10));
        if lost(n) {
            frames.push(segment(at + 200, 0, number, 1, 10));
        } else {
            frames.push(segment(at + 20 + n % 9, 1, 1, number.wrapping_add(10), 0));
        }
    }
    Capture { frames, ..Capture::default() }
}

#[test]
fn a_link_is_found_by_what_tcp_sends_again() {
    let link = capture::fit_link(&stream(|n| n % 100 < 3), None).unwrap();
    assert_eq!((link.told, link.directions.len()), (Told::Segments, 1));
    let (found, spread) = (&link.directions[0], link.profile.spread);
    assert_eq!((found.packets, found.lost), (10_300, 300));
    assert_eq!(link.profile.latency, Duration::from_millis(10));
    // Half of up to 8 ms.
    let [first, last] = [Chance::NEVER, Chance::ALWAYS].map(|share| spread.quantile(share));
    assert_eq!(first, Duration::ZERO);
    assert!(last.abs_diff(Duration::from_millis(4)) <= Duration::from_micros(500), "{last:?}");
    // Nothing was lost, and it is said to be so.
    let link = capture::fit_link(&stream(|_| false), None).unwrap();
    assert_eq!((link.profile.loss, link.profile.bursts), (Chance::NEVER, Bursts::NONE));
}

#[test]
fn the_command_writes_a_link_that_every_command_takes() {
    let (file, link) = (path("linked.pcapng"), path("linked.link"));
    let args = [
        "sim",
        "tcp-deadlock",
        "--bytes",
        "1000000",
        "--profile",
        "lossy",
        "--format",
        "pcapng",
        "-o",
        &file,
    ];
    assert_eq!(lossproof(&args).status.code(), Some(0));
    let output = lossproof(&["import", &file, "--as-link"]);
    let text = stdout(&output).trim_end();
    assert!(text.starts_with("latency 25ms; ") && text.contains("; spread "), "{text}");
    let profile: Profile = text.parse().expect("it is a profile");
    assert_eq!(profile.to_string(), text);
    let notes: Vec<&str> = stderr(&output).lines().collect();
    assert!(notes[0].ends_with("told by the comments of the packets") && notes.len() == 3, "{notes:?}");

    assert_eq!(stdout(&lossproof(&["import", &file, "--as-link", "-o", &link])), "");
    assert_eq!(std::fs::read_to_string(&link).unwrap(), format!("{text}\n"));
    let sim = |profile: &str| {
        stdout(&lossproof(&["sim", "udp-remote", "--seed", "3", "--profile", profile])).to_owned()
    };
    assert_eq!(sim(text), sim(&format!("@{link}")));
    let checked =
        lossproof(&["check", "udp-remote", "--runs", "20", "--ids", "--profile", &format!("@{link}")]);
    assert!(stdout(&checked).contains(&format!("--profile '{text}'")), "{}", stdout(&checked));
}

#[test]
fn wrong_words_are_answered() {
    let file = path("linked-several.pcapng");
    let status = lossproof(&["sim", "udp-chat", "--format", "pcapng", "-o", &file]).status;
    assert_eq!(status.code(), Some(0));
    let output = lossproof(&["import", &file, "--as-link"]);
    let line = stderr(&output);
    assert!(
        line.starts_with("lossproof: there are 3 flows: choose one with --flow N: 1: udp 192.168.0."),
        "{line}"
    );
    assert_eq!(lossproof(&["import", &file, "--as-link", "--flow", "3"]).status.code(), Some(0));
    let output = lossproof(&["import", &file, "--as-link", "--flow", "4"]);
    assert!(stderr(&output).starts_with("lossproof: there is no flow 4: 1: udp "), "{}", stderr(&output));
    let line = "--ids is of a system, so it says nothing of a link: leave it out";
    refused(&["import", &file, "--as-link", "--ids"], line);
    assert_eq!(lossproof(&["import", &file]).status.code(), Some(2));
    assert_eq!(lossproof(&["import", &file, "--as-link", "--as", "udp-chat"]).status.code(), Some(2));
    refused(
        &["sim", "udp-remote", "--profile", "@no/such"],
        "--profile: cannot read 'no/such': no such file or directory",
    );
    refused(
        &["sim", "udp-remote", "--profile", "latency 5"],
        "--profile: cannot use 'latency 5': a span of time needs a unit: ns, us, ms, s or min",
    );
    let long = path("long.link");
    std::fs::write(&long, " ".repeat(4097)).unwrap();
    let line = format!("--profile: cannot read '{long}': it is longer than 4096 bytes");
    refused(&["sim", "udp-remote", "--profile", &format!("@{long}")], &line);
    let marked = path("marked.link");
    std::fs::write(&marked, format!("\u{feff}loss 100%{:4082}\r\n", "")).unwrap();
    assert_eq!(lossproof(&["sim", "udp-remote", "--profile", &format!("@{marked}")]).status.code(), Some(1));
}
