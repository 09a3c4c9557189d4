//! Making a failing plan smaller.
//!
//! [`PlanTree`] takes faults and generated commands out, first in halves and then singly,
//! and makes the faults that are left weaker, until nothing more can be taken away. What is left is *1-minimal*: without
//! any one of its faults but such ends, or any one of its commands, the failure does not come. Taking out in halves first is the idea of
//! delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
//!
//! Some faults end others: a heal its partitions, a restart a host that is down. Without such an end a plan says more and not
//! less, and whatever waits would fail for that reason alone, also where all is right. So an end goes only together with what
//! it ends.
//!
//! A loss is often there for no other reason than that something is sent once more, and the datagram that matters has a
//! higher number for it. So a fault is also taken out together with a step back of those that may have depended on it.

mod ends;
mod weaker;

use std::collections::BTreeSet;

use super::{Fault, FaultKind, FaultPlan};
use ends::leaves_open;
use weaker::weaker;

/// How many faults a plan has at most for steps back to be tried: there are as many of them as pairs of faults.
const MAX_SHIFTED: usize = 16;

/// A plan that fails, on its way to a smaller one that still does.
///
/// Commands are taken out of [`FaultPlan::commands`]; a plan that gives all of them, by having no such list, keeps all.
///
/// ```
/// use lossproof::fault::{FaultPlan, shrink::PlanTree};
///
/// // What fails here is whatever loses the second datagram.
/// let fails = |plan: &FaultPlan| plan.to_string().contains("a>b #1 drop");
/// let plan: FaultPlan = "a>b #0 drop; a>b #1 drop; b>a #4 delay 2s; at 1s crash a".parse()?;
/// let mut tree = PlanTree::new(plan);
/// while if fails(tree.current()) { tree.simplify() } else { tree.complicate() } {}
/// assert_eq!(tree.current().to_string(), "v2; a>b #1 drop");
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
    /// The kinds that a fault of another kind may become; all, if that is not said.
    kinds: Option<Vec<FaultKind>>,
}

/// ```text
///  all of it ──► halves ──► … ──► single items ──► one with a step back ──► weaker faults ──► done
///                                      ▲                    │                     │
///                                      └───── if it fails ──┴─────────────────────┘
/// ```
#[derive(Clone, Debug)]
enum Step {
    /// The whole plan is still to be tried.
    Whole,
    /// Take out so many items from this index on: the faults come first, then the commands.
    Remove { len: usize, index: usize },
    /// Take out the one fault, and move the other with all behind it in its flow to the datagrams before theirs.
    Shift { removed: usize, moved: usize },
    /// Put the weaker fault of this number in the place of the one at this index.
    Weaken { index: usize, choice: usize },
    /// Nothing is left to be tried.
    Done,
}

impl PlanTree {
    /// A tree whose root is this plan.
    pub fn new(plan: FaultPlan) -> Self {
        Self { best: plan.clone(), candidate: plan, step: Step::Whole, improved: false, kinds: None }
    }

    /// The same, in which a fault becomes a weaker one of its own kind, or of one of these: so a failing plan has nothing
    /// that nobody asked for.
    #[must_use]
    pub fn with_kinds(mut self, kinds: impl IntoIterator<Item = FaultKind>) -> Self {
        self.kinds = Some(kinds.into_iter().collect());
        self
    }

    /// Whether a fault may become this one.
    fn may_become(&self, fault: &Fault, weaker: &Fault) -> bool {
        let is_allowed = |kinds: &Vec<FaultKind>| kinds.contains(&weaker.kind());
        weaker.kind() == fault.kind() || self.kinds.as_ref().is_none_or(is_allowed)
    }

    /// The smallest plan that is known to fail.
    pub const fn best(&self) -> &FaultPlan {
        &self.best
    }

    /// Tries another plan in place of the current one. It must not have more items.
    pub fn replace(&mut self, plan: FaultPlan) {
        self.candidate = plan;
    }

