//! What members and clients say to each other, and what a member keeps on its disk: a checksum and words.
//!
//! ```text
//! 5c1f0a93 ask 4 3 17
//! └ CRC-32 of what follows the blank, in 8 hex digits
//! ```
//!
//! A vote that was changed on its way would elect the wrong one, and UDP's checksum of 16 bits may be left out over IPv4. So
//! each message has a checksum of its own. A number is written in decimal and in one way only: what can be
//! read is printed as it was.

use std::fmt::{self, Write as _};
use std::str::SplitAsciiWhitespace;

use crate::machine::Peer;

/// The longest message: the checksum, the longest word, and six of the longest numbers or an address.
pub const MAX_MESSAGE_LEN: usize = 8 + " overtaken".len() + 6 * " 18446744073709551615".len();

/// Terms are below this. A member counts one further at a time and never comes to it, unless somebody lies.
pub const MAX_TERM: u64 = 1 << 63;

/// The order of what was written: by the term of the leader that wrote it, then by its count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The leader's term.
    pub term: u64,
    /// How many writes that leader had done before.
    pub number: u64,
}

/// The replicated register, as one member has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Register {
    /// Which of two members has the later one.
    pub version: Version,
    /// The request that wrote the value; 0 if none did yet.
    pub writer: u64,
    /// What it holds.
    pub value: u64,
}

/// What a member may not forget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Durable {
    /// The latest term that it knows of.
    pub term: u64,
    /// Whom it has given its vote in that term: the place among the members by address, from 0.
    pub voted: Option<u64>,
    /// What it has of the register.
    pub register: Register,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A candidate asks a member for its vote.
    Ask {
        /// In this term.
        term: u64,
        /// What the candidate has of the register.
        version: Version,
    },
    /// A member gives a candidate its vote in a term.
    Vote {
        /// The term.
        term: u64,
    },
    /// A member tells that it knows of a later term.
    Later {
        /// That term.
        term: u64,
    },
    /// A leader tells that it is there, and what the register is.
    Beat {
        /// Its term.
        term: u64,
        /// The how-manieth of its beats this is.
        round: u64,
        /// The register.
        register: Register,
    },
    /// A member has heard a beat, and keeps the register that came with it, or a later one.
    Heard {
        /// The term of both.
        term: u64,
        /// Which beat.
        round: u64,
        /// What it has of the register.
        version: Version,
    },
    /// A client asks what the register holds.
    Get {
        /// Which request this is, of all clients.
        id: u64,
    },
    /// A client asks for a write.
    Set {
        /// Which request this is, of all clients; never 0.
        id: u64,
        /// The request whose write it follows. It is done only if none came in between, and so never twice.
        after: u64,
        /// What the register is to hold.
        value: u64,
    },
    /// What the register holds.
    Value {
        /// The request.
        id: u64,
        /// The request that wrote it.
        writer: u64,
        /// The value.
        value: u64,
    },
    /// The write was done.
    Done {
        /// The request.
        id: u64,
    },
    /// The register was written since. Whether this request's own write was among those nobody knows any more.
    Overtaken {
        /// The request.
        id: u64,
    },
    /// This member does not lead.
    Elsewhere {
        /// The request.
        id: u64,
        /// Who leads, as far as it knows.
        leader: Option<Peer>,
    },
}

/// Bytes that are no message, or no state of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// They are not ASCII, or too short for a checksum, or too long.
    #[error("it is no line of words with a checksum")]
    Shape,
    /// They were changed on their way.
    #[error("its checksum does not fit")]
    Checksum,
    /// A word is not one that stands there.
    #[error("it has a word that is not known, or too many or too few")]
    Words,
}

/// Words with their checksum before them, as they are sent or saved.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<T>(pub T);

impl<T: fmt::Display> fmt::Display for Sealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sum = Crc32::default();
        write!(sum, "{}", self.0)?;
        write!(f, "{:08x} {}", sum.value(), self.0)
    }
}

/// The words of bytes whose checksum fits.
fn words(bytes: &[u8]) -> Result<Words<'_>, MessageError> {
    let text =
        std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii() && text.len() <= MAX_MESSAGE_LEN);
    let (sum, words) = text.and_then(|text| text.split_once(' ')).ok_or(MessageError::Shape)?;
    let is_sum = sum.len() == 8 && sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let sum = u32::from_str_radix(sum, 16).ok().filter(|_| is_sum).ok_or(MessageError::Shape)?;
    if sum != Crc32::of(words) {
        return Err(MessageError::Checksum);
    }
    let is_spaced = words.split(' ').all(|word| !word.is_empty());
    let is_plain = words.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_spaced && is_plain { Ok(Words(words.split_ascii_whitespace())) } else { Err(MessageError::Words) }
}

