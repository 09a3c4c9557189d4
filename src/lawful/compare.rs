//! Whether two machines have put out the same, and where they differ.

use std::fmt::{self, Write as _};
use std::iter::Peekable;
use std::time::Duration;

use super::{Decode, Moments};
use crate::actor::{Events, Shown};
use crate::machine::{Conn, Effect, Effects, Peer};
use crate::time::Instant;

/// Which effects are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heed {
    pub(super) events: bool,
    /// Where a pause falls may depend on the cuts; that it comes to the same bytes is what counts.
    pub(super) pauses: bool,
    pub(super) moments: Moments,
}

impl Heed {
    const fn wants(self, effect: &Effect<'_, u32>) -> bool {
        match effect {
            Effect::Event(_) => self.events,
            Effect::Pause { .. } | Effect::Resume { .. } => self.pauses,
            _ => true,
        }
    }

    /// Whether two datagrams are the same but for their moments.
    fn same_payload(self, left: &[u8], right: &[u8]) -> bool {
        match self.moments {
            Moments::Blanked(blank) if left != right => {
                let (mut left, mut right) = (left.to_vec(), right.to_vec());
                blank(&mut left);
                blank(&mut right);
                left == right
            }
            _ => left == right,
        }
    }
}

/// What one machine has put out: its effects from a step on, and all its events.
#[derive(Clone, Copy)]
pub(super) struct Output<'a> {
    pub(super) effects: &'a Effects,
    pub(super) mark: usize,
    pub(super) events: &'a dyn Events,
}

impl<'a> Output<'a> {
    fn wanted(self, heed: Heed) -> impl Iterator<Item = Effect<'a, u32>> {
        self.effects.from(self.mark).filter(move |effect| heed.wants(effect))
    }

    /// Whether another output is the same, however its writes are cut.
    pub(super) fn same(self, other: Self, heed: Heed) -> bool {
        let (mut left, mut right) = (self.wanted(heed).peekable(), other.wanted(heed).peekable());
        loop {
            match (left.next(), right.next()) {
                (None, None) => return true,
                (Some(Effect::Write { conn: a, bytes: x }), Some(Effect::Write { conn: b, bytes: y }))
                    if a == b =>
                {
                    if !same_writes(a, x, &mut left, y, &mut right) {
                        return false;
                    }
                }
                (Some(Effect::Event(a)), Some(Effect::Event(b))) => {
                    if !self.events.same(a as usize, other.events, b as usize) {
                        return false;
                    }
                }
                (
                    Some(Effect::Send { local: a, peer: to, bytes: x }),
                    Some(Effect::Send { local: b, peer, bytes: y }),
                ) => {
                    if (a, to) != (b, peer) || !heed.same_payload(x, y) {
                        return false;
                    }
                }
                (x, y) if x == y => {}
                _ => return false,
            }
        }
    }
}

/// Whether two runs of neighbouring writes to one stream, which begin with `x` and `y`, have the same bytes.
fn same_writes<'a>(
    conn: Conn,
    mut x: &'a [u8],
    left: &mut Peekable<impl Iterator<Item = Effect<'a, u32>>>,
    mut y: &'a [u8],
    right: &mut Peekable<impl Iterator<Item = Effect<'a, u32>>>,
) -> bool {
    let more = |effect: &Effect<'_, u32>| matches!(effect, Effect::Write { conn: of, .. } if *of == conn);
    loop {
        let len = x.len().min(y.len());
        if x[..len] != y[..len] {
            return false;
        }
        (x, y) = (&x[len..], &y[len..]);
        if x.is_empty() {
            match left.next_if(more) {
                Some(Effect::Write { bytes, .. }) => x = bytes,
                _ => return y.is_empty() && right.next_if(more).is_none(),
            }
        }
        if y.is_empty() {
            match right.next_if(more) {
                Some(Effect::Write { bytes, .. }) => y = bytes,
                _ => return x.is_empty() && left.next_if(more).is_none(),
            }
        }
    }
}

/// Effects in a form that can be kept: neighbouring writes to one stream joined.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Trace(Vec<Piece>);

/// One thing that was put out.
#[derive(Debug, PartialEq)]
enum Piece {
    Send { from: Peer, to: Peer, bytes: Vec<u8> },
    Write { conn: Conn, bytes: Vec<u8> },
    Event(String),
    Other(String),
}

