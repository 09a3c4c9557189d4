//! Schedules: the bytes are the fault plan.

use std::num::NonZeroU64;
use std::time::Duration;

use lossproof::Instant;
use lossproof::check::Search;
use lossproof::engine::Prepared;
use lossproof::fault::{
    ConnectFault, DatagramFault, Down, Fault, FaultKind, FaultPlan, Flow, HostFault, Profile, Rate,
    StreamFault, When,
};
use lossproof::systems::{Kind, Options, Transport};

use super::planted::planted;
use super::systems::{Trial, without};
use super::targets::SYSTEMS;

/// How many faults a plan has at most.
const MAX_FAULTS: usize = 24;
/// How many bytes of an input a fault has.
const RECORD_LEN: usize = 6;

/// Every schedule of faults leaves the laws and the properties of every system whole.
///
/// The first byte of an input is the system, the second its options; each six bytes after that are one fault. So what the
/// fuzzer's coverage guides is the schedule itself: inputs of which the system does something new are kept and changed.
pub fn schedule(input: &[u8]) {
    let Some(([system, options], faults)) = input.split_first_chunk() else { return };
    run(SYSTEMS[usize::from(*system) % SYSTEMS.len()], *options, faults);
}

/// Runs one system with the plan that the bytes are.
fn run(trial: &Trial, options: u8, records: &[u8]) {
    let options = Options {
        ids: options & 1 != 0,
        datagram: options & 2 != 0,
        kind: if options & 4 != 0 { Kind::Sync } else { Options::default().kind },
        not_to_sender: options & 8 != 0,
        path: ["/", "/chunked", "/long", "/none"][usize::from(options >> 4 & 3)].to_owned(),
        bytes: 4096,
        ..Options::default()
    };
    let Some(net) = planted(trial, &options) else { return };
    // It tells the names, but an exemption depends on the plan.
    let mut scenario = without(net, &[]);
    let mut plan = plan(records, &scenario.names(), trial.about.transport_with(&options));
    plan.calm = trial.calm_at;
    let has = |kinds: &[FaultKind]| plan.faults().iter().any(|fault| kinds.contains(&fault.kind()));
    let exempt = [
        (has(&[FaultKind::Flip, FaultKind::Truncate]), trial.not_with_changed_bytes),
        (has(&[FaultKind::Skew]), trial.not_with_jumps),
    ];
    if exempt.iter().any(|(is_so, _)| *is_so) {
        let Some(net) = planted(trial, &options) else { return };
        let names = exempt.into_iter().filter(|(is_so, _)| *is_so).flat_map(|(_, names)| names).copied();
        scenario = without(net, &names.collect::<Vec<_>>());
    }
    let prepared = Prepared::new(&plan, &scenario).expect("the plan is of these hosts");
    let mut search = Search::new(&scenario, prepared, Profile::default(), 0);
    if let Err(broken) = search.once(0) {
        let transcript = search.engine().transcript();
        panic!("{} {options:?}\n{broken}\n{plan}\n{transcript}", trial.about.name);
    }
}

/// The plan of these records, without faults for a place that has one.
fn plan(records: &[u8], names: &[&str], transport: Transport) -> FaultPlan {
    let mut plan = FaultPlan::default();
    for record in records.as_chunks::<RECORD_LEN>().0.iter().take(MAX_FAULTS) {
        let _ = plan.push(fault(*record, names, transport));
    }
    plan
}

