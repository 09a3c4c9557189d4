//! The canonical text of plans and of what they hold.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter, Result};

use super::span::Span;
use super::text::ISOLATE;
use super::{
    ConnectFault, DatagramFault, Down, EVERY_CONN, Fault, FaultKind, FaultPlan, Flow, HostFault, StreamFault,
};

/// One connection of a flow: `a>b`, `a>b/1`.
pub(super) struct Conn<'f>(pub(super) &'f Flow, pub(super) u32);

impl Display for Conn<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self(flow, 0) => write!(f, "{flow}"),
            Self(flow, EVERY_CONN) => write!(f, "{flow}/*"),
            Self(flow, conn) => write!(f, "{flow}/{conn}"),
        }
    }
}

/// The numbers of commands: `1,4`, `none`.
struct Numbers<'s>(&'s BTreeSet<u32>);

impl Display for Numbers<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut numbers = self.0.iter();
        let Some(first) = numbers.next() else {
            return f.write_str(super::text::NO_COMMANDS);
        };
        write!(f, "{first}")?;
        numbers.try_for_each(|number| write!(f, ",{number}"))
    }
}

/// The canonical text, on one line, which parses to an equal plan.
impl Display for FaultPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(super::text::VERSION)?;
        if let Some(seed) = self.seed {
            write!(f, "; seed {seed}")?;
        }
        if let Some(latency) = self.link() {
            write!(f, "; link {}", Span(latency))?;
        }
        if let Some(streams) = self.streams {
            write!(f, "; streams {streams}")?;
        }
        if let Some(calm_at) = self.calm {
            write!(f, "; calm {}", Span(calm_at.since_start()))?;
        }
        if let Some(given) = &self.commands {
            write!(f, "; commands {}", Numbers(given))?;
        }
        self.bottlenecks().iter().try_for_each(|bottleneck| write!(f, "; {bottleneck}"))?;
        self.faults().iter().try_for_each(|fault| write!(f, "; {fault}"))
    }
}

/// One item of the text of a plan.
impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Datagram { flow, n, fault } => write!(f, "{flow} #{n} {fault}"),
            Self::Stream { flow, conn, at, fault } => write!(f, "{} @{at} {fault}", Conn(flow, *conn)),
            Self::CutEvery { flow, conn, len } => {
                let unit = if len.get() == 1 { "byte" } else { "bytes" };
                write!(f, "{} {} every {len} {unit}", Conn(flow, *conn), self.kind())
            }
            Self::Connect { flow, conn, fault } => write!(f, "{} {fault}", Conn(flow, *conn)),
            Self::Host { at, fault } => write!(f, "at {} {fault}", Span(at.since_start())),
            Self::Down(down) => write!(f, "{down}"),
        }
    }
}

impl Display for DatagramFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let kind = self.kind();
        match self {
            Self::Drop | Self::Duplicate | Self::Mark | Self::Bleach => write!(f, "{kind}"),
            Self::Delay(span) => write!(f, "{kind} {}", Span(*span)),
            Self::Flip { at, mask } => write!(f, "{kind} {at}:{mask:#04x}"),
            Self::Truncate(len) => write!(f, "{kind} {len}"),
        }
    }
}

impl Display for StreamFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let kind = self.kind();
        match self {
            Self::Cut | Self::Reset => write!(f, "{kind}"),
            Self::Stall(span) => write!(f, "{kind} {}", Span(*span)),
        }
    }
}

impl Display for ConnectFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.kind())
    }
}

impl Display for Down {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { host, when, back_after, .. } = self;
        write!(f, "{} {host} {when}", self.kind())?;
        back_after.map_or(Ok(()), |span| write!(f, " for {}", Span(span)))
    }
}

impl Display for HostFault {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let kind = self.kind();
        match self {
            Self::Partition { a, b } => write!(f, "{kind} {a}|{b}"),
            Self::PartitionOneWay(flow) => write!(f, "{kind} {flow}"),
            Self::Isolate(host) => write!(f, "{ISOLATE} {host}"),
            Self::Heal => write!(f, "{kind}"),
            Self::Stop(host)
            | Self::Crash(host)
            | Self::Poweroff(host)
            | Self::Restart(host)
            | Self::Pause(host)
            | Self::Resume(host)
            | Self::Rebind(host)
            | Self::Reboot(host)
            | Self::TimerFirst(host) => write!(f, "{kind} {host}"),
            Self::Skew { host, ahead } => write!(f, "{kind} {host} +{}", Span(*ahead)),
            Self::Lag { host, behind } => write!(f, "{kind} {host} -{}", Span(*behind)),
            Self::Drift { host, rate } => write!(f, "{kind} {host} x{rate}"),
            Self::Move { host, to } => write!(f, "{kind} {host} {to}"),
        }
    }
}

/// `from>to`.
impl Display for Flow {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}>{}", self.from, self.to)
    }
}

