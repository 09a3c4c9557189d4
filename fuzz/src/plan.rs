//! The text of fault plans.

use std::num::NonZeroU64;
use std::str::from_utf8;
use std::time::Duration;

use lossproof::Instant;
use lossproof::fault::{DatagramFault, Fault, FaultPlan, Flow, HostFault, StreamFault};

/// Names of hosts, among them words of the text itself.
const HOSTS: [&str; 8] = ["a", "b", "client-1", "server.x", "seed", "v1", "at", "0"];

/// A text is read or refused; what was read is printed so that it reads the same, on one line or on many, as a whole and
/// fault by fault. A refusal is one line and names a column of the text.
pub fn plan_text(input: &[u8]) {
    let Ok(text) = from_utf8(input) else { return };
    match text.parse::<FaultPlan>() {
        Ok(plan) => holds_as_text(&plan),
        Err(error) => {
            let columns = text.chars().count() + 1;
            assert!((1..=columns).contains(&error.column), "column {} of {columns}", error.column);
            let said = error.to_string();
            assert!(!said.is_empty() && !said.contains(['\n', '\r']), "{said:?}");
        }
    }
}

/// Any plan that is made of values is printed so that it reads the same. An input has 16 bytes for the seed and the link,
/// and 12 for each fault.
pub fn plan_print(input: &[u8]) {
    let Some(([seed, link], faults)) = input.split_first_chunk().map(|(head, rest)| (words(head), rest))
    else {
        return;
    };
    let mut plan = FaultPlan::default();
    plan.seed = (seed != 0).then_some(seed);
    plan.calm = (seed % 3 == 1).then_some(Instant::from_nanos(link));
    plan.commands =
        (seed % 5 > 1).then(|| (1..seed % 5).map(|index| seed.rotate_left(index as u32) as u32).collect());
    plan.set_link((link != 0).then_some(Duration::from_nanos(link))).expect("the latency is not zero");
    for record in faults.as_chunks().0 {
        // A second fault for one place, or a pair of one host, is refused; all else is not.
        let _ = plan.push(fault(record));
    }
    holds_as_text(&plan);
}

fn words(bytes: &[u8; 16]) -> [u64; 2] {
    let (words, _) = bytes.as_chunks();
    [u64::from_be_bytes(words[0]), u64::from_be_bytes(words[1])]
}

fn holds_as_text(plan: &FaultPlan) {
    let printed = plan.to_string();
    assert!(!printed.contains('\n'));
    assert_eq!(printed.parse().as_ref(), Ok(plan), "{printed}");
    assert_eq!(printed.replace(';', "\n").parse().as_ref(), Ok(plan), "{printed}");
    for fault in plan.faults() {
        let alone: FaultPlan = fault.to_string().parse().expect("what one fault prints is a plan");
        assert_eq!(alone.faults(), std::slice::from_ref(fault));
    }
}

/// A fault out of its kind, two hosts, a small number, and a large one.
fn fault(&[kind, hosts, few, shift, ref large @ ..]: &[u8; 12]) -> Fault {
    let large = u64::from_be_bytes(*large);
    // Never zero, and often round.
    let span = Duration::from_nanos((large >> (shift & 63)).max(1));
    let host = |index: u8| HOSTS[usize::from(index & 7)].to_owned();
    let flow = Flow { from: host(hosts), to: host(hosts >> 4) };
    let datagram = |fault| Fault::Datagram { flow: flow.clone(), n: large, fault };
    let stream = |fault| Fault::Stream { flow: flow.clone(), conn: u32::from(few), at: large, fault };
    let at_host = |fault| Fault::Host { at: Instant::from_nanos(large), fault };
    let n = |by: u64| u64::from(few) << by;
    match kind % 15 {
        0 => datagram(DatagramFault::Drop),
        1 => datagram(DatagramFault::Duplicate),
        2 => Fault::Datagram { flow, n: n(8), fault: DatagramFault::Delay(span) },
        3 => Fault::Datagram {
            flow,
            n: n(0),
            fault: DatagramFault::Flip { at: large as u32, mask: few.max(1) },
        },
        4 => Fault::Datagram { flow, n: n(56), fault: DatagramFault::Truncate(large as u32) },
        5 => stream(StreamFault::Cut),
        6 => Fault::Stream {
            flow,
            conn: u32::MAX - u32::from(few),
            at: n(32),
            fault: StreamFault::Stall(span),
        },
        7 => stream(StreamFault::Reset),
        8 => Fault::CutEvery { flow, conn: u32::from(few), len: NonZeroU64::MIN.saturating_add(large) },
        9 => at_host(HostFault::Partition { a: host(hosts), b: host(hosts >> 4) }),
        10 => at_host(HostFault::PartitionOneWay(flow)),
        11 => at_host(HostFault::Heal),
        12 => {
            at_host(if few & 1 == 0 { HostFault::Crash(host(hosts)) } else { HostFault::Stop(host(hosts)) })
        }
        13 => at_host(if few & 1 == 0 {
            HostFault::Poweroff(host(hosts))
        } else {
            HostFault::Restart(host(hosts))
        }),
        _ => Fault::Host {
            at: Instant::from_nanos(n(40)),
            fault: HostFault::Skew { host: host(hosts), ahead: span },
        },
    }
}
