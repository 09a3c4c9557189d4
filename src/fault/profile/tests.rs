//! Shares, bounds and extremes.

use proptest::array::{uniform3, uniform4};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::Instant;
use crate::fault::{Backlog, Chain, Fault, FaultPlan, Flow};

/// What a profile does to datagram `n` of a flow that has no memory.
fn datagram(profile: &Profile, n: u64, len: usize) -> Option<DatagramFault> {
    profile.datagram(flow_seed(7, HostId(0), HostId(1)), n, (len, NEITHER), Passage::default())
}

#[test]
fn never_and_always_mean_it() {
    for bits in [0, 1, u64::MAX / 2, u64::MAX] {
        assert!(!Chance::NEVER.happens(bits) && Chance::ALWAYS.happens(bits));
    }
}

#[test]
fn the_share_of_losses_is_the_one_asked_for() {
    let profile = Profile { loss: Chance::percent(30), ..Profile::default() };
    let lost = (0..100_000).filter(|&n| datagram(&profile, n, 10).is_some()).count();
    // Three standard errors of a binomial share at 100,000 draws are 0.43 percent.
    assert!((29_570..=30_430).contains(&lost), "{lost}");
}

#[test]
fn a_stall_doubles_while_the_loss_repeats() {
    let profile = Profile { loss: Chance::ALWAYS, ..Profile::default() };
    let most = Some(StreamFault::Stall(FIRST_STALL * 255));
    assert_eq!(profile.write(7, 0, Duration::ZERO, || false), most);
    assert_eq!(Profile::CALM.write(7, 0, Duration::ZERO, || true), most);
    let mut burst = [true, true, false, true].into_iter();
    let stall = Profile::CALM.write(7, 0, Duration::ZERO, || burst.next().unwrap());
    assert_eq!(stall, Some(StreamFault::Stall(FIRST_STALL * 3)));
}

/// A datagram that can neither be marked nor bleached.
const NEITHER: [bool; 2] = [false, false];

#[test]
fn only_what_is_capable_of_marks_is_marked_or_bleached() {
    let fates = |profile: &Profile, can_be| -> Vec<_> {
        (0..1_000).map(|n| profile.datagram(7, n, (10, can_be), Passage::default())).collect()
    };
    let some = |text: &str| text.parse::<Profile>().unwrap();
    let count =
        |fates: &[Option<DatagramFault>], fault| fates.iter().filter(|is| **is == Some(fault)).count();
    let both = some("mark 30%; bleach 10%; loss 5%; jitter 9ms");
    let plain = fates(&some("loss 5%; jitter 9ms"), NEITHER);
    assert_eq!(fates(&both, NEITHER), plain, "others have the fates that they have without it");
    let capable = fates(&both, [true, true]);
    let [marked, bleached] = [DatagramFault::Mark, DatagramFault::Bleach].map(|fault| count(&capable, fault));
    assert!((220..300).contains(&marked) && (70..120).contains(&bleached), "{marked} {bleached}");
    assert_eq!(count(&capable, DatagramFault::Drop), count(&plain, DatagramFault::Drop));
    let marked_before = fates(&both, [false, true]);
    assert_eq!(count(&marked_before, DatagramFault::Mark), 0);
    assert_eq!(count(&marked_before, DatagramFault::Bleach), bleached);
}