/// The same as [`FaultKind::name`]; a width pads it.
impl Display for FaultKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use proptest::collection::{btree_set, vec};
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::strategy;
    use super::*;
    use crate::Instant;
    use crate::fault::{Bandwidth, Bottleneck, Discipline, When};

    /// Any span that a plan can hold, long and short.
    fn span() -> impl Strategy<Value = Duration> {
        let unit = select(vec![1, 1_000, 1_000_000, 1_000_000_000]);
        let round = (1..1_000_u64, unit).prop_map(|(count, size)| count * size);
        prop_oneof![round, 1..=u64::MAX].prop_map(Duration::from_nanos)
    }

    /// Any host, among them those named like the words of the text.
    fn host() -> impl Strategy<Value = String> {
        prop_oneof![
            "[A-Za-z0-9_.-]{1,6}",
            "[ab]",
            "at|seed|link|commands|none|v1|cut|heal|crash|for|after|bottleneck|over"
        ]
    }

    fn flow() -> impl Strategy<Value = Flow> {
        (host(), host()).prop_map(|(from, to)| Flow { from, to })
    }

    /// Any event of a host, to the bounds of every number.
    fn when() -> impl Strategy<Value = When> {
        prop_oneof![
            any::<u64>().prop_map(When::BeforeSend),
            any::<u64>().prop_map(When::AfterSend),
            any::<u64>().prop_map(When::AfterRecv),
            any::<(u32, u64)>().prop_map(|(effect, recv)| When::AfterEffect { effect, recv }),
        ]
    }

    /// Any fault of any size, some of which a plan refuses.
    fn any_fault() -> impl Strategy<Value = Fault> {
        let datagram = prop_oneof![
            strategy::datagram_fault(),
            span().prop_map(DatagramFault::Delay),
            any::<(u32, u8)>().prop_map(|(at, mask)| DatagramFault::Flip { at, mask }),
            any::<u32>().prop_map(DatagramFault::Truncate),
            Just(DatagramFault::Mark),
            Just(DatagramFault::Bleach),
        ];
        let stream = prop_oneof![strategy::stream_fault(), span().prop_map(StreamFault::Stall)];
        let host_fault = prop_oneof![
            flow().prop_map(|Flow { from: a, to: b }| HostFault::Partition { a, b }),
            flow().prop_map(HostFault::PartitionOneWay),
            Just(HostFault::Heal),
            host().prop_map(HostFault::Stop),
            host().prop_map(HostFault::Crash),
            host().prop_map(HostFault::Poweroff),
            host().prop_map(HostFault::Restart),
            host().prop_map(HostFault::Isolate),
            host().prop_map(HostFault::TimerFirst),
            host().prop_map(HostFault::Pause),
            host().prop_map(HostFault::Resume),
            host().prop_map(HostFault::Rebind),
            host().prop_map(HostFault::Reboot),
            (host(), any::<u32>()).prop_map(|(host, to)| HostFault::Move { host, to: to.into() }),
            (host(), span()).prop_map(|(host, ahead)| HostFault::Skew { host, ahead }),
            (host(), span()).prop_map(|(host, behind)| HostFault::Lag { host, behind }),
            (host(), strategy::rate()).prop_map(|(host, rate)| HostFault::Drift { host, rate }),
        ];
        let back_after = option::of(span());
        let down = (host(), any::<bool>(), when(), back_after)
            .prop_map(|(host, silent, when, back_after)| Down { host, silent, when, back_after });
        let connect = select(vec![ConnectFault::Refuse, ConnectFault::Silence]);
        let at = prop_oneof![Just(Instant::START), any::<u64>().prop_map(Instant::from_nanos)];
        let conn = prop_oneof![Just(0), Just(EVERY_CONN), any::<u32>()];
        let len = prop_oneof![Just(NonZeroU64::MIN), any::<NonZeroU64>()];
        prop_oneof![
            (flow(), any::<u64>(), datagram).prop_map(|(flow, n, fault)| Fault::Datagram { flow, n, fault }),
            (flow(), conn.clone(), any::<u64>(), stream).prop_map(|(flow, conn, at, fault)| Fault::Stream {
                flow,
                conn,
                at,
                fault
            }),
            (flow(), conn.clone(), len).prop_map(|(flow, conn, len)| Fault::CutEvery { flow, conn, len }),
            (flow(), conn, connect).prop_map(|(flow, conn, fault)| Fault::Connect { flow, conn, fault }),
            down.prop_map(Fault::Down),
            (at, host_fault).prop_map(|(at, fault)| Fault::Host { at, fault }),
        ]
    }

    /// Any bottleneck, some of which a plan refuses.
    fn bottleneck() -> impl Strategy<Value = Bottleneck<String>> {
        let ways = vec((option::of(host()), option::of(host())), 0..4);
        (host(), 1..=u64::MAX, any::<u32>(), any::<bool>(), ways).prop_map(
            |(name, bits, len, is_codel, ways)| {
                let bottleneck = Bottleneck::new(name, Bandwidth::bits(bits, len));
                let discipline = if is_codel { Discipline::Codel } else { Discipline::DropTail };
                ways.into_iter()
                    .fold(bottleneck.with(discipline), |bottleneck, (from, to)| bottleneck.way([from, to]))
            },
        )
    }

    /// Any plan there is, to the bounds of every number.
    fn any_plan() -> impl Strategy<Value = FaultPlan> {
        let commands = option::of(btree_set(any::<u32>(), 0..4));
        let calm = option::of(any::<u64>().prop_map(Instant::from_nanos));
        let settings = (option::of(any::<u64>()), option::of(span()), calm, commands);
        let parts = (settings, vec(bottleneck(), 0..3), vec(any_fault(), 0..8));
        parts.prop_map(|((seed, link, calm, commands), bottlenecks, faults)| {
            let mut plan = FaultPlan::default();
            (plan.seed, plan.calm, plan.commands) = (seed, calm, commands);
            plan.set_link(link).unwrap();
            for bottleneck in bottlenecks {
                let _ = plan.add_bottleneck(bottleneck);
            }
            for fault in faults {
                let _ = plan.push(fault);
            }
            plan
        })
    }

    /// Texts glued from what texts are made of: nearly right ones, that get far into the parser.
    fn glued() -> impl Strategy<Value = String> {
        let tokens = "bottleneck over rate queue codel trace @x * v1 v2 seed link calm commands none , at a b a>b client>server #0 #3 @9 /2 /0 drop duplicate delay flip \
                      truncate mark bleach cut every byte bytes stall reset partition heal stop crash poweroff restart skew \
                      drift isolate timer-first refuse silence before after send recv effect of for x1.001 /* \
                      a|b > | ; + - : . 1 0 40ms 0s 1m 0.5ns 12:0x80 0x 99999999999999999999 é µs 💥 \u{0}";
        let mut tokens: Vec<_> = tokens.split(' ').filter(|token| !token.is_empty()).collect();
        tokens.extend(["\n", "\r\n", "\u{2028}", ""]);
        let blank = select(vec!["", " ", " "]);
        vec((select(tokens), blank), 0..24)
            .prop_map(|parts| parts.into_iter().flat_map(|(token, blank)| [token, blank]).collect())
    }

    fn read(text: &str) -> std::result::Result<(), TestCaseError> {
        match text.parse::<FaultPlan>() {
            Ok(plan) => prop_assert_eq!(plan.to_string().parse(), Ok(plan)),
            Err(error) => {
                prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error);
                prop_assert_eq!(error.to_string().lines().count(), 1);
                prop_assert!(error.to_string().chars().all(|c| !c.is_control()), "{:?}", error);
            }
        }
        Ok(())
    }

    #[test]
    fn the_examples_are_printed_as_they_are_written() {
        for item in [
            "client>server #3 drop",
            "server>client #7 delay 40ms",
            "a>b #2 duplicate",
            "a>b #5 flip 12:0x80",
            "a>b #1 truncate 4",
            "a>b/1 @16 stall 2s",
            "a>b cut every 1 byte",
            "a>b cut every 8 bytes",
            "a>b @9 reset",
            "a>b @4 cut",
            "at 2s partition a|b",
            "at 2s partition a>b",
            "at 5s heal",
            "at 2s stop server",
            "at 1s crash server",
            "at 1s poweroff server",
            "at 3s restart server",
            "at 1s skew a +3s",
            "at 1s skew a -3s",
            "at 1s drift a x1.001",
            "at 1s isolate a",
            "at 1s timer-first a",
            "a>b/* @0 reset",
            "a>b refuse",
            "a>b/1 silence",
            "crash a after recv #3",
            "crash a before send #2 for 200ms",
            "poweroff a after send #0",
            "crash a after effect 1 of recv #3 for 1s",
            "seed 7; link 5ms; client>server #0 drop",
            "seed 7; link 5ms; commands 0,3,12; client>server #0 drop",
            "calm 10s; commands none",
            "calm 0s",
        ] {
            let plan: FaultPlan = item.parse().unwrap();
            assert_eq!(plan.to_string(), format!("v2; {item}"));
            assert_eq!(format!("{plan:?}"), format!("FaultPlan(\"v2; {item}\")"));
        }
        assert_eq!(FaultPlan::default().to_string(), "v2");
        assert_eq!(format!("{:9}|", FaultKind::Drop), "drop     |");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_plan_is_read_back_as_it_was(plan in any_plan()) {
            let text = plan.to_string();
            let read = text.parse::<FaultPlan>();
            prop_assert_eq!(read.as_ref(), Ok(&plan));
            prop_assert_eq!(read.unwrap().to_string(), text);
        }

        #[test]
        fn a_generated_plan_is_read_back_as_it_was(plan in strategy::plan(&["a", "b", "c"], 12)) {
            prop_assert_eq!(plan.to_string().parse(), Ok(plan));
        }

        #[test]
        fn any_text_is_read_or_refused_on_one_line(text in "(?s:.*)") {
            read(&text)?;
        }

        #[test]
        fn any_glue_of_tokens_is_read_or_refused_on_one_line(text in glued()) {
            read(&text)?;
        }
    }
}
