//! `sweep`: many runs at each of several losses, and what they come to; `merge` joins the shards of a sweep.
//!
//! The laws are not held here, nor are the properties: a sweep measures what a check has shown to be right.

mod args;
mod part;
mod plot;
mod table;

use std::path::Path;

use super::app::App;
use super::args::Format;
use super::error::CliError;
use super::formats::CheckFormat;
use super::interrupt;
use super::output::{self, Tint};
use super::parts::PartFile as _;
use super::progress;
use super::shards::ShardError;
use super::world::World;
use crate::check::{Counts, Measure, Shard};
use crate::fault::{Chance, Profile};
use crate::host::HostId;
use crate::machine::Status;
use crate::number::{count, thousands};
use crate::parallel;

use args::points;
pub(super) use args::{MERGE_EXAMPLES, MergeArgs, SWEEP_EXAMPLES, SweepArgs};
pub(super) use part::SweepError;
use part::{Part, Question, SHARE};
use table::Row;

/// Makes the runs of a sweep, or of a shard.
pub(super) fn run(app: &App, args: &SweepArgs) -> Result<Status, CliError> {
    let kind = args.output.as_deref().map(Kind::of).transpose()?;
    if let (Some(_), Some(path)) = (args.shard, &args.output)
        && kind != Some(Kind::Json)
    {
        return Err(SweepError::ShardKind(path.display().to_string()).into());
    }
    output::check_writable(args.output.as_deref())?;
    interrupt::watch();
    let (options, bug) = (args.options.options(app)?, args.options.bug(app)?);
    let world = World::new(app, &options, bug, args.faults.given())?;
    let client = world.built.client(app)?;
    if world.plan.seed.is_some() {
        return Err(SweepError::Seeded.into());
    }
    let losses = points(args.loss, args.step).map_err(SweepError::Points)?;
    let profile = |loss| args.faults.profile(Some(loss), loss);
    let is_only_loss =
        |loss| profile(loss) == Profile { loss, ..Profile::CALM } && args.faults.faults.is_none();
    let expected = losses.iter().map(|&loss| {
        let share = (app.share)(&options, loss).filter(|_| is_only_loss(loss))?;
        #[expect(clippy::cast_sign_loss, reason = "a share is not negative")]
        let whole = (share * SHARE as f64).round() as u64;
        Some(whole)
    });
    let mut network = args.faults.words(None);
    if args.faults.faults.is_some() {
        network.push(format!("--faults {}", output::quoted(&world.plan.to_string())));
    }
    let sweep = Question {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        system: app.name.to_owned(),
        options: args.options.words(),
        network,
        seed: args.seed,
        runs: args.runs,
        losses: losses.iter().map(ToString::to_string).collect(),
        expected: expected.collect(),
    };
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let had = match &args.go_on {
        Some(path) => Part::read(path, &sweep, shard)?.points,
        None => vec![Counts::default(); losses.len()],
    };
    let points = make_runs(args, shard, &losses, had, (&world, client), profile)?;
    let part = Part { sweep, shard, points };
    if args.shard.is_none() {
        show(&part, args.format)?;
    }
    write(&part, args.output.as_deref())?;
    if part.is_finished() {
        return Ok(Status::Success);
    }
    let kept = args.output.as_ref().map(|path| match kind {
        Some(Kind::Json) => path.clone(),
        _ => path.with_extension("part.json"),
    });
    if let Some(path) = kept.as_ref().filter(|_| kind != Some(Kind::Json)) {
        output::write_file(path, part.text())?;
    }
    Err(CliError::Interrupted { runs: part.made(), kept })
}

/// Joins the shards of a sweep.
pub(super) fn merge(args: &MergeArgs) -> Result<Status, CliError> {
    let format = match args.format {
        CheckFormat::Text => Format::Text,
        CheckFormat::Json => Format::Json,
        CheckFormat::Junit => return Err(ShardError::Format("junit").into()),
        CheckFormat::Github => return Err(ShardError::Format("github").into()),
    };
    let kind = args.output.as_deref().map(Kind::of).transpose()?;
    output::check_writable(args.output.as_deref())?;
    let (whole, unfinished) = part::join(args.parts.iter().map(AsRef::as_ref)).map_err(SweepError::from)?;
    if unfinished > 0 {
        if kind == Some(Kind::Json) && args.parts.len() > 1 {
            return Err(SweepError::Unfinished.into());
        }
        let (made, of) = (thousands(whole.made()), whole.each().saturating_mul(whole.points.len() as u64));
        let parts = count(unfinished as u64, "part");
        output::complain(format_args!(
            "note: {parts} of the sweep was interrupted: there are {made} of {}; go on with --continue PART",
            count(of, "run")
        ));
    }
    show(&whole, format)?;
    write(&whole, args.output.as_deref())?;
    Ok(Status::Success)
}

/// Makes the runs at all losses, with a progress bar where standard error is a terminal.
fn make_runs(
    args: &SweepArgs,
    shard: Shard,
    losses: &[Chance],
    had: Vec<Counts>,
    (world, client): (&World, HostId),
    profile: impl Fn(Chance) -> Profile,
) -> Result<Vec<Counts>, SweepError> {
    let jobs = progress::threads(args.jobs);
    let range = shard.range(args.runs);
    let each = range.end - range.start;
    let bar = progress::bar(
        each.saturating_mul(losses.len() as u64),
        "{bar:32} {human_pos} of {human_len} runs, {per_sec}, {eta} left",
    );
    let points = losses.iter().zip(had).zip(0_u64..).map(|((&loss, mut counts), place)| {
        let before = each.saturating_mul(place).saturating_add(counts.runs);
        let profile = profile(loss);
        let scenario = &world.built.scenario;
        let measure = || {
            let measure = Measure::new(scenario, client, world.prepared.clone(), profile, args.seed);
            measure.stop_if(interrupt::is_asked)
        };
        let progress = |done| bar.set_position(before.saturating_add(done));
        let rest = range.start + counts.runs..range.end;
        let more = parallel::count(rest, jobs, measure, progress);
        counts.merge(&more.map_err(|panicked| SweepError::Panicked { loss, panicked })?);
        Ok(counts)
    });
    let points = points.collect();
    bar.finish_and_clear();
    points
}

/// What a file is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Plots, as a picture.
    Svg,
    /// Plots and the table, as a page.
    Html,
    /// The counts.
    Json,
}

impl Kind {
    /// By the end of the file's name.
    fn of(path: &Path) -> Result<Self, SweepError> {
        match path.extension().and_then(|end| end.to_str()) {
            Some("svg") => Ok(Self::Svg),
            Some("html") => Ok(Self::Html),
            Some("json") => Ok(Self::Json),
            _ => Err(SweepError::Kind(path.display().to_string())),
        }
    }
}

/// Writes the table to standard output.
fn show(part: &Part, format: Format) -> Result<(), CliError> {
    let rows = Row::all(part);
    let text = match format {
        Format::Text => table::text(&part.sweep, &rows),
        Format::Json => table::json(&rows),
    };
    Ok(output::print_as(&text, Tint::None)?)
}

/// Writes the file, if one is wanted.
fn write(part: &Part, path: Option<&Path>) -> Result<(), CliError> {
    let Some(path) = path else { return Ok(()) };
    let text = match Kind::of(path)? {
        Kind::Json => part.text(),
        Kind::Svg => plot::svg(&part.sweep, &Row::all(part))?,
        Kind::Html => plot::html(&part.sweep, &Row::all(part))?,
    };
    output::write_file(path, &text)
}