    /// The plan to try: first the root, then one that [`PlanTree::simplify`] or [`PlanTree::complicate`] has proposed; the best
    /// once there is none.
    pub const fn current(&self) -> &FaultPlan {
        &self.candidate
    }

    /// The current plan fails: proposes a smaller one. False if there is none.
    pub fn simplify(&mut self) -> bool {
        self.best = self.candidate.clone();
        self.step = match self.step {
            Step::Whole => Step::Remove { len: items(&self.best), index: 0 },
            Step::Remove { len, index } => {
                self.improved = true;
                // What came after the items that were taken out is at this index now.
                Step::Remove { len, index }
            }
            // What moved, or a weaker fault, may make another needless.
            Step::Shift { .. } | Step::Weaken { .. } => Step::Remove { len: 1, index: 0 },
            Step::Done => return false,
        };
        self.propose()
    }

    /// The current plan does not fail: proposes another one. False if there is none.
    pub fn complicate(&mut self) -> bool {
        self.step = match self.step {
            Step::Whole | Step::Done => return false,
            Step::Remove { len, index } => Step::Remove { len, index: index + len },
            Step::Shift { removed, moved } => Step::Shift { removed, moved: moved + 1 },
            Step::Weaken { index, choice } => Step::Weaken { index, choice: choice + 1 },
        };
        self.propose()
    }

