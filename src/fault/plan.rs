//! The validated list of faults.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::valid::{check_fault, check_span};
use super::{Fault, Flow, HostFault, PlanError, StreamKind, When};
use crate::Instant;

/// What a run is given beside its scenario: the seed, the links, what streams are made of, when faults stop, which
/// generated commands, and the faults, in the order given.
///
/// Every plan can be held by its text form, and does not contradict itself: whatever enters it goes through
/// [`FaultPlan::push`] or [`FaultPlan::set_link`]. `Display` and `FromStr` are that form; the [module](super) shows it.
///
/// ```
/// use lossproof::fault::{DatagramFault, Fault, FaultPlan, Flow};
///
/// let mut plan = FaultPlan::default();
/// plan.push(Fault::Datagram { flow: Flow::new("a", "b"), n: 0, fault: DatagramFault::Drop })?;
/// assert_eq!(plan.to_string(), "v2; a>b #0 drop");
/// # Ok::<(), lossproof::fault::PlanError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// The seed of the run; `None` leaves it to whoever runs the plan.
    pub seed: Option<u64>,
    /// What streams are made of; `None` leaves it to the scenario.
    pub streams: Option<StreamKind>,
    /// The numbers of the commands that are given, of those that are [generated](crate::Net::generate); `None`: all.
    pub commands: Option<BTreeSet<u32>>,
    /// The time at which all faults stop: none has an effect, partitions end, and hosts that are down restart.
    pub calm: Option<Instant>,
    link: Option<Duration>,
    pub(super) bottlenecks: Vec<super::Bottleneck<String>>,
    faults: Vec<Fault>,
    /// The place of each fault that must be alone there, so that a long plan need not be searched.
    taken: BTreeSet<Place>,
    /// How far the clock of each host jumps ahead in all.
    ahead: BTreeMap<String, Duration>,
}

/// Where at most one fault may be. Host faults have no such place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Datagram(Flow, u64),
    Stream(Flow, u32, u64),
    CutEvery(Flow, u32),
    Connect(Flow, u32),
    Down(String, When),
}

/// How far the clock of a host is ahead at most: 100 years of 365 days, all its skews together. A clock ends 584 years after
/// the start, and what a machine plans from then on should still be before that.
pub const MAX_SKEW: Duration = Duration::from_hours(100 * 365 * 24);

impl FaultPlan {
    /// Adds a fault at the end.
    ///
    /// # Errors
    ///
    /// Refused, with the plan left as it was, is a fault
    /// - for a datagram that has one already, at a point of a stream that has one already, or a second
    ///   "cut every" of a stream, for a dial that has one, or a second of one host at one event;
    /// - that names a host twice where it takes two, or whose name the text form cannot hold: a name is of
    ///   ASCII letters, digits, `_`, `-` and `.`, and is not empty;
    /// - that could change nothing: a span of zero, a mask of zero, or after effect 0, since effects count from 1;
    /// - with a span of time longer than `u64::MAX` nanoseconds, or a skew with which the clock of its host is more than
    ///   [`MAX_SKEW`] ahead.
    pub fn push(&mut self, fault: Fault) -> Result<(), PlanError> {
        check_fault(&fault)?;
        if let Some((host, ahead)) = skew_of(&fault)
            && ahead.saturating_add(self.ahead.get(host).copied().unwrap_or_default()) > MAX_SKEW
        {
            return Err(PlanError::FarSkew(host.clone()));
        }
        if let Some(place) = place_of(&fault)
            && !self.taken.insert(place.clone())
        {
            return Err(place.into_error());
        }
        if let Some((host, ahead)) = skew_of(&fault) {
            *self.ahead.entry(host.clone()).or_default() += ahead;
        }
        self.faults.push(fault);
        Ok(())
    }

    /// Adds faults at the end, in their order.
    ///
    /// # Errors
    ///
    /// The first that [`FaultPlan::push`] refuses ends it; those before it stay in the plan.
    pub fn try_extend(&mut self, faults: impl IntoIterator<Item = Fault>) -> Result<(), PlanError> {
        faults.into_iter().try_for_each(|fault| self.push(fault))
    }

    /// Takes the fault at `index` out of the plan; `None` if there is none. Those after it move up.
    pub fn remove(&mut self, index: usize) -> Option<Fault> {
        if index >= self.faults.len() {
            return None;
        }
        let fault = self.faults.remove(index);
        if let Some(place) = place_of(&fault) {
            self.taken.remove(&place);
        }
        if let Some((host, ahead)) = skew_of(&fault)
            && let Some(sum) = self.ahead.get_mut(host)
        {
            *sum -= ahead;
            if sum.is_zero() {
                self.ahead.remove(host);
            }
        }
        Some(fault)
    }

