//! Which of a capture's packets belong together, and which are the scenario's.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use super::ExplainError;
use crate::capture::{Frame, Payload};
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

/// A packet's flow: its place, and whether the client sent it.
pub(crate) type Place = (usize, bool);

/// The flows of a capture, and the one of each of its packets.
pub(crate) struct Sorted {
    pub(crate) flows: Vec<Flow>,
    pub(crate) places: Vec<Place>,
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

    pub(super) fn has(&self, end: SocketAddr) -> bool {
        self.ports.contains(&end.port())
    }
}

/// Chooses the flows that a run of the scenario replays, by their places: the only one, the one that the caller asks
/// for, or as many as the scenario itself has if nothing goes wrong.
pub(super) fn choose(
    all: &[Flow],
    others: usize,
    known: &Known,
    number: Option<usize>,
    expected: impl Fn() -> usize,
) -> Result<Vec<usize>, ExplainError> {
    let fits = |place: &usize| known.transports.contains(&all[*place].transport);
    let mut there: Vec<usize> = (0..all.len()).filter(fits).collect();
    // The server's own port tells it from what else was captured.
    if there.iter().any(|place| known.has(all[*place].server)) {
        there.retain(|place| known.has(all[*place].server));
    }
    let flows = || there.iter().map(|place| all[*place].clone()).collect();
    match number {
        _ if there.is_empty() => {
            Err(ExplainError::NoFlow { transports: known.transports.clone(), there: all.to_vec(), others })
        }
        Some(number) => match there.get(number.wrapping_sub(1)) {
            Some(place) => Ok(vec![*place]),
            None => Err(ExplainError::FlowNumber { number, there: flows() }),
        },
        None if there.len() == 1 || there.len() == expected() => Ok(there),
        None => Err(ExplainError::SeveralFlows(flows())),
    }
}

/// All flows, in the order of their first packets. `is_server` says of an end whether it is known to be a server's.
pub(crate) fn sort(frames: &[Frame], is_server: impl Fn(SocketAddr) -> bool) -> Sorted {
    let mut sorted = Sorted { flows: Vec::new(), places: Vec::with_capacity(frames.len()) };
    let mut index: BTreeMap<(Transport, SocketAddr, SocketAddr), Place> = BTreeMap::new();
    // With which number each connection was opened.
    let mut opened: Vec<Option<u32>> = Vec::new();
    for frame in frames {
        step();
        let opens = match frame.payload {
            Payload::Segment { syn: true, acknowledgment: None, sequence, .. } => Some(sequence),
            _ => None,
        };
        let place = index.get(&(transport(frame), frame.from, frame.to)).copied();
        // Ports are used again: another connection opens with another number.
        let is_another = |&(place, _): &Place| opens.is_some() && opened[place] != opens;
        if let Some(place) = place.filter(|place| !is_another(place)) {
            sorted.flows[place.0].packets += 1;
            sorted.places.push(place);
            continue;
        }
        let is_answer = match frame.payload {
            Payload::Segment { syn: true, acknowledgment, .. } => acknowledgment.is_some(),
            _ => is_server(frame.from) && !is_server(frame.to),
        };
        let (client, server) = if is_answer { (frame.to, frame.from) } else { (frame.from, frame.to) };
        let place = sorted.flows.len();
        // Of an end that talks to itself the client is taken.
        index.insert((transport(frame), server, client), (place, false));
        index.insert((transport(frame), client, server), (place, true));
        opened.push(opens);
        sorted.flows.push(Flow { transport: transport(frame), client, server, packets: 1 });
        sorted.places.push((place, !is_answer));
    }
    sorted
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
    use crate::capture::explain::captured::captured;
    use crate::machine::Ecn;
    use crate::steps::taken;

    /// `clients` clients send one datagram each, and each gets an answer.
    fn capture(clients: u16) -> Vec<Frame> {
        let server = SocketAddr::from(([10, 0, 0, 1], 7));
        let frame = |from, to| Frame {
            at: Duration::ZERO,
            packet: 1,
            from,
            to,
            ecn: Ecn::NotEct,
            payload: Payload::Datagram(vec![1]),
            missing_len: 0,
            comments: Vec::new(),
        };
        let client = |n| SocketAddr::from(([10, 0, 0, 2], 1024 + n));
        let up = (0..clients).map(|n| frame(client(n), server));
        up.chain((0..clients).map(|n| frame(server, client(n)))).collect()
    }

    #[test]
    fn each_packet_finds_its_flow_at_once() {
        let steps = |clients| {
            let frames = capture(clients);
            taken(|| {
                let sorted = sort(&frames, |end| end.port() == 7);
                assert_eq!(sorted.flows.len(), usize::from(clients));
                assert!(sorted.flows.iter().all(|flow| flow.packets == 2 && flow.server.port() == 7));
                let all: Vec<usize> = (0..sorted.flows.len()).collect();
                captured(&sorted, &all, &frames);
            })
        };
        let (few, many) = (steps(1_000), steps(4_000));
        assert!(many <= 5 * few, "{many} steps for 4 times what takes {few}");
    }
}
