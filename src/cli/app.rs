//! A system as the command line knows it.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::tls::{self, Secure};
use crate::actor::{AnyCommand, Events};
use crate::fault::Chance;
use crate::host::HostId;
use crate::machine::Machine;
use crate::scenario::{Net, Role, Scenario, Transport};
use crate::specimens::{self, Specimen};
use crate::systems::{About, Options, Typed};

/// A system for a command line of its own: see [`main`](super::main).
///
/// Nothing of it needs more than the net: `list`, `sim`, `check`, `sweep`, `import` and `serve` work at once, and `call`
/// as far as a client needs no lines of a terminal.
pub struct App {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    net: Box<dyn Fn(&Options) -> Net + Send + Sync>,
    pub(super) server: &'static str,
    pub(super) client: &'static str,
    pub(super) terminal: Terminal,
    /// Whether it is among the systems that `list` shows.
    pub(super) is_listed: bool,
    /// What is to be known of a system that ships with this crate.
    pub(super) known: Option<About>,
    /// How large a share of runs the client succeeds in, by a formula, if there is one.
    pub(super) share: fn(&Options, Chance) -> Option<f64>,
    /// How its hosts come to speak TLS, if they can.
    pub(super) secure: Option<Secure>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({:?})", self.name)
    }
}

impl App {
    /// A system: its name on the command line, what it shows in one line, and what makes its net.
    ///
    /// `serve` runs the net's host `server`, `call` its host `client`, each as it is in the net, on real sockets: those
    /// of the net, at other addresses. A machine gets these by [`Boot::peer`](crate::Boot::peer).
    pub fn new(
        name: &'static str,
        about: &'static str,
        net: impl Fn() -> Net + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            about,
            net: Box::new(move |_| net()),
            server: "server",
            client: "client",
            terminal: Terminal::default(),
            is_listed: true,
            known: None,
            share: |_, _| None,
            secure: None,
        }
    }

    /// One of the systems that ship with this crate.
    pub(super) fn of(about: About, net: fn(&Options) -> Net) -> Self {
        let base = Self::new(about.name, about.summary, || Net::new(""));
        Self { net: Box::new(net), known: Some(about), ..base }
    }

    /// The same, left out of the list of systems.
    pub(super) fn unlisted(self) -> Self {
        Self { is_listed: false, ..self }
    }

    /// The same with a formula for how large a share of runs the client succeeds in.
    pub(super) fn share(self, share: fn(&Options, Chance) -> Option<f64>) -> Self {
        Self { share, ..self }
    }

    /// Which host `serve` runs, and `call` calls.
    #[must_use]
    pub fn server(self, host: &'static str) -> Self {
        Self { server: host, ..self }
    }

    /// Which host `call` runs. What `sweep` counts are its ends.
    #[must_use]
    pub fn client(self, host: &'static str) -> Self {
        Self { client: host, ..self }
    }

    /// Has `serve` and `call` take `--tls`: [`Tls`](crate::tls::Tls) goes around the machines of the two hosts, `S` on the
    /// server and `C` on the client.
    #[must_use]
    pub fn tls<S: Machine, C: Machine>(self) -> Self {
        Self { secure: Some(Secure::of::<S, C>()), ..self }
    }

    /// What the client is asked when this was typed at the terminal of `call`; nothing, if `None`. `R` is its role in
    /// the net. Without [`wants_line`](Self::wants_line) a line is taken whenever there is one.
    #[must_use]
    pub fn typed<R: Role<Command: AnyCommand>>(
        mut self,
        line: impl Fn(Typed) -> Option<R::Command> + Send + Sync + 'static,
    ) -> Self {
        let line = move |typed| line(typed).map(|command| -> Box<dyn AnyCommand> { Box::new(command) });
        self.terminal.typed = Some(Typing { role: role::<R>(), line: Arc::new(line) });
        self
    }

    /// Whether the client takes the next line after this event. It then gets none before, so that what is typed ahead
    /// waits outside of it, however much it is.
    #[must_use]
    pub fn wants_line<R: Role>(mut self, wants: impl Fn(&R::Event) -> bool + Send + Sync + 'static) -> Self {
        self.terminal.wants_line =
            Some(Box::new(move |events, index| event::<R>(events, index).is_some_and(&wants)));
        self
    }

    /// What the terminal of `serve` or `call` shows of an event of a role, instead of a line as the net
    /// [shows](Net::show) it; nothing, if nothing is written.
    #[must_use]
    pub fn print<R: Role>(
        mut self,
        print: impl Fn(&R::Event, &mut dyn fmt::Write) -> fmt::Result + Send + Sync + 'static,
    ) -> Self {
        let write = move |events: &dyn Events, index, to: &mut dyn fmt::Write| {
            event::<R>(events, index).map_or(Ok(()), |event| print(event, to))
        };
        self.terminal.prints.push((role::<R>(), Box::new(write)));
        self
    }

    /// The same where the net shows an event otherwise than the terminal: there it is all that `Display` writes.
    pub(super) fn lines<R: Role<Event: fmt::Display>>(self) -> Self {
        self.print::<R>(|event, to| writeln!(to, "{event}"))
    }

    /// What standard error is told of an event of the client, in one line.
    pub(super) fn note<R: Role>(
        mut self,
        note: impl Fn(&R::Event) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.terminal.note = Some(Box::new(move |events, index| note(event::<R>(events, index)?)));
        self
    }

    /// What of an event of the client goes to a file of the user's choice, by `call --output FILE`.
    #[must_use]
    pub fn file<R: Role>(
        mut self,
        file: impl for<'e> Fn(&'e R::Event) -> Option<&'e [u8]> + Send + Sync + 'static,
    ) -> Self {
        let body = move |events: &dyn Events, index| Some(file(event::<R>(events, index)?)?.to_vec());
        self.terminal.file = Some(Box::new(body));
        self
    }

    /// The net, with a bug in it if there is one.
    pub(super) fn net(&self, options: &Options, bug: Option<&Specimen>) -> Net {
        bug.map_or_else(|| (self.net)(options), |bug| bug.net(options))
    }

    /// Whether it takes an option of this name.
    pub(super) fn takes(&self, option: &str) -> bool {
        match (&self.known, option) {
            (_, "output" | "force") => self.terminal.file.is_some(),
            (_, option) if tls::OPTIONS.contains(&option) => self.secure.is_some(),
            (Some(known), "workers") => !known.one_server,
            (Some(_), "time-scale" | "timeout") => true,
            (_, "bug" | "bugs") => self.bugs().next().is_some(),
            (Some(known), option) => known.options.contains(&option),
            (None, _) => false,
        }
    }

    /// The bugs that can be planted into it.
    pub(super) fn bugs(&self) -> impl Iterator<Item = &'static Specimen> {
        let name = self.known.map(|known| known.name);
        specimens::all().filter(move |bug| Some(bug.system) == name)
    }

    /// What carries messages to its server, in the forms that it has.
    pub(super) fn transports(&self, scenario: &Scenario, server: HostId) -> Vec<Transport> {
        let mut transports = scenario.transports(server);
        if self.known.is_some_and(|known| known.datagram_form) {
            transports = vec![Transport::Tcp, Transport::Udp];
        }
        transports
    }
}

