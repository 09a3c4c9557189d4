//! The runs that go on from steps of a failing run, and which steps are looked at.

use std::time::Duration;

use super::{MAX_TURN_STEPS, Share, TURN_RUNS, Turn};
use crate::check::twice::NOT_DETERMINISTIC;
use crate::check::{Failure, Search, prefix};
use crate::engine::{Keep, Mark, Prepared, Rest};
use crate::fault::{Profile, Resolved};
use crate::seed::mix;
use crate::time::Instant;
use crate::transcript::{Record, Recording, What};

/// The place of what goes on at random among all that the seed of a search decides.
const TURN: u64 = u64::MAX - 1;
/// How many inputs all runs have together at most, which bounds the time without a clock.
const MAX_INPUTS: u64 = 5_000_000;
/// How many of the steps are looked at before it is known where the share rises.
const COARSE: usize = 24;
/// How many steps are looked at at least, with fewer runs for each if need be.
const MIN_STEPS: u64 = 24;

/// How many runs tell something of a step at least.
const MIN_RUNS: u64 = 10;

/// A step that has a line in the transcript.
struct Step {
    number: u64,
    first_record: usize,
    record: usize,
}

impl Search<'_> {
    /// Looks at the steps of a failing run.
    pub(super) fn sample(
        &self,
        failure: &Failure,
        max_runs: u64,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Option<Turn> {
        if failure.broken == NOT_DETERMINISTIC {
            return None;
        }
        let mut sampler = Sampler::new(self, failure)?;
        let steps = sampler.steps();
        sampler.probe(&steps[0], goes_on);
        let (points, runs) = sampler.budget(steps.len(), max_runs)?;
        let mut looked = Looked { shares: Vec::new(), is_cut_short: false };
        for place in coarse(steps.len(), points) {
            looked.add(place, &steps, runs, &mut sampler, goes_on);
        }
        while looked.shares.len() < points && !looked.is_cut_short {
            // Where there is time for all, the steepest come first: so a limit leaves the most.
            let rest = || looked.widest().filter(|_| steps.len() <= points);
            let Some(place) = looked.steepest(runs).or_else(rest) else { break };
            looked.add(place, &steps, runs, &mut sampler, goes_on);
        }
        // One step tells of no turn.
        if sampler.strays || looked.shares.len() < 2 {
            return None;
        }
        let places: Vec<usize> = looked.shares.iter().map(|(place, _)| *place).collect();
        let mut shares: Vec<Share> = looked.shares.into_iter().map(|(_, share)| share).collect();
        for (share, pair) in shares.iter_mut().skip(1).zip(places.windows(2)) {
            share.skipped = pair[1] - pair[0] - 1;
        }
        Some(Turn::new(shares, sampler.runs, sampler.is_random, looked.is_cut_short))
    }
}

/// The places that are looked at first: the first and the last, and some at equal distances if not all can be.
fn coarse(steps: usize, points: usize) -> Vec<usize> {
    let last = steps.saturating_sub(1);
    let count = if steps <= points { 2 } else { (points / 2).clamp(2, COARSE) };
    let between = (1..count - 1).map(|n| n * last / (count - 1));
    let mut places: Vec<usize> = [0, last].into_iter().chain(between).collect();
    places.dedup();
    places
}

/// The steps that were looked at, in order.
struct Looked {
    shares: Vec<(usize, Share)>,
    is_cut_short: bool,
}

impl Looked {
    fn add(
        &mut self,
        place: usize,
        steps: &[Step],
        runs: u32,
        sampler: &mut Sampler<'_, '_>,
        goes_on: &mut dyn FnMut() -> bool,
    ) {
        if self.is_cut_short {
            return;
        }
        let step = &steps[place];
        match sampler.share(step, runs, goes_on) {
            Some(share) => {
                let at = self.shares.partition_point(|(other, _)| *other < place);
                self.shares.insert(at, (place, share));
            }
            None => self.is_cut_short = true,
        }
    }

    /// The middle of the two neighbours that have most steps between them, if any have.
    fn widest(&self) -> Option<usize> {
        let pairs = self.shares.windows(2).map(|pair| (pair[0].0, pair[1].0));
        let pairs = pairs.filter(|(before, after)| after - before > 1);
        let width = |pair: &(usize, usize)| pair.1 - pair.0;
        // Of equal ones the first.
        let best = pairs.reduce(|best, next| if width(&next) > width(&best) { next } else { best })?;
        Some(usize::midpoint(best.0, best.1))
    }

