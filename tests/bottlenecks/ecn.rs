//! Marks of congestion: where queues, plans and profiles set them, where they are seen, and who is spared.

use std::hash::{Hash as _, Hasher};
use std::time::Duration;

use lossproof::check::{Exhaustive, Fates};
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{Bandwidth, Bottleneck, Discipline, FaultKind, FaultPlan, Profile};
use lossproof::machine::Ecn;
use lossproof::scenario::Host;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Scenario};

use crate::parties::{PAYLOAD_LEN, lines, run};

/// Sends a packet every so often.
struct Sender {
    peer: Peer,
    ecn: Ecn,
    every: Duration,
    left: u32,
    next_at: Option<Instant>,
}

impl Machine for Sender {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        if matches!(input, Input::Start { .. } | Input::Timeout) {
            out.set_ecn(self.ecn);
            out.send(self.peer, &[b'x'; PAYLOAD_LEN]);
            self.left -= 1;
            self.next_at = (self.left > 0).then(|| now + self.every);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_at
    }

    fn fingerprint(&self, now: Instant, mut to: &mut dyn Hasher) -> bool {
        (self.ecn, self.left, self.next_at.map(|at| at.since(now))).hash(&mut to);
        true
    }
}

/// Tells how each packet came.
struct Listener;

impl Machine for Listener {
    type Command = ();
    type Event = (Peer, Ecn);

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<(Peer, Ecn)>) {
        if let Input::Datagram { peer, ecn, .. } = input {
            out.event((peer, ecn));
        }
    }

    /// It has no state.
    fn fingerprint(&self, _: Instant, _: &mut dyn Hasher) -> bool {
        true
    }
}

/// Senders with these ECN fields, each of which sends so many packets so far apart.
fn net(fields: &[Ecn], count: u32, every: Duration) -> (Net, Host<Listener>) {
    let net = Net::new("marks");
    let server = net.host("server").udp(7).machine(|_| Listener);
    for (name, &ecn) in ["a", "b", "c"].into_iter().zip(fields) {
        let sender = move |peer| Sender { peer, ecn, every, left: count, next_at: None };
        net.host(name).udp(1).machine(move |boot| sender(boot.peer(server)));
    }
    (net, server)
}

/// For each sender how many packets came with these fields.
fn counts(engine: &Engine<'_>, server: Host<Listener>, sender: u8) -> [usize; 4] {
    let from = |peer: &Peer| peer.to_string() == format!("192.168.0.{}:1", sender + 2);
    let run = engine.view();
    let came = |ecn| run.events(server).iter().filter(|(peer, field)| from(peer) && *field == ecn).count();
    [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce].map(came)
}

/// 10 Mbit/s that two flows overdrive by a tenth, for 22 s: the queue must get shorter by every eleventh packet.
#[test]
fn codel_marks_the_capable_and_drops_the_others() {
    let every = Duration::from_nanos(2 * 1_500 * 8 * 100 * 10 / 11);
    let slow = || Bottleneck::new("wan", Bandwidth::kilobits(10_000, 1 << 20));
    let count = 10_000;
    let (both, server) = net(&[Ecn::Ect0, Ecn::NotEct], count, every);
    both.bottleneck(slow().with(Discipline::Codel).towards(server));
    let scenario = Scenario::from(both);
    let engine = run(&scenario, "");
    let [capable, other] = [0, 1].map(|sender| counts(&engine, server, sender));
    let figures: Vec<_> = engine.queue_figures().map(|(.., f)| (f.passed, f.dropped, f.marked)).collect();
    let [(passed, dropped, marked), (other_passed, other_dropped, other_marked)] = figures[..] else {
        panic!("{figures:?}")
    };
    eprintln!("capable: {passed} passed, {dropped} dropped, {marked} marked");
    eprintln!("not capable: {other_passed} passed, {other_dropped} dropped, {other_marked} marked");
    assert_eq!((passed, dropped), (u64::from(count), 0), "what is capable loses nothing");
    assert_eq!(capable, [0, 0, (passed - marked) as usize, marked as usize], "and comes with its marks");
    assert_eq!(other, [other_passed as usize, 0, 0, 0]);
    assert_eq!((other_passed + other_dropped, other_marked), (u64::from(count), 0));
    assert!(marked > 500 && other_dropped > 500, "{figures:?}");
    // What is marked leaves and what is dropped does not, at the same decisions: about as many of each.
    assert!(marked.abs_diff(other_dropped) < marked / 3, "{figures:?}");
}