    /// Keeps the faults for which `keep` is true, which is called once for each, in order.
    pub fn retain(&mut self, keep: impl FnMut(&Fault) -> bool) {
        self.faults.retain(keep);
        self.taken = self.faults.iter().filter_map(place_of).collect();
        self.ahead.clear();
        for (host, ahead) in self.faults.iter().filter_map(skew_of) {
            *self.ahead.entry(host.clone()).or_default() += ahead;
        }
    }

    /// The faults, in the order given.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// How many faults there are.
    pub fn len(&self) -> usize {
        self.faults.len()
    }

    /// Whether there is no fault; there may still be a seed or a latency.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// The latency of every link; `None` leaves it to whoever runs the plan.
    pub const fn link(&self) -> Option<Duration> {
        self.link
    }

    /// Sets the latency of every link, or with `None` leaves it to whoever runs the plan.
    ///
    /// # Errors
    ///
    /// [`PlanError::ZeroSpan`] for a latency of zero, [`PlanError::LongSpan`] for one beyond `u64::MAX`
    /// nanoseconds.
    pub fn set_link(&mut self, latency: Option<Duration>) -> Result<(), PlanError> {
        latency.map_or(Ok(()), |latency| check_span("link", latency))?;
        self.link = latency;
        Ok(())
    }
}

/// The text form, which is shorter than the fields and can be pasted where a plan is asked for.
impl fmt::Debug for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultPlan(\"{self}\")")
    }
}

impl Place {
    fn into_error(self) -> PlanError {
        match self {
            Self::Datagram(flow, n) => PlanError::SameDatagram { flow, n },
            Self::Stream(flow, conn, at) => PlanError::SameOffset { flow, conn, at },
            Self::CutEvery(flow, conn) => PlanError::SameCutEvery { flow, conn },
            Self::Connect(flow, conn) => PlanError::SameConnect { flow, conn },
            Self::Down(host, when) => PlanError::SameDown { host, when },
        }
    }
}

/// Whose clock a fault has jump ahead, and how far.
const fn skew_of(fault: &Fault) -> Option<(&String, Duration)> {
    match fault {
        Fault::Host { fault: HostFault::Skew { host, ahead }, .. } => Some((host, *ahead)),
        _ => None,
    }
}

