//! Losses that come in bursts: the Gilbert–Elliott model.

use super::Chance;
use crate::seed::mix;

/// Losses that come in bursts. A link is good or bad; each packet finds it as the one before left it, or turned.
///
/// This is the model of E. N. Gilbert, "Capacity of a Burst-Noise Channel" (Bell System Technical Journal 39, 1960), with
/// the losses in both states that E. O. Elliott gave it in "Estimates of Error Rates for Codes on Burst-Noise Channels"
/// (the same journal, 42, 1963). The chain goes by packets, not by time: a flow that is silent for a while finds the link
/// as it left it. Each flow has a chain of its own, which begins in the share of time that it is bad in the long run.
///
/// ```
/// use lossproof::fault::{Bursts, Chance};
///
/// // A tenth of all packets is lost, four in a row on average.
/// let bursts = Bursts::new(Chance::percent(10), 4);
/// assert_eq!((bursts.bad_to_good, bursts.loss_in_bad), (Chance::percent(25), Chance::ALWAYS));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bursts {
    /// How likely a good link is bad for the next packet.
    pub good_to_bad: Chance,
    /// How likely a bad link is good for the next packet.
    pub bad_to_good: Chance,
    /// How likely a good link loses a packet.
    pub loss_in_good: Chance,
    /// How likely a bad link loses a packet.
    pub loss_in_bad: Chance,
}

impl Bursts {
    /// No losses.
    pub const NONE: Self = Self {
        good_to_bad: Chance::NEVER,
        bad_to_good: Chance::NEVER,
        loss_in_good: Chance::NEVER,
        loss_in_bad: Chance::NEVER,
    };

    /// A link that loses this share of all packets, all those of its bad times and no other, `mean_len` of them in a row
    /// on average (Gilbert's chain with nothing passing while it is bad).
    ///
    /// # Panics
    /// If `mean_len` is 0, or if the bursts are too short for so much loss: between two of them at least one packet
    /// passes, so that with bursts of 1 at most a half can be lost, with bursts of 3 at most three quarters.
    pub const fn new(loss: Chance, mean_len: u32) -> Self {
        assert!(mean_len > 0, "a burst has at least one packet");
        // In the long run the share of bad times is p / (p + r), where r is 1 / mean_len: solved for p.
        let kept = Chance::PARTS as u128 - loss.parts();
        let begin = Chance::ratio(loss.parts(), mean_len as u128 * kept);
        let (Some(good_to_bad), Some(bad_to_good)) = (begin, Chance::ratio(1, mean_len as u128)) else {
            panic!("so much cannot be lost in bursts so short: make them longer")
        };
        Self { good_to_bad, bad_to_good, loss_in_good: Chance::NEVER, loss_in_bad: Chance::ALWAYS }
    }

    /// The share of packets that find the link bad, in the long run.
    fn share_of_bad(&self) -> Chance {
        let (begin, end) = (self.good_to_bad.parts(), self.bad_to_good.parts());
        Chance::ratio(begin, begin + end).unwrap_or_default()
    }
}

/// Where the chain of one flow stands. Its way is a function of the seed alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    bad: bool,
    /// How many packets it has seen.
    seen: u64,
}

impl Chain {
    /// Before the first packet.
    pub(crate) const NEW: Self = Self { bad: false, seen: 0 };

    /// Whether the link loses packet `n`, the same or a later one than the last time.
    pub(crate) fn loses(&mut self, bursts: &Bursts, seed: u64, n: u64) -> bool {
        while self.seen <= n {
            let bits = mix(seed, self.seen);
            self.bad = match (self.seen, self.bad) {
                (0, _) => bursts.share_of_bad().happens(bits),
                (_, false) => bursts.good_to_bad.happens(bits),
                (_, true) => !bursts.bad_to_good.happens(bits),
            };
            self.seen += 1;
        }
        let loss = if self.bad { bursts.loss_in_bad } else { bursts.loss_in_good };
        loss.happens(mix(mix(seed, n), 0))
    }

