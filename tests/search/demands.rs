//! What is to happen in time, and what is to converge.

use std::time::Duration;

use lossproof::Scenario;
use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::{Chance, Profile};

use crate::{Bug, hosts, profile, search};

#[test]
fn what_does_not_happen_in_time_is_said_with_why() {
    let lost = Profile { loss: Chance::ALWAYS, ..Profile::default() };
    let detail = |bug, profile| search(bug, profile, 1).failure.unwrap().detail;
    let quiet = "it has not happened, and nothing is left to happen at 0.000";
    assert_eq!(detail(Bug::AsksOnce, lost), quiet);
    assert_eq!(detail(Bug::NeverEnds, Profile::default()), "not within 19 s");
    // Nothing is answered, but it is asked again: after the bound that it is late shows.
    assert_eq!(detail(Bug::None, lost), "not within 19 s");
}

#[test]
fn in_time_is_up_to_the_bound_and_not_beyond() {
    let answered = |within| {
        let (net, asker) = hosts(Bug::None);
        net.eventually_within("a first answer", Duration::from_millis(within), move |run| {
            !run.events(asker).is_empty()
        });
        let scenario = Scenario::from(net);
        let mut search = Search::new(&scenario, Prepared::default(), Profile::default(), 7);
        search.runs(0..1).failure.map(|failure| failure.detail)
    };
    // There and back takes 10 ms.
    assert_eq!((answered(10), answered(9)), (None, Some("not within 0.009 s".to_owned())));
}

/// The search of one run with this plan and profile: what is broken, and how.
fn converges(bug: Bug, within: u64, inputs: u64, plan: &str, profile: Profile) -> Option<(String, String)> {
    let (net, asker) = hosts(bug);
    let bound = Duration::from_millis(within);
    net.converges_within("the asker ends", bound, inputs, move |run| run.status(asker).is_some());
    let scenario = Scenario::from(net);
    let plan = Prepared::new(&plan.parse().unwrap(), &scenario).unwrap();
    let tally = Search::new(&scenario, plan, profile, 7).runs(0..1);
    tally.failure.map(|failure| (failure.broken, failure.detail))
}

#[test]
fn once_it_is_calm_all_converges_within_both_bounds() {
    let lost = Profile { loss: Chance::ALWAYS, ..Profile::default() };
    // The next of its questions is sent at the calm itself: three there and back, of two inputs each, and the timeout.
    assert_eq!(converges(Bug::None, 30, 7, "calm 1s", lost), None);
    let broken = |detail: &str| Some(("the asker ends".to_owned(), detail.to_owned()));
    let late = "not converged: not within 0.029 s after the calm at 1.000";
    assert_eq!(converges(Bug::None, 29, 7, "calm 1s", lost), broken(late));
    let many = "not converged: not within 6 inputs after the calm at 1.000";
    assert_eq!(converges(Bug::None, 30, 6, "calm 1s", lost), broken(many));
    // Nothing is to come any more of one who asks once, and is not heard.
    let quiet = "not converged: it has not happened, and nothing is left to happen at 0.000";
    assert_eq!(converges(Bug::AsksOnce, 30, 6, "calm 1s", lost), broken(quiet));
    // What holds already need not come again; without a calm all counts from the start.
    assert_eq!(converges(Bug::None, 0, 0, "calm 1s", Profile::default()), None);
    assert_eq!(converges(Bug::None, 30, 9, "", Profile::default()), None);
    let late = "not converged: not within 0.029 s after the calm at 0.000";
    assert_eq!(converges(Bug::None, 29, 9, "", Profile::default()), broken(late));
}

#[test]
fn a_failure_to_converge_is_shrunk_with_its_calm() {
    let (net, asker) = hosts(Bug::AsksOnce);
    net.converges_within("the asker ends", Duration::from_secs(1), 99, move |run| {
        run.status(asker).is_some()
    });
    let scenario = Scenario::from(net);
    let plan = Prepared::new(&"calm 5s".parse().unwrap(), &scenario).unwrap();
    let mut search = Search::new(&scenario, plan, profile(), 7);
    let failure = search.runs(0..100).failure.unwrap();
    let shrunk = search.shrink(&failure, 1_000);
    assert!(shrunk.is_minimal && shrunk.failure.plan.len() == 1, "{shrunk:?}");
    assert!(shrunk.failure.plan.to_string().starts_with("v2; calm 5s; "), "{}", shrunk.failure.plan);
    assert!(shrunk.failure.detail.starts_with("not converged: "), "{}", shrunk.failure.detail);
}
