//! Making a failing plan smaller.
//!
//! [`PlanTree`] is a proptest [`ValueTree`]: it takes faults and generated commands out, first in halves and then singly,
//! and makes the faults that are left weaker, until nothing more can be taken away. What is left is *1-minimal*: without
//! any one of its faults, or any one of its commands, the failure does not come. Taking out in halves first is the idea of delta debugging (Zeller and Hildebrandt,
//! "Simplifying and Isolating Failure-Inducing Input", 2002).

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::strategy::ValueTree;

use super::{DatagramFault, Fault, FaultPlan, HostFault, StreamFault};

/// The shortest delay, stall or skew that is tried: worlds that count in whole milliseconds take the plan as well.
const SHORTEST: Duration = Duration::from_millis(1);

/// A plan that fails, on its way to a smaller one that still does.
///
/// Commands are taken out of [`FaultPlan::commands`]; a plan that gives all of them, by having no such list, keeps all.
///
/// ```
/// use lossproof::fault::{FaultPlan, shrink::PlanTree};
/// use proptest::strategy::ValueTree;
///
/// // What fails here is whatever loses the second datagram.
/// let fails = |plan: &FaultPlan| plan.to_string().contains("a>b #1 drop");
/// let plan: FaultPlan = "a>b #0 drop; a>b #1 drop; b>a #4 delay 2s; at 1s crash a".parse()?;
/// let mut tree = PlanTree::new(plan);
/// while if fails(&tree.current()) { tree.simplify() } else { tree.complicate() } {}
/// assert_eq!(tree.current().to_string(), "v1; a>b #1 drop");
/// # Ok::<(), lossproof::fault::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PlanTree {
    /// The smallest plan that is known to fail.
    best: FaultPlan,
    /// The one to try next; the best once there is none.
    candidate: FaultPlan,
    step: Step,
    /// Something became smaller since the last pass over single items began.
    improved: bool,
}

/// ```text
///          all of it ──► halves ──► quarters ──► … ──► single items ──► weaker faults ──► done
///                                                          ▲                 │
///                                                          └─ if one became ─┘
/// ```
#[derive(Clone, Debug)]
enum Step {
    /// The whole plan is still to be tried.
    Whole,
    /// Take out so many items from this index on: the faults come first, then the commands.
    Remove { len: usize, index: usize },
    /// Put the weaker fault of this number in the place of the one at this index.
    Weaken { index: usize, choice: usize },
    /// Nothing is left to be tried.
    Done,
}

impl PlanTree {
    /// A tree whose root is this plan.
    pub fn new(plan: FaultPlan) -> Self {
        Self { best: plan.clone(), candidate: plan, step: Step::Whole, improved: false }
    }

    /// The smallest plan that is known to fail.
    pub const fn best(&self) -> &FaultPlan {
        &self.best
    }

    /// Has another plan tried in the place of the current one. It is to have no more items.
    pub fn replace(&mut self, plan: FaultPlan) {
        self.candidate = plan;
    }

    /// Makes the next candidate from the best, if there is one.
    fn propose(&mut self) -> bool {
        loop {
            match self.step {
                Step::Whole | Step::Done => break,
                Step::Remove { len, index } if index < items(&self.best) => {
                    self.candidate = without(&self.best, index, len);
                    return true;
                }
                Step::Remove { len: 1, .. } if self.improved && items(&self.best) > 0 => {
                    self.improved = false;
                    self.step = Step::Remove { len: 1, index: 0 };
                }
                Step::Remove { len: 0 | 1, .. } => self.step = Step::Weaken { index: 0, choice: 0 },
                Step::Remove { len, .. } => self.step = Step::Remove { len: len / 2, index: 0 },
                Step::Weaken { index, choice } => {
                    let Some(fault) = self.best.faults().get(index) else {
                        self.step = Step::Done;
                        continue;
                    };
                    match weaker(fault).into_iter().nth(choice) {
                        None => self.step = Step::Weaken { index: index + 1, choice: 0 },
                        Some(fault) => {
                            self.candidate = replaced(&self.best, index, &fault);
                            return true;
                        }
                    }
                }
            }
        }
        self.step = Step::Done;
        self.candidate = self.best.clone();
        false
    }
}

impl ValueTree for PlanTree {
    type Value = FaultPlan;

    fn current(&self) -> FaultPlan {
        self.candidate.clone()
    }

