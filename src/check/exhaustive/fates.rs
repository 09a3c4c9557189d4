//! The faults that an exhaustive search tries.

use std::fmt;
use std::time::Duration;

use crate::engine::{Prepared, Sent};
use crate::fault::{
    DatagramFault, Fault, FaultKind, FaultPlan, ParseProblem, Resolved, ResolvedHost, StreamFault,
    UnknownHost, span_text,
};
use crate::host::HostId;
use crate::machine::Ecn;

/// The faults that an exhaustive search tries on each packet that is sent, and on hosts: their kinds, with their
/// parameters.
///
/// Shown, it is the list of the faults, in the words of a plan; [`Fates::parse`] reads it.
///
/// ```
/// use lossproof::check::Fates;
/// use lossproof::fault::DatagramFault;
///
/// assert_eq!(Fates::default().to_string(), "drop; duplicate; delay 250ms; cut; stall 250ms; reset");
/// let losses = Fates { datagram: vec![DatagramFault::Drop], ..Fates::none() };
/// assert_eq!(losses.to_string(), "drop");
/// ```
#[derive(Clone, Debug)]
pub struct Fates {
    /// What may happen to a datagram. A flip or a truncation beyond its end has no effect, nor has a mark or a bleaching on
    /// one that is not [capable](Ecn) of marks.
    pub datagram: Vec<DatagramFault>,
    /// What may happen at each offset of a stream at which bytes were written, and at its end. A cut falls within one
    /// write, because a stream is already split between two writes.
    pub stream: Vec<StreamFault>,
    /// How a host may go down, at each event of its own: in the middle of what an input made it do, and after it.
    pub down: Vec<DownFate>,
    /// Whether a timer may fire first if something else is due at the same time.
    pub timer_first: bool,
    /// The directions, from host to host; all if the list is empty.
    pub flows: Vec<(HostId, HostId)>,
    /// Which datagrams, by their payload; all if there is no function.
    pub payload: Option<fn(&[u8]) -> bool>,
}

impl Fates {
    /// The default delay: longer than the first retransmission timeout of most protocols.
    pub const LATE: Duration = Duration::from_millis(250);

    /// No faults: everything arrives.
    pub const fn none() -> Self {
        Self {
            datagram: Vec::new(),
            stream: Vec::new(),
            down: Vec::new(),
            timer_first: false,
            flows: Vec::new(),
            payload: None,
        }
    }

    /// Reads a list of fates: faults in the words of a plan (`drop`, `stall 1s`, `crash for 200ms`, `timer-first`), and
    /// directions that they are kept to, between `;`. `names`
    /// are those of the scenario's hosts.
    ///
    /// ```
    /// use lossproof::check::Fates;
    ///
    /// let fates = Fates::parse("drop; delay 40ms; client>server", &["server", "client"])?;
    /// assert_eq!((fates.to_string().as_str(), fates.flows.len()), ("drop; delay 40ms", 1));
    /// # Ok::<(), lossproof::check::FatesError>(())
    /// ```
    ///
    /// # Errors
    /// [`FatesError`] if an item is neither, if it names a host that is not there, or if there is no fault at all.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, FatesError> {
        let mut fates = Self::none();
        for item in text.split(';').map(str::trim).filter(|item| !item.is_empty()) {
            if item.contains('>') {
                // A direction is read as that of a fault, so that names are looked up in one way.
                match resolved(&format!("{item} #0 drop"), item, names)? {
                    Resolved::Datagram { from, to, .. } => fates.flows.push((from, to)),
                    _ => return Err(FatesError::Many(item.to_owned())),
                }
                continue;
            }
            match item.split_whitespace().next() {
                Some("timer-first") if item == "timer-first" => {
                    fates.timer_first = true;
                    continue;
                }
                Some(word @ ("crash" | "poweroff")) => {
                    let rest = &item[word.len()..];
                    match resolved(&format!("{word} a before send #0{rest}"), item, &["a"])? {
                        Resolved::Down { silent, back_after, .. } => {
                            fates.down.push(DownFate { silent, back_after });
                        }
                        _ => return Err(FatesError::Many(item.to_owned())),
                    }
                    continue;
                }
                _ => {}
            }
            let is_of_stream = ["cut", "stall", "reset"].iter().any(|word| item.starts_with(word));
            let place = if is_of_stream { "@1" } else { "#0" };
            let [a, b] = ["a", "b"];
            match resolved(&format!("{a}>{b} {place} {item}"), item, &[a, b])? {
                Resolved::Datagram { fault, .. } => fates.datagram.push(fault),
                Resolved::Stream { fault, .. } => fates.stream.push(fault),
                _ => return Err(FatesError::Many(item.to_owned())),
            }
        }
        if fates.kinds().next().is_none() {
            return Err(FatesError::None);
        }
        Ok(fates)
    }

    /// Calls for each fault that may be put on one send, beside those of a plan.
    pub(super) fn each(&self, sent: Sent, plan: &Prepared, mut call: impl FnMut(Resolved)) {
        match sent {
            Sent::Datagram { from, to, n, len, ecn } if self.takes(from, to) => {
                for &fault in &self.datagram {
                    if changes(fault, len, ecn) {
                        call(Resolved::Datagram { from, to, n, fault });
                    }
                }
            }
            Sent::Stream { from, to, conn, at, points, inside } if self.takes(from, to) => {
                for offset in at..at + u64::from(points) {
                    for &fault in &self.stream {
                        let is_cut_already = fault == StreamFault::Cut && offset == at && !inside;
                        if !is_cut_already && plan.is_free((from, to, conn), offset, fault) {
                            call(Resolved::Stream { from, to, conn, at: offset, fault });
                        }
                    }
                }
            }
            Sent::Turn { host, when } => {
                for &DownFate { silent, back_after } in &self.down {
                    call(Resolved::Down { host, silent, when, back_after });
                }
            }
            Sent::Tie { host, at } if self.timer_first => {
                call(Resolved::Host { at, fault: ResolvedHost::TimerFirst(host) });
            }
            Sent::Datagram { .. } | Sent::Stream { .. } | Sent::Tie { .. } => {}
        }
    }

    /// The kinds of fault that are among them.
    pub fn kinds(&self) -> impl Iterator<Item = FaultKind> {
        let datagram = self.datagram.iter().map(|fault| fault.kind());
        let stream = self.stream.iter().map(|fault| fault.kind());
        let down = self.down.iter().map(DownFate::kind);
        let tie = self.timer_first.then_some(FaultKind::TimerFirst);
        datagram.chain(stream).chain(down).chain(tie)
    }

    /// How many faults may be put on one send.
    pub(super) fn count(&self, sent: Sent, plan: &Prepared) -> u32 {
        let mut count = 0;
        self.each(sent, plan, |_| count += 1);
        count
    }

    fn takes(&self, from: HostId, to: HostId) -> bool {
        self.flows.is_empty() || self.flows.contains(&(from, to))
    }

    /// The same with each fault once: otherwise schedules would come twice.
    pub(super) fn distinct(mut self) -> Self {
        keep_first(&mut self.datagram);
        keep_first(&mut self.stream);
        keep_first(&mut self.down);
        self
    }
}

