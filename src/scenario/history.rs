//! Linearizability: whether operations that overlap can be explained by some order of them.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::hash::Hash;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::fold::{Fold, Verdict};
use super::net::Net;
use super::{Host, Role};

/// How many states of its search a history looks at, unless told otherwise, before it gives up.
pub const MAX_HISTORY_STATES: usize = 100_000;

/// What operations do to one object, one after another: the sequential model of a history.
///
/// ```
/// use lossproof::scenario::Model;
///
/// /// A register with one number.
/// #[derive(Clone, Hash)]
/// struct Register(u32);
///
/// impl Model for Register {
///     /// A number to write, or nothing to read.
///     type Call = Option<u32>;
///     type Result = u32;
///
///     fn apply(&mut self, call: &Option<u32>) -> u32 {
///         self.0 = call.unwrap_or(self.0);
///         self.0
///     }
/// }
/// ```
pub trait Model: Clone + Hash + Send + Sync + 'static {
    /// What is asked of the object.
    type Call: Hash + Debug + 'static;
    /// What it answers.
    type Result: PartialEq + Hash + Debug + 'static;

    /// Does one operation; what it answers.
    fn apply(&mut self, call: &Self::Call) -> Self::Result;
}

/// The begin or the end of an operation, as an event tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation<C, R> {
    /// It was asked for.
    Invoked {
        /// Which of its host's operations it is.
        id: u64,
        /// What was asked.
        call: C,
    },
    /// It was answered. One that never is may have been done, or not.
    Returned {
        /// Which of its host's operations it is.
        id: u64,
        /// What was answered.
        result: R,
    },
}

/// One operation of a run.
#[derive(Debug, Hash)]
struct Done<C, R> {
    host: u16,
    id: u64,
    call: C,
    /// How many begins and ends there were before.
    invoked: usize,
    returned: Option<(usize, R)>,
}

/// All operations of a run so far.
#[derive(Debug, Hash)]
struct Record<C, R> {
    all: Vec<Done<C, R>>,
    /// How many begins and ends there were.
    steps: usize,
}

/// The operations of one object, named by the events of hosts, and judged at the end of each run: some order of them,
/// in which none comes before another that had ended when it began, must explain all results by the [`Model`]
/// (linearizability: Herlihy and Wing, 1990; the search is that of Wing and Gong, 1993, with the memory of Lowe, 2017).
///
/// The search is bounded. A run that it cannot judge within [`History::max_states`] is counted, and the verdict says
/// so: it is neither held nor broken.
#[must_use = "a history needs the hosts whose events tell of operations"]
pub struct History<'n, M: Model> {
    fold: Fold<'n, Record<M::Call, M::Result>>,
    model: M,
    max_states: usize,
}

impl<'n, M: Model> History<'n, M> {
    pub(super) fn new(net: &'n Net, name: String, model: M) -> Self {
        let fold = Fold::new(net, name, || Record { all: Vec::new(), steps: 0 });
        Self { fold, model, max_states: MAX_HISTORY_STATES }
    }

    /// How many states the search looks at before it gives up on a run.
    pub fn max_states(self, max_states: usize) -> Self {
        Self { max_states, ..self }
    }

    /// The events of a host that tell of operations. The last host is named by [`History::judge`].
    ///
    /// # Panics
    /// If the host is of another net.
    pub fn on<R: Role>(
        self,
        host: Host<R>,
        read: impl Fn(&R::Event) -> Option<Operation<M::Call, M::Result>> + Send + Sync + 'static,
    ) -> Self {
        let number = host.id.0;
        let fold = self.fold.on(host, move |record, event, _| match read(event) {
            Some(operation) => record.add(number, operation),
            None => Ok(()),
        });
        Self { fold, ..self }
    }

    /// Has the operations judged at the end of each run.
    pub fn judge(self) {
        let Self { fold, model, max_states } = self;
        fold.at_end_as(move |record| judge(&record.all, &model, max_states));
    }
}

impl<M: Model> fmt::Debug for History<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("max_states", &self.max_states).finish_non_exhaustive()
    }
}

impl<C, R> Record<C, R> {
    fn add(&mut self, host: u16, operation: Operation<C, R>) -> Result<(), String> {
        let step = self.steps;
        self.steps += 1;
        match operation {
            Operation::Invoked { id, call } => {
                self.all.push(Done { host, id, call, invoked: step, returned: None });
                Ok(())
            }
            Operation::Returned { id, result } => {
                let open =
                    |done: &&mut Done<C, R>| (done.host, done.id) == (host, id) && done.returned.is_none();
                let done = self.all.iter_mut().rev().find(open);
                let done = done.ok_or_else(|| format!("operation {id} returned and was not under way"))?;
                done.returned = Some((step, result));
                Ok(())
            }
        }
    }
}

/// One place of the search: which operations are in the order so far, and what they have made of the object.
struct Place<M> {
    taken: Vec<u64>,
    model: M,
    /// How many of the taken ones have returned.
    returned: usize,
    /// Which operation is tried next.
    next: usize,
}

