//! election in simulation.

use lossproof::Net;
use lossproof::systems::Options;
use lossproof::systems::election;

use crate::support::{assert_held, run, stormy};

fn net(members: usize) -> Net {
    election::net(&Options { members, ..Options::default() })
}

#[test]
fn try_it() {
    println!("{}", run(net(3), "").0.lines().take(150).collect::<Vec<_>>().join("\n"));
    for members in [1, 3, 5] {
        assert_held(net(members), "", stormy(), 300);
    }
}
