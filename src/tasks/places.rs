//! Values that keep their place for as long as they are there.

/// A list whose places are used again.
pub(super) struct Places<T> {
    all: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { all: Vec::new(), free: Vec::new() }
    }
}

impl<T> Places<T> {
    /// Puts a value into a free place, which it says.
    pub(super) fn put(&mut self, value: T) -> usize {
        let Some(place) = self.free.pop() else {
            self.all.push(Some(value));
            return self.all.len() - 1;
        };
        self.all[place] = Some(value);
        place
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.all.get_mut(place)?.as_mut()
    }

    pub(super) fn take(&mut self, place: usize) -> Option<T> {
        let value = self.all.get_mut(place)?.take()?;
        self.free.push(place);
        Some(value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        self.all.iter().flatten()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.all.iter_mut().flatten()
    }

    /// The place of the first value of which this holds.
    pub(super) fn find(&self, mut holds: impl FnMut(&T) -> bool) -> Option<usize> {
        self.all.iter().position(|value| value.as_ref().is_some_and(&mut holds))
    }
}
