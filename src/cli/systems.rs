//! The systems that ship with this crate, as the command line knows them.

use super::app::App;
use crate::systems::udp_remote;

/// All systems that ship with this crate, in the order in which they are listed.
pub(super) fn all() -> [App; 1] {
    [udp_remote()]
}

fn udp_remote() -> App {
    App { share: udp_remote::success_share, ..App::of(udp_remote::ABOUT, udp_remote::net) }
}
