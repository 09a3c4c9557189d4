//! Each run made twice: a run that depends on anything but its seed and its plan differs.

use super::{Broken, Search};
use crate::engine::{Engine, Keep, Outcome};
use crate::machine::Law;
use crate::transcript::{Record, Transcript};

/// What is broken by a run that comes out differently when it is made again.
pub(super) const NOT_DETERMINISTIC: &str = "not deterministic";

impl<'s> Search<'s> {
    /// Makes each run twice and compares everything that they did. The twin of law 6 sees the same at once, but only
    /// what differs between two machines of one process at one time: not a counter that all machines share, nor what a
    /// factory, a command or a property takes from outside.
    #[must_use]
    pub fn twice(mut self) -> Self {
        self.first = Some(Engine::new(self.scenario));
        self
    }

    /// Makes each run twice, the second time with counters that start just before they wrap
    /// ([`Boot::first_number`](crate::Boot::first_number)): events, moments and ends must be the same (law 10).
    /// Events that tell a counter's own number are none that it can be held to.
    #[must_use]
    pub fn wrapping(mut self) -> Self {
        (self.first, self.wraps) = (Some(Engine::new(self.scenario)), true);
        self
    }

    /// One run, with counters that soon wrap if it holds without.
    fn attempt_to_wrap(&mut self, wrapped: Engine<'s>) -> Result<Outcome, Broken> {
        let keep = std::mem::replace(&mut self.settings.keep, Keep::Log);
        let result = self.attempt_once();
        if result.is_err() {
            self.first = Some(wrapped);
            self.settings.keep = keep;
            return result;
        }
        let plain = std::mem::replace(&mut self.engine, wrapped);
        self.engine.first_number = SOON;
        let wrapped_result = self.attempt_once();
        let detail = match &wrapped_result {
            Err(broken) => Some((None, format!("with counters about to wrap {}", broken.line()))),
            Ok(_) => untold(&plain, &self.engine),
        };
        self.settings.keep = keep;
        let law = Law::WrapsUnseen.to_string();
        let Some((at, detail)) = detail else {
            self.first = Some(std::mem::replace(&mut self.engine, plain));
            return result;
        };
        self.engine.note_broken(at, format!("{law}: {detail}"));
        // What is shown is the run whose counters wrap.
        self.first = Some(plain);
        Err(Broken::new(law, detail))
    }

    /// One run, made two times if that is wanted, with the current settings; what does not hold, if something does not.
    pub(super) fn attempt(&mut self) -> Result<Outcome, Broken> {
        if self.first.is_none() {
            return self.attempt_once();
        }
        if self.wraps {
            let wrapped = self.first.take().unwrap_or_else(|| Engine::new(self.scenario));
            self.engine.first_number = 0;
            return self.attempt_to_wrap(wrapped);
        }
        let before = self.first.take().unwrap_or_else(|| Engine::new(self.scenario));
        let keep = std::mem::replace(&mut self.settings.keep, Keep::Log);
        let first_result = self.attempt_once();
        let first = std::mem::replace(&mut self.engine, before);
        let result = self.attempt_once();
        self.settings.keep = keep;
        let difference = difference(&first, &self.engine).or_else(|| {
            let said = |result: &Result<_, Broken>| match result {
                Ok(_) => "all passed".to_owned(),
                Err(broken) => broken.line(),
            };
            let (one, other) = (said(&first_result), said(&result));
            (one != other).then(|| (None, format!("of the same log; first run {one}, second run {other}")))
        });
        self.first = Some(first);
        let Some((at, detail)) = difference else { return result };
        self.engine.note_broken(at, format!("{NOT_DETERMINISTIC}: {detail}"));
        Err(Broken::new(NOT_DETERMINISTIC, detail))
    }
}

/// What one of two runs has told and the other has not, or at another moment.
fn untold(plain: &Engine<'_>, wrapped: &Engine<'_>) -> Option<(Option<Record>, String)> {
    if plain.told_the_same(wrapped) && plain.statuses() == wrapped.statuses() {
        return None;
    }
    let line = |engine: &Engine<'_>, place: usize| {
        engine.told().get(place).map_or_else(
            || "nothing more".to_owned(),
            |&(at, host, index)| {
                format!(
                    "{:?} of {} at {at}",
                    engine.event(host, index),
                    engine.scenario().names()[host.index()]
                )
            },
        )
    };
    let most = plain.told().len().max(wrapped.told().len());
    let differs = (0..most).find(|place| line(plain, *place) != line(wrapped, *place));
    let detail = match differs {
        Some(place) => {
            format!("with counters about to wrap {}, else {}", line(wrapped, place), line(plain, place))
        }
        None => "with counters about to wrap machines end otherwise".to_owned(),
    };
    Some((None, detail))
}

/// Where counters start that soon wrap, whichever width they have.
const SOON: u64 = u64::MAX - 2;

/// The first record that is not the same in both, and what each has there.
fn difference(first: &Engine<'_>, second: &Engine<'_>) -> Option<(Option<Record>, String)> {
    if first.log() == second.log() && first.told_the_same(second) {
        return None;
    }
    let (first, second) = (first.transcript(), second.transcript());
    let (ones, others) = (first.log.records(), second.log.records());
    let line = |transcript: &Transcript<'_>, record: Option<&Record>| {
        record.map_or_else(|| "nothing more".to_owned(), |record| format!("'{}'", transcript.line(record)))
    };
    let most = ones.len().max(others.len());
    let lines = (0..most).map(|index| (ones.get(index), others.get(index)));
    for (one, other) in lines {
        let (one_line, other_line) = (line(&first, one), line(&second, other));
        if one_line != other_line {
            let at = other.or(one).copied();
            return Some((at, format!("first difference: first run {one_line}, second run {other_line}")));
        }
    }
    Some((None, "the two runs differ in what no line of them shows".to_owned()))
}
