//! What the size of a batch has no say in.

use super::*;
use crate::fault::DatagramFault;
use crate::systems::{Options, udp_remote};

/// Made one after another, each run knows all states of those before it. In a batch it does not, and must be counted as if
/// it did.
#[test]
fn a_batch_finds_what_is_found_one_after_another() {
    let net = |ids| udp_remote::net(&Options { ids, ..Options::default() });
    let drops = Fates { datagram: vec![DatagramFault::Drop], ..Fates::none() };
    for (ids, fates, faults) in [(true, Fates::default(), 3), (false, Fates::default(), 4), (true, drops, 4)]
    {
        let scenario = Scenario::from(net(ids));
        let search = Exhaustive::new(&scenario, fates, faults);
        let of = |batch| Exhaustive { batch, ..search.clone() }.run(u64::MAX, |_| ());
        let one_by_one = of([1, 1]);
        assert!(one_by_one.holds() && one_by_one.merged > 0 && one_by_one.saved > 0);
        for batch in [[2, 3], [7, 7], [100, 1_000], BATCH] {
            assert_eq!(of(batch), one_by_one, "{batch:?}");
        }
    }
}