    /// The middle of the two neighbours, with steps between them, whose shares differ most: by two runs in a hundred at
    /// least.
    fn steepest(&self, runs: u32) -> Option<usize> {
        let pairs = self.shares.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 1);
        let differ = |pair: &[(usize, Share)]| pair[0].1.failed.abs_diff(pair[1].1.failed);
        // Of equal ones the first.
        let best = pairs.reduce(|best, next| if differ(next) > differ(best) { next } else { best })?;
        (differ(best) * 50 >= runs).then(|| usize::midpoint(best[0].0, best[1].0))
    }
}

/// Makes runs that go on from steps.
struct Sampler<'s, 'f> {
    search: Search<'s>,
    failure: &'f Failure,
    /// The faults of its plan, each with the step in which it hit; 0 if in none.
    faults: Vec<(Resolved, u64)>,
    /// The profile and the seed of each run.
    draws: Vec<(Profile, u64)>,
    is_random: bool,
    /// Which faults the runs made last have, and the plan of them.
    prefix: Option<(Vec<bool>, Prepared)>,
    runs: u64,
    inputs: u64,
    /// The run that failed.
    recording: Recording,
    /// How far it is before each of its steps.
    marks: Vec<Mark>,
    /// A run that goes on from it was another before that already.
    strays: bool,
    /// How many inputs a run has, about.
    inputs_of_one: u64,
    /// Which of the first runs from the start fail, a bit each, and how many these are.
    probed: (u128, u32),
}

impl<'s, 'f> Sampler<'s, 'f> {
    /// Makes the failed run again; `None` if it does not fail as it did.
    fn new(of: &Search<'s>, failure: &'f Failure) -> Option<Self> {
        let mut search = of.alone();
        search.first = None;
        search.settings.plan = Prepared::new(&failure.plan, search.scenario).ok()?;
        search.settings.keep = Keep::Log;
        let fails = search.fails_by(&failure.broken);
        search.settings.keep = Keep::Events;
        if !fails {
            return None;
        }
        let engine = &search.engine;
        let faults = search.settings.plan.schedule.faults.iter().copied();
        let (faults, marks) = (faults.zip(engine.hits().iter().copied()).collect(), engine.marks().to_vec());
        let (recording, inputs_of_one) = (engine.transcript().record(), engine.inputs());
        let draws: Vec<_> =
            (0..u64::from(TURN_RUNS)).map(|n| of.draw(mix(mix(of.base_seed, TURN), n))).collect();
        let links = &of.settings.links;
        let is_random = draws.iter().any(|(profile, _)| !profile.is_calm())
            || links.all().iter().any(|(.., profile)| !profile.is_calm());
        search.settings.links = links.clone();
        let (runs, inputs, prefix) = (0, 0, None);
        Some(Self {
            search,
            failure,
            faults,
            draws,
            is_random,
            prefix,
            runs,
            inputs,
            recording,
            marks,
            strays: false,
            inputs_of_one,
            probed: (0, 0),
        })
    }

    /// The start, and each step that has a line in the transcript.
    fn steps(&self) -> Vec<Step> {
        let records = self.recording.records();
        let firsts = self.marks.iter().map(|mark| mark.records);
        let ends = firsts.clone().skip(1).chain([records.len()]);
        let mut steps = vec![Step { number: 0, first_record: 0, record: 0 }];
        for (number, (first_record, end)) in (1..).zip(firsts.zip(ends)) {
            let own = first_record..end;
            let is_fault = |&place: &usize| matches!(records[place].what, What::Fault(_));
            let is_line = |&place: &usize| !matches!(records[place].what, What::Timer | What::Broken(_));
            let record = own.clone().find(is_fault).or_else(|| own.clone().find(is_line));
            steps.extend(record.map(|record| Step { number, first_record, record }));
        }
        // What fails at its end fails from its last line on.
        if let Some(last) = steps.last_mut() {
            last.number = last.number.max(self.marks.len() as u64);
        }
        steps
    }

    /// Makes the first runs from the start: those that do not fail may be longer than that which did.
    fn probe(&mut self, start: &Step, goes_on: &mut dyn FnMut() -> bool) {
        let runs = if self.is_random { MIN_RUNS as u32 } else { 1 };
        let inputs = self.inputs;
        if let Some(share) = self.share(start, runs, goes_on) {
            self.inputs_of_one = self.inputs_of_one.max((self.inputs - inputs) / u64::from(runs));
            self.probed = (share.bits, runs);
        }
    }

