//! What is true of every run of the scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Client, ClientEvent, Member, MemberEvent};
use crate::scenario::{Host, Model, Net, Operation};
use crate::time::Instant;

/// How many inputs it takes at most until somebody leads, once nothing goes wrong.
const SETTLED_AFTER: u64 = 5_000;

/// What holds of what the members tell.
pub(super) fn of_members(net: &Net, members: &[Host<Member>], settled_within: Duration) {
    one_leader(net, members);
    one_vote(net, members);
    one_lease(net, members);
    let all = members.to_vec();
    net.converges_within(
        "a member leads once nothing goes wrong",
        settled_within,
        SETTLED_AFTER,
        move |run| all.iter().any(|member| run.state(*member).is_some_and(Member::is_settled)),
    );
}

fn one_leader(net: &Net, members: &[Host<Member>]) {
    let mut leaders = net.fold("a term has at most one leader", BTreeMap::new);
    for (number, member) in (1_u32..).zip(members) {
        leaders = leaders.on(*member, move |leaders: &mut BTreeMap<u64, u32>, event, _| {
            let MemberEvent::BecameLeader { term } = event else { return Ok(()) };
            match leaders.insert(*term, number) {
                Some(other) if other != number => {
                    Err(format!("member {other} and member {number} lead in term {term}"))
                }
                _ => Ok(()),
            }
        });
    }
}

fn one_vote(net: &Net, members: &[Host<Member>]) {
    let mut votes = net.fold("a member gives one vote in a term, through all its lives", BTreeMap::new);
    for (number, member) in (1_u32..).zip(members) {
        votes = votes.on(*member, move |votes: &mut BTreeMap<(u32, u64), u64>, event, _| {
            let MemberEvent::Voted { term, candidate } = event else { return Ok(()) };
            match votes.insert((number, *term), *candidate) {
                Some(other) => Err(format!(
                    "member {number} has voted for member {}, and again for member {}, in term {term}",
                    other + 1,
                    candidate + 1
                )),
                None => Ok(()),
            }
        });
    }
}

/// A lease is counted as if its holder's clock were as slow as a clock may be, for nobody sees when it ends.
fn one_lease(net: &Net, members: &[Host<Member>]) {
    let mut leases = net.fold("at most one member holds a lease at a moment", BTreeMap::new);
    for (number, member) in (1_u32..).zip(members) {
        leases = leases.on(*member, move |leases: &mut BTreeMap<u32, Instant>, event, at| {
            match event {
                MemberEvent::LeaseHeld { left, .. } => {
                    leases.insert(number, at + *left * 20 / 19);
                    let other = leases.iter().find(|(other, until)| **other != number && **until > at);
                    if let Some((other, until)) = other {
                        return Err(format!(
                            "member {number} holds it at {at}, and member {other} does until {until}"
                        ));
                    }
                }
                // It uses it no more, or has forgotten it.
                MemberEvent::SteppedDown { .. } | MemberEvent::Started { .. } => _ = leases.remove(&number),
                _ => {}
            }
            Ok(())
        });
    }
}

/// A register of one number.
#[derive(Clone, Hash)]
struct Register(u64);

impl Model for Register {
    type Call = Option<u64>;
    type Result = u64;

    fn apply(&mut self, call: &Option<u64>) -> u64 {
        self.0 = call.unwrap_or(self.0);
        self.0
    }
}

/// What holds of what the clients tell.
pub(super) fn of_clients(net: &Net, clients: [Host<Client>; 2]) {
    let mut history = net.history("reads and writes are linearizable", Register(0));
    for client in clients {
        history = history.on(client, |event| match event {
            ClientEvent::Asked { id, value } => Some(Operation::Invoked { id: *id, call: *value }),
            ClientEvent::Answered { id, value } => Some(Operation::Returned { id: *id, result: *value }),
            _ => None,
        });
    }
    history.judge();
}
