//! The terminal of `serve` and `call`: what a machine tells goes to standard output, what is typed goes to the machine.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::sync::mpsc;
use std::thread;

use crate::systems::{System, Typed};

/// The longest line that reaches a client whole; a longer one is taken as several.
const MAX_LINE_LEN: u64 = 64 * 1024;

/// Writes a text at once, for whoever waits for it.
pub(super) fn say(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
        && error.kind() == ErrorKind::BrokenPipe
    {
        // Nobody reads any more, and the driver has no other end than its machine's: leave quietly.
        std::process::exit(0);
    }
}

/// Writes what a terminal shows of an event.
pub(super) fn show<S: System>(event: &S::Event) {
    let mut text = String::new();
    // Writing to a string does not fail, and an event that cannot be shown is shown as far as it can.
    let _: fmt::Result = S::print(event, &mut text);
    if !text.is_empty() {
        say(&text);
    }
}

/// Standard input, read line by line, each line only when it is wanted: what is typed ahead waits in the pipe.
pub(super) struct Typist {
    wanted: mpsc::Sender<()>,
}

impl Typist {
    /// Begins to read for the client of a system, with the way on which its commands will come.
    pub(super) fn start<S: System<Command: Send>>() -> (Self, tokio::sync::mpsc::Receiver<S::Command>) {
        let (wanted, asked) = mpsc::channel();
        let (commands, typed) = tokio::sync::mpsc::channel(1);
        // A thread that waits for a terminal cannot be stopped; it goes with the process.
        thread::spawn(move || {
            let mut input = io::stdin().lock();
            for () in asked {
                let typed = next(&mut input);
                let is_end = typed == Typed::End;
                let taken = S::typed(typed).is_none_or(|command| commands.blocking_send(command).is_ok());
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