    /// The current plan fails: tries a smaller one.
    fn simplify(&mut self) -> bool {
        self.best = self.candidate.clone();
        self.step = match self.step {
            Step::Whole => Step::Remove { len: items(&self.best), index: 0 },
            Step::Remove { len, index } => {
                self.improved = true;
                // What came after the items that were taken out is at this index now.
                Step::Remove { len, index }
            }
            // A weaker fault may make another needless.
            Step::Weaken { .. } => Step::Remove { len: 1, index: 0 },
            Step::Done => return false,
        };
        self.propose()
    }

    /// The current plan does not fail: tries another one.
    fn complicate(&mut self) -> bool {
        self.step = match self.step {
            Step::Whole | Step::Done => return false,
            Step::Remove { len, index } => Step::Remove { len, index: index + len },
            Step::Weaken { index, choice } => Step::Weaken { index, choice: choice + 1 },
        };
        self.propose()
    }
}

/// How many faults and commands can be taken out.
fn items(plan: &FaultPlan) -> usize {
    plan.len() + plan.commands.as_ref().map_or(0, BTreeSet::len)
}

/// The plan without some of its items.
fn without(plan: &FaultPlan, index: usize, len: usize) -> FaultPlan {
    let (mut plan, mut at) = (plan.clone(), 0);
    let mut is_kept = || {
        at += 1;
        at <= index || at > index + len
    };
    plan.retain(|_| is_kept());
    if let Some(commands) = &mut plan.commands {
        commands.retain(|_| is_kept());
    }
    plan
}

/// The plan with another fault of the same place.
fn replaced(plan: &FaultPlan, index: usize, fault: &Fault) -> FaultPlan {
    let mut other = plan.clone();
    other.retain(|_| false);
    for (at, old) in plan.faults().iter().enumerate() {
        let fault = if at == index { fault } else { old };
        // Never refused: the place is that of the fault before, and no weaker fault is empty.
        let _ = other.push(fault.clone());
    }
    other
}

/// The faults that say less than this one at the same place, the weakest first. They end: each has fewer weaker ones.
fn weaker(fault: &Fault) -> Vec<Fault> {
    match fault {
        Fault::Datagram { flow, n, fault } => {
            let weaker = weaker_on_datagram(*fault);
            weaker.into_iter().map(|fault| Fault::Datagram { flow: flow.clone(), n: *n, fault }).collect()
        }
        Fault::Stream { flow, conn, at, fault } => {
            let (conn, at) = (*conn, *at);
            let weaker = weaker_on_stream(*fault);
            weaker.into_iter().map(|fault| Fault::Stream { flow: flow.clone(), conn, at, fault }).collect()
        }
        Fault::Host { at, fault: HostFault::Skew { host, ahead } } => {
            let skew = |ahead| Fault::Host { at: *at, fault: HostFault::Skew { host: host.clone(), ahead } };
            shorter(*ahead).into_iter().map(skew).collect()
        }
        Fault::CutEvery { .. } | Fault::Host { .. } => Vec::new(),
    }
}

/// A loss is the plainest; then what comes twice, late, short, and with other bits.
fn weaker_on_datagram(fault: DatagramFault) -> Vec<DatagramFault> {
    use DatagramFault::{Delay, Drop, Duplicate, Flip, Truncate};
    match fault {
        Drop => Vec::new(),
        Duplicate => vec![Drop],
        Delay(span) => [Drop, Duplicate].into_iter().chain(shorter(span).into_iter().map(Delay)).collect(),
        Truncate(_) => vec![Drop, Duplicate],
        Flip { at, .. } => vec![Drop, Duplicate, Truncate(at)],
    }
}

/// A cut is the plainest; then a stall, and a reset.
fn weaker_on_stream(fault: StreamFault) -> Vec<StreamFault> {
    use StreamFault::{Cut, Reset, Stall};
    match fault {
        Cut => Vec::new(),
        Stall(span) => [Cut].into_iter().chain(shorter(span).into_iter().map(Stall)).collect(),
        Reset => vec![Cut, Stall(SHORTEST)],
    }
}

