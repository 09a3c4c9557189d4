#[test]
#[ignore = "it is to fail: the tests of the guide run it and look at what it says"]
fn files_arrive() {
    let (net, sender) = transfer();
    net.generate(move |seed, commands| {
        for n in 0..4 {
            let file = format!("file {n}{}", "!".repeat((seed >> (8 * n)) as usize % 9));
            commands.give(Instant::from_millis(200 * n), sender, file);
        }
    });
    let faults = Profile { duplicate: Chance::percent(10), ..Profile::default() };
    Check::new(net).profile(faults).assert();
}
