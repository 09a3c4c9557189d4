use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::{FaultPlan, Scenario};

#[test]
fn two_lost_blocks_cost_a_retry_each() {
    let (net, sender) = transfer();
    net.command(Instant::START, sender, "stop and go".to_owned());
    let scenario = Scenario::from(net);
    let plan: FaultPlan = "seed 7; sender>receiver #0 drop; sender>receiver #2 drop".parse().unwrap();
    assert_eq!(plan.to_string(), "v2; seed 7; sender>receiver #0 drop; sender>receiver #2 drop");

    let settings = Settings { plan: Prepared::new(&plan, &scenario).unwrap(), ..Settings::default() };
    let mut engine = Engine::new(&scenario);
    let ended_at = engine.run(&settings).at;
    assert_eq!(ended_at.to_string(), "0.230");
    // Both faults had an effect, and a second run is the same.
    assert_eq!(engine.unfired().count(), 0);
    let transcript = engine.transcript().to_string();
    engine.run(&settings);
    assert_eq!(engine.transcript().to_string(), transcript);
}
