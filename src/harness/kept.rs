//! The plans that a check makes before it searches.

use super::corpus::Kept;
use super::{Check, CheckError, Verdict, files};

impl Check {
    /// Makes the runs of the plans that were kept, up to the first that fails: its verdict, and notes on all.
    pub(super) fn make_kept(&self) -> Result<(Option<Verdict>, Vec<String>), CheckError> {
        let mut notes = Vec::new();
        for kept in files::plans(self.regressions.as_deref(), None)? {
            let verdict = self.make_one(&kept, &mut notes)?;
            if verdict.shrunk().is_some() {
                return Ok((Some(verdict), notes));
            }
        }
        for kept in files::plans(self.corpus.as_deref(), Some(&self.name))? {
            match self.make_one(&kept, &mut notes) {
                Ok(verdict) if verdict.shrunk().is_some() => return Ok((Some(verdict), notes)),
                Ok(_) => {}
                // The check wrote it by itself, and nobody may be at hand to remove it.
                Err(error) => notes.push(format!("{error}; so this kept plan is passed over")),
            }
        }
        Ok((None, notes))
    }

    /// Makes the run of a plan that was kept, and looks whether its faults still hit what they did.
    fn make_one(&self, kept: &Kept, notes: &mut Vec<String>) -> Result<Verdict, CheckError> {
        let origin = kept.path.display().to_string();
        let (plan, prepared) = self.read(&kept.text, &origin)?;
        if kept.has_hits() {
            let mut search = self.replaying(&prepared);
            // Whether it holds is told by the verdict.
            let _ = search.once(0);
            notes.extend(kept.moved(&plan, &search.engine().transcript()));
        }
        Ok(self.judge(|| self.replaying(&prepared), 0..1))
    }
}
