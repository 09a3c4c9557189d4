//! Excerpts of runs of all kinds.

use lossproof::engine::{Engine, Keep, Prepared, Settings};
use lossproof::fault::{Chance, Profile};
use lossproof::scenario::Scenario;
use lossproof::systems::{Options, greet, http, tcp_chat, tcp_deadlock, udp_chat, udp_remote};
use lossproof::transcript::{MAX_EXCERPT_LINES, MIN_EXCERPT_LINES, Transcript};
use lossproof::{Input, Instant, Machine, Net, Outbox};

use crate::{chosen, counted};

/// An excerpt has no more lines than asked for, it accounts for every line of the transcript, and it is the transcript
/// where there is room for that.
fn holds(transcript: &Transcript<'_>) {
    let whole = transcript.to_string();
    let len = whole.lines().count();
    let rooms = [0, MIN_EXCERPT_LINES, 13, 17, 24, 33, 48, 60, 100, 1_000, len.saturating_sub(1), len];
    for room in rooms {
        let excerpt = transcript.excerpt(room);
        assert!(excerpt.lines().count() <= room.max(MIN_EXCERPT_LINES), "{room}: {excerpt}");
        assert_eq!(counted::counts(&excerpt, &whole), Ok(()), "{room}: {excerpt}");
        assert!(room < len || excerpt == whole, "{room}: {excerpt}");
    }
}

#[test]
fn every_line_is_kept_or_counted() {
    let options = Options::default();
    let nets = [udp_chat::net, tcp_chat::net, udp_remote::net, tcp_deadlock::net, greet::net, http::net];
    for net in nets {
        let scenario = Scenario::from(net(&options));
        let mut engine = Engine::new(&scenario);
        for seed in 0..10 {
            let share = Chance::percent(3 * seed as u32);
            let profile = Profile { loss: share, duplicate: share, ..Profile::default() };
            let settings = Settings { seed, profile, keep: Keep::Log, ..Settings::default() };
            engine.run(&settings);
            holds(&engine.transcript());
        }
    }
}

/// Whoever wants more has the transcript.
#[test]
fn an_excerpt_has_at_most_so_many_lines() {
    let scenario = Scenario::from(chosen::net());
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { keep: Keep::Log, laws: None, ..Settings::default() });
    let transcript = engine.transcript();
    let whole = transcript.to_string();
    let len = whole.lines().count();
    assert!(len > MAX_EXCERPT_LINES + 1);
    for room in [MAX_EXCERPT_LINES, MAX_EXCERPT_LINES + 1, len - 1] {
        let excerpt = transcript.excerpt(room);
        assert!(excerpt.lines().count() <= MAX_EXCERPT_LINES, "{room}");
        assert_eq!(counted::counts(&excerpt, &whole), Ok(()), "{room}");
    }
    assert_eq!(transcript.excerpt(len), whole);
}

/// Faults of hosts, too.
#[test]
fn every_line_of_broken_hosts_is_kept_or_counted() {
    let scenario = Scenario::from(udp_chat::net(&Options::default()));
    let plans = [
        "at 1s crash server; at 3s restart server; at 7s poweroff client-1",
        "at 1s partition server|client-1; at 2s skew client-2 +3s; at 9s heal",
        "at 2s partition client-2>server; calm 12s",
        "at 0s crash client-1; at 0s crash client-2; at 1ns crash client-3",
    ];
    for plan in plans {
        let plan = Prepared::new(&plan.parse().expect("a plan"), &scenario).expect("for these hosts");
        let mut engine = Engine::new(&scenario);
        engine.run(&Settings { plan, keep: Keep::Log, ..Settings::default() });
        holds(&engine.transcript());
    }
}

/// Tells texts of several lines.
struct Teller;

impl Machine for Teller {
    type Command = usize;
    type Event = usize;

    fn handle(&mut self, input: Input<'_, usize>, _: Instant, out: &mut Outbox<usize>) {
        if let Input::Command(lines) = input {
            out.event(*lines);
        }
    }
}

/// An event may have any number of lines, and so may what does not hold.
#[test]
fn texts_of_many_lines_are_counted_too() {
    let net = Net::new("telling");
    let host = net.host("teller").machine(|_| Teller);
    net.show(host, |lines, f| f.write_str(&vec!["said"; *lines].join("\n")));
    for lines in 1..=40 {
        net.command(Instant::from_millis(lines), host, lines as usize);
    }
    net.always("it says little", move |run| {
        if run.events(host).len() < 40 { Ok(()) } else { Err("much\n".repeat(200)) }
    });
    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { keep: Keep::Log, ..Settings::default() });
    holds(&engine.transcript());
    // Eight lines of an event are whole. Of nine there are seven.
    let excerpt = engine.transcript().excerpt(MAX_EXCERPT_LINES);
    let more = |count: usize| excerpt.matches(&format!("\n… {count} lines more of it …\n")).count();
    assert_eq!((more(1), more(2), more(3), more(33), more(194)), (0, 1, 1, 1, 1), "{excerpt}");
    let excerpt = engine.transcript().excerpt(20);
    assert!(
        excerpt.contains("broken it says little") && excerpt.contains(" lines more of it …"),
        "{excerpt}"
    );
}
