/// The same with other faults.
pub(super) fn check(name: &str, plan: &str, faults: Profile) -> lossproof::harness::Verdict {
    let (net, sender) = transfer();
    net.command(Instant::START, sender, "stop and go".to_owned());
    net.eventually_within("the file is sent", Duration::from_secs(30), move |run| {
        !run.events(sender).is_empty()
    });
    let plan = plan.parse().expect("a plan");
    Check::new(net).named(name).plan(plan).profile(faults).assert()
}