    /// How many steps are looked at, and with how many runs each, so that all of it stays within the bounds; `None` if that
    /// is too little.
    fn budget(&self, steps: usize, max_runs: u64) -> Option<(usize, u32)> {
        let runs = max_runs.min(MAX_INPUTS / self.inputs_of_one.max(1));
        let wanted = if self.is_random { u64::from(TURN_RUNS) } else { 1 };
        let most = (steps as u64).min(MAX_TURN_STEPS as u64);
        let points = (runs / wanted).clamp(most.min(MIN_STEPS), most);
        let each = (runs / points).min(wanted);
        (each >= wanted.min(MIN_RUNS)).then_some((points as usize, each as u32))
    }

    /// Makes `runs` runs that go on from a step, and counts those that fail; `None` if a bound was reached before the last.
    fn share(&mut self, step: &Step, runs: u32, goes_on: &mut dyn FnMut() -> bool) -> Option<Share> {
        let prefix = self.prefix(step.number)?;
        let known = if step.number == 0 { std::mem::take(&mut self.probed) } else { (0, 0) };
        let mut bits = known.0;
        for n in known.1..runs {
            if !goes_on() || self.inputs >= 2 * MAX_INPUTS {
                return None;
            }
            let (profile, seed) = self.draws[n as usize];
            self.search.settings.profile = profile;
            self.search.settings.plan = prefix.with_rest(Rest { after: step.number, seed });
            bits |= u128::from(self.search.fails_by(&self.failure.broken)) << n;
            self.runs += 1;
            self.inputs += self.search.engine.inputs();
            if !self.is_same_until(step.number) {
                self.strays = true;
                return None;
            }
        }
        let record = self.recording.records().get(step.record).filter(|_| step.number > 0);
        let line = |record: &Record| match record.what {
            // A fault is of no host, as the transcript has it.
            What::Fault(fault) => format!("{} fault {}", record.at, self.fault_text(fault)),
            _ => self.recording.transcript().line(record),
        };
        Some(Share {
            step: step.number,
            at: record.map_or(Instant::START, |record| record.at),
            line: record.map_or_else(|| "the start".to_owned(), line),
            failed: bits.count_ones(),
            runs,
            skipped: 0,
            bits,
            first_record: step.first_record,
            record: step.record,
        })
    }

    /// A fault as the transcript has it: without its moment, which stands before it.
    fn fault_text(&self, fault: Resolved) -> String {
        let text = self.recording.transcript().fault_text(&fault);
        match fault {
            Resolved::Host { .. } => text.splitn(3, ' ').nth(2).unwrap_or_default().to_owned(),
            _ => text,
        }
    }

    /// Whether the last run was that which failed, up to this step.
    fn is_same_until(&self, step: u64) -> bool {
        let Some(mark) = self.marks.get(step as usize) else { return true };
        // From the start on there is nothing that could differ.
        step == 0 || self.search.engine.so_far_after(step) == Some(mark.so_far)
    }

    /// The plan of the failed run up to a step.
    fn prefix(&mut self, step: u64) -> Option<Prepared> {
        let kept = prefix::kept(&self.faults, step);
        match &self.prefix {
            Some((known, prepared)) if *known == kept => Some(prepared.clone()),
            _ => {
                let plan = prefix::only(&self.failure.plan, &kept);
                let prepared = Prepared::new(&plan, self.search.scenario).ok()?;
                self.prefix = Some((kept, prepared.clone()));
                Some(prepared)
            }
        }
    }
}

impl Search<'_> {
    /// The profile and the seed of a run that goes on at random. Links keep the latency that they have had.
    fn draw(&self, seed: u64) -> (Profile, u64) {
        let profile = self.draws.profile(seed, self.scenario.spec()).unwrap_or(self.settings.profile);
        (Profile { latency: Duration::ZERO, ..profile }, seed)
    }

    /// Whether one run breaks this law or property.
    fn fails_by(&mut self, what: &str) -> bool {
        let Err(broken) = self.attempt() else { return false };
        // Whose fault it is that a twin differs takes more runs to know.
        let broken = if broken.is_panic || broken.what == what { broken } else { self.blame(broken) };
        broken.what == what
    }
}
