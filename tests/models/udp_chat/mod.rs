//! udp-chat's server against a model.

pub(crate) mod world;

use lossproof::systems::udp_chat::{EXPIRY, Server};
use proptest::prelude::*;

use world::{World, any_op};

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// S77, S78, S79, S80, S82: whatever people do, and whenever.
    #[test]
    fn members_hear_what_is_said_and_expire_in_time(
        ops in prop::collection::vec(any_op(), 1..40),
        to_speaker in any::<bool>(),
    ) {
        let mut world = World::new(|| Box::new(Server::new(EXPIRY, to_speaker)), to_speaker);
        for op in ops {
            world.act(op);
        }
        world.end();
    }
}
