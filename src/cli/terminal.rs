//! The terminal of `serve` and `call`: what a machine tells goes to standard output, what is typed goes to the machine.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::app::Typing;
use super::outflow::Outflow;
use crate::actor::AnyCommand;
use crate::escaped::Plain;
use crate::systems::Typed;

/// The longest line that reaches a client whole; a longer one is taken as several.
const MAX_LINE_LEN: u64 = 64 * 1024;

/// How long a text may become before it is written, though nobody has time for it.
const MAX_HELD_LEN: usize = 64 * 1024;

/// How long a prompt, or what leads to a note, may take to be seen before the client goes on.
const PROMPT_WAIT: Duration = Duration::from_millis(100);

/// A terminal's text on its way to standard output. Whoever drops it has it let out, also by a panic.
#[derive(Debug)]
pub(super) struct Screen {
    held: String,
    to: Outflow,
}

impl Screen {
    pub(super) const fn new(to: Outflow) -> Self {
        Self { held: String::new(), to }
    }

    /// Says what is written into the text that it lends. What a terminal would obey is escaped there: it may come from
    /// anybody.
    pub(super) fn say(&mut self, write: impl FnOnce(&mut dyn fmt::Write)) {
        // To make lines that nobody reads would keep others waiting for nothing.
        if self.held.is_empty() && self.to.skips() {
            return;
        }
        write(&mut Plain(&mut self.held));
        if self.held.len() >= MAX_HELD_LEN {
            self.flush();
        }
    }

    /// Lets all out that was said.
    pub(super) fn flush(&mut self) {
        self.to.put(self.held.as_bytes());
        self.held.clear();
        // What one long text has needed is not kept for ever.
        self.held.shrink_to(2 * MAX_HELD_LEN);
    }

    /// The same, and waits until it is there, if that does not take long.
    pub(super) fn show(&mut self) {
        self.flush();
        self.to.settle(PROMPT_WAIT);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Standard input, read line by line, each line only when it is wanted: what is typed ahead waits in the pipe.
pub(super) struct Typist {
    wanted: mpsc::Sender<()>,
}

impl Typist {
    /// Begins to read for a client, with the way on which its commands will come. A client that does not say when it
    /// wants a line is `eager`: it gets each as soon as the one before is taken.
    pub(super) fn start(typing: &Typing, eager: bool) -> (Self, Receiver<Box<dyn AnyCommand>>) {
        let (wanted, asked) = mpsc::channel();
        let (commands, typed) = tokio::sync::mpsc::channel(1);
        let line = Arc::clone(&typing.line);
        // A thread that waits for a terminal cannot be stopped; it goes with the process.
        thread::spawn(move || {
            let mut input = io::stdin().lock();
            while eager || asked.recv().is_ok() {
                let typed = next(&mut input);
                let is_end = typed == Typed::End;
                let taken = line(typed).is_none_or(|command| commands.blocking_send(command).is_ok());
                if is_end || !taken {
                    break;
                }
            }
        });
        (Self { wanted }, typed)
    }

    /// Lets the next line through.
    pub(super) fn want(&self) {
        // After the end of the input nobody reads any more.
        let _ = self.wanted.send(());
    }
}

/// The next line. An input that fails has come to its end.
fn next(input: &mut impl BufRead) -> Typed {
    let mut line = Vec::new();
    match input.take(MAX_LINE_LEN).read_until(b'\n', &mut line) {
        Ok(0) | Err(_) => return Typed::End,
        Ok(_) => {}
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Typed::Line(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_they_end_and_nothing_is_lost() {
        let mut input: &[u8] = b"one\n\r\ntwo\r\n\xff\rx";
        let lines: Vec<Typed> = std::iter::from_fn(|| match next(&mut input) {
            Typed::End => None,
            line @ Typed::Line(_) => Some(line),
        })
        .collect();
        let expected: [&[u8]; 4] = [b"one", b"", b"two", b"\xff\rx"];
        assert_eq!(lines, expected.map(|line| Typed::Line(line.to_vec())));
        assert_eq!(next(&mut input), Typed::End);
    }

    #[test]
    fn a_line_beyond_the_bound_is_several() {
        let max_len = MAX_LINE_LEN as usize;
        let mut input = vec![b'x'; max_len + 1];
        input.push(b'\n');
        let mut input = input.as_slice();
        assert_eq!(next(&mut input), Typed::Line(vec![b'x'; max_len]));
        assert_eq!(next(&mut input), Typed::Line(b"x".to_vec()));
        assert_eq!(next(&mut input), Typed::End);
    }
}
