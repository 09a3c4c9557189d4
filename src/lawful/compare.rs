//! Whether two machines have put out the same, and where they differ.

use std::fmt::{self, Write as _};
use std::iter::Peekable;
use std::time::Duration;

use super::{Decode, Moments};
use crate::actor::{Events, Shown};
use crate::machine::{Conn, Ecn, Effect, Effects, Peer};
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
        let same_event = |ours: u32, its: u32| self.events.same(ours as usize, other.events, its as usize);
        if self.mark == 0 && self.effects.is_copy_of(other.effects, same_event) {
            return true;
        }
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
                    Some(Effect::Send { local: a, peer: to, bytes: x, ecn: field }),
                    Some(Effect::Send { local: b, peer, bytes: y, ecn }),
                ) => {
                    if (a, to, field) != (b, peer, ecn) || !heed.same_payload(x, y) {
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
    Send { from: Peer, to: Peer, bytes: Vec<u8>, ecn: Ecn },
    Write { conn: Conn, bytes: Vec<u8> },
    Save { bytes: Vec<u8> },
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
                (Effect::Send { local, peer, bytes, ecn }, _) => {
                    let mut bytes = bytes.to_vec();
                    if let Moments::Blanked(blank) = heed.moments {
                        blank(&mut bytes);
                    }
                    self.0.push(Piece::Send { from: local, to: peer, bytes, ecn });
                }
                (Effect::Save { bytes }, _) => self.0.push(Piece::Save { bytes: bytes.to_vec() }),
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
        let decoded = |piece: Option<&Piece>| decode.and_then(|decode| decode(piece?.bytes()?));
        let texts = match (decoded(ours), decoded(its)) {
            // What a decoder leaves out is shown as bytes.
            (x, y) if x == y => [None, None],
            (x, y) => [x, y],
        };
        let told = |piece, text| Told { piece, text, at: differs_at(ours, its), is_short: false };
        let [our_text, its_text] = texts;
        let (ours, mut its) = (told(ours, our_text), told(its, its_text));
        its.is_short = ours.way() == its.way();
        let mut text = format!("the machine {ours}, its twin {its}");
        if let Some(At::Byte(at)) = ours.at {
            // Writing to a string does not fail.
            let _ = write!(text, "; they differ from byte {at} on");
        }
        Some(text)
    }
}

impl Piece {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Send { bytes, .. } | Self::Write { bytes, .. } | Self::Save { bytes } => Some(bytes),
            Self::Event(_) | Self::Other(_) => None,
        }
    }
}

/// Where two pieces of one kind differ.
#[derive(Clone, Copy, Debug)]
enum At {
    Byte(usize),
    Char(usize),
}

fn differs_at(ours: Option<&Piece>, its: Option<&Piece>) -> Option<At> {
    let equal = |(x, y): &(u8, u8)| x == y;
    match (ours?, its?) {
        (Piece::Event(x), Piece::Event(y)) | (Piece::Other(x), Piece::Other(y)) => {
            Some(At::Char(x.chars().zip(y.chars()).take_while(|(x, y)| x == y).count()))
        }
        (ours, its) => {
            let (x, y) = (ours.bytes()?, its.bytes()?);
            (x != y).then(|| At::Byte(x.iter().copied().zip(y.iter().copied()).take_while(equal).count()))
        }
    }
}

/// A piece in words. Of what is long only that around the first difference is shown.
struct Told<'a> {
    piece: Option<&'a Piece>,
    /// The message, decoded.
    text: Option<String>,
    at: Option<At>,
    /// Where it went was said before.
    is_short: bool,
}

/// How many bytes are shown before the first that differs, and how many from it on.
const AROUND: (usize, usize) = (4, 16);
/// How many characters of a text are shown at most, and how many of them before the first that differs.
const MAX_CHARS: (usize, usize) = (100, 20);

impl Told<'_> {
    /// Where the message went, if it is one.
    fn way(&self) -> Option<String> {
        match self.piece? {
            Piece::Send { from, to, ecn: Ecn::NotEct, .. } => Some(format!(" from {from} to {to}")),
            Piece::Send { from, to, ecn, .. } => Some(format!(" from {from} to {to} as {ecn}")),
            Piece::Write { conn, .. } => Some(format!(" to connection {conn}")),
            _ => None,
        }
    }

    fn message(&self, verb: &str, bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{verb} ")?;
        if let Some(text) = &self.text {
            self.excerpt(text, f)?;
        } else {
            let at = if let Some(At::Byte(at)) = self.at { at } else { 0 };
            let begin = at.saturating_sub(AROUND.0).min(bytes.len());
            let end = bytes.len().min(at + AROUND.1);
            let (before, after) =
                (if begin > 0 { "…" } else { "" }, if end < bytes.len() { "…" } else { "" });
            let shown = bytes[begin..end].escape_ascii();
            write!(f, "{before}\"{shown}\"{after} ({} bytes)", bytes.len())?;
        }
        if self.is_short { Ok(()) } else { f.write_str(&self.way().unwrap_or_default()) }
    }

    /// A text, or the part of it around what differs.
    fn excerpt(&self, text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (most, before) = MAX_CHARS;
        let len = text.chars().count();
        let begin = match self.at {
            _ if len <= most => 0,
            Some(At::Char(at)) => at.saturating_sub(before).min(len - most),
            _ => 0,
        };
        let shown: String = text.chars().skip(begin).take(most).collect();
        let marks = [begin > 0, begin + most < len].map(|is_cut| if is_cut { "…" } else { "" });
        write!(f, "{}{shown}{}", marks[0], marks[1])
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.piece {
            None => f.write_str("did nothing more"),
            Some(Piece::Send { bytes, .. }) => self.message("sent", bytes, f),
            Some(Piece::Write { bytes, .. }) => self.message("wrote", bytes, f),
            Some(Piece::Save { bytes }) => self.message("saved", bytes, f),
            Some(Piece::Event(text)) => {
                f.write_str("reported ")?;
                self.excerpt(text, f)
            }
            Some(Piece::Other(text)) => {
                f.write_str("emitted ")?;
                self.excerpt(text, f)
            }
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
