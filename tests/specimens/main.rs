//! Machines with one bug each, and which search finds which: the harness, tested.
//!
//! After a change that is meant, `INSTA_UPDATE=always cargo test --test specimens` writes the matrix anew.

#[path = "../models/udp_chat/world.rs"]
mod chat_world;
mod fuzzed;
mod matrix;
mod models;
mod polite;
#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, dead_code, reason = "the fuzzer's crate exports them, and not all are used here")]
mod properties;
mod replay;
mod searches;

use lossproof::Scenario;
use lossproof::check::{Failure, Property};
use lossproof::fault::{Chance, FaultPlan, Profile};
use lossproof::systems::{
    Bug, Options, System, greet::Greet, hello_tcp::HelloTcp, hello_udp::HelloUdp, tcp_chat::TcpChat,
    tcp_deadlock::TcpDeadlock, tcp_sixteen::TcpSixteen, udp_chat::UdpChat, udp_local::UdpLocal,
    udp_remote::UdpRemote,
};

use searches::Row;

/// A scenario with a bug in one of its machines.
struct World<C, E> {
    scenario: Scenario<C, E>,
    /// The same scenario with right machines.
    right: Scenario<C, E>,
    properties: Vec<Property<E>>,
    bug: Bug,
}

impl<C, E> World<C, E> {
    /// What `lossproof check` draws for it.
    fn profile(&self) -> Profile {
        Profile { loss: Chance::percent(30), duplicate: self.bug.duplicate, ..Profile::default() }
    }

    /// The smallest plan known that shows the bug.
    fn smallest(&self) -> FaultPlan {
        self.bug.plan.parse().expect("the plan of a bug can be parsed")
    }
}

fn world<S: System>(bug: &Bug) -> World<S::Command, S::Event> {
    let right = Options { ids: bug.ids, ..Options::default() };
    let wrong = Options { bug: Some(bug.name), ..Options::default() };
    World {
        scenario: S::scenario(&wrong),
        right: S::scenario(&right),
        properties: S::properties(&right),
        bug: *bug,
    }
}

/// The bugs of one system, with what can be done with each, whatever its commands and events are.
struct Case {
    system: &'static str,
    bugs: &'static [Bug],
    row: fn(&Bug) -> Row,
    check: fn(&Bug, &str),
    /// What the smallest plan known breaks.
    of_plan: fn(&Bug) -> Failure,
}

fn of<S: System>() -> Case {
    Case {
        system: S::ABOUT.name,
        bugs: S::ABOUT.bugs,
        row: |bug| searches::row(&world::<S>(bug)),
        check: |bug, name| replay::check(&world::<S>(bug), name),
        of_plan: |bug| searches::of_smallest(&world::<S>(bug)),
    }
}

/// All specimens.
fn cases() -> Vec<Case> {
    vec![
        of::<UdpLocal>(),
        of::<UdpRemote>(),
        of::<TcpSixteen>(),
        of::<TcpDeadlock>(),
        of::<Greet>(),
        of::<HelloTcp>(),
        of::<HelloUdp>(),
        of::<TcpChat>(),
        of::<UdpChat>(),
        polite::case(),
    ]
}
