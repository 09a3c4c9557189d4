//! Which of a capture's packets belong together, and which are the system's.

use std::fmt;
use std::net::SocketAddr;

use super::{ImportError, lanes, search};
use crate::capture::{Capture, Frame, Payload};
use crate::systems::{Options, System, Transport};

/// How many flows are listed at most.
const MAX_LISTED: usize = 12;

/// The datagrams between two addresses, or a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Flow {
    pub(super) transport: Transport,
    pub(super) client: SocketAddr,
    pub(super) server: SocketAddr,
    /// How many packets it has.
    packets: usize,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, client, server, packets } = self;
        write!(f, "{transport} {client} > {server} ({packets} packets)")
    }
}

impl Flow {
    /// Whether a packet is of this flow, and if so whether the client sent it.
    pub(super) fn is_up(&self, frame: &Frame) -> Option<bool> {
        match (frame.from, frame.to) {
            _ if transport(frame) != self.transport => None,
            ends if ends == (self.client, self.server) => Some(true),
            ends if ends == (self.server, self.client) => Some(false),
            _ => None,
        }
    }
}

/// The flows that a run of the system is to replay: the only one, the one that is asked for, or as many as the
/// system's simulation has itself.
pub(super) fn choose(
    capture: &Capture,
    transport: Transport,
    port: u16,
    number: Option<usize>,
    expected: impl Fn() -> usize,
) -> Result<Vec<Flow>, ImportError> {
    let all = flows(&capture.frames, port);
    let mut there: Vec<Flow> = all.iter().filter(|flow| flow.transport == transport).cloned().collect();
    // The system's own port tells it from what else was captured.
    if there.iter().any(|flow| flow.server.port() == port) {
        there.retain(|flow| flow.server.port() == port);
    }
    match number {
        _ if there.is_empty() => Err(ImportError::NoFlow { transport, there: all, others: capture.others }),
        Some(number) => match there.get(number.wrapping_sub(1)) {
            Some(flow) => Ok(vec![flow.clone()]),
            None => Err(ImportError::FlowNumber { number, there }),
        },
        None if there.len() == 1 || there.len() == expected() => Ok(there),
        None => Err(ImportError::SeveralFlows(there)),
    }
}

/// How many flows the system's own simulation has, if nothing goes wrong.
pub(super) fn expected<S: System>(options: &Options) -> usize {
    let scenario = S::scenario(options);
    let mut engine = crate::engine::Engine::default();
    engine.run(&scenario, &search::settings(crate::engine::Prepared::default()));
    lanes::simulated(engine.log()).0.flows.len()
}

/// All flows, in the order of their first packets.
fn flows(frames: &[Frame], port: u16) -> Vec<Flow> {
    let mut flows: Vec<Flow> = Vec::new();
    for frame in frames {
        if let Some(flow) = flows.iter_mut().find(|flow| flow.is_up(frame).is_some()) {
            flow.packets += 1;
            continue;
        }
        let is_answer = match frame.payload {
            Payload::Segment { syn: true, acknowledgment, .. } => acknowledgment.is_some(),
            _ => frame.from.port() == port && frame.to.port() != port,
        };
        let (client, server) = if is_answer { (frame.to, frame.from) } else { (frame.from, frame.to) };
        flows.push(Flow { transport: transport(frame), client, server, packets: 1 });
    }
    flows
}

fn transport(frame: &Frame) -> Transport {
    match frame.payload {
        Payload::Datagram(_) => Transport::Udp,
        Payload::Segment { .. } => Transport::Tcp,
    }
}

/// Flows with their numbers.
pub(super) fn listed(flows: &[Flow]) -> String {
    let numbered = flows.iter().take(MAX_LISTED).enumerate();
    let mut lines: Vec<String> = numbered.map(|(index, flow)| format!("{}: {flow}", index + 1)).collect();
    if flows.len() > MAX_LISTED {
        lines.push(format!("and {} more", flows.len() - MAX_LISTED));
    }
    lines.join("; ")
}

/// What there is instead of what was looked for.
pub(super) fn beside(flows: &[Flow], others: usize) -> String {
    match (flows, others) {
        ([], 0) => ": it is empty".to_owned(),
        ([], others) => format!(": its {others} packets are no whole UDP and no TCP"),
        (flows, _) => format!(", but {}", listed(flows)),
    }
}
