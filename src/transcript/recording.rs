//! A transcript that outlives its run.

use std::fmt;

use super::{Decode, Happened, Log, Transcript};

/// All that a [`Transcript`] shows, taken out of the engine that made the run and the scenario that it was made of:
/// events as texts, hosts by name. So a run can be drawn later, in any of a transcript's forms.
#[derive(Clone, Default)]
pub struct Recording {
    names: Vec<String>,
    log: Log,
    events: Vec<Happened<String>>,
    decode: Option<Decode>,
}

impl Recording {
    /// The names of the hosts, for [`Recording::transcript`].
    pub fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// The transcript, with the names that [`Recording::names`] gives.
    pub fn transcript<'a>(&'a self, names: &'a [&'a str]) -> Transcript<'a, String> {
        let Self { log, events, decode, .. } = self;
        Transcript { names, log, events, show: |event, f| f.write_str(event), decode: *decode }
    }
}

impl<E> Transcript<'_, E> {
    /// The same, to be kept.
    ///
    /// ```
    /// use lossproof::engine::{Engine, Settings};
    /// use lossproof::systems::{Options, System, udp_local::UdpLocal};
    ///
    /// let (text, recording) = {
    ///     let scenario = UdpLocal::scenario(&Options::default());
    ///     let names = scenario.names();
    ///     let mut engine = Engine::default();
    ///     engine.run(&scenario, &Settings::default());
    ///     let transcript = engine.transcript(&scenario, &names);
    ///     (transcript.to_string(), transcript.record())
    /// };
    /// assert_eq!(recording.transcript(&recording.names()).to_string(), text);
    /// ```
    pub fn record(&self) -> Recording {
        let text = |(index, happened): (u32, &Happened<E>)| Happened {
            at: happened.at,
            host: happened.host,
            event: self.event_text(index),
        };
        Recording {
            names: self.names.iter().map(|name| (*name).to_owned()).collect(),
            log: self.log.clone(),
            events: (0..).zip(self.events).map(text).collect(),
            decode: self.decode,
        }
    }
}

impl PartialEq for Recording {
    /// Whether the same happened. How messages are decoded does not count: it belongs to the scenario.
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
