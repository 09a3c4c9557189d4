//! Broadcasts, over the loopback network's own broadcast address.

use std::net::{Ipv4Addr, SocketAddr};

use lossproof::drive::{DriveError, Endpoint};
use lossproof::{Input, Machine, Outbox, Peer, Status};

use crate::support::{Driven, Puppet, V4, faults, plain_udp, receive, within_bounds};

/// Every host of the loopback network.
const ALL: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);

fn endpoint(broadcast: bool) -> Endpoint {
    Endpoint::Datagram { bind: V4.into(), connect: None, broadcast }
}

/// Sends to each peer, and is done at once.
fn sender(peers: &[Peer]) -> impl Machine<Command = (), Event = ()> + use<> {
    let peers = peers.to_vec();
    Puppet::new(move |_: Input<'_, ()>, out: &mut Outbox<()>| {
        for &peer in &peers {
            out.send(peer, b"Broadcast datagram!");
        }
        out.done(Status::Success);
    })
}

/// How sending to a peer ends.
fn send(peers: Vec<Peer>, broadcast: bool, plan: Option<&str>) -> Result<Status, DriveError> {
    let plan = plan.map(|plan| faults(plan, "client", "server"));
    Driven::start(endpoint(broadcast), plan, move || sender(&peers)).join().0
}

fn everybody(port: u16) -> Peer {
    SocketAddr::from((Ipv4Addr::BROADCAST, port)).into()
}

/// The option is all that it takes.
#[test]
fn a_broadcast_is_heard() {
    within_bounds(|| {
        // A socket that is bound to one address does not hear what is sent to all.
        let listener = plain_udp((Ipv4Addr::UNSPECIFIED, 0).into());
        let port = listener.local_addr().unwrap().port();
        assert_eq!(send(vec![(ALL.into(), port).into()], true, None).unwrap(), Status::Success);
        assert_eq!(receive(&listener).0, b"Broadcast datagram!");
    });
}

/// S20: also when the machine is done at once, and when a plan holds the datagram back.
#[test]
fn without_the_option_a_broadcast_is_a_plain_error() {
    within_bounds(|| {
        let text = |peer| {
            format!(
                "cannot send to {peer}: permission denied; a broadcast needs the socket's broadcast option"
            )
        };
        for peer in [everybody(1060), (ALL.into(), 1060).into()] {
            for plan in [None, Some("client>server #0 delay 20ms")] {
                assert_eq!(send(vec![peer], false, plan).unwrap_err().to_string(), text(peer), "{plan:?}");
            }
        }
    });
}

/// The first mistake is the one that is told.
#[test]
fn what_is_sent_beside_a_refused_broadcast_still_leaves() {
    within_bounds(|| {
        let listener = plain_udp(V4);
        let addr = listener.local_addr().unwrap();
        let error = send(vec![everybody(1), everybody(2), addr.into()], false, None).unwrap_err();
        assert!(error.to_string().starts_with("cannot send to 255.255.255.255:1: "), "{error}");
        assert_eq!(receive(&listener).0, b"Broadcast datagram!");
    });
}

/// A broadcast that a plan loses is lost.
#[test]
fn a_plan_loses_a_broadcast() {
    within_bounds(|| {
        let plan = Some("client>server #0 drop");
        assert_eq!(send(vec![everybody(1060)], false, plan).unwrap(), Status::Success);
    });
}

/// With the option and without: a server outlives those whom it cannot answer.
#[test]
fn a_refused_datagram_to_one_peer_stays_a_loss() {
    within_bounds(|| {
        let listener = plain_udp(V4);
        let addr = listener.local_addr().unwrap();
        // No way leads from loopback to elsewhere, nor from this family to the other.
        let peers: Vec<Peer> =
            vec!["240.0.0.1:1060".parse().unwrap(), "[::1]:1060".parse().unwrap(), addr.into()];
        for broadcast in [false, true] {
            assert_eq!(send(peers.clone(), broadcast, None).unwrap(), Status::Success);
            assert_eq!(receive(&listener).0, b"Broadcast datagram!");
        }
    });
}

/// Also where the machine would go on for ever.
#[test]
fn a_machine_that_is_not_done_ends_with_a_refused_broadcast() {
    within_bounds(|| {
        let sender = Driven::<()>::start(endpoint(false), None, || {
            Puppet::new(|input: Input<'_, ()>, out: &mut Outbox<()>| {
                if let Input::Start { .. } = input {
                    out.send(everybody(1060), b"Broadcast datagram!");
                }
            })
        });
        assert!(matches!(sender.join().0, Err(DriveError::Send { .. })));
    });
}

/// Also where it is the last thing that a machine does on a socket which the system has found ready before.
#[test]
fn a_refused_broadcast_is_told_though_the_machine_is_done() {
    within_bounds(|| {
        let sender = Driven::<()>::start(endpoint(false), None, || {
            Puppet::new(|input: Input<'_, ()>, out: &mut Outbox<()>| match input {
                Input::Start { local } => out.send(local, b"to myself"),
                Input::Datagram { .. } => {
                    out.send(everybody(1060), b"Broadcast datagram!");
                    out.done(Status::Success);
                }
                _ => {}
            })
        });
        assert!(matches!(sender.join().0, Err(DriveError::Send { .. })));
    });
}
