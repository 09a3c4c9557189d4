//! Each run made two times: what depends on anything but its seed and its plan comes out differently.

use std::fmt::Debug;

use super::{Broken, Search};
use crate::engine::{Engine, Keep, Outcome};
use crate::transcript::{Record, Transcript};

/// What is broken by a run that comes out differently when it is made again.
pub(super) const NOT_DETERMINISTIC: &str = "not deterministic";

impl<C: Clone + 'static, E: PartialEq + Debug + 'static> Search<'_, C, E> {
    /// Makes each run two times and compares everything that they did. The twin of law 6 sees the same at once, but only
    /// what differs between two machines of one process at one time: not a counter that all machines share, nor what a
    /// factory, a command or a property takes from outside.
    #[must_use]
    pub fn twice(mut self) -> Self {
        self.first = Some(Engine::default());
        self
    }

    /// One run, made two times if that is wanted, with the current settings; what does not hold, if something does not.
    pub(super) fn attempt(&mut self) -> Result<Outcome, Broken> {
        if self.first.is_none() {
            return self.attempt_once();
        }
        let before = self.first.take().unwrap_or_default();
        let keep = std::mem::replace(&mut self.settings.keep, Keep::Log);
        let first_result = self.attempt_once();
        let first = std::mem::replace(&mut self.engine, before);
        let result = self.attempt_once();
        self.settings.keep = keep;
        let names = self.scenario.names();
        let [made, again] = [&first, &self.engine].map(|engine| engine.transcript(self.scenario, &names));
        let difference = difference(&made, &again).or_else(|| {
            let said = |result: &Result<_, Broken>| match result {
                Ok(_) => "all held".to_owned(),
                Err(broken) => broken.line(),
            };
            let (one, other) = (said(&first_result), said(&result));
            (one != other).then(|| (None, format!("of the same log; first run {one}, second run {other}")))
        });
        // An engine in which a machine has panicked is not used again.
        self.first = Some(if result.is_ok() { first } else { Engine::default() });
        let Some((at, detail)) = difference else { return result };
        self.engine.note_broken(at, format!("{NOT_DETERMINISTIC}: {detail}"));
        Err(Broken::new(NOT_DETERMINISTIC, detail))
    }
}

/// The first record that is not the same in both, and what each has there.
fn difference<E: PartialEq>(
    first: &Transcript<'_, E>,
    second: &Transcript<'_, E>,
) -> Option<(Option<Record>, String)> {
    if first.log == second.log && first.events == second.events {
        return None;
    }
    let (ones, others) = (first.log.records(), second.log.records());
    let line = |transcript: &Transcript<'_, E>, record: Option<&Record>| {
        record.map_or_else(|| "nothing more".to_owned(), |record| format!("'{}'", transcript.line(record)))
    };
    let most = ones.len().max(others.len());
    let lines = (0..most).map(|index| (ones.get(index), others.get(index)));
    for (one, other) in lines {
        let (one_line, other_line) = (line(first, one), line(second, other));
        if one_line != other_line {
            let at = other.or(one).copied();
            return Some((at, format!("first difference: first run {one_line}, second run {other_line}")));
        }
    }
    Some((None, "the two runs differ in what no line of them shows".to_owned()))
}