#[test]
fn a_queue_that_drops_at_its_tail_marks_nothing() {
    let (net, server) = net(&[Ecn::Ect0], 500, Duration::from_millis(1));
    net.bottleneck(Bottleneck::new("wan", Bandwidth::kilobits(6_000, 15_000)).towards(server));
    let scenario = Scenario::from(net);
    let engine = run(&scenario, "");
    let [(passed, dropped, marked)] =
        engine.queue_figures().map(|(.., f)| (f.passed, f.dropped, f.marked)).collect::<Vec<_>>()[..]
    else {
        panic!("one flow")
    };
    assert!(dropped > 100 && marked == 0, "{dropped} {marked}");
    assert_eq!(counts(&engine, server, 0), [0, 0, passed as usize, 0]);
}

#[test]
fn a_plan_marks_and_bleaches_what_is_capable_of_marks() {
    let (net, server) = net(&[Ecn::Ect0, Ecn::NotEct, Ecn::Ect1], 3, Duration::from_millis(10));
    let scenario = Scenario::from(net);
    let text = "v2; seed 0; a>server #1 mark; a>server #2 bleach; b>server #0 mark; b>server #1 bleach; c>server #2 mark";
    let engine = run(&scenario, text);
    assert_eq!(
        [0, 1, 2].map(|sender| counts(&engine, server, sender)),
        [[1, 0, 1, 1], [3, 0, 0, 0], [0, 2, 0, 1],]
    );
    let names = ["server", "a", "b", "c"];
    let unfired: Vec<String> = engine.unfired().map(|fault| fault.named(&names).to_string()).collect();
    assert_eq!(unfired, ["b>server #0 mark", "b>server #1 bleach"], "they change nothing");
    assert_eq!(engine.plan(&Settings::default()).to_string(), text);
    // The transcript shows a field where there is one.
    let shown = |word: &str| -> Vec<_> {
        let fields = lines(&engine, &[word]).into_iter().map(|line| {
            let field = line.split(' ').find(|word| word.starts_with('[')).unwrap_or("-").to_owned();
            format!("{} {field}", line.split(' ').next_back().unwrap())
        });
        fields.collect()
    };
    assert_eq!(shown("recv")[..3], ["a [ect(0)]", "b -", "c [ect(1)]"]);
    assert_eq!(shown("recv")[3..], ["a [ce]", "b -", "c [ect(1)]", "a -", "b -", "c [ce]"]);
    assert_eq!(shown("send")[..3], ["server [ect(0)]", "server -", "server [ect(1)]"]);
    assert_eq!(lines(&engine, &["fault"])[0], "0.010 - fault a>server #1 mark");
    let transcript = engine.transcript();
    let json = transcript.json_lines();
    let fields =
        |line: &str| line.split("\"ecn\":").nth(1).map(|rest| rest.split('"').nth(1).unwrap().to_owned());
    let received: Vec<_> = json.lines().filter(|line| line.contains("\"recv\"")).map(fields).collect();
    assert_eq!(received[..4], [Some("ect(0)".into()), None, Some("ect(1)".into()), Some("ce".into())]);
    assert!(transcript.page("marks", "").contains("[ce]"));
    let ladder = transcript.ladder(lossproof::transcript::Look { width: 120, ascii: false }).unwrap();
    assert!(ladder.contains("mark: #1"), "{ladder}");
}

