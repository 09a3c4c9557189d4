//! Losses as models: single ones, Gilbert's bursts, and those of Gilbert and Elliott.
//!
//! The first two have closed forms (their likelihood is that of counts). The third is a hidden Markov chain of two states,
//! fitted by the algorithm of L. E. Baum and others, "A Maximization Technique Occurring in the Statistical Analysis of
//! Probabilistic Functions of Markov Chains" (Annals of Mathematical Statistics 41, 1970), scaled as L. R. Rabiner's
//! tutorial has it (Proceedings of the IEEE 77, 1989). G. Schwarz's criterion decides between the three:
//! "Estimating the Dimension of a Model" (Annals of Statistics 6, 1978).

use super::{Measured, share};
use crate::fault::Bursts;

/// How many packets the hidden chain is fitted to at most: the first ones.
const MAX_HIDDEN: usize = 100_000;
/// How many losses it takes to tell how they come.
const MIN_LOST: usize = 4;
/// How often the fit of the hidden chain is made better, at most.
const MAX_ROUNDS: usize = 60;
/// When that stops: if the logarithm of the likelihood grows by less.
const ENOUGH: f64 = 1e-4;
/// The least that a probability of the chain is, so that nothing is ruled out.
const LEAST: f64 = 1e-6;

/// How packets are lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Model {
    /// Each by itself: the share of packets that is lost.
    Single(f64),
    /// In bursts.
    Bursts(Bursts),
}

/// What is counted in sequences of packets that were lost or not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) packets: usize,
    pub(super) lost: usize,
    bursts: usize,
    /// How often a packet was followed by another: by whether the first and whether the second was lost.
    pairs: [[usize; 2]; 2],
}

impl Counts {
    pub(super) fn of(sequences: &[Vec<bool>]) -> Self {
        let mut counts = Self::default();
        for lost in sequences {
            counts.packets += lost.len();
            counts.lost += lost.iter().filter(|lost| **lost).count();
            counts.bursts += lost.chunk_by(|a, b| a == b).filter(|run| run[0]).count();
            for pair in lost.windows(2) {
                counts.pairs[usize::from(pair[0])][usize::from(pair[1])] += 1;
            }
        }
        counts
    }

    /// How likely a packet is lost after one that came, and how likely one comes after one that was lost.
    fn turns(&self) -> (f64, f64) {
        let part = |part: usize, all: usize| part as f64 / all.max(1) as f64;
        let [good, bad] = self.pairs;
        // Every burst ends, if there is one at all.
        let end = if bad[0] + bad[1] == 0 { 1.0 } else { part(bad[0].max(1), bad[0].max(1) + bad[1]) };
        (part(good[1], good[0] + good[1]), end)
    }

    /// The share that is lost. In bursts packets are lost together, so that they count as fewer. The error is that of a share
    /// of two losses and two others more, which is nearer the truth where there are few (A. Agresti and B. A. Coull,
    /// "Approximate Is Better than 'Exact'", The American Statistician 52, 1998).
    pub(super) fn loss(&self) -> Measured {
        let value = self.lost as f64 / self.packets.max(1) as f64;
        let (begin, end) = self.turns();
        let correlation = (1.0 - begin - end).clamp(0.0, 0.999_999);
        let count = self.packets as f64 * (1.0 - correlation) / (1.0 + correlation);
        let share = (value * count + 2.0) / (count + 4.0);
        Measured { value, error: (share * (1.0 - share) / (count + 4.0)).sqrt() }
    }

    /// How many are lost in a row: the lengths of bursts are geometric.
    pub(super) fn burst_len(&self) -> Option<Measured> {
        let value = (self.bursts > 0).then(|| self.lost as f64 / self.bursts as f64)?;
        Some(Measured { value, error: (value * (value - 1.0).max(0.25) / self.bursts as f64).sqrt() })
    }
}

/// The model that explains the sequences best, and no more than it takes.
pub(super) fn fit(sequences: &[Vec<bool>]) -> Model {
    let counts = Counts::of(sequences);
    let single = Model::Single(counts.loss().value);
    if counts.lost < MIN_LOST || counts.lost == counts.packets {
        return single;
    }
    let size = (counts.packets as f64).ln();
    let of_counts = |part: usize, all: usize| entropy(part, all - part);
    let [good, bad] = counts.pairs;
    let criterion_single = size - 2.0 * of_counts(counts.lost, counts.packets);
    let criterion_bursts = 2.0 * size - 2.0 * (entropy(good[0], good[1]) + entropy(bad[0], bad[1]));
    let (begin, end) = counts.turns();
    let plain = Hidden { begin, end, lost_in: [0.0, 1.0] };
    let (hidden, likelihood) = hidden(sequences, plain, counts.loss().value);
    let criterion_hidden = 4.0 * size - 2.0 * likelihood;
    if criterion_hidden < criterion_single.min(criterion_bursts) {
        Model::Bursts(hidden.bursts())
    } else if criterion_bursts < criterion_single {
        Model::Bursts(plain.bursts())
    } else {
        single
    }
}