fn judge<M: Model>(all: &[Done<M::Call, M::Result>], model: &M, max_states: usize) -> Verdict {
    let wanted = all.iter().filter(|done| done.returned.is_some()).count();
    let taken = vec![0; all.len().div_ceil(64)];
    let mut path = vec![Place { taken, model: model.clone(), returned: 0, next: 0 }];
    let mut seen = BTreeSet::new();
    let mut most = (0, None);
    while let Some(place) = path.last_mut() {
        if place.returned == wanted {
            return Verdict::Holds;
        }
        // Nothing that began after the first end of those that are left can come before it.
        let first_end = all
            .iter()
            .enumerate()
            .filter(|(index, _)| !has(&place.taken, *index))
            .filter_map(|(index, done)| Some((done.returned.as_ref()?.0, index)))
            .min();
        let Some((first_end, blocked)) = first_end else { return Verdict::Holds };
        if most.1.is_none() || place.returned > most.0 {
            most = (place.returned, Some(blocked));
        }
        let may_be_next = |index: usize| !has(&place.taken, index) && all[index].invoked < first_end;
        let Some(index) = (place.next..all.len()).find(|index| may_be_next(*index)) else {
            path.pop();
            continue;
        };
        place.next = index + 1;
        let mut model = place.model.clone();
        let result = model.apply(&all[index].call);
        let fits = all[index].returned.as_ref().is_none_or(|(_, seen)| *seen == result);
        if !fits {
            continue;
        }
        let mut taken = place.taken.clone();
        taken[index / 64] |= 1 << (index % 64);
        let returned = place.returned + usize::from(all[index].returned.is_some());
        let mut hasher = SipHasher13::new();
        (&taken, &model).hash(&mut hasher);
        if !seen.insert(u128::from(hasher.finish128())) {
            continue;
        }
        if seen.len() > max_states {
            return Verdict::GaveUp(format!("gave up on {} operations after {max_states} states", all.len()));
        }
        path.push(Place { taken, model, returned, next: 0 });
    }
    Verdict::Broken(unexplained(all, wanted, most))
}

fn has(taken: &[u64], index: usize) -> bool {
    taken[index / 64] & (1 << (index % 64)) != 0
}

fn unexplained<C: Debug, R: Debug>(
    all: &[Done<C, R>],
    wanted: usize,
    (most, blocked): (usize, Option<usize>),
) -> String {
    let what = blocked.map(|index| &all[index]).map_or_else(String::new, |done| {
        let result = done.returned.as_ref().map(|(_, result)| result);
        format!(
            "; {:?} cannot have returned {:?} after them",
            done.call,
            result.map_or(&"" as &dyn Debug, |r| r)
        )
    });
    format!("no order of {wanted} operations explains their results: at most {most} fit together{what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Hash)]
    struct Register(u32);

    impl Model for Register {
        type Call = Option<u32>;
        type Result = u32;
        fn apply(&mut self, call: &Option<u32>) -> u32 {
            self.0 = call.unwrap_or(self.0);
            self.0
        }
    }

    /// The call, when it began, and when it ended with which result.
    type Operation = (Option<u32>, usize, Option<(usize, u32)>);

    fn verdict(operations: &[Operation], max_states: usize) -> Verdict {
        let done = |(id, (call, invoked, returned)): (u64, &Operation)| Done {
            host: 0,
            id,
            call: *call,
            invoked: *invoked,
            returned: *returned,
        };
        judge(&(0..).zip(operations).map(done).collect::<Vec<_>>(), &Register(0), max_states)
    }

    #[test]
    fn what_overlaps_may_have_come_in_either_order() {
        let write = (Some(1), 0, Some((3, 1)));
        assert_eq!(verdict(&[write, (None, 1, Some((2, 0)))], 100), Verdict::Holds);
        assert_eq!(verdict(&[write, (None, 1, Some((2, 1)))], 100), Verdict::Holds);
    }

    #[test]
    fn a_read_after_a_write_has_ended_must_see_it() {
        let stale = verdict(&[(Some(1), 0, Some((1, 1))), (None, 2, Some((3, 0)))], 100);
        let Verdict::Broken(text) = stale else { panic!("{stale:?}") };
        assert_eq!(
            text,
            "no order of 2 operations explains their results: at most 1 fit together; None cannot have returned 0 \
             after them"
        );
    }

    #[test]
    fn what_never_returned_may_have_been_done_or_not() {
        let lost = (Some(1), 0, None);
        assert_eq!(verdict(&[lost, (None, 1, Some((2, 0)))], 100), Verdict::Holds);
        assert_eq!(verdict(&[lost, (None, 1, Some((2, 1)))], 100), Verdict::Holds);
        let both = [lost, (None, 1, Some((2, 1))), (None, 3, Some((4, 0)))];
        assert!(matches!(verdict(&both, 100), Verdict::Broken(_)), "it cannot be undone");
    }

    #[test]
    fn it_gives_up_one_state_beyond_the_bound() {
        // Three writes in a row are three states.
        let rows = [(Some(1), 0, Some((1, 1))), (Some(2), 2, Some((3, 2))), (Some(3), 4, Some((5, 3)))];
        assert_eq!(verdict(&rows, 3), Verdict::Holds);
        assert!(matches!(verdict(&rows, 2), Verdict::GaveUp(_)));
    }
}