/// A fault of one of the kinds that may fire where messages go this way.
fn fault(
    [kind, hosts, high, low, more, most]: [u8; RECORD_LEN],
    names: &[&str],
    transport: Transport,
) -> Fault {
    let is_drawn = |kind: &FaultKind| !kind.is_of_processes() && !kind.is_of_addresses() && !kind.is_of_ecn();
    let simulated: Vec<FaultKind> = FaultKind::ALL.into_iter().filter(is_drawn).collect();
    let (datagrams, others) = simulated.split_at(5);
    let kinds = match transport {
        Transport::Udp => [datagrams, &others[5..]].concat(),
        Transport::Tcp => others.to_vec(),
    };
    let count = names.len();
    let (first, second) = (usize::from(hosts & 15) % count, usize::from(hosts >> 4) % (count - 1));
    // Any two different hosts.
    let second = (first + 1 + second) % count;
    let host = || names[first].to_owned();
    // A client that is switched off does not end in time, and one that starts again asks again: the properties are about
    // one life of a client, so only the server has several.
    let server = || names[0].to_owned();
    let flow = Flow::new(names[first], names[second]);
    let number = u16::from_be_bytes([high, low]);
    let amount = u16::from_be_bytes([more, most]);
    let span = Duration::from_millis(u64::from(amount).max(1));
    let at = Instant::from_millis(u64::from(number));
    let datagram = |fault| Fault::Datagram { flow: flow.clone(), n: u64::from(low & 63), fault };
    let stream = |fault| {
        let conn = u32::from(high & 3);
        Fault::Stream { flow: flow.clone(), conn, at: u64::from(number >> 10 << 8 | u16::from(low)), fault }
    };
    let at_host = |fault| Fault::Host { at, fault };
    match kinds[usize::from(kind) % kinds.len()] {
        FaultKind::Drop => datagram(DatagramFault::Drop),
        FaultKind::Duplicate => datagram(DatagramFault::Duplicate),
        FaultKind::Delay => datagram(DatagramFault::Delay(span)),
        FaultKind::Flip => datagram(DatagramFault::Flip { at: u32::from(more), mask: most.max(1) }),
        FaultKind::Truncate => datagram(DatagramFault::Truncate(u32::from(amount))),
        FaultKind::Cut if amount > 0 => stream(StreamFault::Cut),
        FaultKind::Cut => Fault::CutEvery {
            conn: u32::from(high & 3),
            len: NonZeroU64::MIN.saturating_add(u64::from(low)),
            flow,
        },
        FaultKind::Stall => stream(StreamFault::Stall(span)),
        FaultKind::Reset => stream(StreamFault::Reset),
        FaultKind::Partition if amount % 2 == 0 => {
            at_host(HostFault::Partition { a: host(), b: names[second].to_owned() })
        }
        FaultKind::Partition => at_host(HostFault::PartitionOneWay(flow)),
        FaultKind::Heal => at_host(HostFault::Heal),
        FaultKind::Stop => at_host(HostFault::Stop(server())),
        FaultKind::Crash if high & 128 == 0 => {
            let when = match high & 3 {
                0 => When::BeforeSend(u64::from(low)),
                1 => When::AfterSend(u64::from(low)),
                2 => When::AfterRecv(u64::from(low)),
                _ => When::AfterEffect { effect: 1 + u32::from(high >> 2 & 3), recv: u64::from(low) },
            };
            Fault::Down(Down { host: server(), silent: high & 64 != 0, when, back_after: Some(span) })
        }
        FaultKind::Crash => at_host(HostFault::Crash(server())),
        FaultKind::Poweroff => at_host(HostFault::Poweroff(server())),
        FaultKind::Restart => at_host(HostFault::Restart(server())),
        FaultKind::Skew if amount % 2 == 0 => at_host(HostFault::Skew { host: host(), ahead: span }),
        FaultKind::Skew => at_host(HostFault::Lag { host: host(), behind: span }),
        FaultKind::Drift => {
            let rate = Rate::millionths(980_000 + u32::from(amount) % 40_001).unwrap_or(Rate::RIGHT);
            at_host(HostFault::Drift { host: host(), rate })
        }
        FaultKind::TimerFirst => at_host(HostFault::TimerFirst(host())),
        // Left out above: only real processes have these, and no system has a NAT, claims that its hosts may move, or sends
        // what may be marked.
        FaultKind::Rebind => at_host(HostFault::Rebind(host())),
        FaultKind::Reboot => at_host(HostFault::Reboot(host())),
        FaultKind::Move => at_host(HostFault::Move { host: host(), to: [10, 0, more, most].into() }),
        FaultKind::Mark => datagram(DatagramFault::Mark),
        FaultKind::Bleach => datagram(DatagramFault::Bleach),
        FaultKind::Pause => at_host(HostFault::Pause(host())),
        FaultKind::Resume => at_host(HostFault::Resume(host())),
        FaultKind::Refuse => Fault::Connect { flow, conn: u32::from(high & 3), fault: ConnectFault::Refuse },
        FaultKind::Silence => {
            Fault::Connect { flow, conn: u32::from(high & 3), fault: ConnectFault::Silence }
        }
    }
}