#[cfg(feature = "capture")]
#[test]
fn a_capture_has_the_field_in_the_headers_of_both_families() {
    use lossproof::capture::{export, read};
    use lossproof::transcript::Carried;

    for text in ["10.0.0.N:7", "[fd00::N]:7"] {
        let at = |n: usize| -> Peer { text.replace('N', &n.to_string()).parse().unwrap() };
        let local = at(1);
        let net = Net::new("marks");
        net.host("server").udp_at(local).machine(|_| Listener);
        let every = Duration::from_millis(1);
        for (n, ecn) in [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce].into_iter().enumerate() {
            let sender = move |peer| Sender { peer, ecn, every, left: 1, next_at: None };
            let own = at(n + 2).with_port(20 + n as u16);
            net.host(format!("sender-{n}")).udp_at(own).machine(move |_| sender(local));
        }
        let scenario = Scenario::from(net);
        let engine = run(&scenario, "");
        let file = export(&engine.transcript(), "");
        let frames = read(&file).unwrap().frames;
        let mut fields: Vec<_> = frames.iter().map(|frame| (frame.from.port(), frame.ecn)).collect();
        fields.sort_unstable();
        assert_eq!(fields, [(20, Ecn::NotEct), (21, Ecn::Ect1), (22, Ecn::Ect0), (23, Ecn::Ce)]);
        let sent = engine.log().packets().iter();
        let spans = sent.filter(
            |(_, packet)| matches!(packet.what, Carried::Datagram { bytes, .. } if bytes.ecn() == Ecn::Ce),
        );
        assert_eq!(spans.count(), 1);
        shown_by_tshark(&file, local);
    }
}

/// What tshark reads, with the checksum of the header, if it is there.
#[cfg(feature = "capture")]
fn shown_by_tshark(file: &[u8], local: Peer) {
    use std::process::Command;

    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("marks.pcapng");
    std::fs::write(&path, file).unwrap();
    let is_v4 = matches!(local, Peer::V4 { .. });
    let field = if is_v4 { "ip.dsfield.ecn" } else { "ipv6.tclass.ecn" };
    let mut command = Command::new("tshark");
    command.arg("-r").arg(&path).args(["-T", "fields", "-o", "ip.check_checksum:TRUE"]);
    let Ok(output) = command.args(["-e", "udp.srcport", "-e", field, "-e", "ip.checksum.status"]).output()
    else {
        return eprintln!("skipped: tshark is not installed ('apt-get install tshark' does that)");
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut rows: Vec<&str> = text.lines().map(str::trim_end).collect();
    rows.sort_unstable();
    let sum = if is_v4 { "\t1" } else { "" };
    let expected = ["20\t0", "21\t1", "22\t2", "23\t3"].map(|row| format!("{row}{sum}"));
    assert_eq!(rows, expected, "{}", String::from_utf8_lossy(&output.stderr));
}

/// Marks that are drawn come again from the plan of their run, and those that send none draw none.
#[test]
fn marks_are_drawn_where_they_can_be_and_recorded() {
    let (marks, server) = net(&[Ecn::Ect0, Ecn::NotEct], 200, Duration::from_millis(1));
    let scenario = Scenario::from(marks);
    let mut engine = Engine::new(&scenario);
    let profile: Profile = "mark 20%; bleach 5%; loss 10%".parse().unwrap();
    let settings = Settings { seed: 7, profile, ..Settings::default() };
    let outcome = engine.run(&settings);
    let [marked, bleached] = [FaultKind::Mark, FaultKind::Bleach].map(|kind| outcome.fired[kind as usize]);
    assert!((20..60).contains(&marked) && (2..20).contains(&bleached), "{marked} {bleached}");
    let [capable, other] = [0, 1].map(|sender| counts(&engine, server, sender));
    assert_eq!((capable[0] as u64, capable[3] as u64, &other[1..]), (bleached, marked, &[0; 3][..]));
    let (plan, first) = (engine.plan(&settings).to_string(), engine.transcript().to_string());
    assert_eq!(plan.matches(" mark").count() as u64, marked);
    assert!(
        plan.parse::<FaultPlan>()
            .unwrap()
            .faults()
            .iter()
            .all(|fault| { !fault.kind().is_of_ecn() || fault.to_string().starts_with("a>server") })
    );
    assert_eq!(run(&scenario, &plan).transcript().to_string(), first);
}

/// A sender that gives up at the second mark, as none should: the search draws marks by itself, and leaves those that matter.
#[test]
fn a_failure_by_a_mark_is_found_and_shrunk_to_it() {
    let (net, server) = net(&[Ecn::Ect0], 6, Duration::from_millis(20));
    net.never("two marks come", move |run| {
        run.events(server).iter().filter(|(_, ecn)| *ecn == Ecn::Ce).count() == 2
    });
    let verdict = Check::new(Scenario::from(net)).runs(200).verdict().unwrap();
    let failure = verdict.failure().expect("it is found");
    let faults: Vec<String> = failure.plan.faults().iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults.iter().all(|fault| fault.ends_with(" mark")), "{faults:?}");
}

