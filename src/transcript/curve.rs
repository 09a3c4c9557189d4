//! What pictures show of when a run was lost.

/// From each step of a run the share of the runs that go on from there and fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Curve {
    /// Records from this place on have this share, in percent; in order.
    pub(crate) points: Vec<(usize, u8)>,
    /// The record at which it turned.
    pub(crate) turned: Option<usize>,
}

impl Curve {
    /// The share at a record of the log.
    pub(super) fn at(&self, record: usize) -> Option<u8> {
        let after = self.points.partition_point(|(first, _)| *first <= record);
        Some(self.points.get(after.checked_sub(1)?)?.1)
    }

    /// The same, once a record was put in at this place, if one was.
    pub(super) fn with_record(mut self, place: Option<usize>) -> Self {
        let Some(place) = place else { return self };
        let records = self.points.iter_mut().map(|(first, _)| first).chain(&mut self.turned);
        for record in records {
            *record += usize::from(*record >= place);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_the_share_of_the_last_step_before_it() {
        let curve = Curve { points: vec![(1, 3), (4, 100)], turned: Some(5) };
        assert_eq!(
            [0, 1, 3, 4, 9].map(|record| curve.at(record)),
            [None, Some(3), Some(3), Some(100), Some(100)]
        );
        let moved = curve.clone().with_record(Some(4));
        assert_eq!(moved, Curve { points: vec![(1, 3), (5, 100)], turned: Some(6) });
        assert_eq!(curve.clone().with_record(None), curve);
    }
}