    /// Makes the next candidate from the best, if there is one.
    fn propose(&mut self) -> bool {
        loop {
            match self.step {
                Step::Whole | Step::Done => break,
                Step::Remove { len, index } if index < items(&self.best) => {
                    self.candidate = without(&self.best, index, len);
                    if !leaves_open(&self.best, &self.candidate) {
                        return true;
                    }
                    self.step = Step::Remove { len, index: index + len };
                }
                Step::Remove { len: 1, .. } if self.improved && items(&self.best) > 0 => {
                    self.improved = false;
                    self.step = Step::Remove { len: 1, index: 0 };
                }
                Step::Remove { len: 0 | 1, .. } => self.step = Step::Shift { removed: 0, moved: 0 },
                Step::Remove { len, .. } => self.step = Step::Remove { len: len / 2, index: 0 },
                Step::Shift { removed, .. }
                    if self.best.len() > MAX_SHIFTED || removed == self.best.len() =>
                {
                    self.step = Step::Weaken { index: 0, choice: 0 };
                }
                Step::Shift { removed, moved } if moved == self.best.len() => {
                    self.step = Step::Shift { removed: removed + 1, moved: 0 };
                }
                Step::Shift { removed, moved } => match shifted(&self.best, removed, moved) {
                    None => self.step = Step::Shift { removed, moved: moved + 1 },
                    Some(plan) => {
                        self.candidate = plan;
                        return true;
                    }
                },
                Step::Weaken { index, choice } => {
                    let Some(fault) = self.best.faults().get(index) else {
                        self.step = Step::Done;
                        continue;
                    };
                    let mut weaker =
                        weaker(fault).into_iter().filter(|weaker| self.may_become(fault, weaker));
                    match weaker.nth(choice) {
                        None => self.step = Step::Weaken { index: index + 1, choice: 0 },
                        Some(fault) => match replaced(&self.best, index, &fault)
                            .filter(|plan| !leaves_open(&self.best, plan))
                        {
                            None => self.step = Step::Weaken { index, choice: choice + 1 },
                            Some(plan) => {
                                self.candidate = plan;
                                return true;
                            }
                        },
                    }
                }
            }
        }
        self.step = Step::Done;
        self.candidate = self.best.clone();
        false
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

/// The plan without the one fault, and with the other one step back, as all behind that in its flow; `None` if there is no
/// place for it, or it is of no datagram.
fn shifted(plan: &FaultPlan, removed: usize, moved: usize) -> Option<FaultPlan> {
    let Fault::Datagram { flow: moved_flow, n: moved_n, .. } = plan.faults().get(moved)? else { return None };
    if removed == moved {
        return None;
    }
    let mut other = plan.clone();
    other.retain(|_| false);
    for (_, fault) in plan.faults().iter().enumerate().filter(|(at, _)| *at != removed) {
        let mut fault = fault.clone();
        if let Fault::Datagram { flow, n, .. } = &mut fault
            && flow == moved_flow
            && *n >= *moved_n
        {
            *n = n.checked_sub(1)?;
        }
        // The place may be taken by a fault that stays.
        other.push(fault).ok()?;
    }
    Some(other)
}

/// The plan with another fault in the place of one; `None` if that is at a place which is taken.
fn replaced(plan: &FaultPlan, index: usize, fault: &Fault) -> Option<FaultPlan> {
    let mut other = plan.clone();
    other.retain(|_| false);
    for (at, old) in plan.faults().iter().enumerate() {
        let fault = if at == index { fault } else { old };
        other.push(fault.clone()).ok()?;
    }
    Some(other)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;
    use crate::fault::{DatagramFault, strategy};

    /// Shrinks a failing plan, and gives the smallest with the number of plans tried.
    fn shrink(plan: &FaultPlan, fails: impl Fn(&FaultPlan) -> bool) -> (FaultPlan, u32) {
        let (mut tree, mut tried) = (PlanTree::new(plan.clone()), 0);
        assert!(fails(tree.current()));
        let mut more = tree.simplify();
        while more {
            tried += 1;
            assert!(tried < 100_000, "it does not end: {:?}", tree.current());
            more = if fails(tree.current()) { tree.simplify() } else { tree.complicate() };
        }
        assert_eq!(tree.current(), tree.best());
        (tree.current().clone(), tried)
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
            ("at 1s skew a +3s", "at 0s skew a +1ms"),
            ("poweroff a after send #9 for 1s", "crash a after send #0 for 1ms"),
            ("at 9s reboot n", "at 0s rebind n"),
            ("crash a after effect 2 of recv #9 for 1s", "crash a after recv #0 for 1ms"),
            ("at 1s drift a x1.016", "at 0s drift a x1.000001"),
            ("at 1s partition a|b", "at 0s partition a>b"),
            ("a>b silence", "a>b refuse"),
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
    fn a_loss_that_only_moves_the_numbers_goes() {
        // What is to blame is the second answer; a lost request makes it the third.
        let fails = |plan: &FaultPlan| {
            let text = plan.to_string();
            let number = 1 + text.matches("a>b").count();
            text.contains(&format!("b>a #{number} duplicate"))
                && text.contains(&format!("b>a #{} drop", number + 2))
        };
        let before = "a>b #0 drop; b>a #2 duplicate; b>a #4 drop";
        assert_eq!(shrink(&plan(before), fails).0, plan("b>a #1 duplicate; b>a #3 drop"));
        let before = "a>b #0 drop; a>b #1 drop; b>a #3 duplicate; b>a #5 drop";
        assert_eq!(shrink(&plan(before), fails).0, plan("b>a #1 duplicate; b>a #3 drop"));
    }

    #[test]
    fn a_step_back_needs_a_free_place() {
        let before = plan("a>b #0 drop; a>b #1 drop; b>a #0 drop; at 1s crash a");
        assert_eq!(shifted(&before, 2, 1), None, "a>b #0 stays");
        assert_eq!(shifted(&before, 1, 2), None, "there is none before the first");
        assert_eq!(shifted(&before, 1, 3), None, "a crash has no number");
        assert_eq!(shifted(&before, 1, 1), None);
        assert_eq!(shifted(&before, 0, 1), Some(plan("a>b #0 drop; b>a #0 drop; at 1s crash a")));
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
            prop_assert!(!leaves_open(&plan, &left), "{left} of {plan}");
            prop_assert!(items(&left) <= items(&plan) && (left.seed, left.link()) == (plan.seed, plan.link()));
            for index in 0..items(&left) {
                let less = without(&left, index, 1);
                prop_assert!(leaves_open(&left, &less) || !fails(&less), "{left} without {index}");
            }
        }
    }
}
