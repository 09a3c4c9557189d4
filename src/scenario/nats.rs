//! NATs in a net.

use super::net::Net;
use super::{Host, HostSpec, Place, Spec};
use crate::host::HostId;
use crate::machine::{Input, Machine, Outbox, Peer};
use crate::nat::Nat;
use crate::time::Instant;

/// What runs on the host that stands for a NAT: nothing that anybody sees.
#[derive(Clone, Copy, Debug)]
pub struct NatBox(());

impl Machine for NatBox {
    type Command = ();
    type Event = ();

    fn handle(&mut self, _: Input<'_, ()>, _: Instant, _: &mut Outbox<()>) {}

    fn fingerprint(&self, _: Instant, _: &mut dyn std::hash::Hasher) -> bool {
        true
    }
}

impl Net {
    /// Puts a NAT into the net: hosts are behind it by [`Place::behind`], and reach all others through it.
    ///
    /// It is a host of its own, so that plans can name it (`at 3s rebind home`) and transcripts show what dies at it. It
    /// stands next to the hosts behind it: what they send is translated when it leaves them, and what comes for them is
    /// let in, or not, when it arrives. The flows that plans name are between the hosts at both ends, `server>client #3 drop`,
    /// and the latency is theirs.
    ///
    /// It translates IPv4. Hosts behind the same NAT reach one another directly, by their own addresses. A datagram from
    /// outside for an own address of a host behind a NAT is lost there; one for a port of the NAT that it has not
    /// given so far reaches nobody. A broadcast stays inside, or outside.
    ///
    /// A host behind a NAT dials out, and is seen with the address that the NAT has given; a dial from outside to a NAT
    /// meets silence (RFC 5382 section 4.3). Streams of segments are translated and filtered one by one, as datagrams are,
    /// and idle connections are forgotten ([`Nat::tcp_timeout`]). A stream of the model is not filtered: it lasts until
    /// its NAT is rebound or rebooted; from then on nothing more leaves on it in either direction.
    ///
    /// ```
    /// use lossproof::scenario::{Nat, NatKind, Net};
    /// use lossproof::{Input, Instant, Machine, Outbox, Peer, Scenario};
    ///
    /// /// Asks a server under which address it is seen.
    /// struct Client(Peer);
    /// impl Machine for Client {
    ///     type Command = ();
    ///     type Event = String;
    ///     fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
    ///         match input {
    ///             Input::Start { .. } => out.send(self.0, b"who am I?"),
    ///             Input::Datagram { bytes, .. } => out.event(String::from_utf8_lossy(bytes).into_owned()),
    ///             _ => {}
    ///         }
    ///     }
    /// }
    ///
    /// /// Answers with the sender's address.
    /// struct Server;
    /// impl Machine for Server {
    ///     type Command = ();
    ///     type Event = ();
    ///     fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
    ///         if let Input::Datagram { peer, .. } = input {
    ///             out.reply(peer.to_string().as_bytes());
    ///         }
    ///     }
    /// }
    ///
    /// let net = Net::new("reflection");
    /// let server = net.host("server").udp(7).machine(|_| Server);
    /// let home = net.nat("home", Nat::new(NatKind::PortRestricted).public([203, 0, 113, 7].into()));
    /// let client = net.host("client").udp(0).behind(home).machine(move |boot| Client(boot.peer(server)));
    /// net.always("it is seen with the NAT's address", move |run| {
    ///     run.events(client).iter().all(|seen| seen == "203.0.113.7:20000")
    /// });
    /// lossproof::Check::new(net).runs(10).assert();
    /// ```
    ///
    /// # Panics
    /// As [`Net::host`] does.
    pub fn nat(&self, name: impl Into<String>, nat: Nat) -> Host<NatBox> {
        let place = self.host(name);
        let id = place.id();
        self.with(|spec| spec.hosts[id.index()].nat = Some(nat));
        place.machine(|_| NatBox(()))
    }
}

impl Place<'_> {
    /// Puts the host behind a NAT. The ports of its sockets are its own; outside it is seen with those that the NAT gives.
    ///
    /// # Panics
    /// If the NAT is of another net.
    pub fn behind(self, nat: Host<NatBox>) -> Self {
        // Looks whether it is of this net.
        self.net.with_host(nat, |_| {});
        let id = self.id;
        self.net.with(|spec| spec.hosts[id.index()].behind = Some(nat.id()));
        self
    }
}

impl HostSpec {
    /// The public address of the NAT that it is, if that has one of its own.
    pub(super) fn public(&self) -> Option<Peer> {
        let ip = self.nat?.public?;
        Some(Peer::V4 { ip, port: 0 })
    }
}

impl Spec {
    /// Whether something is translated.
    pub(crate) fn has_nats(&self) -> bool {
        self.hosts.iter().any(|host| host.nat.is_some())
    }

    /// The NATs, each with its public address.
    pub(crate) fn nats(&self) -> impl Iterator<Item = (HostId, Nat, Peer)> {
        (0..).zip(&self.hosts).filter_map(|(index, host)| {
            Some((HostId(index), host.nat?, host.public().unwrap_or_else(|| HostId(index).v4(0))))
        })
    }

    /// The hosts that are behind a NAT, each with that.
    pub(crate) fn behind_nats(&self) -> impl Iterator<Item = (HostId, HostId)> {
        (0..).zip(&self.hosts).filter_map(|(index, host)| Some((HostId(index), host.behind?)))
    }
}