/// What a search that knows states again finds, and one that goes through every run: a mark on its way is part of a state.
#[test]
fn an_exhaustive_search_has_marks_in_its_states() {
    let fates = Fates::parse("mark; bleach; drop", &[]).unwrap();
    let mut verdicts = Vec::new();
    for bottleneck in [false, true] {
        for wanted in [[0, 3], [1, 1], [2, 0], [3, 1], [0, 0]] {
            let (net, server) = net(&[Ecn::Ect0, Ecn::NotEct], 3, Duration::from_millis(1));
            if bottleneck {
                net.bottleneck(Bottleneck::new("wan", Bandwidth::kilobits(1_000, 1 << 16)).towards(server));
            }
            net.never("so many come so by then", move |run| {
                let events = run.events(server);
                let came = |wanted| events.iter().filter(|(_, ecn)| *ecn == wanted).count();
                run.now() >= Instant::from_millis(2) && [came(Ecn::NotEct), came(Ecn::Ce)] == wanted
            });
            let scenario = Scenario::from(net);
            let [merged, whole] = [true, false].map(|merges| {
                let search = Exhaustive::new(&scenario, fates.clone(), 2);
                let search = if merges { search } else { search.without_merging() };
                let explored = search.run(u64::MAX, |_| ());
                assert!(explored.failure.is_some() || explored.is_complete);
                explored.failure.map(|failure| failure.plan.len())
            });
            assert_eq!(merged, whole, "{wanted:?}");
            verdicts.push(merged);
        }
    }
    assert!(verdicts.contains(&None) && verdicts.iter().any(|verdict| verdict.is_some_and(|len| len > 0)));
}

#[test]
fn fates_are_not_tried_where_they_change_nothing() {
    let count = |fields: &[Ecn]| {
        let (net, _) = net(fields, 1, Duration::from_millis(1));
        let scenario = Scenario::from(net);
        let fates = Fates::parse("mark; bleach", &[]).unwrap();
        Exhaustive::new(&scenario, fates, 1).without_merging().run(u64::MAX, |_| ()).runs
    };
    assert_eq!([count(&[Ecn::NotEct]), count(&[Ecn::Ect0]), count(&[Ecn::Ce])], [1, 3, 2]);
}

#[test]
fn a_run_with_a_plan_for_nobody_says_that_it_never_fired() {
    let (net, _) = net(&[Ecn::NotEct], 1, Duration::from_millis(1));
    let scenario = Scenario::from(net);
    let plan = "a>server #0 mark".parse().unwrap();
    assert!(Prepared::new(&plan, &scenario).is_ok());
    let text = Check::new(scenario).plan(plan).runs(1).verdict().unwrap().to_string();
    assert!(text.contains("mark"), "{text}");
}

/// A field that depends on the time of day is another for the twin, and the report says which.
#[test]
fn the_laws_see_the_field() {
    struct Clock(Peer);

    impl Machine for Clock {
        type Command = ();
        type Event = ();

        fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
            if let Input::Start { .. } = input {
                out.set_ecn(if now < Instant::from_millis(1) { Ecn::Ect0 } else { Ecn::Ect1 });
                out.send(self.0, b"x");
            }
        }
    }

    let net = Net::new("clock");
    let server = net.host("server").udp(7).machine(|_| Listener);
    net.host("client").udp(1).machine(move |boot| Clock(boot.peer(server)));
    let text = Check::new(net).runs(1).verdict().unwrap().to_string();
    assert!(text.contains("law 5") && text.contains(" as ect(0)") && text.contains(" as ect(1)"), "{text}");
}
