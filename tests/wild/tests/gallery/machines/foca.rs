//! `foca` 2.0.0: membership by gossip (SWIM). Four members, of which the first is known to all.

use std::num::NonZeroUsize;
use std::time::Duration;

use foca::{
    AccumulatingRuntime, Config, Foca, Identity, OwnedNotification, PeriodicParams, PostcardCodec, Timer,
};
use lossproof::parts::timers::Timers;
use lossproof::{Boot, Host, HostId, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, holds};
use rand_core::SeedableRng;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

const MEMBERS: usize = 4;

/// A host, and how often it began anew or renewed its identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Id {
    host: u8,
    bump: u32,
}

impl Identity for Id {
    type Addr = u8;
    fn renew(&self) -> Option<Self> {
        Some(Self { bump: self.bump + 1, ..*self })
    }
    fn addr(&self) -> u8 {
        self.host
    }
    fn win_addr_conflict(&self, other: &Self) -> bool {
        self.bump > other.bump
    }
}

/// What the wrapper waits for: a timer of foca's, or to announce itself once more while it is no member.
enum Due {
    Foca(Timer<Id>),
    Announce,
}

struct Member {
    foca: Foca<Id, PostcardCodec, Pcg64, foca::NoCustomBroadcast>,
    runtime: AccumulatingRuntime<Id>,
    timers: Timers<Due>,
    addresses: Vec<Peer>,
    /// Whether foca knows that it is a member. After a rejoin it has no timers until it is spoken to: the documentation
    /// says to watch for `Active`.
    is_active: bool,
}

impl Member {
    fn new(boot: Boot<'_>, own: HostId, all: &[HostId]) -> Self {
        let id = Id { host: own.index() as u8, bump: boot.incarnation() * 1_000 };
        let mut config = Config::new_lan((MEMBERS as u32).try_into().expect("there are some"));
        // More often than the default, so that runs are short.
        config.periodic_announce_to_down_members =
            Some(PeriodicParams { frequency: Duration::from_secs(10), num_members: NonZeroUsize::MIN });
        config.periodic_gossip =
            Some(PeriodicParams { frequency: Duration::from_secs(1), num_members: NonZeroUsize::MIN });
        let mut timers = Timers::default();
        timers.set(Instant::START, Due::Announce);
        Self {
            foca: Foca::new(id, config, Pcg64::seed_from_u64(boot.seed()), PostcardCodec),
            runtime: AccumulatingRuntime::new(),
            timers,
            addresses: all.iter().map(|host| boot.peer(*host)).collect(),
            is_active: false,
        }
    }

    /// The members that it takes for active, itself among them.
    fn active(&self) -> Vec<u8> {
        let mut hosts: Vec<_> = self.foca.iter_members().map(|member| member.id().host).collect();
        hosts.push(self.foca.identity().host);
        hosts.sort_unstable();
        hosts
    }
}

impl Machine for Member {
    type Command = ();
    type Event = OwnedNotification<Id>;

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<Self::Event>) {
        // An error tells of a message that is not for this member: it is dropped.
        if let Input::Datagram { bytes, .. } = input {
            drop(self.foca.handle_data(bytes, &mut self.runtime));
        }
        while let Some(due) = self.timers.pop_due(now) {
            match due {
                Due::Foca(timer) => drop(self.foca.handle_timer(timer, &mut self.runtime)),
                Due::Announce => {
                    if !self.is_active {
                        let host = u8::from(self.foca.identity().host == 0);
                        drop(self.foca.announce(Id { host, bump: 0 }, &mut self.runtime));
                    }
                    self.timers.set(now + Duration::from_secs(5), Due::Announce);
                }
            }
        }
        while let Some((id, bytes)) = self.runtime.to_send() {
            out.send(self.addresses[usize::from(id.host)], &bytes);
        }
        while let Some((wait, timer)) = self.runtime.to_schedule() {
            self.timers.set(now + wait, Due::Foca(timer));
        }
        while let Some(told) = self.runtime.to_notify() {
            match told {
                OwnedNotification::Active => self.is_active = true,
                OwnedNotification::Idle | OwnedNotification::Defunct | OwnedNotification::Rejoin(_) => {
                    self.is_active = false;
                }
                _ => {}
            }
            out.event(told);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.timers.first()
    }
}

fn net() -> (Net, Vec<Host<Member>>) {
    let net = Net::new("foca");
    net.max_time(Duration::from_secs(90));
    let places: Vec<_> = (0..MEMBERS).map(|n| net.host(format!("m{n}")).udp(7000)).collect();
    let all: Vec<_> = places.iter().map(lossproof::scenario::Place::id).collect();
    let hosts = places.into_iter().map(|place| {
        let (own, all) = (place.id(), all.clone());
        place.machine(move |boot| Member::new(boot, own, &all))
    });
    let hosts = hosts.collect();
    (net, hosts)
}

#[test]
fn all_members_know_all_members_in_the_end() {
    let (net, hosts) = net();
    net.converges_within("all know all", Duration::from_mins(1), 100_000, move |run| {
        let all: Vec<_> = (0..MEMBERS as u8).collect();
        hosts.iter().all(|host| run.state(*host).is_some_and(|member| member.active() == all))
    });
    holds("foca", check(net, 500).calm_at(Instant::from_millis(25_000)));
}