/// Shorter spans: the shortest, then a half, in whole milliseconds.
fn shorter(span: Duration) -> Vec<Duration> {
    let half = Duration::from_millis((span.as_millis() / 2) as u64);
    let mut spans = vec![SHORTEST, half];
    spans.retain(|shorter| !shorter.is_zero() && *shorter < span);
    spans.dedup();
    spans
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;
    use crate::fault::strategy;

    /// Shrinks a failing plan, and gives the smallest with the number of plans tried.
    fn shrink(plan: &FaultPlan, fails: impl Fn(&FaultPlan) -> bool) -> (FaultPlan, u32) {
        let (mut tree, mut tried) = (PlanTree::new(plan.clone()), 0);
        assert!(fails(&tree.current()));
        let mut more = tree.simplify();
        while more {
            tried += 1;
            assert!(tried < 100_000, "it does not end: {:?}", tree.current());
            more = if fails(&tree.current()) { tree.simplify() } else { tree.complicate() };
        }
        assert_eq!(&tree.current(), tree.best());
        (tree.current(), tried)
    }

    fn plan(text: &str) -> FaultPlan {
        text.parse().unwrap()
    }

    #[test]
    fn a_fault_that_is_alone_to_blame_is_found_in_few_steps() {
        let drops: Vec<String> = (0..256).map(|n| format!("a>b #{n} drop")).collect();
        let (left, tried) = shrink(&plan(&drops.join("; ")), |plan| plan.to_string().contains("#77 drop"));
        assert_eq!(left, plan("a>b #77 drop"));
        assert!(tried < 40, "{tried}");
    }

    #[test]
    fn nothing_is_left_of_what_needs_no_fault() {
        assert_eq!(shrink(&plan("seed 7; a>b #0 drop; at 1s crash a"), |_| true).0, plan("seed 7"));
        assert_eq!(shrink(&plan(""), |_| true).0, plan(""));
    }

    #[test]
    fn commands_go_with_the_faults() {
        // A lost datagram harms nobody unless command 5 is given.
        let fails = |plan: &FaultPlan| {
            plan.commands.as_ref().is_none_or(|given| given.contains(&5))
                && plan.to_string().contains("#1 drop")
        };
        let (left, _) = shrink(&plan("seed 7; commands 0,1,2,5,6; a>b #0 drop; a>b #1 drop"), fails);
        assert_eq!(left, plan("seed 7; commands 5; a>b #1 drop"));
        // All of them, without a list, are left alone.
        assert_eq!(shrink(&plan("a>b #0 drop; a>b #1 drop"), fails).0, plan("a>b #1 drop"));
        assert_eq!(shrink(&plan("commands 0,9; a>b #0 drop"), |_| true).0, plan("commands none"));
    }

    #[test]
    fn faults_become_weaker() {
        let any = |_: &FaultPlan| true;
        let one = |fails: fn(&FaultPlan) -> bool| move |plan: &FaultPlan| plan.len() == 1 && fails(plan);
        for (before, after) in [
            ("a>b #1 flip 3:0x01", "a>b #1 drop"),
            ("a>b #1 delay 2s", "a>b #1 drop"),
            ("a>b @4 reset", "a>b @4 cut"),
            ("at 1s skew a +3s", "at 1s skew a +1ms"),
        ] {
            assert_eq!(shrink(&plan(before), one(any)).0, plan(after), "{before}");
        }
        // A late one of at least 300 ms: halved as long as it is enough.
        let late = |plan: &FaultPlan| match plan.faults() {
            [Fault::Datagram { fault: DatagramFault::Delay(span), .. }] => span.as_millis() >= 300,
            _ => false,
        };
        assert_eq!(shrink(&plan("a>b #1 delay 2s"), late).0, plan("a>b #1 delay 500ms"));
    }

    #[test]
    fn a_fault_that_a_weaker_one_makes_needless_goes() {
        // Two late ones fail together; one that is lost fails alone.
        let fails = |plan: &FaultPlan| {
            let text = plan.to_string();
            text.contains("#1 drop") || text.matches("delay").count() == 2
        };
        assert_eq!(shrink(&plan("a>b #1 delay 2s; a>b #2 delay 2s"), fails).0, plan("a>b #1 drop"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever fails, even without sense, what is left is 1-minimal.
        #[test]
        fn what_is_left_fails_and_without_any_fault_of_it_does_not(
            mut plan in strategy::plan(&["a", "b", "c"], 12),
            commands in strategy::commands(8),
            salt in any::<u64>(),
            odds in 1_u64..6,
        ) {
            plan.commands = commands;
            let first = plan.to_string();
            let calls = Cell::new(0);
            // Fails at random, but always equally for equal plans.
            let fails = |plan: &FaultPlan| {
                calls.set(calls.get() + 1);
                let text = plan.to_string();
                text == first || text.bytes().fold(salt, |hash, byte| {
                    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
                }) % odds == 0
            };
            let (left, _) = shrink(&plan, fails);
            prop_assert!(fails(&left));
            prop_assert!(items(&left) <= items(&plan) && (left.seed, left.link()) == (plan.seed, plan.link()));
            for index in 0..items(&left) {
                prop_assert!(!fails(&without(&left, index, 1)), "{left} without {index}");
            }
        }
    }
}
