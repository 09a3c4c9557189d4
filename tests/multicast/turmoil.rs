//! On turmoil the copies of a multicast travel as datagrams to each member: what happens is the same as in the engine.

use std::time::Duration;

use lossproof::Scenario;
use lossproof::drive::simulate;
use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{Chance, FaultPlan, Profile};

use crate::member::{Ask, GROUPS, Meeting, PORT};

/// Members of which one leaves and one ends, one who hears itself, and one who is no member.
fn scenario(group: &str) -> Scenario {
    let meeting = Meeting::new(group);
    let a = meeting.member("a");
    let [b, c] = ["b", "c"].map(|name| meeting.member(name));
    meeting.host("stranger", PORT);
    let elsewhere = meeting.host("elsewhere", PORT + 1);
    meeting.ask(0, elsewhere, Ask::Join(meeting.group));
    for at in [1, 30, 60] {
        meeting.say(at, a, "who?");
    }
    meeting.ask(62, b, Ask::Leave(meeting.group));
    meeting.ask(70, c, Ask::End);
    meeting.say(80, a, "hello");
    meeting.say(90, b, "hello");
    Scenario::from(meeting.net)
}

#[test]
fn a_multicast_is_the_same_in_both_worlds() {
    let lossy =
        Profile { loss: Chance::percent(30), jitter: Duration::from_millis(20), ..Profile::default() };
    for group in GROUPS {
        let scenario = scenario(group);
        let plans =
            ["", "a>b #0 drop; a>c #1 duplicate; a>b #1 delay 40ms", "at 20ms partition a|b; at 50ms heal"];
        for (plan, profile) in plans.into_iter().map(|plan| (plan, Profile::default())).chain([("", lossy)]) {
            let prepared = Prepared::new(&plan.parse::<FaultPlan>().unwrap(), &scenario).unwrap();
            let settings = Settings { plan: prepared, profile, seed: 7, ..Settings::default() };
            let mut engine = Engine::new(&scenario);
            engine.run(&settings);
            let run = simulate(&scenario, &settings).unwrap();
            let transcript = engine.transcript().to_string();
            assert_eq!(run.transcript().to_string(), transcript, "{plan}");
            assert!(transcript.contains("recv"), "{transcript}");
        }
    }
}
