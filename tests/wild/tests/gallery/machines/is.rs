//! `is` 0.12.0, the ICE agent of `str0m`: two agents find a way to each other. Both begin in the controlling role, so they
//! have to settle that first.

use std::net::SocketAddr;
use std::time::Duration;

use is::stun::{StunMessage, StunPacket};
use is::{Candidate, IceAgent, IceAgentEvent, IceConnectionState, IceCreds, Protocol};
use lossproof::fault::FaultKind;
use lossproof::parts::clocks::StdClock;
use lossproof::{Host, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, holds, std_clock};

struct Agent {
    ice: IceAgent,
    own: SocketAddr,
    clock: StdClock,
    /// Of the generator that the crate has in a thread.
    seed: u64,
    timeout_at: Option<Instant>,
}

impl Agent {
    /// What a signalling channel would tell is known: the names, and one candidate each.
    fn new(seed: u64, own: Peer, own_name: &str, peer: Peer, peer_name: &str) -> Self {
        fastrand::seed(seed);
        let creds = |name: &str| IceCreds { ufrag: name.to_owned(), pass: name.repeat(8) };
        let inet = |peer: Peer| peer.inet().expect("an internet address");
        let candidate = |peer: Peer| Candidate::host(inet(peer), "udp").expect("a candidate");
        let mut ice = IceAgent::new(creds(own_name));
        ice.set_remote_credentials(creds(peer_name));
        ice.set_controlling(true);
        ice.add_local_candidate(candidate(own));
        ice.add_remote_candidate(candidate(peer));
        Self { ice, own: inet(own), clock: std_clock(), seed: fastrand::get_seed(), timeout_at: None }
    }

    fn is_connected(&self) -> bool {
        matches!(self.ice.state(), IceConnectionState::Connected | IceConnectionState::Completed)
    }
}

impl Machine for Agent {
    type Command = ();
    type Event = IceConnectionState;

    fn handle(&mut self, input: Input<'_, ()>, at: Instant, out: &mut Outbox<IceConnectionState>) {
        let now = self.clock.at(at);
        fastrand::seed(self.seed);
        match input {
            Input::Start { .. } | Input::Timeout => self.ice.handle_timeout(now),
            Input::Datagram { peer, bytes, .. } => {
                if let Ok(message) = StunMessage::parse(bytes) {
                    let source = peer.inet().expect("an internet address");
                    let packet = StunPacket { proto: Protocol::Udp, source, destination: self.own, message };
                    self.ice.handle_packet(now, packet);
                }
            }
            _ => {}
        }
        while let Some(transmit) = self.ice.poll_transmit() {
            out.send(transmit.destination.into(), &transmit.contents);
        }
        while let Some(event) = self.ice.poll_event() {
            if let IceAgentEvent::IceConnectionStateChange(state) = event {
                out.event(state);
            }
        }
        self.timeout_at = self.ice.poll_timeout().map(|shown| self.clock.moment(shown));
        self.seed = fastrand::get_seed();
    }

    fn deadline(&self) -> Option<Instant> {
        self.timeout_at
    }
}

fn net() -> (Net, [Host<Agent>; 2]) {
    let net = Net::new("is");
    net.max_time(Duration::from_mins(1));
    net.rules_out([FaultKind::Crash, FaultKind::Poweroff, FaultKind::Restart]);
    let (a, b) = (net.host("a").udp(9000), net.host("b").udp(9000));
    let (a_id, b_id) = (a.id(), b.id());
    let a = a.machine(move |boot| Agent::new(boot.seed(), boot.peer(a_id), "anna", boot.peer(b_id), "bert"));
    let b = b.machine(move |boot| Agent::new(boot.seed(), boot.peer(b_id), "bert", boot.peer(a_id), "anna"));
    (net, [a, b])
}

#[test]
fn agents_connect_and_agree_who_controls() {
    let (net, ends) = net();
    net.converges_within(
        "both are connected, and one of them controls",
        Duration::from_secs(40),
        100_000,
        move |run| {
            let [a, b] = ends.map(|end| run.state(end));
            a.zip(b).is_some_and(|(a, b)| {
                a.is_connected() && b.is_connected() && a.ice.controlling() != b.ice.controlling()
            })
        },
    );
    holds("is", check(net, 1_000).calm_at(Instant::from_millis(10_000)));
}
