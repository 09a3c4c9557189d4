//! The commands of a run: those that a scenario has, and those that it generates from the seed.

use std::fmt;
use std::ops::Range;

use super::{Host, Role, Spec};
use crate::actor::AnyCommand;
use crate::host::HostId;
use crate::time::Instant;

/// A command, with when it is given and to which host.
pub(crate) struct Timed {
    pub(crate) at: Instant,
    pub(crate) host: HostId,
    pub(crate) command: Box<dyn AnyCommand>,
}

/// Commands to hosts, each of the type that its host takes.
#[derive(Default)]
pub struct Commands {
    pub(super) list: Vec<Timed>,
    /// The net to whose hosts they are given.
    pub(super) net: u32,
}

impl Commands {
    /// Gives a command to a host's machine at a time.
    ///
    /// # Panics
    /// If the host is of another net.
    pub fn give<R: Role<Command: AnyCommand>>(&mut self, at: Instant, host: Host<R>, command: R::Command) {
        assert!(host.net == self.net, "a command is for a host of another net");
        self.list.push(Timed { at, host: host.id, command: Box::new(command) });
    }
}

impl fmt::Debug for Commands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.list.iter().map(|timed| (timed.at, timed.host, &timed.command));
        f.debug_list().entries(all).finish()
    }
}

/// How a scenario makes the commands of a seed. Equal seeds give equal commands.
pub(super) type Generator = Box<dyn Fn(u64, &mut Commands) + Send + Sync>;

/// A plan whose list of commands does not fit the scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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

impl Spec {
    /// The commands that are generated from a seed; they are numbered after the scenario's own.
    pub(crate) fn generate(&self, seed: u64) -> Vec<Timed> {
        let mut commands = Commands { list: Vec::new(), net: self.net };
        if let Some(make) = &self.generator {
            make(seed, &mut commands);
        }
        commands.list
    }
}

#[cfg(feature = "proptest")]
mod strategies {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    use crate::actor::AnyCommand;
    use crate::scenario::{Host, Net, Role};
    use crate::time::Instant;

    impl Net {
        /// Generates further commands to a host for each run by a proptest strategy (feature `proptest`), which draws
        /// them from the run's seed. All else is as with [`Net::generate`], which it stands in place of: commands are
        /// removed, not simplified as the strategy would do, because a plan identifies commands by their numbers only.
        ///
        /// The values belong to this version of proptest: with another one, a seed may give other commands.
        ///
        /// A run panics in which the strategy rejects too much to give a value.
        pub fn generate_from<R, S>(&self, host: Host<R>, strategy: S)
        where
            R: Role<Command: AnyCommand>,
            S: Strategy<Value = Vec<(Instant, R::Command)>> + Send + Sync + 'static,
        {
            self.generate(move |seed, commands| {
                for (at, command) in sample(&strategy, seed) {
                    commands.give(at, host, command);
                }
            });
        }
    }

    /// The value that a strategy makes of a seed, by a generator whose stream is fixed.
    fn sample<S: Strategy>(strategy: &S, seed: u64) -> S::Value {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config = Config { failure_persistence: None, ..Config::default() };
        let tree = strategy.new_tree(&mut TestRunner::new_with_rng(config, rng));
        tree.unwrap_or_else(|reason| panic!("the strategy gives no commands: {reason}")).current()
    }
}
