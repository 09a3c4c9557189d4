//! What the outbox knows of the host's datagram sockets: where they are, and which groups they have joined.

use std::net::IpAddr;

use super::effect::{Misuse, Step};
use super::{Effects, limits};
use crate::machine::Peer;

/// The datagram sockets of a host.
#[derive(Debug)]
pub(super) enum Sockets {
    /// Nobody has said: every datagram has one.
    Unknown,
    /// These, by their local addresses.
    Known(Vec<Peer>),
}

impl Sockets {
    /// Whether one of them is of a group's family.
    fn may_join(&self, group: IpAddr) -> bool {
        let group = Peer::from((group, 0));
        match self {
            Self::Unknown => true,
            Self::Known(sockets) => sockets.iter().any(|local| local.is_like(&group)),
        }
    }
}

impl Effects {
    /// The local addresses of the host's datagram sockets, in the order in which they were opened.
    pub fn sockets(&self) -> &[Peer] {
        match &self.sockets {
            Sockets::Unknown => &[],
            Sockets::Known(sockets) => sockets,
        }
    }

    /// The multicast groups that the host is in, in the order of their addresses.
    pub fn groups(&self) -> &[IpAddr] {
        &self.groups
    }

    /// Joins a multicast group: all datagram sockets of the host that are of the group's family take what is sent to the
    /// group and to their port from now on, until the host [leaves](Effects::leave) it or the machine ends. That includes
    /// what this host sends to it. If the host is in the group already, this does nothing.
    ///
    /// A host can be in [`limits::MAX_GROUPS`] groups. To send to a group, it need not be in it.
    pub fn join(&mut self, group: IpAddr) {
        if !self.is_open() || !self.is_group(group) {
            return;
        }
        if !self.sockets.may_join(group) {
            return self.misuse(Misuse::NoSocketToJoin(group));
        }
        let Err(place) = self.groups.binary_search(&group) else { return };
        if self.groups.len() >= limits::MAX_GROUPS {
            return self.misuse(Misuse::TooManyGroups(group));
        }
        self.groups.insert(place, group);
        self.steps.push(Step::Join(group));
    }

    /// Leaves a multicast group: nothing that arrives for it is handed in any more. If the host is not in the group, this
    /// does nothing.
    pub fn leave(&mut self, group: IpAddr) {
        if !self.is_open() || !self.is_group(group) {
            return;
        }
        if let Ok(place) = self.groups.binary_search(&group) {
            self.groups.remove(place);
            self.steps.push(Step::Leave(group));
        }
    }

    /// Whether an address is a group's; if not, that is a misuse.
    fn is_group(&mut self, group: IpAddr) -> bool {
        if !group.is_multicast() {
            self.misuse(Misuse::NotAGroup(group));
        }
        group.is_multicast()
    }
}
