//! `completions` and `man`: the command line told to shells and to `man`.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use clap_complete::Shell;
use clap_mangen::Man;

use super::error::CliError;
use super::output::{self, Tint};
use super::program::Program;
use crate::machine::Status;

/// What the help of `completions` shows.
pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  lossproof completions bash > ~/.local/share/bash-completion/completions/lossproof
  lossproof completions zsh > ~/.zfunc/_lossproof     (with ~/.zfunc in $fpath)
  lossproof completions fish > ~/.config/fish/completions/lossproof.fish";

/// What the help of `man` shows.
pub(super) const MAN_EXAMPLES: &str = "\
Examples:
  lossproof man -o ~/.local/share/man/man1            (then: man lossproof-sim)
  lossproof man -o pages";

/// The words after `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// The words after `man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The directory to write them to; it is made if it is not there
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    output: PathBuf,
}

/// Writes what a shell needs to complete words, with the names of systems, bugs and profiles.
pub(super) fn completions(program: &Program, args: &CompletionsArgs) -> Result<Status, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program.command(), &program.name, &mut script);
    output::print_as(&String::from_utf8_lossy(&script), Tint::None)?;
    Ok(Status::Success)
}

/// Writes a page for the program and one for each command.
pub(super) fn man(program: &Program, args: &ManArgs) -> Result<Status, CliError> {
    let directory = &args.output;
    let unmade = |source| CliError::File { path: directory.display().to_string(), source };
    fs::create_dir_all(directory).map_err(unmade)?;
    let mut whole = program.command().disable_help_subcommand(true);
    whole.build();
    let name = &program.name;
    let source = whole.get_version().map_or_else(|| name.clone(), |version| format!("{name} {version}"));
    for command in std::iter::once(&whole).chain(whole.get_subcommands()) {
        let page = Man::new(command.clone())
            // There is none. Were it empty, it would be left out, and the next taken for it.
            .date(" ")
            .source(&source)
            .manual(format!("{name} manual"));
        let mut text = Vec::new();
        page.render(&mut text)?;
        let text = with_examples(&String::from_utf8_lossy(&text));
        output::write_file(&directory.join(page.get_filename()), &text)?;
    }
    Ok(Status::Success)
}

/// A page with its examples line by line, under a heading of their own. What follows the options is one text for its
/// writer, with the heading EXTRA.
fn with_examples(page: &str) -> String {
    let Some((before, extra)) = page.split_once(".SH EXTRA\nExamples:\n") else { return page.to_owned() };
    let (examples, rest) = extra.split_once("\n\n").unwrap_or((extra.trim_end(), ""));
    format!("{before}.SH EXAMPLES\n.nf\n{examples}\n.fi\n.PP\n{rest}")
}
