//! sctp-proto 0.10.8: the network doubles an `INIT`, and its copy ends the association that was made meanwhile. RFC 4960
//! section 5.2.2 has it answered, with the association left as it is. Fails by itself.

#![expect(clippy::disallowed_methods, reason = "here it is the crate's caller who reads the clock")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sctp_proto::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    ServerConfig, Transmit,
};

struct End {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    address: SocketAddr,
}

impl End {
    fn new(address: &str, config: Option<ServerConfig>) -> Self {
        let endpoint = Endpoint::new(Arc::new(EndpointConfig::default()), config.map(Arc::new));
        Self { endpoint, association: None, address: address.parse().expect("an address") }
    }

    /// Takes a datagram from the other end.
    fn receive(&mut self, from: SocketAddr, datagram: &Bytes) {
        match self.endpoint.handle(Instant::now(), from, None, None, datagram.clone()) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.association = Some((handle, association));
            }
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                self.association.as_mut().expect("it is known").1.handle_event(event);
            }
            None => {}
        }
    }

    /// The datagrams that it wants sent.
    fn transmits(&mut self) -> Vec<Bytes> {
        let datagrams = |transmit: Transmit| match transmit.payload {
            Payload::RawEncode(datagrams) => datagrams,
            Payload::PartialDecode(_) => vec![],
        };
        let mut all = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            all.extend(datagrams(transmit));
        }
        let Some((_, association)) = &mut self.association else { return all };
        while let Some(transmit) = association.poll_transmit(Instant::now()) {
            all.extend(datagrams(transmit));
        }
        all
    }

    fn events(&mut self) -> Vec<Event> {
        let Some((_, association)) = &mut self.association else { return vec![] };
        std::iter::from_fn(|| association.poll()).collect()
    }
}

fn main() {
    let mut server = End::new("10.0.0.1:5000", Some(ServerConfig::default()));
    let mut client = End::new("10.0.0.2:5000", None);
    let connected = client.endpoint.connect(ClientConfig::default(), server.address);
    client.association = Some(connected.expect("there is room"));
    let init = client.transmits();
    for datagram in &init {
        server.receive(client.address, datagram);
    }
    for _round_trip in 0..5 {
        for datagram in server.transmits() {
            client.receive(server.address, &datagram);
        }
        for datagram in client.transmits() {
            server.receive(client.address, &datagram);
        }
    }
    let is_connected = |events: Vec<Event>| events.iter().any(|event| matches!(event, Event::Connected));
    assert!(is_connected(server.events()) && is_connected(client.events()), "the association stands");

    // The copy of the first datagram comes.
    for datagram in &init {
        server.receive(client.address, datagram);
    }
    let events = server.events();
    let is_lost = events.iter().any(|event| matches!(event, Event::AssociationLost { .. }));
    assert!(!is_lost, "the server has lost the association: {events:?}");
}
