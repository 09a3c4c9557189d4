//! This host's resolver: its answers as values, and its errors as lines that say what to do.

use std::net::{IpAddr, SocketAddr};

use dns_lookup::{
    AddrInfo, AddrInfoHints, LookupErrorKind, Protocol, get_hostname, getaddrinfo, lookup_addr,
};

use crate::systems::Transport;

/// Why something was not found.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum LookupError {
    /// The resolver says that there is no such name.
    #[error(
        "cannot find '{0}': there is no host of this name, or it has no address; check how it is spelled"
    )]
    Name(String),
    /// The resolver cannot say now whether there is such a name.
    #[error("cannot find '{0}' now: the resolver gets no answer; check the network and try again")]
    NoAnswer(String),
    /// The resolver failed.
    #[error("cannot find '{name}': {why}; check the name and how this host resolves names")]
    Resolver {
        /// The name.
        name: String,
        /// What the resolver says.
        why: String,
    },
    /// There is no such service.
    #[error("unknown service '{name}'; {}", near.as_ref().map_or_else(
        || "write one that /etc/services has, or add it there".to_owned(),
        |near| format!("did you mean '{near}'?"),
    ))]
    Service {
        /// The name.
        name: String,
        /// What may have been meant.
        near: Option<String>,
    },
    /// No service has this port.
    #[error("no service is known by port {0}; add it to /etc/services if there is one")]
    Port(u16),
    /// The host has no address over the service's transport.
    #[error("'{0}' has no address for this service; try it without --service")]
    NoSocket(String),
}

/// One of the resolver's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The numbers of address family and socket type on this system.
    pub(super) numbers: (i32, i32),
    /// The number of the protocol.
    pub(super) protocol: i32,
    /// What the protocol is, if programs here can use it.
    pub(super) transport: Option<Transport>,
    /// The host's canonical name. Only the first answer has it.
    pub(super) canonical_name: Option<String>,
    /// The address. Its port means nothing.
    pub(super) address: SocketAddr,
}

impl From<AddrInfo> for Candidate {
    fn from(info: AddrInfo) -> Self {
        let transports = [(Protocol::TCP, Transport::Tcp), (Protocol::UDP, Transport::Udp)];
        let transport = transports.into_iter().find(|(protocol, _)| *protocol == info.protocol);
        Self {
            numbers: (info.address, info.socktype),
            protocol: info.protocol,
            transport: transport.map(|(_, transport)| transport),
            canonical_name: info.canonname,
            address: info.sockaddr,
        }
    }
}

/// Asks for a name, or takes an address as it is. It waits as long as the resolver does.
///
/// # Errors
/// If the name has no address, or the resolver cannot say.
pub(super) fn resolve(name: &str) -> Result<Vec<Candidate>, LookupError> {
    let hints = AddrInfoHints { flags: libc::AI_CANONNAME, ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(name), None, Some(hints)).map_err(|error| match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => LookupError::Name(name.to_owned()),
        LookupErrorKind::Again => LookupError::NoAnswer(name.to_owned()),
        _ => LookupError::Resolver { name: name.to_owned(), why: error.to_string().to_lowercase() },
    })?;
    // What is no internet address cannot be shown as one.
    let found: Vec<Candidate> = found.filter_map(Result::ok).map(Candidate::from).collect();
    if found.is_empty() { Err(LookupError::Name(name.to_owned())) } else { Ok(found) }
}

/// Asks for the name of an address, if it has one.
pub(super) fn name_of(address: IpAddr) -> Option<String> {
    lookup_addr(&address).ok()
}

/// What this host calls itself, if it says so.
pub(super) fn host_name() -> Option<String> {
    get_hostname().ok().filter(|name| !name.is_empty())
}
