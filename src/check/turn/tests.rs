//! What is made of shares that are given.

use super::*;

/// Steps from which these runs fail.
fn steps(bits: &[u128]) -> Vec<Share> {
    let share = |(step, &bits): (u64, &u128)| Share {
        step,
        at: Instant::from_millis(step),
        line: format!("0.00{step} a recv #{step}"),
        failed: bits.count_ones(),
        runs: TURN_RUNS,
        skipped: 0,
        bits,
        first_record: step as usize,
        record: step as usize,
    };
    (0..).zip(bits).map(share).collect()
}

/// The first so many of a hundred runs.
const fn first(runs: u32) -> u128 {
    (1 << runs) - 1
}

fn turned_at(bits: &[u128]) -> Turned {
    turned(&steps(bits), true)
}

#[test]
fn the_turn_is_the_largest_rise_if_that_is_half_of_all() {
    assert_eq!(turned_at(&[first(4), first(10), first(97), first(100)]), Turned::At(2));
    // Of equal ones it is the first.
    assert_eq!(turned_at(&[0, first(50), first(100)]), Turned::At(1));
    // A run less than half is not enough.
    assert_eq!(turned_at(&[0, first(2), first(51), first(100)]), Turned::Slowly(2));
    // A fall before it is made good, too.
    assert_eq!(turned_at(&[first(60), first(20), first(100)]), Turned::At(2));
}

#[test]
fn what_fails_from_the_start_has_no_turn() {
    assert_eq!(turned_at(&[first(90), first(100)]), Turned::Anyway);
    assert_eq!(turned_at(&[first(89), first(100)]), Turned::At(1));
    assert_eq!((turned_at(&[]), turned_at(&[0])), (Turned::Anyway, Turned::Anyway));
}

/// Ten runs more and none fewer is beyond noise; nine are three errors of their own and no more.
#[test]
fn a_rise_must_be_beyond_the_noise_of_the_runs_that_differ() {
    let from = |start: u32, end: u32| turned_at(&[first(start), first(end)]);
    assert_eq!((from(89, 99), from(89, 98)), (Turned::At(1), Turned::Slowly(1)));
    // Forty more and twenty fewer: a rise of twenty, and no larger than chance.
    let (before, after) = (first(80), first(120 - 20) & !first(20));
    assert_eq!(turned(&steps(&[before, after]), true), Turned::Slowly(1));
    // Without chance there is no noise.
    assert_eq!(turned(&steps(&[0, 1]), false), Turned::Slowly(1));
    let one: Vec<Share> = steps(&[0, 1]).into_iter().map(|share| Share { runs: 1, ..share }).collect();
    assert_eq!((turned(&one, false), turned(&one, true)), (Turned::At(1), Turned::Slowly(1)));
}

#[test]
fn shares_are_told_as_they_are() {
    let shares = steps(&[0, first(1), first(50), first(100)]);
    let told: Vec<_> = shares.iter().map(|share| (share.percent(), (share.error() * 1e3).round())).collect();
    assert_eq!(told, [(0, 10.0), (1, 14.0), (50, 50.0), (100, 10.0)]);
    // Nothing but all is 100 percent, and nothing but none is 0.
    let of = |failed, runs| Share { failed, runs, ..shares[0].clone() }.percent();
    assert_eq!([of(1, 1_000), of(999, 1_000), of(1, 3), of(2, 3)], [1, 99, 33, 67]);
}

#[test]
fn a_curve_has_twenty_lines_at_most() {
    let curve = |count: u32, is_cut_short| {
        let bits: Vec<u128> = (0..count).map(|n| first(100 * n / count)).collect();
        Turn::new(steps(&bits), 0, true, is_cut_short).curve()
    };
    // One says where it turned.
    assert_eq!(curve(17, false).lines().count(), 18);
    assert_eq!(curve(18, false).lines().count(), 19);
    assert_eq!(curve(61, true).lines().count(), MAX_CURVE_LINES);
    let turn = Turn::new(steps(&[first(3), first(97), first(100)]), 300, true, false);
    assert_eq!(
        turn.curve(),
        "turned at 0.001 a recv #1: 3% of random continuations fail before it, 97% after\n\
         \x20   3% ±2  |                    | 0.000 a recv #0\n\
         >  97% ±2  |################### | 0.001 a recv #1\n\
         \x20 100% ±1  |####################| 0.002 a recv #2\n"
    );
    // The step at which it turned is among those that are shown, and so is the one before.
    let mut bits = vec![first(3); 30];
    bits.extend(vec![first(90); 30]);
    let curve = Turn::new(steps(&bits), 0, true, false).curve();
    assert!(
        curve.contains("\n>  90% ±3  |") && curve.contains("#29\n") && curve.contains("43 steps in all"),
        "{curve}"
    );
}
