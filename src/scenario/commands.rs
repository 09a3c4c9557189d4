//! The commands of a run: those that a scenario has, and those that it generates from the seed.

use std::borrow::Cow;
use std::fmt::{self, Debug};
use std::ops::Range;

#[cfg(feature = "proptest")]
use proptest::strategy::{Strategy, ValueTree};
#[cfg(feature = "proptest")]
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::Scenario;
use crate::fault::FaultPlan;
use crate::host::HostId;
use crate::time::Instant;

/// A command, with when it is given and to which host.
pub type TimedCommand<C> = (Instant, HostId, C);
/// How a scenario makes the commands of a seed. Equal seeds give equal commands.
pub(super) type Generator<C> = Box<dyn Fn(u64) -> Vec<TimedCommand<C>> + Send + Sync>;
/// How a transcript shows a command.
pub type ShowCommand<C> = fn(&C, &mut fmt::Formatter<'_>) -> fmt::Result;

/// A plan whose list of commands does not fit the scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCommand {
    /// The scenario generates none.
    #[error("the plan lists commands, but this scenario generates none: leave 'commands' out")]
    NoneGenerated,
    /// The scenario generates others.
    #[error("the plan gives command {number}, but with seed {seed} the scenario generates {}", numbers(.generated))]
    NotGenerated {
        /// The number in the plan.
        number: u32,
        /// The seed of the plan.
        seed: u64,
        /// The numbers that there are.
        generated: Range<u32>,
    },
}

fn numbers(range: &Range<u32>) -> String {
    match range.len() {
        0 => "none".to_owned(),
        1 => format!("{} alone", range.start),
        _ => format!("{} to {}", range.start, range.end - 1),
    }
}

impl<C: Clone + 'static, E: PartialEq + Debug + 'static> Scenario<C, E> {
    /// Gives a command to a host's machine at a time, in every run.
    pub fn command(&mut self, at: Instant, host: HostId, command: C) {
        self.commands.push((at, host, command));
    }

    /// Generates further commands for each run, as a function of its seed and of nothing else: the same seed has to give
    /// the same commands, or no failure can be seen again.
    ///
    /// A search draws a seed for each run, so each run gets other commands. They are numbered after the scenario's own,
    /// and a failure is shrunk to those without which it does not come: its plan says `commands 1,4`
    /// ([`FaultPlan::commands`]). Any of them may so be left out, and a property may not take for granted that one was
    /// given: let the machine tell of it by an event.
    ///
    /// ```
    /// use lossproof::{Binding, Input, Instant, Machine, Outbox, Scenario};
    ///
    /// /// Adds up what it is told.
    /// struct Sum(u64);
    /// impl Machine for Sum {
    ///     type Command = u64;
    ///     type Event = u64;
    ///     fn handle(&mut self, input: Input<'_, u64>, _: Instant, out: &mut Outbox<u64>) {
    ///         if let Input::Command(number) = input {
    ///             self.0 += number;
    ///             out.event(self.0);
    ///         }
    ///     }
    ///     fn deadline(&self) -> Option<Instant> {
    ///         None
    ///     }
    /// }
    ///
    /// let mut scenario = Scenario::new("sums");
    /// let host = scenario.host("sum", Binding::Dialer, |_| Box::new(Sum(0)));
    /// scenario.generate(move |seed| {
    ///     (0..seed % 4).map(|n| (Instant::from_millis(10 * n), host, n)).collect()
    /// });
    /// ```
    pub fn generate(&mut self, make: impl Fn(u64) -> Vec<TimedCommand<C>> + Send + Sync + 'static)
    where
        C: Debug,
    {
        self.generator = Some(Box::new(make));
        self.show_commands();
    }

    /// Generates further commands for each run by a proptest strategy (feature `proptest`), which draws them from the run's seed. All else is
    /// as with [`Scenario::generate`]: commands are made fewer by taking some out, not as the strategy would shrink them,
    /// for a plan has to tell in one line of text which are left, and commands have no text.
    ///
    /// A run panics in which the strategy rejects too much to give a value.
    #[cfg(feature = "proptest")]
    pub fn generate_from<S>(&mut self, strategy: S)
    where
        C: Debug,
        S: Strategy<Value = Vec<TimedCommand<C>>> + Send + Sync + 'static,
    {
        self.generate(move |seed| sample(&strategy, seed));
    }

    /// Shows commands in transcripts as `Debug` has them, and not by their numbers alone.
    pub fn show_commands(&mut self)
    where
        C: Debug,
    {
        self.show_command = Some(|command, f| write!(f, "{command:?}"));
    }

    /// All commands of a run with this seed: the scenario's own, then those that are generated.
    pub(crate) fn commands_of(&self, seed: u64) -> Cow<'_, [TimedCommand<C>]> {
        let Some(make) = &self.generator else { return Cow::Borrowed(&self.commands) };
        let mut all = self.commands.clone();
        all.extend(make(seed));
        let stranger = all.iter().find(|(_, host, _)| host.index() >= self.hosts.len());
        assert!(stranger.is_none(), "a command is for a host of another scenario");
        Cow::Owned(all)
    }

    /// The numbers of the commands that are generated from a seed.
    pub(crate) fn generated(&self, seed: u64) -> Range<u32> {
        self.commands.len() as u32..self.commands_of(seed).len() as u32
    }

    /// Looks whether every command that a plan lists is one that is generated. With a plan that leaves the seed to
    /// whoever runs it that cannot be told, and nothing is refused.
    ///
    /// # Errors
    /// [`UnknownCommand`] if one is not.
    pub fn check_commands(&self, plan: &FaultPlan) -> Result<(), UnknownCommand> {
        let Some(given) = &plan.commands else { return Ok(()) };
        if !self.generates() {
            return Err(UnknownCommand::NoneGenerated);
        }
        let Some(seed) = plan.seed else { return Ok(()) };
        let generated = self.generated(seed);
        match given.iter().find(|number| !generated.contains(number)) {
            Some(&number) => Err(UnknownCommand::NotGenerated { number, seed, generated }),
            None => Ok(()),
        }
    }
}

impl<C, E> Scenario<C, E> {
    /// The commands that every run has, as they were added.
    pub fn commands(&self) -> &[TimedCommand<C>] {
        &self.commands
    }

    /// Whether further commands are generated.
    pub fn generates(&self) -> bool {
        self.generator.is_some()
    }

    /// A command as a transcript shows it; `None` if by its number alone.
    pub(crate) fn command_text(&self, command: &C) -> Option<String> {
        struct Shown<'a, C>(&'a C, ShowCommand<C>);
        impl<C> fmt::Display for Shown<'_, C> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (self.1)(self.0, f)
            }
        }
        self.show_command.map(|show| Shown(command, show).to_string())
    }
}

#[cfg(feature = "proptest")]
/// The value that a strategy makes of a seed, by a generator whose stream is fixed.
fn sample<S: Strategy>(strategy: &S, seed: u64) -> S::Value {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { failure_persistence: None, ..Config::default() };
    let tree = strategy.new_tree(&mut TestRunner::new_with_rng(config, rng));
    tree.unwrap_or_else(|reason| panic!("the strategy gives no commands: {reason}")).current()
}
