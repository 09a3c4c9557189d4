#[test]
#[ignore = "it fails, which is what the guide shows"]
fn files_arrive() {
    let (net, sender) = transfer();
    net.generate(move |seed, commands| {
        for n in 0..4 {
            // One byte of the seed for each file.
            let extra = usize::from(seed.to_le_bytes()[n as usize]) % 9;
            let file = format!("file {n}{}", "!".repeat(extra));
            commands.give(Instant::from_millis(200 * n), sender, file);
        }
    });
    let faults = Profile { duplicate: Chance::percent(10), ..Profile::default() };
    Check::new(net).profile(faults).assert();
}
