//! Bottlenecks in plans: their text, and what becomes of those that the scenario has.

use lossproof::engine::{Engine, Prepared, Settings};
use lossproof::fault::{Bandwidth, Bottleneck, Discipline, FaultPlan, Trace};
use lossproof::{Check, Instant, Net, Scenario};

use crate::parties::{HEADERS, heard, run, senders};

#[test]
fn a_bottleneck_is_read_as_it_is_written() {
    let texts = [
        "v2; bottleneck wan rate 1000000 queue 65536 over a>b",
        "v2; seed 3; bottleneck wan rate 1 queue 0 codel over a>b,*>c,d>*,*>*; bottleneck x.y rate 8 queue 1 over a>b; a>b #0 drop",
    ];
    for text in texts {
        assert_eq!(text.parse::<FaultPlan>().unwrap().to_string(), text);
    }
    let plan: FaultPlan = "bottleneck wan rate 8 queue 9 codel\tover a > b , * > b".parse().unwrap();
    let wan: Bottleneck<String> = Bottleneck::new("wan", Bandwidth::bits(8, 9)).with(Discipline::Codel);
    assert_eq!(plan.bottlenecks(), [wan.direction("a", "b").towards("b")]);
}

#[test]
fn what_is_wrong_is_said() {
    let error = |text: &str| text.parse::<FaultPlan>().unwrap_err().to_string();
    let cases = [
        ("bottleneck", "column 11: expected the name of a bottleneck, found the end"),
        (
            "bottleneck wan",
            "column 15: expected 'rate' and how many bits a second, or 'trace' and a file, found the end",
        ),
        (
            "bottleneck wan rate 0 queue 1 over a>b",
            "column 21: expected at least one bit a second, found '0'",
        ),
        ("bottleneck wan rate 1 over a>b", "column 23: expected 'queue', found 'over'"),
        (
            "bottleneck wan rate 1 queue 4294967296 over a>b",
            "column 29: expected how many bytes the queue holds of at most 4294967295, found '4294967296'",
        ),
        (
            "bottleneck wan rate 1 queue 1 fq over a>b",
            "column 31: expected 'codel', or 'over' and the flows, found 'fq'",
        ),
        ("bottleneck wan rate 1 queue 1 codel", "column 36: expected 'over' and the flows, found the end"),
        (
            "bottleneck wan rate 1 queue 1 over",
            "column 35: expected the name of a host, or '*' for any, found the end",
        ),
        (
            "bottleneck wan rate 1 queue 1 over a",
            "column 37: expected '>' and the host that receives, found the end",
        ),
        (
            "bottleneck wan rate 1 queue 1 over a>a",
            "column 1: 'a' is on both sides; name two different hosts",
        ),
        (
            "bottleneck w rate 1 queue 1 over a>b; bottleneck w rate 2 queue 1 over b>a",
            "column 39: the plan has a bottleneck 'w' already",
        ),
        (
            "bottleneck w trace @x queue 1 over a>b",
            "column 14: cannot use the trace 'x': a file is read for a command line alone; elsewhere make a Trace of its text",
        ),
    ];
    for (text, why) in cases {
        assert_eq!(error(text), why, "{text}");
    }
    let mut plan = FaultPlan::default();
    let none = plan.add_bottleneck(Bottleneck::new("w", Bandwidth::bits(8, 9))).unwrap_err();
    assert_eq!(none.to_string(), "no flow passes the bottleneck 'w'; write 'over a>b'");
    let named = Bottleneck::new("a b", Bandwidth::bits(8, 9)).everywhere();
    assert!(plan.add_bottleneck(named).is_err() && plan.bottlenecks().is_empty());
}

#[test]
fn a_trace_in_a_plan_comes_from_whoever_has_the_file() {
    let text = "v2; bottleneck w trace @a/cell.trace queue 1500 over a>b; a>b #0 drop";
    let mut asked = Vec::new();
    let plan = FaultPlan::read(text, &mut |path| {
        asked.push(path.to_owned());
        Trace::new(path, "5\n9\n").map_err(|error| error.to_string())
    });
    assert_eq!(plan.unwrap().to_string(), text);
    assert_eq!(asked, ["a/cell.trace"]);
    let refused = FaultPlan::read(text, &mut |_| Err("it is gone".to_owned())).unwrap_err();
    assert_eq!(refused.to_string(), "column 18: cannot use the trace 'a/cell.trace': it is gone");
}

/// A host that sends twice at once, behind a bottleneck that takes 50 ms for each.
fn twice() -> (Scenario, lossproof::scenario::Host<crate::parties::Listener>) {
    let net = Net::new("twice");
    let ([a], server) = senders(&net, ["a"]);
    net.bottleneck(Bottleneck::new("wan", Bandwidth::kilobits(8, 1_000)).direction(a, server));
    (0..2).for_each(|_| net.command(Instant::START, a, 50 - HEADERS));
    net.into_scenario(server)
}

trait IntoScenario {
    fn into_scenario<T>(self, with: T) -> (Scenario, T);
}

impl IntoScenario for Net {
    fn into_scenario<T>(self, with: T) -> (Scenario, T) {
        (self.into(), with)
    }
}

#[test]
fn a_plan_takes_the_place_of_what_the_scenario_has() {
    let (scenario, server) = twice();
    let moments = |plan: &str| -> Vec<u64> {
        heard(&run(&scenario, plan), server).into_iter().map(|(at, ..)| at).collect()
    };
    assert_eq!(moments(""), [55, 105]);
    assert_eq!(moments("bottleneck wan rate 80000 queue 1000 over a>server"), [10, 15]);
    assert_eq!(
        moments("bottleneck wan rate 80000 queue 1000 over server>a"),
        [5, 5],
        "it has that name alone"
    );
    assert_eq!(moments("bottleneck other rate 80000 queue 1000 over *>*"), [10, 15], "the plan's goes first");
    let settings = Settings {
        plan: Prepared::new(&"bottleneck wan rate 80000 queue 70 over a>server".parse().unwrap(), &scenario)
            .unwrap(),
        ..Settings::default()
    };
    let mut engine = Engine::new(&scenario);
    engine.run(&settings);
    assert_eq!(
        engine.plan(&settings).to_string(),
        "v2; seed 0; bottleneck wan rate 80000 queue 70 over a>server"
    );
    let unknown = "bottleneck wan rate 1 queue 1 over a>x".parse().unwrap();
    assert!(Prepared::new(&unknown, &scenario).unwrap_err().to_string().contains("'x'"));
}

/// A failure that needs the bottleneck of its plan keeps it while it is shrunk.
#[test]
fn shrinking_leaves_bottlenecks_where_they_are() {
    let (scenario, _) = {
        let net = Net::new("late");
        let ([a], server) = senders(&net, ["a"]);
        (0..2).for_each(|n| net.command(Instant::from_millis(n), a, 50 - HEADERS));
        net.never("both come late", move |run| {
            run.events(server).len() == 2 && run.now() > Instant::from_millis(100)
        });
        net.into_scenario(server)
    };
    let plan = "bottleneck wan rate 8000 queue 1000 over a>server; a>server #7 drop; server>a #0 drop; a>server #1 delay 1ms";
    let verdict = Check::new(scenario).plan(plan.parse().unwrap()).runs(1).verdict().unwrap();
    let failure = verdict.failure().expect("it is late");
    assert_eq!(failure.plan.to_string(), "v2; bottleneck wan rate 8000 queue 1000 over a>server");
}