impl Trace {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn extend(&mut self, output: Output<'_>, heed: Heed) {
        for effect in output.wanted(heed) {
            match (effect, self.0.last_mut()) {
                (Effect::Write { conn, bytes }, Some(Piece::Write { conn: of, bytes: joined }))
                    if *of == conn =>
                {
                    joined.extend_from_slice(bytes);
                }
                (Effect::Write { conn, bytes }, _) => {
                    self.0.push(Piece::Write { conn, bytes: bytes.to_vec() });
                }
                (Effect::Send { local, peer, bytes }, _) => {
                    let mut bytes = bytes.to_vec();
                    if let Moments::Blanked(blank) = heed.moments {
                        blank(&mut bytes);
                    }
                    self.0.push(Piece::Send { from: local, to: peer, bytes });
                }
                (Effect::Event(index), _) => {
                    self.0.push(Piece::Event(format!("{:?}", Shown(output.events, index))));
                }
                (other, _) => self.0.push(Piece::Other(format!("{other:?}"))),
            }
        }
    }

    /// The first place at which another trace is not the same, told from here: what this one did, and what its twin.
    pub(super) fn difference(&self, twin: &Self, decode: Option<Decode>) -> Option<String> {
        let most = self.0.len().max(twin.0.len());
        let index = (0..most).find(|&index| self.0.get(index) != twin.0.get(index))?;
        let (ours, its) = (self.0.get(index), twin.0.get(index));
        let at = match (ours, its) {
            (Some(Piece::Send { bytes: x, .. }), Some(Piece::Send { bytes: y, .. }))
            | (Some(Piece::Write { bytes: x, .. }), Some(Piece::Write { bytes: y, .. }))
                if x != y =>
            {
                Some(first_difference(x, y))
            }
            _ => None,
        };
        let told = |piece: Option<&Piece>| Told { piece, at, decode }.to_string();
        let mut text = format!("the machine {}, its twin {}", told(ours), told(its));
        if let Some(at) = at {
            // Writing to a string does not fail.
            let _ = write!(text, "; they differ from byte {at} on");
        }
        Some(text)
    }
}

/// How many bytes are equal at the beginning of both.
fn first_difference(x: &[u8], y: &[u8]) -> usize {
    x.iter().zip(y).take_while(|(a, b)| a == b).count()
}

/// A piece in words. Of long bytes only those around `at` are shown.
struct Told<'a> {
    piece: Option<&'a Piece>,
    at: Option<usize>,
    decode: Option<Decode>,
}

/// How many bytes are shown before the first that differs, and how many from it on.
const AROUND: (usize, usize) = (8, 24);
/// How much of an event is shown.
const MAX_EVENT_CHARS: usize = 120;

impl Told<'_> {
    fn bytes(&self, bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.decode.and_then(|decode| decode(bytes)) {
            return f.write_str(&text);
        }
        let at = self.at.unwrap_or(0);
        let begin = at.saturating_sub(AROUND.0);
        let end = bytes.len().min(at + AROUND.1);
        let (before, after) = (if begin > 0 { "…" } else { "" }, if end < bytes.len() { "…" } else { "" });
        let shown = bytes.get(begin..end).unwrap_or_default().escape_ascii();
        write!(f, "{before}\"{shown}\"{after} ({} bytes)", bytes.len())
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.piece {
            None => f.write_str("did nothing more"),
            Some(Piece::Send { from, to, bytes }) => {
                f.write_str("sent ")?;
                self.bytes(bytes, f)?;
                write!(f, " from {from} to {to}")
            }
            Some(Piece::Write { conn, bytes }) => {
                f.write_str("wrote ")?;
                self.bytes(bytes, f)?;
                write!(f, " to connection {conn}")
            }
            Some(Piece::Event(text)) => match text.char_indices().nth(MAX_EVENT_CHARS) {
                Some((end, _)) => write!(f, "told {}…", &text[..end]),
                None => write!(f, "told {text}"),
            },
            Some(Piece::Other(text)) => write!(f, "put out {text}"),
        }
    }
}

/// A deadline as the machine sees it that runs without a shift.
pub(super) fn moment(deadline: Option<Instant>, shift: Duration) -> String {
    match deadline {
        Some(at) => {
            Instant::from_nanos((at.since_start().saturating_sub(shift)).as_nanos() as u64).to_string()
        }
        None => "none".to_owned(),
    }
}
