//! The program: its name, its systems, and its words.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args as _, Command, Error, FromArgMatches as _, Subcommand as _};

use super::app::App;
use super::args::{EXAMPLES, Globals, Manual, Run, Tool};
use super::choices::{self, SystemArgs};
use super::error::CliError;
use super::{systems, value};

/// How like two names must be (Jaro and Winkler's measure) for one to be offered for the other.
const LIKENESS: f64 = 0.8;
/// The program's own name, which texts have.
pub(super) const OWN_NAME: &str = "lossproof";
/// The system that examples are of, unless it is not there.
const EXAMPLE: &str = "udp-remote";

/// A command line of some systems.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) apps: Vec<App>,
    /// It is the one that ships with this crate.
    is_own: bool,
}

/// What the words ask for.
pub(super) enum Asked {
    Run(Box<Run>),
    Tool(Tool),
    Manual(Manual),
}

impl Program {
    /// The one that ships with this crate: it has its systems, the protocols of its specimens, and tools.
    pub(super) fn own() -> Self {
        let apps = systems::systems().into_iter().chain(systems::protocols()).collect();
        Self { name: OWN_NAME.to_owned(), apps, is_own: true }
    }

    /// A stranger's.
    ///
    /// # Panics
    /// If there is no system, or two have one name.
    pub(super) fn of(name: String, apps: Vec<App>) -> Self {
        assert!(!apps.is_empty(), "a command line needs a system");
        let names: BTreeSet<&str> = apps.iter().map(|app| app.name).collect();
        assert!(names.len() == apps.len(), "two systems of a command line have one name");
        Self { name, apps, is_own: false }
    }

