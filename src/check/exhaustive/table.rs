//! States by their hashes.

use super::states::Seen;

/// An index of this is vacant.
const VACANT: u32 = u32::MAX;
const MIN_PLACES: usize = 1 << 10;

/// States by the 128 bits that stand for them. A tree would ask for a dozen places of memory where this asks for two;
/// and a hash decides where a state is kept, but no order: nobody goes through them.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The states, in the order in which they came: both halves of the hash.
    states: Vec<([u64; 2], Seen)>,
    /// For each place the index of a state, with other bits of its hash than those that the place is made of. A state is
    /// at the place that its hash says, or at the first after it that was vacant. Their number is a power of two, and half
    /// of them are vacant at least.
    places: Vec<(u32, u32)>,
}

/// The halves of a hash.
const fn halves(state: u128) -> [u64; 2] {
    [state as u64, (state >> 64) as u64]
}

impl Table {
    /// How many states there are.
    pub(super) const fn len(&self) -> usize {
        self.states.len()
    }

    /// What is known of a state.
    pub(super) fn get(&self, state: u128) -> Option<&Seen> {
        let index = self.places.get(self.place(halves(state))?)?.1;
        self.states.get(index as usize).map(|(_, seen)| seen)
    }

    /// Keeps a state, unless it is there already.
    pub(super) fn keep(&mut self, state: u128, seen: Seen) {
        if 2 * (self.states.len() + 1) > self.places.len() {
            self.grow();
        }
        let halves = halves(state);
        if let Some(place) = self.place(halves)
            && self.places[place].1 == VACANT
        {
            self.places[place] = (halves[1] as u32, self.states.len() as u32);
            self.states.push((halves, seen));
        }
    }

    /// The place of a state, or the one that it would get; none where there are no places.
    fn place(&self, halves: [u64; 2]) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        let mut place = halves[0] as usize & mask;
        loop {
            let (bits, index) = self.places[place];
            if index == VACANT || (bits == halves[1] as u32 && self.states[index as usize].0 == halves) {
                return Some(place);
            }
            place = (place + 1) & mask;
        }
    }

    /// Makes twice as many places.
    fn grow(&mut self) {
        let len = (2 * self.places.len()).max(MIN_PLACES);
        self.places.clear();
        self.places.resize(len, (0, VACANT));
        for index in 0..self.states.len() {
            let halves = self.states[index].0;
            if let Some(place) = self.place(halves) {
                self.places[place] = (halves[1] as u32, index as u32);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::mix;

    fn seen(run: u32) -> Seen {
        Seen { run, offset: 0, inputs: 0, behind: 0 }
    }

    /// Half of them differ in one half of the hash alone, and many begin at one place.
    #[test]
    fn what_was_kept_first_is_found_and_nothing_else() {
        let state = |n: u64| u128::from(mix(n / 4, 0)) << 64 | u128::from(mix(n / 2, 1) << (n % 3));
        let mut table = Table::default();
        assert!(table.get(0).is_none());
        let count = 4 * MIN_PLACES as u64;
        let mut kept = std::collections::BTreeMap::new();
        for n in 0..count {
            table.keep(state(n), seen(n as u32));
            kept.entry(state(n)).or_insert(n as u32);
        }
        assert_eq!(table.len(), kept.len());
        for n in 0..2 * count {
            assert_eq!(table.get(state(n)).map(|seen| seen.run), kept.get(&state(n)).copied(), "{n}");
        }
    }
}
