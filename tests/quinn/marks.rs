//! Marks of congestion under QUIC: they slow it down, and it does not trust a path that clears them (RFC 9000, 13.4).

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::FaultKind;
use lossproof::machine::Ecn;
use lossproof::transcript::What;
use lossproof::{Check, Host, Net, Profile, Promises, Scenario};

use super::quic::Quic;
use super::tls::Randomness;
use super::{loss, net_of};

fn net() -> (Net, Host<Quic>) {
    net_of(Promises::DEFAULT, |seed, server| {
        Quic::new(seed, Randomness::OfTheMachine, server).heeding_marks()
    })
}

/// With which fields the client sends, and how often it has slowed down.
fn run(plan: &str) -> (Vec<Ecn>, u64) {
    let (net, client) = net();
    let scenario = Scenario::from(net.without_properties());
    let plan = Prepared::new(&plan.parse().unwrap(), &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { plan, ..Settings::default() });
    assert_eq!(engine.unfired().count(), 0, "{}", engine.transcript());
    let sent = engine.log().records().iter().filter(|record| record.host == client.id());
    let field = |what| if let What::Send { bytes, .. } = what { Some(bytes.ecn()) } else { None };
    let fields = sent.filter_map(|record| field(record.what)).collect();
    (fields, engine.view().state(client).map_or(0, Quic::congestions))
}

#[test]
fn a_good_path_is_used_with_marks_to_the_end() {
    let (fields, congestions) = run("");
    assert!(fields.len() > 3 && fields.iter().all(|field| *field == Ecn::Ect0), "{fields:?}");
    assert_eq!(congestions, 0);
}

#[test]
fn a_mark_slows_it_down() {
    assert_eq!(run("client>server #1 mark"), (run("").0, 1));
}

#[test]
fn a_path_that_clears_the_field_is_used_without() {
    let (fields, congestions) = run("client>server #0 bleach");
    assert_eq!((fields[0], congestions), (Ecn::Ect0, 0));
    let is_not_ect: Vec<bool> = fields.iter().map(|field| *field == Ecn::NotEct).collect();
    assert!(is_not_ect.is_sorted() && is_not_ect.contains(&true), "{fields:?}");
}

#[test]
fn an_echo_under_searched_marks() {
    let marks: Profile = "mark 30%; bleach 30%".parse().unwrap();
    let profile = Profile { mark: marks.mark, bleach: marks.bleach, ..loss() };
    let verdict = Check::new(net().0).profile(profile).runs(300).assert();
    let fired: Vec<_> = verdict.tally().fired_kinds().map(|(kind, _)| kind).collect();
    assert_eq!(fired, [FaultKind::Drop, FaultKind::Mark, FaultKind::Bleach]);
}