    /// The names of all systems.
    fn names(&self) -> Vec<&'static str> {
        self.apps.iter().map(|app| app.name).collect()
    }

    /// The names of all bugs, each once.
    fn bugs(&self) -> Vec<&'static str> {
        let bugs = self.apps.iter().flat_map(App::bugs).map(|bug| bug.name);
        bugs.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether one of the systems takes this option.
    pub(super) fn takes(&self, option: &str) -> bool {
        self.apps.iter().any(|app| app.takes(option))
    }

    /// The system of this name.
    pub(super) fn find(&self, name: &str) -> Result<&App, CliError> {
        self.apps.iter().find(|app| app.name == name).ok_or_else(|| CliError::UnknownSystem {
            name: name.to_owned(),
            near: nearest(name, self.apps.iter().map(|app| app.name)),
        })
    }

    /// Reads words, the first of which is the program's name.
    pub(super) fn parse(&self, words: impl IntoIterator<Item = OsString>) -> Result<(u8, Asked), Error> {
        let matches = self.command().try_get_matches_from(words)?;
        let verbose = Globals::from_arg_matches(&matches)?.verbose;
        let name = matches.subcommand_name().unwrap_or_default();
        let asked = if Run::has_subcommand(name) {
            let mut run = run(&matches)?;
            if let Run::Call(args) = &mut run
                && self.find(&args.system).is_ok_and(|app| app.takes("place"))
            {
                let no_place = |why| Error::raw(ErrorKind::ValueValidation, format!("PLACE: {why}"));
                args.options.place_alone(&mut args.addr).map_err(no_place)?;
            }
            Asked::Run(Box::new(run))
        } else if Tool::has_subcommand(name) {
            Asked::Tool(Tool::from_arg_matches(&matches)?)
        } else {
            Asked::Manual(Manual::from_arg_matches(&matches)?)
        };
        Ok((verbose, asked))
    }

    /// All words.
    pub(super) fn command(&self) -> Command {
        let command = Command::new(self.name.clone())
            .max_term_width(100)
            .disable_help_flag(true)
            .subcommand_required(true)
            .after_help(EXAMPLES);
        let command = if self.is_own {
            command
                .version(env!("CARGO_PKG_VERSION"))
                .about("Simulate and test network protocols under faults, with built-in examples")
        } else {
            command.about("Simulate and test network protocols under faults")
        };
        let mut command = Run::augment_subcommands(Globals::augment_args(command));
        if self.is_own {
            command = Tool::augment_subcommands(command);
        }
        let command = Manual::augment_subcommands(command);
        let command = self.adapted(command);
        // In place: an argument that is changed by its name goes to the end.
        command.mut_subcommands(|command| {
            let relays = super::relayed::COMMANDS.contains(&command.get_name());
            self.adapted(choices::add(command, self)).mut_args(|arg| match arg.get_id().as_str() {
                "system" => arg.value_parser(value::text(self.names())).hide_possible_values(true),
                "bug" => arg.value_parser(value::text(self.bugs())).hide_possible_values(true),
                "faults" if relays => arg.help(super::relayed::FAULTS),
                _ => arg,
            })
        })
    }

    /// A command with its texts about this program.
    fn adapted(&self, command: Command) -> Command {
        if self.is_own {
            return command;
        }
        let text = |text: Option<&StyledStr>| text.map(|text| self.text(&text.to_string()));
        let (about, long) = (text(command.get_about()), text(command.get_long_about()));
        let after = text(command.get_after_help());
        let command = command.mut_args(|arg| match text(arg.get_help()) {
            Some(help) => arg.help(help),
            None => arg,
        });
        let command = match about {
            Some(about) => command.about(about),
            None => command,
        };
        let command = match long {
            Some(long) => command.long_about(long),
            None => command,
        };
        match after {
            Some(after) => command.after_help(after),
            None => command,
        }
    }

    /// A text about this program: examples that are of systems or options which it does not have are left out, and those
    /// of the usual example are of its first system.
    fn text(&self, text: &str) -> String {
        let first = &self.apps[0];
        let text: String =
            text.split_inclusive('\n').filter(|line| !line.starts_with("  ") || self.can_do(line)).collect();
        let example = if self.names().contains(&EXAMPLE) { EXAMPLE } else { first.name };
        let has_names = self.apps.iter().any(|app| app.known.is_some_and(|known| known.takes_names));
        // What is said of single options and systems stands where these are.
        let asides = [
            (has_names, "; for http and geocode also HOST or HOST:PORT"),
            (self.takes("bug"), " --bug plants the bug alone."),
            (self.is_own, " (select-echo, greet, http, suffix-echo, geocode)"),
        ];
        let missing = asides.into_iter().filter(|(is_there, _)| !is_there);
        let text = missing.fold(text, |text, (_, aside)| text.replace(aside, ""));
        text.replace(EXAMPLE, example)
            .replace("client>server", &format!("{}>{}", first.client, first.server))
            .replace("server>client", &format!("{}>{}", first.server, first.client))
            .replace(OWN_NAME, &self.name)
    }

    /// Whether an example makes sense here.
    fn can_do(&self, example: &str) -> bool {
        let mut others = systems::systems().into_iter().map(|app| app.name).filter(|name| *name != EXAMPLE);
        let mut options = example.split_whitespace().filter_map(|word| word.strip_prefix("--"));
        let names = self.names();
        others.all(|name| names.contains(&name) || !example.contains(name))
            && options.all(|option| !choices::is_single(option) || self.takes(option))
    }
}

/// What is asked of a system.
fn run(matches: &ArgMatches) -> Result<Run, Error> {
    let mut run = Run::from_arg_matches(matches)?;
    let options = match &mut run {
        Run::List(args) => &mut args.options,
        Run::Sim(args) => &mut args.options,
        Run::Check(args) => &mut args.options,
        Run::Sweep(args) => &mut args.options,
        Run::Import(args) => &mut args.options,
        Run::Serve(args) => &mut args.real.options,
        Run::Call(args) => &mut args.options,
        Run::Merge(_) => return Ok(run),
    };
    if let Some((_, given)) = matches.subcommand() {
        *options = SystemArgs::read(given);
    }
    Ok(run)
}

/// The known name that may have been meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}
