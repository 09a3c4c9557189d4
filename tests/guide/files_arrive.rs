#[test]
#[ignore = "it is to fail: the tests of the guide run it and look at what it says"]
fn files_arrive() {
    let (mut scenario, sender, [arrives, _]) = transfer();
    scenario.generate(move |seed| {
        let file = |n| format!("file {n}{}", "!".repeat((seed >> (8 * n)) as usize % 9));
        (0..4).map(|n| (Instant::from_millis(200 * n), sender, file(n))).collect()
    });
    let faults = Profile { duplicate: Chance::percent(10), ..Profile::default() };
    Check::new("files_arrive", &scenario, &[arrives]).profile(faults).assert();
}
