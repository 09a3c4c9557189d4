//! Chance told from cause with as few runs as that takes: the sequential probability ratio test (Wald, "Sequential Tests of
//! Statistical Hypotheses", Annals of Mathematical Statistics 16, 1945).

/// How likely one step of the shrinking takes chance for cause, or cause for chance.
pub const RISK: f64 = 0.05;

/// The most runs of one plan. Whoever needs more lies between both hypotheses, and does not count as one that fails.
const MAX_RUNS: u32 = 60;

/// The rate of failures beside which a plan is judged: no nearer to 0 and 1, where one run would decide.
const RATES: (f64, f64) = (0.2, 0.9);

/// How much rarer failures are of a plan that has lost its cause.
const RARER: f64 = 3.0;

/// Judges a plan by its runs: it fails as often as the plan from which it was made, or at most a third as often.
#[derive(Clone, Debug)]
pub(super) struct Sprt {
    /// What a failure, and what a run that holds, says for the first against the second.
    says: [f64; 2],
    ratio: f64,
    runs: u32,
}

impl Sprt {
    /// Beside a plan that failed this often, of this many runs.
    pub(super) fn beside(fails: u32, runs: u32) -> Self {
        let often = (f64::from(fails) / f64::from(runs.max(1))).clamp(RATES.0, RATES.1);
        let rarely = often / RARER;
        let says = [(often / rarely).ln(), ((1.0 - often) / (1.0 - rarely)).ln()];
        Self { says, ratio: 0.0, runs: 0 }
    }

    /// Notes a run.
    pub(super) fn note(&mut self, failed: bool) {
        self.runs += 1;
        self.ratio += self.says[usize::from(!failed)];
    }

    /// Whether it fails as often, if that is known.
    pub(super) fn verdict(&self) -> Option<bool> {
        let bound = ((1.0 - RISK) / RISK).ln();
        if self.ratio >= bound {
            Some(true)
        } else if self.ratio <= -bound || self.runs >= MAX_RUNS {
            Some(false)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::mix;

    /// The verdict on a plan that fails at this rate in percent, and after how many runs.
    fn judged(sprt: &Sprt, percent: u64, seed: u64) -> (bool, u32) {
        let mut sprt = sprt.clone();
        loop {
            if let Some(verdict) = sprt.verdict() {
                return (verdict, sprt.runs);
            }
            sprt.note(mix(seed, u64::from(sprt.runs)) % 100 < percent);
        }
    }

    #[test]
    fn what_always_fails_and_what_never_does_is_soon_known() {
        let sprt = Sprt::beside(5, 5);
        assert_eq!(judged(&sprt, 100, 0), (true, 3));
        assert_eq!(judged(&sprt, 0, 0), (false, 2));
    }

    #[test]
    fn it_errs_no_more_often_than_it_says() {
        for (fails, runs, often, rarely) in [(5, 5, 90, 30), (3, 5, 60, 20), (2, 5, 40, 13)] {
            let sprt = Sprt::beside(fails, runs);
            let share = |percent| {
                let kept = (0..2_000).filter(|seed| judged(&sprt, percent, *seed).0).count();
                kept as f64 / 2_000.0
            };
            // The bound on the number of runs costs a little where it is hard to tell.
            assert!(share(often) > 1.0 - RISK - 0.03, "{often}: {}", share(often));
            assert!(share(rarely) < RISK + 0.02, "{rarely}: {}", share(rarely));
        }
    }

    #[test]
    fn it_ends_though_nothing_can_be_told() {
        let mut sprt = Sprt::beside(3, 5);
        let between = [true, false, false];
        while sprt.verdict().is_none() {
            sprt.note(between[sprt.runs as usize % 3]);
        }
        assert!(sprt.runs <= MAX_RUNS);
    }
}
