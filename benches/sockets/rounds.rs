//! Rounds in which each server has its turn, and what comes of them: medians, and a table.

use std::fs;
use std::time::Duration;

use crate::process::{Place, Process};
use crate::rows::{Load, Row};
use crate::support::clock;

/// How many rounds there are; odd, so that there is one in the middle.
const ROUNDS: usize = 11;
/// How long a turn lasts, more or less.
const TURN: Duration = Duration::from_millis(70);

/// From which share of a processor on it is told that a virtual machine's host has taken it away.
const NOTED_STOLEN: f64 = 0.05;

/// How long this machine's processors were ready and did not run, all together.
fn stolen_time() -> Duration {
    /// Linux counts it in hundredths of a second, whatever else it counts in.
    const TICK: Duration = Duration::from_millis(10);
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let stolen = stat.split_whitespace().nth(8).and_then(|ticks| ticks.parse().ok());
    TICK * stolen.unwrap_or(0)
}

/// A server under load.
struct Contender {
    process: Process,
    load: Load,
    /// How many iterations make a turn.
    iterations: u64,
    turns: Vec<Turn>,
}

/// What one turn came to.
#[derive(Clone, Copy)]
struct Turn {
    per_second: f64,
    /// Processor time of the server for each element, in microseconds.
    cpu: f64,
}

impl Contender {
    fn start(row: &Row, index: usize, place: Place) -> Self {
        let process = place.for_server(|| Process::start(row.contenders[index].start, row.carrier));
        let load = place.for_load(|| (row.load)(process.addr));
        let mut contender = Self { process, load, iterations: 1, turns: Vec::new() };
        loop {
            let took = place.for_load(|| (contender.load.run)(contender.iterations));
            if took >= TURN / 4 {
                let more = (TURN.as_micros() / took.as_micros().max(1)).max(1);
                contender.iterations *= more as u64;
                return contender;
            }
            contender.iterations *= 2;
        }
    }

    fn turn(&mut self, place: Place) {
        let before = self.process.cpu_time();
        let took = place.for_load(|| (self.load.run)(self.iterations));
        let elements = (self.iterations * self.load.elements) as f64;
        let cpu = self.process.cpu_time().saturating_sub(before).as_secs_f64() * 1e6 / elements;
        self.turns.push(Turn { per_second: elements / took.as_secs_f64(), cpu });
    }

    fn median(&self, of: impl Fn(&Turn) -> f64) -> f64 {
        median(self.turns.iter().map(of).collect())[1]
    }

    /// How many times the other's throughput this one has: the middle half of all rounds, and its middle.
    fn beside(&self, other: &Self) -> [f64; 3] {
        let ratios = self.turns.iter().zip(&other.turns).map(|(ours, its)| ours.per_second / its.per_second);
        median(ratios.collect())
    }
}

/// The first quartile, the median, and the third quartile.
fn median(mut all: Vec<f64>) -> [f64; 3] {
    all.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| all[(all.len() - 1) * quarter / 4])
}

/// Measures each row in both places, and prints one table.
pub(crate) fn measure(rows: &[Row]) {
    println!("| row | where | server | a second | CPU for each | our ratio to it | asked |");
    println!("|---|---|---|---:|---:|---|---|");
    for row in rows {
        for place in [Place::Pinned, Place::Free] {
            measure_row(row, place);
        }
    }
}

fn measure_row(row: &Row, place: Place) {
    let indexes = 0..row.contenders.len();
    let mut contenders: Vec<Contender> =
        indexes.clone().map(|index| Contender::start(row, index, place)).collect();
    let (begin, stolen_before) = (clock(), stolen_time());
    for round in 0..ROUNDS {
        // Whoever is first meets another machine than whoever is last, so each is first in its turn.
        for index in indexes.clone() {
            contenders[(round + index) % indexes.len()].turn(place);
        }
    }
    let stolen = stolen_time().saturating_sub(stolen_before).as_secs_f64() / (clock() - begin).as_secs_f64();
    if stolen > NOTED_STOLEN {
        // Waking a processor takes longer then, and whoever stays awake meanwhile pays for it.
        eprintln!("{}, {}: {:.0}% of a processor went to others", row.name, place.name(), 100.0 * stolen);
    }
    for (index, contender) in contenders.iter().enumerate() {
        let ratios: Vec<String> = contenders[..row.ours]
            .iter()
            .filter(|_| index >= row.ours)
            .map(|ours| {
                let [low, middle, high] = ours.beside(contender);
                format!("{middle:.2} ({low:.2} to {high:.2})")
            })
            .collect();
        println!(
            "| {} | {} | {} | {:.0} | {:.2} µs | {} | {} |",
            row.name,
            place.name(),
            row.contenders[index].name,
            contender.median(|turn| turn.per_second),
            contender.median(|turn| turn.cpu),
            ratios.join("; "),
            row.contenders[index].asked.unwrap_or_default(),
        );
    }
}
