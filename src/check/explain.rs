//! What to say of a run that failed.

use std::time::Duration;

use super::twice::NOT_DETERMINISTIC;
use super::{Broken, Failure, Search};
use crate::engine::Keep;
use crate::machine::Law;
use crate::panics;
use crate::scenario::Timed;

/// How often a run is made with a plain twin to see whether its machines are determined at all: those that are not may
/// come out the same by chance.
const PLAIN_RUNS: u32 = 8;

impl Search<'_> {
    /// Makes the failed run again with its log kept, and says which law or property it is about.
    pub(super) fn explain(&mut self, run: u64, broken: Broken) -> Failure {
        let keep = std::mem::replace(&mut self.settings.keep, Keep::Log);
        let broken = if broken.what == NOT_DETERMINISTIC {
            // The log is that of the second run; made once more, it would be another.
            broken
        } else {
            match self.attempt() {
                Err(again) if again.is_like(&broken) => {
                    let broken = self.blame(again);
                    self.goes_round(&broken).unwrap_or(broken)
                }
                again => not_determined(&broken, again.err().as_ref()),
            }
        };
        let transcript = self.engine.transcript();
        let failure = Failure {
            run,
            broken: broken.what,
            detail: broken.detail,
            plan: self.engine.plan(&self.settings),
            commands: self.given(),
            packets: self.engine.packets(),
            at: self.engine.last_at(),
            transcript: transcript.to_string(),
            recording: transcript.record(),
        };
        self.settings.keep = keep;
        failure
    }

    /// The generated commands that the last run was given, a line each.
    fn given(&self) -> Vec<String> {
        let names = self.scenario.names();
        let spec = self.scenario.spec();
        // An engine has lost its commands after a panic. A generator that panics here has panicked in the run, too.
        let generated = panics::catch(|| spec.generate(self.settings.effective_seed())).unwrap_or_default();
        let numbered = (spec.commands.len() as u32..).zip(&generated);
        let given = numbered.filter(|(number, _)| self.settings.plan.gives(*number));
        let line = |(number, timed): (u32, &Timed)| {
            format!("command {number} at {} {} {:?}", timed.at, names[timed.host.index()], timed.command)
        };
        given.map(line).collect()
    }

    /// A twin that differs may do so because streams were cut elsewhere (law 4), because it started later (law 5), or
    /// because it is not determined at all (law 6).
    /// Runs with twins that get less of this tell which. The engine is left with the last run that failed.
    pub(super) fn blame(&mut self, broken: Broken) -> Broken {
        let law = self.engine.violation().map(|(_, violation)| violation.law);
        let law = law.filter(|_| broken.what != NOT_DETERMINISTIC);
        let (Some(shift), Some(Law::CutsDoNotMatter | Law::ShiftedInTime)) = (self.settings.laws, law) else {
            return broken;
        };
        for _ in 0..PLAIN_RUNS {
            if let Some(found) = self.differs_plainly(Duration::ZERO) {
                return found;
            }
        }
        if let Some(found) = self.differs_plainly(shift) {
            return found;
        }
        // The transcript is to be of this run.
        let _ = self.attempt();
        broken
    }

    /// What a twin breaks that gets exactly the same, only so much later.
    fn differs_plainly(&mut self, shift: Duration) -> Option<Broken> {
        let laws = self.settings.laws.replace(shift);
        self.engine.plain_twins = true;
        let found = self.attempt().err();
        self.settings.laws = laws;
        self.engine.plain_twins = false;
        let law = self.engine.violation().map(|(_, violation)| violation.law);
        found.filter(|_| matches!(law, Some(Law::ShiftedInTime | Law::SameInputsSameOutputs)))
    }
}

/// The same run came out differently: whatever it was, law 6 comes before it.
fn not_determined(first: &Broken, again: Option<&Broken>) -> Broken {
    let again = again.map_or_else(|| "all passed".to_owned(), Broken::line);
    let detail =
        format!("made once more, the same run came out differently; first {}, then {again}", first.line());
    Broken::new(Law::SameInputsSameOutputs.to_string(), detail)
}
