//! What flows have met at the queues that they share, in a report.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::item;
use crate::engine::FlowFigures;
use crate::host::HostId;
use crate::number::thousands;

/// The quantiles that are told, in percent.
const QUANTILES: [u32; 3] = [50, 95, 99];

/// What the datagrams of one flow have met at one bottleneck, in all runs.
#[derive(Serialize)]
pub(in super::super) struct FlowAt {
    bottleneck: String,
    flow: String,
    passed: u64,
    dropped: u64,
    /// How many of those that passed were marked instead of dropped; left out where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    marked: Option<u64>,
    /// How long those that passed have waited, in nanoseconds; none of no datagram.
    wait_p50_ns: Option<u64>,
    wait_p95_ns: Option<u64>,
    wait_p99_ns: Option<u64>,
}

impl FlowAt {
    /// What a flow between hosts of these names has met there.
    pub(in super::super) fn new(
        bottleneck: &str,
        (from, to): (HostId, HostId),
        figures: &FlowFigures,
        names: &[&str],
    ) -> Self {
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let [p50, p95, p99] = QUANTILES.map(|percent| figures.waits.quantile(percent).map(nanos));
        Self {
            bottleneck: bottleneck.to_owned(),
            flow: format!("{}>{}", names[from.index()], names[to.index()]),
            passed: figures.passed,
            dropped: figures.dropped,
            marked: Some(figures.marked).filter(|marked| *marked > 0),
            wait_p50_ns: p50,
            wait_p95_ns: p95,
            wait_p99_ns: p99,
        }
    }

    /// Writes it as a line of a report, below the others of its bottleneck.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        item(f, "queue", &self.to_string())
    }
}

/// `wan client>server: 1,234 passed, 56 dropped; waited 1.2 ms (50%), 4.7 ms (95%), 4.9 ms (99%)`.
impl fmt::Display for FlowAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bottleneck, flow, passed, dropped, marked, .. } = self;
        write!(f, "{bottleneck} {flow}: {} passed, {} dropped", thousands(*passed), thousands(*dropped))?;
        if let Some(marked) = marked {
            write!(f, ", {} marked", thousands(*marked))?;
        }
        let waits = [self.wait_p50_ns, self.wait_p95_ns, self.wait_p99_ns];
        for (index, (percent, nanos)) in QUANTILES.into_iter().zip(waits).enumerate() {
            let Some(nanos) = nanos else { continue };
            let before = if index == 0 { "; waited" } else { "," };
            write!(f, "{before} {:.1} ms ({percent}%)", nanos as f64 / 1e6)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_told_with_its_quantiles_if_it_has_any() {
        let flow = (HostId(0), HostId(1));
        let none =
            FlowAt::new("wan", flow, &FlowFigures { dropped: 3, ..FlowFigures::default() }, &["a", "b"]);
        assert_eq!(none.to_string(), "wan a>b: 0 passed, 3 dropped");
        let marked = FlowFigures { marked: 1_234, ..FlowFigures::default() };
        let marked = FlowAt::new("wan", flow, &marked, &["a", "b"]);
        assert_eq!(marked.to_string(), "wan a>b: 0 passed, 0 dropped, 1,234 marked");
        let mut figures = FlowFigures { passed: 1_000, ..FlowFigures::default() };
        (0..100).for_each(|n| figures.waits.add(Duration::from_micros(if n < 60 { 0 } else { 4_000 })));
        let some = FlowAt::new("wan", flow, &figures, &["a", "b"]);
        let text = "wan a>b: 1,000 passed, 0 dropped; waited 0.0 ms (50%), 4.1 ms (95%), 4.1 ms (99%)";
        assert_eq!(some.to_string(), text);
    }
}