    /// Whether the link loses the next packet.
    pub(crate) fn loses_next(&mut self, bursts: &Bursts, seed: u64) -> bool {
        self.loses(bursts, seed, self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fates of the first packets of a flow.
    fn fates(bursts: &Bursts, seed: u64, count: u64) -> Vec<bool> {
        let mut chain = Chain::NEW;
        (0..count).map(|n| chain.loses(bursts, seed, n)).collect()
    }

    /// Holds that a mean is within three standard errors of what it should be.
    fn assert_near(found: f64, wanted: f64, error: f64) {
        assert!((found - wanted).abs() <= 3.0 * error, "{found} is not {wanted} ± {}", 3.0 * error);
    }

    #[test]
    fn the_share_and_the_length_of_bursts_are_those_asked_for() {
        const COUNT: u64 = 400_000;
        for (percent, mean_len) in [(10, 4), (50, 1), (1, 20), (30, 3), (75, 3)] {
            let bursts = Bursts::new(Chance::percent(percent), mean_len);
            let lost = fates(&bursts, 7, COUNT);
            let (share, r) = (f64::from(percent) / 100.0, 1.0 / f64::from(mean_len));
            // Neighbours are correlated by 1 - p - r, which makes the variance of a sum larger by (1 + c) / (1 - c).
            let correlation = 1.0 - bursts.good_to_bad.as_f64() - r;
            let variance = share * (1.0 - share) * (1.0 + correlation) / (1.0 - correlation);
            let found = lost.iter().filter(|&&lost| lost).count() as f64 / COUNT as f64;
            assert_near(found, share, (variance / COUNT as f64).sqrt());

            // Lengths are geometric.
            let lens: Vec<_> = lost.chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[bool]>::len).collect();
            let mean = lens.iter().sum::<usize>() as f64 / lens.len() as f64;
            assert_near(mean, f64::from(mean_len), ((1.0 - r) / (r * r) / lens.len() as f64).sqrt());
        }
    }

    #[test]
    fn both_states_lose_their_own_share() {
        const COUNT: u64 = 200_000;
        let bursts = Bursts {
            good_to_bad: Chance::percent(5),
            bad_to_good: Chance::percent(15),
            loss_in_good: Chance::percent(2),
            loss_in_bad: Chance::percent(60),
        };
        // A quarter of the time it is bad.
        let share = 0.75 * 0.02 + 0.25 * 0.6;
        let lost = fates(&bursts, 1, COUNT).iter().filter(|&&lost| lost).count() as f64;
        // The state adds its own variance, correlated by 0.8, to that of the draws.
        let of_state = 0.25 * 0.75 * (0.6_f64 - 0.02).powi(2) * 1.8 / 0.2;
        let of_draws = 0.75 * 0.02 * 0.98 + 0.25 * 0.6 * 0.4;
        assert_near(lost / COUNT as f64, share, ((of_state + of_draws) / COUNT as f64).sqrt());
    }

    #[test]
    fn the_first_packet_is_lost_as_often_as_any_other() {
        let bursts = Bursts::new(Chance::percent(20), 10);
        let lost = (0..20_000).filter(|&seed| fates(&bursts, seed, 1)[0]).count() as f64 / 20_000.0;
        assert_near(lost, 0.2, (0.2_f64 * 0.8 / 20_000.0).sqrt());
    }

    #[test]
    fn a_fate_does_not_depend_on_which_packets_were_asked_for() {
        let bursts = Bursts::new(Chance::percent(40), 5);
        let all = fates(&bursts, 3, 200);
        let mut chain = Chain::NEW;
        for n in (0..200).filter(|n| n % 7 == 3) {
            assert_eq!(chain.loses(&bursts, 3, n), all[n as usize]);
            assert_eq!(chain.loses(&bursts, 3, n), all[n as usize], "asked again");
        }
    }

    #[test]
    fn the_bounds_are_exact() {
        assert_eq!(fates(&Bursts::NONE, 7, 1_000).iter().filter(|&&lost| lost).count(), 0);
        assert_eq!(Bursts::new(Chance::NEVER, 3).good_to_bad, Chance::NEVER);
        // With bursts of one, every second packet, and no more.
        assert_eq!(Bursts::new(Chance::percent(50), 1).good_to_bad, Chance::ALWAYS);
        let refused = |loss, len| std::panic::catch_unwind(|| Bursts::new(loss, len)).is_err();
        assert!(refused("50.0000001%".parse().unwrap(), 1) && !refused(Chance::percent(75), 3));
        assert!(refused(Chance::percent(76), 3) && refused(Chance::ALWAYS, 1_000));
        assert!(refused(Chance::percent(1), 0));
    }
}