/// The logarithm of the likelihood of two counts under their own shares.
fn entropy(a: usize, b: usize) -> f64 {
    let term = |part: usize| if part == 0 { 0.0 } else { part as f64 * (part as f64 / (a + b) as f64).ln() };
    term(a) + term(b)
}

/// A chain of two states, the good and the bad one.
#[derive(Clone, Copy, Debug)]
struct Hidden {
    /// How likely the good state becomes bad.
    begin: f64,
    /// How likely the bad state becomes good.
    end: f64,
    /// How likely each loses a packet.
    lost_in: [f64; 2],
}

impl Hidden {
    fn bursts(&self) -> Bursts {
        let [loss_in_good, loss_in_bad] =
            self.lost_in.map(|loss| share(if loss <= 2.0 * LEAST { 0.0 } else { loss }));
        Bursts { good_to_bad: share(self.begin), bad_to_good: share(self.end), loss_in_good, loss_in_bad }
    }

    /// How likely each state shows what was seen.
    fn shows(&self, lost: bool) -> [f64; 2] {
        self.lost_in.map(|loss| if lost { loss } else { 1.0 - loss })
    }

    /// How likely one state follows the other.
    const fn turns(&self) -> [[f64; 2]; 2] {
        [[1.0 - self.begin, self.begin], [self.end, 1.0 - self.end]]
    }
}

/// Fits the hidden chain, from several beginnings; gives the best, and the logarithm of its likelihood.
fn hidden(sequences: &[Vec<bool>], plain: Hidden, loss: f64) -> (Hidden, f64) {
    let mut left = MAX_HIDDEN;
    let mut cut = |lost: &Vec<bool>| {
        let len = lost.len().min(left);
        left -= len;
        lost[..len].to_vec()
    };
    let all: usize = sequences.iter().map(Vec::len).sum();
    let sequences: Vec<Vec<bool>> = sequences.iter().map(&mut cut).collect();
    let kept: usize = sequences.iter().map(Vec::len).sum();
    let begins = [
        Hidden { lost_in: [loss / 3.0, 0.9], ..plain },
        Hidden { begin: plain.begin / 3.0, end: plain.end / 3.0, lost_in: [loss / 5.0, 0.5] },
    ];
    let fits = begins.map(|begin| {
        let (mut best, mut before) = (begin, f64::NEG_INFINITY);
        for _ in 0..MAX_ROUNDS {
            let (next, likelihood) = better(&best, &sequences);
            if likelihood - before < ENOUGH {
                break;
            }
            (best, before) = (next, likelihood);
        }
        (best, before)
    });
    let (best, likelihood) = if fits[1].1 > fits[0].1 { fits[1] } else { fits[0] };
    // The rest is taken to be like the first ones.
    (best, likelihood * all as f64 / kept.max(1) as f64)
}

