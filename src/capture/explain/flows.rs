//! Which of a capture's packets belong together, and which are the scenario's.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use super::ExplainError;
use crate::capture::{Capture, Frame, Payload};
use crate::host::HostId;
use crate::scenario::{Scenario, Transport};
use crate::steps::step;

/// How many flows are listed at most.
const MAX_LISTED: usize = 12;

/// The datagrams between two addresses, or a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// What carries it.
    pub transport: Transport,
    /// Who opened it, or sent first.
    pub client: SocketAddr,
    /// The other end.
    pub server: SocketAddr,
    /// How many packets it has.
    pub packets: usize,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transport, client, server, packets } = self;
        write!(f, "{transport} {client} > {server} ({packets} packets)")
    }
}

/// Finds the flow of a packet.
#[derive(Default)]
pub(super) struct Index(BTreeMap<(Transport, SocketAddr, SocketAddr), (usize, bool)>);

impl Index {
    /// An index of these flows, by their places.
    pub(super) fn new(flows: &[Flow]) -> Self {
        let mut index = Self::default();
        flows.iter().enumerate().for_each(|(place, flow)| index.add(place, flow));
        index
    }

    fn add(&mut self, place: usize, flow: &Flow) {
        let Flow { transport, client, server, .. } = *flow;
        // Of an end that talks to itself the client is taken.
        self.0.insert((transport, server, client), (place, false));
        self.0.insert((transport, client, server), (place, true));
    }

    /// The place of the flow that a packet is of, and whether the client sent it.
    pub(super) fn find(&self, frame: &Frame) -> Option<(usize, bool)> {
        step();
        self.0.get(&(transport(frame), frame.from, frame.to)).copied()
    }
}

/// What is known of the scenario's own flows.
pub(super) struct Known {
    /// What carries messages to the server.
    transports: Vec<Transport>,
    /// On which ports.
    ports: Vec<u16>,
}

impl Known {
    pub(super) fn new(scenario: &Scenario, server: HostId) -> Self {
        let spec = &scenario.spec().hosts[server.index()];
        let sockets = spec.datagrams.iter().map(|socket| socket.local).chain(spec.listeners.iter().copied());
        Self {
            transports: scenario.transports(server),
            ports: sockets.filter_map(|socket| socket.port()).collect(),
        }
    }

    fn has(&self, end: SocketAddr) -> bool {
        self.ports.contains(&end.port())
    }
}

/// Chooses the flows that a run of the scenario replays: the only one, the one that the caller asks for, or as many as
/// the scenario itself has if nothing goes wrong.
pub(super) fn choose(
    capture: &Capture,
    known: &Known,
    number: Option<usize>,
    expected: impl Fn() -> usize,
) -> Result<Vec<Flow>, ExplainError> {
    let all = flows(&capture.frames, known);
    let fits = |flow: &&Flow| known.transports.contains(&flow.transport);
    let mut there: Vec<Flow> = all.iter().filter(fits).cloned().collect();
    // The server's own port tells it from what else was captured.
    if there.iter().any(|flow| known.has(flow.server)) {
        there.retain(|flow| known.has(flow.server));
    }
    match number {
        _ if there.is_empty() => {
            let transports = known.transports.clone();
            Err(ExplainError::NoFlow { transports, there: all, others: capture.others })
        }
        Some(number) => match there.get(number.wrapping_sub(1)) {
            Some(flow) => Ok(vec![flow.clone()]),
            None => Err(ExplainError::FlowNumber { number, there }),
        },
        None if there.len() == 1 || there.len() == expected() => Ok(there),
        None => Err(ExplainError::SeveralFlows(there)),
    }
}

/// All flows, in the order of their first packets.
fn flows(frames: &[Frame], known: &Known) -> Vec<Flow> {
    let (mut flows, mut index) = (Vec::<Flow>::new(), Index::default());
    for frame in frames {
        if let Some((place, _)) = index.find(frame) {
            flows[place].packets += 1;
            continue;
        }
        let is_answer = match frame.payload {
            Payload::Segment { syn: true, acknowledgment, .. } => acknowledgment.is_some(),
            _ => known.has(frame.from) && !known.has(frame.to),
        };
        let (client, server) = if is_answer { (frame.to, frame.from) } else { (frame.from, frame.to) };
        let flow = Flow { transport: transport(frame), client, server, packets: 1 };
        index.add(flows.len(), &flow);
        flows.push(flow);
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
pub(crate) fn listed(flows: &[Flow]) -> String {
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

/// What would have been taken.
pub(super) fn kinds(transports: &[Transport]) -> String {
    transports.iter().map(Transport::to_string).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::capture::explain::lanes;
    use crate::steps::taken;

    /// `clients` clients send one datagram each, and each gets an answer.
    fn capture(clients: u16) -> Vec<Frame> {
        let server = SocketAddr::from(([10, 0, 0, 1], 7));
        let frame = |from, to| Frame { at: Duration::ZERO, from, to, payload: Payload::Datagram(vec![1]) };
        let client = |n| SocketAddr::from(([10, 0, 0, 2], 1024 + n));
        let up = (0..clients).map(|n| frame(client(n), server));
        up.chain((0..clients).map(|n| frame(server, client(n)))).collect()
    }

    #[test]
    fn each_packet_finds_its_flow_at_once() {
        let known = Known { transports: vec![Transport::Udp], ports: vec![7] };
        let steps = |clients| {
            let frames = capture(clients);
            taken(|| {
                let flows = flows(&frames, &known);
                assert_eq!(flows.len(), usize::from(clients));
                assert!(flows.iter().all(|flow| flow.packets == 2 && flow.server.port() == 7));
                lanes::captured(&flows, &frames);
            })
        };
        let (few, many) = (steps(1_000), steps(4_000));
        assert!(many <= 5 * few, "{many} steps for 4 times what takes {few}");
    }
}