/// The words that are left of a message.
struct Words<'a>(SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a str, MessageError> {
        self.0.next().ok_or(MessageError::Words)
    }

    fn number(&mut self) -> Result<u64, MessageError> {
        number(self.word()?)
    }

    fn term(&mut self) -> Result<u64, MessageError> {
        self.number().ok().filter(|term| *term < MAX_TERM).ok_or(MessageError::Words)
    }

    fn version(&mut self) -> Result<Version, MessageError> {
        Ok(Version { term: self.term()?, number: self.number()? })
    }

    fn register(&mut self) -> Result<Register, MessageError> {
        Ok(Register { version: self.version()?, writer: self.number()?, value: self.number()? })
    }

    /// Nothing or what the word says.
    fn option<T>(
        &mut self,
        read: impl Fn(&str) -> Result<T, MessageError>,
    ) -> Result<Option<T>, MessageError> {
        match self.word()? {
            NOBODY => Ok(None),
            word => read(word).map(Some),
        }
    }
}

/// What stands where nobody is named.
const NOBODY: &str = "nobody";

/// A number that is written in the one way in which it is printed.
fn number(word: &str) -> Result<u64, MessageError> {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| is_plain).ok_or(MessageError::Words)
}

/// An internet address that is written as it is printed.
fn address(word: &str) -> Result<Peer, MessageError> {
    let peer = word.parse().ok().filter(|peer: &Peer| peer.inet().is_some() && peer.to_string() == word);
    peer.ok_or(MessageError::Words)
}

impl Message {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        Sealed(self).to_string().into_bytes()
    }

    /// Reads a datagram.
    ///
    /// # Errors
    /// [`MessageError`] if it is not exactly what [`Message::encode`] makes of some message.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut words = words(bytes)?;
        let message = match words.word()? {
            "ask" => Self::Ask { term: words.term()?, version: words.version()? },
            "vote" => Self::Vote { term: words.term()? },
            "later" => Self::Later { term: words.term()? },
            "beat" => Self::Beat { term: words.term()?, round: words.number()?, register: words.register()? },
            "heard" => Self::Heard { term: words.term()?, round: words.number()?, version: words.version()? },
            "get" => Self::Get { id: words.number()? },
            "set" => Self::Set { id: words.number()?, after: words.number()?, value: words.number()? },
            "value" => Self::Value { id: words.number()?, writer: words.number()?, value: words.number()? },
            "done" => Self::Done { id: words.number()? },
            "overtaken" => Self::Overtaken { id: words.number()? },
            "elsewhere" => Self::Elsewhere { id: words.number()?, leader: words.option(address)? },
            _ => return Err(MessageError::Words),
        };
        if words.word().is_ok() { Err(MessageError::Words) } else { Ok(message) }
    }
}

/// How it reads in a transcript: all but the checksum.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask { term, version } => write!(f, "ask {term} {version}"),
            Self::Vote { term } => write!(f, "vote {term}"),
            Self::Later { term } => write!(f, "later {term}"),
            Self::Beat { term, round, register } => write!(f, "beat {term} {round} {register}"),
            Self::Heard { term, round, version } => write!(f, "heard {term} {round} {version}"),
            Self::Get { id } => write!(f, "get {id}"),
            Self::Set { id, after, value } => write!(f, "set {id} {after} {value}"),
            Self::Value { id, writer, value } => write!(f, "value {id} {writer} {value}"),
            Self::Done { id } => write!(f, "done {id}"),
            Self::Overtaken { id } => write!(f, "overtaken {id}"),
            Self::Elsewhere { id, leader: Some(leader) } => write!(f, "elsewhere {id} {leader}"),
            Self::Elsewhere { id, leader: None } => write!(f, "elsewhere {id} {NOBODY}"),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.term, self.number)
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.version, self.writer, self.value)
    }
}

impl fmt::Display for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { term, voted, register } = self;
        match voted {
            Some(voted) => write!(f, "{term} {voted} {register}"),
            None => write!(f, "{term} {NOBODY} {register}"),
        }
    }
}

impl Durable {
    /// Its bytes on a disk.
    pub fn encode(&self) -> Vec<u8> {
        Sealed(self).to_string().into_bytes()
    }

    /// Reads what a member has saved; nothing saved is the state of one that was never there.
    ///
    /// # Errors
    /// [`MessageError`] if it is not exactly what [`Durable::encode`] makes of some state.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut words = words(bytes)?;
        let durable = Self { term: words.term()?, voted: words.option(number)?, register: words.register()? };
        if words.word().is_ok() { Err(MessageError::Words) } else { Ok(durable) }
    }
}

/// CRC-32 as Ethernet and zip have it (ISO 3309, reflected polynomial `0xEDB88320`), of what is written to it. It finds
/// every change of up to 32 bits in a row.
struct Crc32(u32);

impl Crc32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let (mut rest, mut bit) = (index as u32, 0);
            while bit < 8 {
                rest = if rest & 1 == 1 { rest >> 1 ^ 0xEDB8_8320 } else { rest >> 1 };
                bit += 1;
            }
            table[index] = rest;
            index += 1;
        }
        table
    };

    fn of(text: &str) -> u32 {
        let mut sum = Self::default();
        sum.add(text);
        sum.value()
    }

    fn add(&mut self, text: &str) {
        let step = |sum: u32, byte: u8| sum >> 8 ^ Self::TABLE[usize::from(sum as u8 ^ byte)];
        self.0 = text.bytes().fold(self.0, step);
    }

    const fn value(&self) -> u32 {
        !self.0
    }
}

impl Default for Crc32 {
    fn default() -> Self {
        Self(!0)
    }
}

impl fmt::Write for Crc32 {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.add(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