/// One round: a chain says what to expect of its states, and these expectations make the next chain. With the logarithm
/// of the likelihood.
fn better(chain: &Hidden, sequences: &[Vec<bool>]) -> (Hidden, f64) {
    let turns = chain.turns();
    let shows = [false, true].map(|lost| chain.shows(lost));
    let mut likelihood = 0.0;
    // Expected: turns from state to state, time in each, and losses there.
    let (mut turned, mut stayed, mut lost_in) = ([[0.0; 2]; 2], [0.0; 2], [0.0; 2]);
    for lost in sequences.iter().filter(|lost| !lost.is_empty()) {
        let bad = chain.begin / (chain.begin + chain.end).max(LEAST);
        let mut state = [1.0 - bad, bad];
        let mut forward: Vec<[f64; 2]> = Vec::with_capacity(lost.len());
        let mut scales: Vec<f64> = Vec::with_capacity(lost.len());
        for (at, &is_lost) in lost.iter().enumerate() {
            let [good, bad] = state;
            if at > 0 {
                state = [good * turns[0][0] + bad * turns[1][0], good * turns[0][1] + bad * turns[1][1]];
            }
            let shows = shows[usize::from(is_lost)];
            let [good, bad] = [state[0] * shows[0], state[1] * shows[1]];
            let scale = (good + bad).max(f64::MIN_POSITIVE);
            state = [good / scale, bad / scale];
            likelihood += scale.ln();
            forward.push(state);
            scales.push(scale);
        }
        let [mut after_good, mut after_bad] = [1.0, 1.0];
        for at in (0..lost.len()).rev() {
            let [good, bad] = [forward[at][0] * after_good, forward[at][1] * after_bad];
            stayed = [stayed[0] + good, stayed[1] + bad];
            if lost[at] {
                lost_in = [lost_in[0] + good, lost_in[1] + bad];
            }
            let Some([good, bad]) = at.checked_sub(1).map(|before| forward[before]) else { break };
            let shows = shows[usize::from(lost[at])];
            let [to_good, to_bad] = [shows[0] * after_good / scales[at], shows[1] * after_bad / scales[at]];
            turned[0][0] += good * turns[0][0] * to_good;
            turned[0][1] += good * turns[0][1] * to_bad;
            turned[1][0] += bad * turns[1][0] * to_good;
            turned[1][1] += bad * turns[1][1] * to_bad;
            after_good = turns[0][0] * to_good + turns[0][1] * to_bad;
            after_bad = turns[1][0] * to_good + turns[1][1] * to_bad;
        }
    }
    let part = |part: f64, all: f64| (part / all.max(f64::MIN_POSITIVE)).clamp(LEAST, 1.0 - LEAST);
    let next = Hidden {
        begin: part(turned[0][1], turned[0][0] + turned[0][1]),
        end: part(turned[1][0], turned[1][0] + turned[1][1]),
        lost_in: [0, 1].map(|state| part(lost_in[state], stayed[state])),
    };
    (next, likelihood)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Chain, Chance};

    fn fates(bursts: &Bursts, seed: u64, count: u64) -> Vec<bool> {
        let mut chain = Chain::NEW;
        (0..count).map(|n| chain.loses(bursts, seed, n)).collect()
    }

    #[test]
    fn bursts_are_found_within_their_error() {
        for (seed, (percent, len)) in [(1, 3), (10, 4), (1, 8), (30, 2)].into_iter().enumerate() {
            let wanted = Bursts::new(Chance::percent(percent), len);
            let lost = vec![fates(&wanted, seed as u64, 30_000)];
            let counts = Counts::of(&lost);
            let (share, mean) = (counts.loss(), counts.burst_len().unwrap());
            assert!(
                (share.value - f64::from(percent) / 100.0).abs() < 3.0 * share.error,
                "{percent} {len}: {share:?}"
            );
            assert!((mean.value - f64::from(len)).abs() < 3.0 * mean.error, "{percent} {len}: {mean:?}");
            let Model::Bursts(found) = fit(&lost) else { panic!("{percent} {len}: no bursts") };
            let found_len = 1.0 / found.bad_to_good.as_f64();
            assert!((found_len - f64::from(len)).abs() < 3.0 * mean.error, "{percent} {len}: {found:?}");
            assert_eq!(
                (found.loss_in_bad, found.loss_in_good),
                (Chance::ALWAYS, Chance::NEVER),
                "{percent} {len}"
            );
        }
    }

    #[test]
    fn single_losses_are_single_and_none_is_none() {
        let single =
            Bursts { loss_in_bad: Chance::percent(5), ..Bursts::new(Chance::percent(99), 1_000_000) };
        let single = Bursts { good_to_bad: Chance::ALWAYS, bad_to_good: Chance::NEVER, ..single };
        let Model::Single(loss) = fit(&[fates(&single, 7, 20_000)]) else { panic!("bursts") };
        assert!((loss - 0.05).abs() < 0.005, "{loss}");
        assert_eq!(fit(&[vec![false; 100], vec![]]), Model::Single(0.0));
        assert_eq!(fit(&[vec![true; 100]]), Model::Single(1.0));
        assert_eq!(fit(&[]), Model::Single(0.0));
    }

    #[test]
    fn bursts_in_which_some_pass_are_told_from_those_in_which_none_does() {
        let wanted = Bursts {
            good_to_bad: Chance::percent(1),
            bad_to_good: Chance::percent(5),
            loss_in_good: Chance::permille(5),
            loss_in_bad: Chance::percent(60),
        };
        let Model::Bursts(found) = fit(&[fates(&wanted, 3, 60_000)]) else { panic!("single losses") };
        let near = |found: Chance, wanted: Chance| (found.as_f64() / wanted.as_f64() - 1.0).abs() < 0.25;
        assert!(
            near(found.good_to_bad, wanted.good_to_bad) && near(found.bad_to_good, wanted.bad_to_good),
            "{found:?}"
        );
        assert!(
            near(found.loss_in_bad, wanted.loss_in_bad) && near(found.loss_in_good, wanted.loss_in_good),
            "{found:?}"
        );
    }
}