fn place_of(fault: &Fault) -> Option<Place> {
    match fault {
        Fault::Datagram { flow, n, .. } => Some(Place::Datagram(flow.clone(), *n)),
        Fault::Stream { flow, conn, at, .. } => Some(Place::Stream(flow.clone(), *conn, *at)),
        Fault::CutEvery { flow, conn, .. } => Some(Place::CutEvery(flow.clone(), *conn)),
        Fault::Connect { flow, conn, .. } => Some(Place::Connect(flow.clone(), *conn)),
        Fault::Down(down) => Some(Place::Down(down.host.clone(), down.when)),
        Fault::Host { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{DatagramFault, FaultKind, StreamFault};
    use std::num::NonZeroU64;

    fn datagram(n: u64, fault: DatagramFault) -> Fault {
        Fault::Datagram { flow: Flow::new("a", "b"), n, fault }
    }

    fn stream(conn: u32, at: u64, fault: StreamFault) -> Fault {
        Fault::Stream { flow: Flow::new("a", "b"), conn, at, fault }
    }

    fn cut_every(conn: u32) -> Fault {
        Fault::CutEvery { flow: Flow::new("a", "b"), conn, len: NonZeroU64::MIN }
    }

    fn host(fault: HostFault) -> Fault {
        Fault::Host { at: Instant::START, fault }
    }

    /// The error that pushing the last of `faults` gives.
    fn refusal(faults: &[Fault]) -> String {
        let (last, before) = faults.split_last().unwrap();
        let mut plan = FaultPlan::default();
        plan.try_extend(before.iter().cloned()).unwrap();
        let unchanged = plan.clone();
        let error = plan.push(last.clone()).unwrap_err();
        assert_eq!(plan, unchanged);
        error.to_string()
    }

    #[test]
    fn a_second_fault_in_one_place_is_refused() {
        let drop = datagram(3, DatagramFault::Drop);
        assert_eq!(refusal(&[drop, datagram(3, DatagramFault::Duplicate)]), "a>b #3 has a fault already");
        let cut = stream(0, 9, StreamFault::Cut);
        assert_eq!(refusal(&[cut, stream(0, 9, StreamFault::Reset)]), "a>b @9 has a fault already");
        let cut = stream(1, 9, StreamFault::Cut);
        assert_eq!(refusal(&[cut.clone(), cut]), "a>b/1 @9 has a fault already");
        assert_eq!(refusal(&[cut_every(1), cut_every(1)]), "a>b/1 has a 'cut every' already");
    }

    #[test]
    fn places_of_different_sorts_do_not_collide() {
        let mut plan = FaultPlan::default();
        let back = Fault::Datagram { flow: Flow::new("b", "a"), n: 9, fault: DatagramFault::Drop };
        plan.try_extend([
            datagram(9, DatagramFault::Drop),
            back,
            stream(0, 9, StreamFault::Cut),
            stream(1, 9, StreamFault::Cut),
            cut_every(0),
            cut_every(1),
            host(HostFault::Heal),
            host(HostFault::Heal),
        ])
        .unwrap();
        assert_eq!(plan.len(), 8);
    }

    #[test]
    fn what_could_change_nothing_is_refused() {
        let zero = Duration::ZERO;
        assert_eq!(refusal(&[datagram(0, DatagramFault::Delay(zero))]), "delay must be at least 1ns");
        assert_eq!(refusal(&[stream(0, 0, StreamFault::Stall(zero))]), "stall must be at least 1ns");
        let skew = HostFault::Skew { host: "a".into(), ahead: zero };
        assert_eq!(refusal(&[host(skew)]), "skew must be at least 1ns");
        let flip = DatagramFault::Flip { at: 0, mask: 0 };
        assert_eq!(refusal(&[datagram(0, flip)]), "flip must change a bit; use a mask from 0x01 to 0xff");
        assert_eq!(FaultPlan::default().set_link(Some(zero)), Err(PlanError::ZeroSpan("link")));
    }

    #[test]
    fn a_span_beyond_64_bits_of_nanoseconds_is_refused() {
        let most = Duration::from_nanos(u64::MAX);
        let mut plan = FaultPlan::default();
        plan.push(datagram(0, DatagramFault::Delay(most))).unwrap();
        plan.set_link(Some(most)).unwrap();
        let over = most + Duration::from_nanos(1);
        assert_eq!(plan.set_link(Some(over)), Err(PlanError::LongSpan("link")));
        let error = refusal(&[datagram(0, DatagramFault::Delay(over))]);
        assert_eq!(error, "delay must be at most 18446744073709551615ns");
    }

    #[test]
    fn skews_that_leave_the_range_of_a_clock_are_refused() {
        let skew = |name: &str, ahead| host(HostFault::Skew { host: name.to_owned(), ahead });
        let nano = Duration::from_nanos(1);
        let far = "the clock of a jumps at most 3153600000s ahead in all (100 years)";
        let mut plan = FaultPlan::default();
        plan.push(skew("a", MAX_SKEW)).unwrap();
        plan.push(skew("b", MAX_SKEW)).unwrap();
        assert_eq!(plan.push(skew("a", nano)).unwrap_err().to_string(), far);
        assert_eq!(refusal(&[skew("a", MAX_SKEW + nano)]), far);
        // What is taken out counts no more.
        plan.remove(0);
        plan.push(skew("a", MAX_SKEW.saturating_sub(nano))).unwrap();
        plan.push(skew("a", nano)).unwrap();
        assert_eq!(refusal(&[skew("a", Duration::MAX)]), "skew must be at most 18446744073709551615ns");
    }

    #[test]
    fn names_the_text_cannot_hold_are_refused() {
        for name in ["", "a b", "a>b", "a;b", "é", "a\nb"] {
            let error = refusal(&[host(HostFault::Crash(name.into()))]);
            let rule = "is not a host name; use ASCII letters, digits, '_', '-' and '.'";
            assert!(error.ends_with(rule), "{error}");
            assert_eq!(error.lines().count(), 1);
        }
        let both = HostFault::Partition { a: "a".into(), b: "a".into() };
        assert_eq!(refusal(&[host(both)]), "'a' is on both sides; name two different hosts");
        let one_way = host(HostFault::PartitionOneWay(Flow::new("a", "a")));
        assert_eq!(refusal(&[one_way]), "'a' is on both sides; name two different hosts");
    }

    #[test]
    fn a_fault_taken_out_frees_its_place() {
        let mut plan = FaultPlan::default();
        let drop = datagram(3, DatagramFault::Drop);
        plan.try_extend([drop.clone(), cut_every(0)]).unwrap();
        assert_eq!(plan.remove(0), Some(drop.clone()));
        assert_eq!(plan.remove(1), None);
        plan.push(drop.clone()).unwrap();
        plan.retain(|fault| fault.kind() == FaultKind::Drop);
        assert_eq!(plan.faults(), std::slice::from_ref(&drop));
        plan.push(cut_every(0)).unwrap();
        assert!(plan.push(drop).is_err());
    }
}
