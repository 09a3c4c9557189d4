//! A plan, by the clients that it is about.

use std::collections::BTreeMap;

use super::error::ProxyError;
use super::route::Route;
use crate::fault::{Fault, FaultPlan, HostFault, Resolved, UnknownHost, is_host_name};

/// A plan that was looked through once, so that each client finds its own faults.
#[derive(Clone, Debug, Default)]
pub(super) struct Planned {
    pub(super) plan: FaultPlan,
    /// The places of the faults that name a client.
    by_client: BTreeMap<String, Vec<u32>>,
    /// The places of those that name none.
    common: Vec<u32>,
}

impl Planned {
    /// Looks a plan through for what these routes cannot have.
    pub(super) fn new(plan: FaultPlan, routes: &[Route], servers: &[String]) -> Result<Self, ProxyError> {
        for name in routes.iter().map(|route| &route.client).chain(servers) {
            if !is_host_name(name) {
                return Err(ProxyError::Name(name.clone()));
            }
        }
        let is_client = |name: &str| routes.iter().any(|route| is_of(&route.client, name));
        if let Some(name) = servers.iter().find(|name| is_client(name)) {
            return Err(ProxyError::SameName(name.clone()));
        }
        if plan.commands.is_some() {
            return Err(ProxyError::Commands);
        }
        if let Some(bottleneck) = plan.bottlenecks().first() {
            return Err(ProxyError::Bottleneck(bottleneck.name().to_owned()));
        }
        if plan.streams.is_some() {
            return Err(ProxyError::Streams);
        }
        let mut planned = Self::default();
        for (fault, place) in plan.faults().iter().zip(0..) {
            let names = names(fault).ok_or(ProxyError::NotBetween(fault.kind()))?;
            if let Some(name) =
                names.iter().find(|name| !is_client(name) && !servers.iter().any(|known| known == *name))
            {
                let mut hosts: Vec<String> = servers.to_vec();
                hosts.dedup();
                hosts.extend(routes.iter().flat_map(|route| [1, 2].map(|n| format!("{}-{n}", route.client))));
                hosts.dedup();
                return Err(UnknownHost { name: (*name).to_owned(), hosts }.into());
            }
            let clients: Vec<&str> = names.into_iter().filter(|name| is_client(name)).collect();
            if clients.is_empty() {
                planned.common.push(place);
            }
            for client in clients {
                planned.by_client.entry(client.to_owned()).or_default().push(place);
            }
        }
        planned.plan = plan;
        Ok(planned)
    }

    /// The faults between a client and its server, each with its place in the plan.
    pub(super) fn between(&self, client: &str, server: &str) -> Vec<(Resolved, u32)> {
        let own = self.by_client.get(client).map_or(&[][..], Vec::as_slice);
        let mut places: Vec<u32> = own.iter().chain(&self.common).copied().collect();
        places.sort_unstable();
        let faults = self.plan.faults();
        // What names others is none of theirs.
        let resolved =
            |place: u32| Some((Resolved::new(&faults[place as usize], &[client, server]).ok()?, place));
        places.into_iter().filter_map(resolved).collect()
    }
}

/// Whether a name is that of one of these clients.
fn is_of(client: &str, name: &str) -> bool {
    let number = name.strip_prefix(client).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The hosts that a fault names, if it is about what lies between hosts.
fn names(fault: &Fault) -> Option<Vec<&str>> {
    match fault {
        Fault::Datagram { flow, .. }
        | Fault::Stream { flow, .. }
        | Fault::CutEvery { flow, .. }
        | Fault::Connect { flow, .. }
        | Fault::Host { fault: HostFault::PartitionOneWay(flow), .. } => Some(vec![&flow.from, &flow.to]),
        Fault::Host { fault: HostFault::Partition { a, b }, .. } => Some(vec![a, b]),
        Fault::Host { fault: HostFault::Isolate(host), .. } => Some(vec![host]),
        Fault::Host { fault: HostFault::Heal, .. } => Some(Vec::new()),
        Fault::Host { .. } | Fault::Down(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(text: &str) -> Result<Planned, ProxyError> {
        let routes = [Route::udp("127.0.0.1:0".parse().unwrap(), "127.0.0.1:1".parse().unwrap())];
        Planned::new(text.parse().unwrap(), &routes, &["server".to_owned()])
    }

    #[test]
    fn each_client_has_its_own_faults_and_those_of_all() {
        let plan = "client-1>server #0 drop; server>client-2 #1 drop; at 1s isolate server; \
                    at 2s partition client-1|client-2; at 3s heal; at 4s partition client-2>server";
        let planned = planned(plan).unwrap();
        let places = |client: &str| -> Vec<u32> {
            planned.between(client, "server").into_iter().map(|(_, place)| place).collect()
        };
        assert_eq!(places("client-1"), [0, 2, 4]);
        assert_eq!(places("client-2"), [1, 2, 4, 5]);
        assert_eq!(places("client-3"), [2, 4]);
    }

    #[test]
    fn what_a_proxy_cannot_have_is_refused_by_name() {
        for (plan, part) in [
            ("client>server #0 drop", "'client'; the hosts are server, client-1, client-2, and so on"),
            ("client-x>server #0 drop", "client-x"),
            ("at 1s crash server", "'crash'"),
            ("at 1s pause server", "'pause'"),
            ("crash server after recv #0", "'crash'"),
            ("commands none", "'commands'"),
        ] {
            let error = planned(plan).unwrap_err().to_string();
            assert!(error.contains(part), "{plan}: {error}");
        }
    }
}