/// How a host goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DownFate {
    /// Whether it goes silent. Otherwise its process dies, and its peers see an end or a reset.
    pub silent: bool,
    /// The time after which it restarts; `None` leaves it down.
    pub back_after: Option<Duration>,
}

impl DownFate {
    const fn kind(&self) -> FaultKind {
        FaultKind::of_down(self.silent)
    }
}

/// In the words of a plan, without the host and the event: `crash for 200ms`.
impl fmt::Display for DownFate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind())?;
        self.back_after.map_or(Ok(()), |span| write!(f, " for {}", span_text(span)))
    }
}

/// Why a text is no list of fates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FatesError {
    /// An item is none.
    #[error("'{item}' is neither a fault nor a direction: {problem}")]
    Item {
        /// The item.
        item: String,
        /// What is wrong with it.
        problem: ParseProblem,
    },
    /// An item has more than one fault, or text after the fault.
    #[error("'{0}' is not one fault: write one between two ';'")]
    Many(String),
    /// A direction is between other hosts.
    #[error("{0}")]
    Host(#[from] UnknownHost),
    /// There is no fault.
    #[error("there is no fault in it; write some, such as 'drop; delay 40ms'")]
    None,
}

/// The one fault of a plan, made of this item.
fn resolved(plan: &str, item: &str, names: &[&str]) -> Result<Resolved, FatesError> {
    let plan: FaultPlan = plan.parse().map_err(|error: crate::fault::ParseError| FatesError::Item {
        item: item.to_owned(),
        problem: error.problem,
    })?;
    match plan.faults() {
        [fault @ (Fault::Datagram { .. } | Fault::Stream { .. } | Fault::Down(_))] => {
            Ok(Resolved::new(fault, names)?)
        }
        _ => Err(FatesError::Many(item.to_owned())),
    }
}

/// Whether a fault changes a datagram of this length and with this ECN field.
fn changes(fault: DatagramFault, len: u32, ecn: Ecn) -> bool {
    match fault {
        DatagramFault::Flip { at, mask } => at < len && mask != 0,
        DatagramFault::Truncate(kept_len) => kept_len < len,
        DatagramFault::Delay(span) => !span.is_zero(),
        DatagramFault::Mark => ecn.marked() != ecn,
        DatagramFault::Bleach => ecn.is_capable(),
        DatagramFault::Drop | DatagramFault::Duplicate => true,
    }
}

fn keep_first<T: PartialEq + Copy>(faults: &mut Vec<T>) {
    let mut seen = Vec::new();
    faults.retain(|fault| {
        let is_new = !seen.contains(fault);
        seen.push(*fault);
        is_new
    });
}

impl Default for Fates {
    /// A datagram is lost, duplicated, or [late](Fates::LATE); a stream is split, stalls as long, or is reset. In every
    /// direction.
    fn default() -> Self {
        Self {
            datagram: vec![DatagramFault::Drop, DatagramFault::Duplicate, DatagramFault::Delay(Self::LATE)],
            stream: vec![StreamFault::Cut, StreamFault::Stall(Self::LATE), StreamFault::Reset],
            ..Self::none()
        }
    }
}

impl fmt::Display for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let datagram = self.datagram.iter().map(ToString::to_string);
        let down = self.down.iter().map(ToString::to_string);
        let tie = self.timer_first.then(|| FaultKind::TimerFirst.to_string());
        let all = datagram.chain(self.stream.iter().map(ToString::to_string)).chain(down).chain(tie);
        f.write_str(&all.collect::<Vec<_>>().join("; "))
    }
}
