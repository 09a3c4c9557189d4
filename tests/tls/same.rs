//! What a machine sees with TLS around it is what it sees on plain streams.

use lossproof::engine::{Ended, Engine, Prepared, Settings};
use lossproof::machine::limits;
use lossproof::{Check, Cuts, Instant, Net, Promises, Scenario, TWIN_SHIFT};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::held::rough;
use crate::puppet::{Do, Puppet, Saw};
use crate::secured::{calls, serves};

/// What is told to whom, one after the other.
type Script = Vec<(Host, Do)>;

#[derive(Clone, Copy, Debug)]
enum Host {
    A,
    B,
}

fn net(script: &[(Host, Do)], apart_ms: u64, is_secured: bool) -> Net {
    let net = Net::new("puppets");
    let promises = Promises::DEFAULT.max_bytes(8 * limits::SEND_BUFFER_LEN).cuts(Cuts::EventsTell);
    let b = net.host("b").listen(7).promises(promises).machine(|_| Puppet::new(None));
    let a = net.host("a").promises(promises).machine(move |boot| Puppet::new(Some(boot.peer(b))));
    if is_secured {
        serves(&net, b, promises);
        calls(&net, a, promises);
    }
    for (&(host, action), at) in script.iter().zip(1..) {
        let host = if matches!(host, Host::A) { a } else { b };
        net.command(Instant::from_millis(apart_ms * at), host, action);
    }
    net
}

/// With 100 ms between two commands, long enough for a handshake: what the two have seen of each of the two streams, with neighbouring reads joined.
fn saw(script: &[(Host, Do)], is_secured: bool) -> [[Vec<Saw>; 2]; 2] {
    let net = net(script, 100, is_secured);
    let (a, b) = (net.find::<Puppet>("a"), net.find::<Puppet>("b"));
    let scenario = Scenario::from(net);
    let plan = Prepared::new(&"".parse().unwrap(), &scenario).unwrap();
    let mut engine = Engine::new(&scenario);
    let settings = Settings { plan, laws: Some(TWIN_SHIFT), ..Settings::default() };
    let outcome = engine.run(&settings);
    assert!(!matches!(outcome.ended, Ended::Broken(_)), "{outcome:?}\n{}", engine.transcript());
    let run = engine.view();
    [a, b].map(|host| {
        [0, 1].map(|which| {
            let mut all: Vec<Saw> = Vec::new();
            for event in run.events(host).iter().filter(|event| event.stream() == which) {
                match (all.last_mut(), event) {
                    (Some(Saw::Received(_, len)), Saw::Received(_, more)) => *len += more,
                    (_, event) => all.push(event.clone()),
                }
            }
            all
        })
    })
}

fn scripts() -> impl Strategy<Value = Script> {
    let which = 0..2_usize;
    let action = prop_oneof![
        4 => (which.clone(), 1..6_000_usize).prop_map(|(which, len)| Do::Write(which, len)),
        2 => which.clone().prop_map(Do::Shutdown),
        2 => which.clone().prop_map(Do::Close),
        1 => which.clone().prop_map(Do::Abort),
        2 => which.clone().prop_map(Do::Pause),
        2 => which.prop_map(Do::Resume),
        1 => Just(Do::Done),
    ];
    let step = (prop_oneof![Just(Host::A), Just(Host::B)], action);
    prop::collection::vec(step, 0..9).prop_map(|steps| {
        let done = |host: Host| {
            steps.iter().position(move |(of, action)| {
                std::mem::discriminant(of) == std::mem::discriminant(&host) && *action == Do::Done
            })
        };
        let ends = [done(Host::A), done(Host::B)];
        let connects = [(Host::A, Do::Connect), (Host::A, Do::Connect)];
        let steps = steps.iter().enumerate().filter(|(index, (host, _))| {
            let end = ends[*host as usize];
            end.is_none_or(|end| *index <= end)
        });
        connects.into_iter().chain(steps.map(|(_, step)| *step)).collect()
    })
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, cases: 300, ..Config::default() })]

    #[test]
    fn a_machine_sees_the_same(script in scripts()) {
        prop_assert_eq!(saw(&script, false), saw(&script, true));
    }

    /// In the middle of a handshake, too, and whatever becomes of the streams.
    #[test]
    fn the_laws_hold_at_any_moment(script in scripts(), apart_ms in 1..14_u64) {
        Check::new(net(&script, apart_ms, true)).profile(rough()).runs(4).assert();
    }
}
