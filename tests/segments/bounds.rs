//! Its bounds, each met and passed by one.

use lossproof::engine::{Engine, Settings};
use lossproof::fault::{FaultPlan, Mtu, Profile, StreamKind};
use lossproof::transcript::What;
use lossproof::{Instant, Scenario};

use crate::script::{B, Do, net};

#[test]
fn the_shortest_packet_and_one_byte_less() {
    let least = Mtu::MIN.get();
    assert_eq!(Mtu::new(least), Some(Mtu::MIN));
    assert_eq!(Mtu::new(least - 1), None);
    let plan: FaultPlan = format!("streams segments {least}").parse().unwrap();
    assert_eq!(plan.streams, Some(StreamKind::Segments(Mtu::MIN)));
    let error = format!("streams segments {}", least - 1).parse::<FaultPlan>().unwrap_err();
    assert_eq!(error.to_string(), "column 18: expected a number of bytes from 108 to 65535, found '107'");
}

#[test]
fn the_text_says_what_streams_are_made_of_once() {
    for text in [
        "v2; streams segments; a>b #0 drop",
        "v2; seed 1; link 3ms; streams segments 1280",
        "v2; streams model",
    ] {
        assert_eq!(text.parse::<FaultPlan>().unwrap().to_string(), text);
    }
    let error = |text: &str| text.parse::<FaultPlan>().unwrap_err().to_string();
    assert_eq!(
        error("streams segmets"),
        "column 9: expected 'model' or 'segments', found 'segmets'; did you mean 'segments'?"
    );
    assert_eq!(error("streams model; streams segments"), "column 16: the plan has a kind of streams already");
}

/// The lengths of all packets of a run in which a writes what fits a send buffer.
fn lens(plan: &str, profile: Profile) -> (Vec<usize>, FaultPlan) {
    let scenario = Scenario::from(net(&[(0, "a", Do::Connect(B)), (1_000, "a", Do::Fill(0, 64 * 1024))]));
    let plan: FaultPlan = plan.parse().unwrap();
    let prepared = lossproof::engine::Prepared::new(&plan, &scenario).unwrap();
    let settings = Settings { plan: prepared, profile, ..Settings::default() };
    let mut engine = Engine::new(&scenario);
    engine.run(&settings);
    let len = |what| match what {
        What::Send { bytes, .. } => Some(bytes.len()),
        _ => None,
    };
    (engine.log().records().iter().filter_map(|record| len(record.what)).collect(), engine.plan(&settings))
}

#[test]
fn no_packet_is_longer_than_what_the_plan_says_or_a_link_lets_pass() {
    let longest = |plan, profile| lens(plan, profile).0.into_iter().max().unwrap();
    assert_eq!(longest("streams segments", Profile::CALM), 1_500);
    assert_eq!(longest("streams segments 1280", Profile::CALM), 1_280);
    let narrow = Profile { mtu: Some(600), ..Profile::CALM };
    let (lens, plan) = lens("streams segments", narrow);
    assert_eq!(lens.into_iter().max(), Some(600));
    // So the plan makes the same packets without the profile, and none was lost.
    assert_eq!((plan.streams, plan.len()), (Some(StreamKind::Segments(Mtu::new(600).unwrap())), 0));
    assert_eq!(longest(&plan.to_string(), Profile::CALM), 600);
}

/// A stream whose peer acknowledges nothing is given up after 100 s, and not a moment before.
#[test]
fn patience_ends_after_a_hundred_seconds() {
    for (max_millis, is_closed) in [(100_499, false), (100_500, true)] {
        let net = net(&[(0, "a", Do::Connect(B)), (500, "a", Do::Write(0, "anybody?"))]);
        net.max_time(std::time::Duration::from_millis(max_millis));
        net.streams(StreamKind::SEGMENTS);
        let scenario = Scenario::from(net);
        let plan: FaultPlan = "at 100ms partition a|b".parse().unwrap();
        let prepared = lossproof::engine::Prepared::new(&plan, &scenario).unwrap();
        let mut engine = Engine::new(&scenario);
        engine.run(&Settings { plan: prepared, ..Settings::default() });
        let closed_at = engine.log().records().iter().find(|record| matches!(record.what, What::Closed(..)));
        assert_eq!(closed_at.map(|record| record.at), is_closed.then(|| Instant::from_millis(100_500)));
    }
}