fn role<R: Role>() -> (TypeId, &'static str) {
    (TypeId::of::<R>(), type_name::<R>())
}

/// One of the events of a role, if these are such.
fn event<R: Role>(events: &dyn Events, index: usize) -> Option<&R::Event> {
    let events: &dyn Any = events;
    events.downcast_ref::<Vec<R::Event>>()?.get(index)
}

/// What a client is asked when something was typed.
pub(super) struct Typing {
    role: (TypeId, &'static str),
    pub(super) line: Arc<dyn Fn(Typed) -> Option<Box<dyn AnyCommand>> + Send + Sync>,
}

type Wants = Box<dyn Fn(&dyn Events, usize) -> bool + Send + Sync>;
type Print = Box<dyn Fn(&dyn Events, usize, &mut dyn fmt::Write) -> fmt::Result + Send + Sync>;
type Note = Box<dyn Fn(&dyn Events, usize) -> Option<String> + Send + Sync>;
type Body = Box<dyn Fn(&dyn Events, usize) -> Option<Vec<u8>> + Send + Sync>;

/// What passes between a terminal and a machine.
#[derive(Default)]
pub(super) struct Terminal {
    pub(super) typed: Option<Typing>,
    pub(super) wants_line: Option<Wants>,
    prints: Vec<((TypeId, &'static str), Print)>,
    note: Option<Note>,
    file: Option<Body>,
}

impl Terminal {
    /// Writes what is shown of events of a host.
    pub(super) fn write(
        &self,
        (scenario, host): (&Scenario, HostId),
        events: &dyn Events,
        range: Range<usize>,
        to: &mut dyn fmt::Write,
    ) {
        let spec = &scenario.spec().hosts[host.index()];
        let print = self.prints.iter().find(|((role, _), _)| *role == spec.role.0);
        for index in range {
            // Nobody who is written to here fails, and an event that cannot be shown is shown as far as it can.
            let _: fmt::Result = match print {
                Some((_, print)) => print(events, index, to),
                None => writeln!(to, "{}", spec.shown(events, index)),
            };
        }
    }

    /// What of an event is told beside what is shown.
    pub(super) fn note(&self, events: &dyn Events, index: usize) -> Option<String> {
        self.note.as_ref().and_then(|note| note(events, index))
    }

    /// What of an event goes to a file.
    pub(super) fn body(&self, events: &dyn Events, index: usize) -> Option<Vec<u8>> {
        self.file.as_ref().and_then(|file| file(events, index))
    }

    /// Whether a line is wanted after an event.
    pub(super) fn wants_line(&self, events: &dyn Events, index: usize) -> bool {
        self.wants_line.as_ref().is_some_and(|wants| wants(events, index))
    }

    /// Looks whether commands are for the machine that gets them.
    ///
    /// # Panics
    /// If they are not.
    pub(super) fn check(&self, scenario: &Scenario, host: HostId) {
        let spec = &scenario.spec().hosts[host.index()];
        if let Some(Typing { role: (id, name), .. }) = &self.typed {
            assert!(
                *id == spec.role.0,
                "{} is a {}, not a {name}, for which lines are typed",
                spec.name,
                spec.role.1
            );
        }
    }
}