#[test]
fn jitter_stays_within_its_bound_and_reaches_it() {
    let profile = Profile { jitter: Duration::from_millis(3), ..Profile::default() };
    let mut seen = [0; 4];
    for n in 0..1_000 {
        match datagram(&profile, n, 10) {
            None => seen[0] += 1,
            Some(DatagramFault::Delay(late)) => seen[late.as_millis() as usize] += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(seen.iter().all(|&times| times > 200), "{seen:?}");
}

#[test]
fn a_share_of_packets_is_put_out_of_order() {
    let by = Duration::from_millis(30);
    let profile = Profile { reorder: Chance::percent(20), reorder_by: by, ..Profile::CALM };
    let fates: Vec<_> = (0..10_000).filter_map(|n| datagram(&profile, n, 10)).collect();
    assert!(fates.iter().all(|fate| *fate == DatagramFault::Delay(by)));
    // Three standard errors are 120.
    assert!((1_880..=2_120).contains(&fates.len()), "{}", fates.len());
}

#[test]
fn the_longest_packet_passes_and_one_byte_more_does_not() {
    let profile = Profile { mtu: Some(1_500), ..Profile::CALM };
    assert_eq!(datagram(&profile, 0, 1_472), None);
    assert_eq!(datagram(&profile, 0, 1_473), Some(DatagramFault::Drop));
    let widest = Profile { mtu: Some(u16::MAX), ..Profile::CALM };
    assert_eq!(datagram(&widest, 0, 65_507), None, "as long as a datagram can be");
}

#[test]
fn a_stream_is_cut_to_fit() {
    let profile = Profile { mtu: Some(1_500), ..Profile::CALM };
    assert_eq!([0, 1, 1_460, 1_461].map(|len| profile.write_len(len)), [40, 41, 1_500, 1_541]);
    assert_eq!(Profile { mtu: Some(0), ..profile }.write_len(2), 82, "a byte at a time");
    assert_eq!(Profile::CALM.write_len(1_461), 1_541);
}

#[test]
fn what_adds_up_is_rounded_once() {
    let profile =
        Profile { reorder: Chance::ALWAYS, reorder_by: Duration::from_micros(300), ..Profile::CALM };
    let late = |micros| profile.late(0, Duration::from_micros(micros)).as_millis();
    assert_eq!([0, 199, 200, 1_199, 1_200].map(late), [0, 0, 1, 1, 2]);
    assert_eq!(
        Profile { reorder_by: Duration::MAX, ..profile }.late(0, Duration::MAX).as_millis() / 1_000,
        18_446_744_073
    );
}

/// Any span, most of them where something could overflow.
fn extreme_span() -> impl Strategy<Value = Duration> {
    let most = Duration::from_nanos(u64::MAX);
    let edges = [Duration::ZERO, Duration::from_nanos(1), MAX_LATE, most, Duration::MAX];
    prop_oneof![select(edges.to_vec()), any::<Duration>()]
}

fn extreme_chance() -> impl Strategy<Value = Chance> {
    select(vec![Chance::NEVER, Chance::percent(50), Chance::ALWAYS])
}

/// Any profile there is, most of them where something could overflow.
fn extreme_profile() -> impl Strategy<Value = Profile> {
    let bits = prop_oneof![select(vec![1, u64::MAX]), 1..=u64::MAX];
    let bandwidth = option::of((bits, any::<u32>()).prop_map(|(bits, len)| Bandwidth::bits(bits, len)));
    let mtu = option::of(prop_oneof![select(vec![0, 1, 39, 40, 41, u16::MAX]), any::<u16>()]);
    let chances = uniform4(extreme_chance());
    let spans = uniform3(extreme_span());
    let bursts =
        uniform4(extreme_chance()).prop_map(|[good_to_bad, bad_to_good, loss_in_good, loss_in_bad]| Bursts {
            good_to_bad,
            bad_to_good,
            loss_in_good,
            loss_in_bad,
        });
    (chances, spans, bursts, bandwidth, mtu).prop_map(
        |([loss, duplicate, corrupt, reorder], [latency, jitter, reorder_by], bursts, bandwidth, mtu)| {
            Profile {
                latency,
                loss,
                bursts,
                duplicate,
                corrupt,
                jitter,
                reorder,
                reorder_by,
                bandwidth,
                mtu,
                ..Profile::CALM
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing overflows, and a plan can hold whatever is drawn.
    #[test]
    fn the_most_extreme_profile_can_be_reckoned_with(
        profile in extreme_profile(),
        seed in any::<u64>(),
        waits in vec(extreme_span(), 4),
        len in prop_oneof![select(vec![0, 1, 65_535, u32::MAX]), any::<u32>()],
        at in prop_oneof![select(vec![0, u64::MAX]), any::<u64>()],
    ) {
        let (mut backlog, mut chain, mut plan) = (Backlog::EMPTY, Chain::NEW, FaultPlan::default());
        let flow = Flow::new("a", "b");
        for (n, given) in (0..).zip(waits) {
            let now = Instant::from_nanos(at) + given;
            let offered = profile.bandwidth.map(|bandwidth| {
                backlog.push(bandwidth, now, profile.write_len(len));
                backlog.offer(bandwidth, now, Profile::datagram_len(len as usize))
            });
            let lost = chain.loses_next(&profile.bursts, seed) || offered == Some(None);
            let wait = offered.flatten().unwrap_or(given);
            let fate = profile.datagram(seed, n, (len as usize, NEITHER), Passage { lost, wait });
            if let Some(fault) = fate {
                prop_assert_eq!(plan.push(Fault::Datagram { flow: flow.clone(), n, fault }), Ok(()));
            }
            let fate = profile.write(seed, at, wait, || chain.loses_next(&profile.bursts, seed));
            if let Some(fault) = fate {
                let conn = n as u32;
                let fault = Fault::Stream { flow: flow.clone(), conn, at, fault };
                prop_assert_eq!(plan.push(fault), Ok(()));
            }
        }
    }
}

#[test]
fn the_longest_jitter_is_what_a_plan_can_say() {
    for jitter in [MAX_LATE, Duration::from_nanos(u64::MAX), Duration::MAX] {
        let late = Profile { jitter, ..Profile::CALM }.late(u64::MAX, Duration::ZERO);
        assert_eq!(late, MAX_LATE);
    }
    let one_less = MAX_LATE.saturating_sub(Duration::from_millis(1));
    assert_eq!(Profile { jitter: one_less, ..Profile::CALM }.late(u64::MAX, Duration::ZERO), one_less);
    // A write that is lost, too, is as late at most.
    let lost = Profile { loss: Chance::ALWAYS, ..Profile::CALM };
    assert_eq!(lost.write(7, 0, Duration::MAX, || false), Some(StreamFault::Stall(MAX_LATE)));
}

#[test]
fn a_latency_changes_no_packet() {
    let calm = Profile { latency: Duration::from_secs(1), ..Profile::CALM };
    assert!(calm.is_calm() && Profile::default() == Profile::CALM && !Profile::WIFI.is_calm());
}
