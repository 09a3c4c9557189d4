//! Making a plan smaller by running it again.

use std::collections::BTreeMap;

use super::sprt::Sprt;
use super::{Attempt, Ended, Found, Hunt, Progress, VERIFY, batch, fired};
use crate::drive::relayed::{after, clock};
use crate::fault::shrink::PlanTree;
use crate::fault::{FaultPlan, Profile};

/// A plan that was tried, and a run of it that failed.
struct Kept {
    plan: FaultPlan,
    ended: Ended,
}

/// A plan that fails often enough: a run of it that did, and in how many of how many runs.
struct Judged {
    ended: Ended,
    fails: (u32, u32),
}

/// How far the shrinking may still go.
struct Budget {
    runs: u64,
    until: tokio::time::Instant,
}

impl Budget {
    fn is_spent(&self) -> bool {
        self.runs == 0 || clock() >= self.until
    }
}

impl Hunt {
    /// Makes the plan of a failure smaller, and finds out how often the smallest fails.
    pub(super) fn shrink<E: Send>(
        &self,
        run: &(impl Fn(&Attempt) -> Result<Ended, E> + Sync),
        tell: &mut dyn FnMut(Progress<'_>),
        found: &mut Found,
    ) -> Result<(), E> {
        let mut budget = Budget { runs: self.max_shrink_runs, until: after(clock(), self.max_shrink) };
        let mut tree = PlanTree::new(found.plan.clone());
        let mut tried = BTreeMap::new();
        let mut kept = vec![Kept { plan: found.plan.clone(), ended: found.ended.clone() }];
        let mut more = tree.simplify();
        while more && !budget.is_spent() {
            tell(Progress::Shrinking(&found.plan, found.shrink_runs));
            let plan = tree.current().clone();
            let key = plan.to_string();
            let known = tried.get(&key).copied();
            let failed = match known {
                Some(false) => None,
                _ => self.judge(run, &plan, found, &mut budget)?,
            };
            tried.insert(key, failed.is_some());
            more = if let Some(Judged { ended, fails }) = failed {
                found.fails = fails;
                // What never fired changes nothing.
                let smaller = fired(&ended.passed);
                if smaller.len() < plan.len() && is_part(&smaller, &plan) {
                    tree.replace(smaller);
                }
                found.plan = tree.current().clone();
                found.ended = ended.clone();
                kept.push(Kept { plan: found.plan.clone(), ended });
                tree.simplify()
            } else {
                tree.complicate()
            };
        }
        found.is_minimal = !more;
        self.verify(run, tell, found, kept)
    }

    /// Whether a plan fails as often as the one that was found: then a run of it that did, and in how many of how many.
    fn judge<E: Send>(
        &self,
        run: &(impl Fn(&Attempt) -> Result<Ended, E> + Sync),
        plan: &FaultPlan,
        found: &mut Found,
        budget: &mut Budget,
    ) -> Result<Option<Judged>, E> {
        let mut sprt = Sprt::beside(found.again.0, found.again.1);
        let attempt = Attempt { plan: plan.clone(), profile: Profile::CALM, seed: self.seed };
        let (mut failed, mut fails, mut runs) = (None, 0, 0);
        loop {
            match sprt.verdict() {
                Some(true) => return Ok(failed.map(|ended| Judged { ended, fails: (fails, runs) })),
                Some(false) => return Ok(None),
                None if budget.is_spent() => return Ok(None),
                None => {}
            }
            for ended in batch(run, &vec![attempt.clone(); self.jobs])? {
                budget.runs = budget.runs.saturating_sub(1);
                found.shrink_runs += 1;
                sprt.note(ended.why.is_some());
                runs += 1;
                if ended.why.is_some() {
                    fails += 1;
                    failed = Some(ended);
                }
            }
        }
    }

    /// Tries the smallest plan some times more. One that was kept by chance is given up for the one before it.
    fn verify<E: Send>(
        &self,
        run: &(impl Fn(&Attempt) -> Result<Ended, E> + Sync),
        tell: &mut dyn FnMut(Progress<'_>),
        found: &mut Found,
        mut kept: Vec<Kept>,
    ) -> Result<(), E> {
        let expected = f64::from(found.again.0) / f64::from(found.again.1);
        while let Some(Kept { plan, ended }) = kept.pop() {
            tell(Progress::Verifying(&plan));
            (found.plan, found.ended) = (plan, ended);
            let (fails, failed) = self.times(run, &found.plan, VERIFY)?;
            found.fails = (fails, VERIFY);
            found.ended = failed.unwrap_or_else(|| found.ended.clone());
            if f64::from(fails) >= expected * f64::from(VERIFY) / 2.0 {
                break;
            }
            found.is_minimal = false;
        }
        Ok(())
    }
}

/// Whether all faults of a plan are in another.
fn is_part(plan: &FaultPlan, whole: &FaultPlan) -> bool {
    plan.faults().iter().all(|fault| whole.faults().contains(fault))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::fault::{Chance, FaultPlan, Profile};
    use crate::proxy::Passed;
    use crate::proxy::hunt::{Attempt, Ended, Hunt, Hunted, Hunting, Trouble};
    use crate::seed::mix;

    /// A program that fails at this rate in percent where a plan has both of these words, and by chance at another. What is
    /// drawn is a plan of 20 drops.
    fn hunt(words: [&str; 2], (often, by_chance): (u64, u64), hunt: &Hunt) -> Hunting<()> {
        let runs = AtomicU64::new(0);
        let run = |attempt: &Attempt| {
            let number = runs.fetch_add(1, Ordering::Relaxed);
            let mut plan = attempt.plan.clone();
            if attempt.profile != Profile::CALM {
                let drops: Vec<String> =
                    (0..20).map(|n| format!("client-1>server #{} drop", n + attempt.seed % 5)).collect();
                plan = drops.join("; ").parse().unwrap();
            }
            let text = plan.to_string();
            let is_caused = words.iter().all(|word| text.contains(word));
            let percent = if is_caused { often } else { by_chance };
            let failed = mix(3, number) % 100 < percent;
            let passed = Passed { plan, ..Passed::default() };
            Ok(Ended { why: failed.then(|| "it failed".to_owned()), passed })
        };
        hunt.run(&run, &mut |_| {})
    }

    fn lossy() -> Hunt {
        Hunt::new().trouble(Trouble::Profile(Profile { loss: Chance::percent(30), ..Profile::CALM }))
    }

    #[test]
    fn two_faults_are_left_of_twenty() {
        let hunting = hunt(["#3 drop", "#7 drop"], (100, 0), &lossy());
        let Hunted::Failed(found) = hunting.found else { panic!("{:?}", hunting.found) };
        assert_eq!(found.plan.to_string(), "v2; client-1>server #3 drop; client-1>server #7 drop");
        assert_eq!(
            (found.again, found.fails, found.is_minimal, found.from_faults),
            ((5, 5), (10, 10), true, 20)
        );
        assert!(found.shrink_runs < 150, "{}", found.shrink_runs);
    }

    #[test]
    fn a_failure_that_comes_often_but_not_always_is_shrunk_too() {
        let hunting = hunt(["#3 drop", "#3 drop"], (70, 5), &lossy());
        let Hunted::Failed(found) = hunting.found else { panic!("{:?}", hunting.found) };
        assert_eq!(found.plan.to_string(), "v2; client-1>server #3 drop");
        assert!(found.fails.0 >= 4, "{:?}", found.fails);
    }

    #[test]
    fn jobs_change_nothing_about_what_is_found() {
        let four = lossy().jobs(std::num::NonZeroUsize::new(4).unwrap());
        let hunting = hunt(["#4 drop", "#9 drop"], (100, 0), &four);
        let Hunted::Failed(found) = hunting.found else { panic!("{:?}", hunting.found) };
        assert_eq!((found.run, found.plan.len()), (0, 2));
    }

    #[test]
    fn what_fails_by_chance_alone_is_no_find() {
        let hunting = hunt(["nothing", "nothing"], (0, 4), &lossy().runs(60));
        assert!(matches!(hunting.found, Hunted::Held), "{:?}", hunting.found);
        assert!(hunting.flukes > 0 && hunting.runs == 60);
    }

    #[test]
    fn without_any_fault_nothing_is_hunted() {
        let hunting = hunt(["", ""], (100, 100), &lossy());
        assert!(matches!(hunting.found, Hunted::FailsCalm(_)));
    }

    #[test]
    fn the_bounds_end_it_with_the_best_so_far() {
        let hunting =
            hunt(["#3 drop", "#7 drop"], (100, 0), &lossy().max_shrink(10, std::time::Duration::MAX / 4));
        let Hunted::Failed(found) = hunting.found else { panic!("{:?}", hunting.found) };
        assert!(!found.is_minimal && found.plan.len() < 20, "{}", found.plan);
    }

    #[test]
    fn a_plan_alone_is_run_so_many_times() {
        let plan: FaultPlan = "client-1>server #3 drop".parse().unwrap();
        let replay = Hunt::new().faults(plan).trouble(Trouble::Nothing).runs(10);
        let hunting = hunt(["#3 drop", "#3 drop"], (100, 0), &replay);
        assert!(matches!(hunting.found, Hunted::Replayed(10, 10, Some(_))), "{:?}", hunting.found);
    }
}
