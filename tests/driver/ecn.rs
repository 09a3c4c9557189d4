//! The ECN field on real sockets, both ways.

use std::net::SocketAddr;

use lossproof::drive::{Endpoint, Setup};
use lossproof::machine::Ecn;
use lossproof::{Input, Outbox, Peer, Status};

use crate::support::{Driven, Puppet, V4, V6, datagram, within_bounds};

/// What is sent because of one input, each datagram with its number: single fields, pairs, and as many of one length as
/// the system takes at once.
const SENT: [Ecn; 17] = [
    Ecn::NotEct,
    Ecn::Ect0,
    Ecn::Ect0,
    Ecn::Ect1,
    Ecn::Ce,
    Ecn::NotEct,
    Ecn::NotEct,
    Ecn::Ect0,
    Ecn::Ect0,
    Ecn::Ect0,
    Ecn::Ect0,
    Ecn::Ect0,
    Ecn::Ce,
    Ecn::Ce,
    Ecn::Ce,
    Ecn::Ce,
    Ecn::Ect1,
];

/// Tells of each datagram how it came, and answers with the same field.
fn echo(bind: SocketAddr) -> Driven<Ecn> {
    let setup = Setup { reads_ecn: true, ..Setup::new(vec![Endpoint::datagram(bind.into())]) };
    Driven::start_with(setup, || {
        Puppet::new(|input: Input<'_, ()>, out: &mut Outbox<Ecn>| match input {
            Input::Datagram { ecn, bytes, .. } => {
                out.event(ecn);
                out.set_ecn(ecn);
                out.reply(bytes);
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        })
    })
}

/// Sends them all at once, and tells with which field each came back, in the order of their numbers.
fn asks(bind: SocketAddr, connect: Option<SocketAddr>, server: SocketAddr, reads_ecn: bool) -> Vec<Ecn> {
    let setup = Setup { reads_ecn, ..Setup::new(datagram(bind, connect)) };
    let client = Driven::<(u8, Ecn)>::start_with(setup, move || {
        let mut count = 0;
        Puppet::new(move |input: Input<'_, ()>, out: &mut Outbox<(u8, Ecn)>| match input {
            Input::Start { .. } => {
                for (n, ecn) in (0..).zip(SENT) {
                    out.set_ecn(ecn);
                    out.send(Peer::from(server), &[n]);
                }
            }
            Input::Datagram { bytes, ecn, .. } => {
                out.event((bytes[0], ecn));
                count += 1;
                if count == SENT.len() {
                    out.done(Status::Success);
                }
            }
            _ => {}
        })
    });
    let (status, mut told) = client.join();
    assert_eq!(status.unwrap(), Status::Success);
    told.sort_unstable();
    told.into_iter().map(|(_, ecn)| ecn).collect()
}

#[test]
fn fields_are_sent_and_read_in_both_families_and_at_wildcards() {
    within_bounds(|| {
        let wildcards = ["0.0.0.0:0", "[::]:0"].map(|text| text.parse::<SocketAddr>().unwrap());
        // A wildcard of IPv6 takes both families.
        let cases = [(V4, V4), (V6, V6), (wildcards[0], V4), (wildcards[1], V6), (wildcards[1], V4)];
        for (bind, client) in cases {
            let mut server = echo(bind);
            let addr = SocketAddr::new(client.ip(), server.locals[0].port().unwrap());
            assert_eq!(asks(client, None, addr, true), SENT, "back from {bind} to {client}");
            assert_eq!(asks(client, Some(addr), addr, true), SENT, "to a connected socket");
            let told = server.wait("all", |told| told.len() == 2 * SENT.len());
            assert_eq!(told, [SENT, SENT].concat(), "from {client} to {bind}");
            server.stop();
        }
    });
}

/// Who does not ask for them gets none, and pays for none.
#[test]
fn fields_are_read_where_that_is_asked_for() {
    within_bounds(|| {
        let mut server = echo(V4);
        let addr = SocketAddr::new(V4.ip(), server.locals[0].port().unwrap());
        assert_eq!(asks(V4, None, addr, false), [Ecn::NotEct; SENT.len()]);
        assert_eq!(server.wait("all", |told| told.len() == SENT.len()), SENT);
        server.stop();
    });
}
