//! What somebody does to a system, as a text that any bytes are.

use std::time::Duration;

use lossproof::systems::udp_remote::seal::Key;
use lossproof::systems::{Kind, Options, Typed};

/// How many steps a script has at most.
const MAX_STEPS: usize = 48;
/// How many bytes all `long`s of a script come to at most.
const MAX_LONG_LEN: usize = 128 * 1024;
/// How long one wait is at most.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// One thing that a puppet does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Calls the server; in its place, waits for the next call. It goes on when that stands, or has failed.
    Open,
    /// Turns to the next of its connections.
    Next,
    /// Sends bytes: as a datagram, or on the connection.
    Say(Vec<u8>),
    Shutdown,
    Close,
    Reset,
    Pause,
    Resume,
    Wait(Duration),
}

/// A script: its first line says who plays it, and chooses options; each further line is a step. What a step is its first
/// letter says, and a line that begins with none of these does nothing, so any bytes are a script:
///
/// | line | what is done |
/// |---|---|
/// | `open` | call, or wait for a call |
/// | `next` | turn to the next connection |
/// | `say TEXT` | send this, in which `\n` is a newline and `\\` a backslash |
/// | `long N` | send what was said last again and again without its newlines, N bytes in all |
/// | `end` | say that no more is sent |
/// | `close`, `reset`, `pause`, `go` | what the words say |
/// | `wait N` | wait so many milliseconds |
/// | `type N TEXT` | at the time to which the waits have come, this is typed at client N |
/// | `quit N` | the same, but the client's input ends |
#[derive(Debug)]
pub(super) struct Script {
    /// Whether the puppet stands in the place of the server, or else calls it.
    pub(super) is_impostor: bool,
    pub(super) options: Options,
    pub(super) steps: Vec<Step>,
    /// After how long, at which of the clients, and what.
    pub(super) typed: Vec<(Duration, usize, Typed)>,
}

impl Script {
    pub(super) fn read(input: &[u8]) -> Self {
        let mut lines = input.split(|byte| *byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let mut script = Self {
            is_impostor: first.starts_with(b"i"),
            options: options(first),
            steps: Vec::new(),
            typed: Vec::new(),
        };
        let (mut clock, mut said, mut long_len) = (Duration::ZERO, b"x".to_vec(), 0);
        for line in lines.take(MAX_STEPS) {
            let blank = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
            let rest = line.get(blank + 1..).unwrap_or_default();
            match line.first() {
                Some(b'o') => script.steps.push(Step::Open),
                Some(b'n') => script.steps.push(Step::Next),
                Some(b's') => {
                    let text = unescape(rest);
                    // Without newlines a long text is a few long lines, and not so many that judging them takes seconds.
                    let line: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'\n').collect();
                    if !line.is_empty() {
                        said = line;
                    }
                    script.steps.push(Step::Say(text));
                }
                Some(b'l') => {
                    let len =
                        usize::try_from(number(rest)).unwrap_or(usize::MAX).min(MAX_LONG_LEN - long_len);
                    long_len += len;
                    script.steps.push(Step::Say(said.iter().copied().cycle().take(len).collect()));
                }
                Some(b'e') => script.steps.push(Step::Shutdown),
                Some(b'c') => script.steps.push(Step::Close),
                Some(b'r') => script.steps.push(Step::Reset),
                Some(b'p') => script.steps.push(Step::Pause),
                Some(b'g') => script.steps.push(Step::Resume),
                Some(b'w') => {
                    // Not zero: a deadline is later than now.
                    let wait = Duration::from_millis(number(rest)).clamp(Duration::from_millis(1), MAX_WAIT);
                    clock += wait;
                    script.steps.push(Step::Wait(wait));
                }
                Some(b't') => {
                    let text = rest.get(2..).unwrap_or_default().to_vec();
                    script.typed.push((
                        clock,
                        number(&rest[..rest.len().min(1)]) as usize,
                        Typed::Line(text),
                    ));
                }
                Some(b'q') => script.typed.push((clock, number(rest) as usize, Typed::End)),
                _ => {}
            }
        }
        script
    }
}

/// The words of the first line that choose something; other words do nothing.
fn options(line: &[u8]) -> Options {
    // Few bytes, so that a run is short, and a server that drops something only if it is told to.
    let mut options = Options { bytes: 4096, ..Options::default() };
    for word in line.split(|byte| *byte == b' ') {
        match word {
            b"ids" => options.ids = true,
            b"key" => options.key = Key::new("the key of a script").ok(),
            b"datagram" => options.datagram = true,
            b"sync" => options.kind = Kind::Sync,
            b"hold" => options.hold = Duration::from_secs(1),
            b"not-to-sender" => options.not_to_sender = true,
            b"many" => options.bytes = 256 * 1024,
            // What the command line takes as a path.
            [b'/', ..] if word.iter().all(u8::is_ascii_graphic) => {
                options.path = String::from_utf8_lossy(word).into_owned();
            }
            _ => {}
        }
    }
    options
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        plain.extend(match byte {
            b'\\' => bytes.next().map(|byte| match byte {
                b'n' => b'\n',
                b'r' => b'\r',
                b'0' => 0,
                other => other,
            }),
            other => Some(other),
        });
    }
    plain
}

/// The digits at the front, as a number.
fn number(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}
