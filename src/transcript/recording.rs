//! A transcript that outlives its run.

use std::fmt;

use super::{Curve, EventTexts, Log, Record, Transcript, What};
use crate::host::HostId;
use crate::lawful::Decode;

/// All that a [`Transcript`] shows, taken out of the engine that made the run and the scenario that it was made of:
/// events as texts, hosts by name. So a run can be drawn later, in any of a transcript's forms.
#[derive(Clone, Default)]
pub struct Recording {
    names: Vec<String>,
    log: Log,
    /// Those of each host.
    events: Vec<Vec<String>>,
    decode: Option<Decode>,
    curve: Option<Curve>,
}

impl Recording {
    /// A log of hosts that have no events.
    #[cfg(feature = "proxy")]
    pub(crate) fn of(names: Vec<String>, log: Log) -> Self {
        Self { names, log, ..Self::default() }
    }

    /// The same with all times later by `span`: in the place of times since the start, those since a moment before it.
    #[cfg(feature = "cli")]
    #[must_use]
    pub(crate) fn later_by(mut self, span: std::time::Duration) -> Self {
        self.log.shift(span);
        self
    }

    /// The same with what does not hold at its end.
    #[cfg(feature = "cli")]
    #[must_use]
    pub(crate) fn broken(mut self, at: crate::time::Instant, why: &str) -> Self {
        // Whoever tells of it is no server, if somebody else has appeared.
        let host = HostId(u16::from(self.names.len() > 1));
        self.log.broken(at, host, why.to_owned());
        self
    }

    /// The transcript.
    pub fn transcript(&self) -> Transcript<'_> {
        let names = self.names.iter().map(String::as_str).collect();
        let transcript = Transcript::new(names, &self.log, &self.events, self.decode);
        Transcript { curve: self.curve.as_ref(), ..transcript }
    }

    /// The records, as they came to be.
    pub(crate) fn records(&self) -> &[Record] {
        self.log.records()
    }

    /// Has pictures show when the run was lost. The curve counts records without the mark of a circle.
    pub(crate) fn set_curve(&mut self, curve: Curve) {
        let circle = self.log.records().iter().position(|record| matches!(record.what, What::Circle));
        self.curve = Some(curve.with_record(circle));
    }
}

impl EventTexts for Vec<Vec<String>> {
    fn write(&self, host: HostId, index: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.get(host.index()).and_then(|events| events.get(index as usize));
        f.write_str(text.map_or("", String::as_str))
    }
}

impl Transcript<'_> {
    /// The same, to be kept.
    ///
    /// ```
    /// use lossproof::engine::{Engine, Settings};
    /// use lossproof::scenario::Net;
    /// use lossproof::{Input, Instant, Machine, Outbox, Scenario};
    ///
    /// struct Greeter;
    /// impl Machine for Greeter {
    ///     type Command = ();
    ///     type Event = &'static str;
    ///     fn handle(&mut self, _: Input<'_, ()>, _: Instant, out: &mut Outbox<&'static str>) {
    ///         out.event("hello");
    ///     }
    /// }
    ///
    /// let (text, recording) = {
    ///     let net = Net::new("greeting");
    ///     net.host("greeter").machine(|_| Greeter);
    ///     let scenario = Scenario::from(net);
    ///     let mut engine = Engine::new(&scenario);
    ///     engine.run(&Settings::default());
    ///     (engine.transcript().to_string(), engine.transcript().record())
    /// };
    /// assert_eq!(recording.transcript().to_string(), text);
    /// ```
    pub fn record(&self) -> Recording {
        let mut events = vec![Vec::new(); self.names.len()];
        for record in self.log.records() {
            if let What::Event(index) = record.what {
                let texts: &mut Vec<String> = &mut events[record.host.index()];
                if texts.len() <= index as usize {
                    texts.resize(index as usize + 1, String::new());
                }
                texts[index as usize] = self.event_text(record.host, index);
            }
        }
        let names = self.names.iter().map(|name| (*name).to_owned()).collect();
        Recording { names, log: self.log.clone(), events, decode: self.decode, curve: self.curve.cloned() }
    }
}

impl PartialEq for Recording {
    /// Whether the same happened. How messages are decoded does not count: it belongs to the scenario. Nor does what is
    /// known of other runs.
    fn eq(&self, other: &Self) -> bool {
        (&self.names, &self.log, &self.events) == (&other.names, &other.log, &other.events)
    }
}

impl Eq for Recording {}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recording({} records)", self.log.records.len())
    }
}
