//! Small protocols that are there for their bugs.
//!
//! Each module has its machines, right ones and ones that are wrong in one thing, its net, and its bugs. `lossproof check
//! NAME --bug BUG` knows them as it knows the systems; `lossproof list` leaves them out.

pub mod beats;
pub mod blocks;
pub mod credit;
pub mod lease;
pub mod link;
pub mod storm;
pub mod transfer;
#[cfg(feature = "segments")]
pub mod upload;

use std::str::{self, FromStr};

use crate::scenario::Net;
use crate::systems::{About, Options};

/// What is to be known of a protocol, and what builds its net.
pub type Protocol = (About, fn(&Options) -> Net);

/// All of them.
pub const ALL: &[Protocol] = &[
    (transfer::ABOUT, transfer::net),
    (link::ABOUT, link::net),
    (blocks::ABOUT, blocks::net),
    (credit::ABOUT, credit::net),
    (lease::ABOUT, lease::net),
    (beats::ABOUT, beats::net),
    (storm::ABOUT, storm::net),
    #[cfg(feature = "segments")]
    (upload::ABOUT, upload::net),
];

/// The words of a message; none where it is no text.
fn words(bytes: &[u8]) -> impl Iterator<Item = &str> {
    str::from_utf8(bytes).unwrap_or_default().split(' ')
}

/// A word as a number, or whatever else it is.
fn parsed<T: FromStr>(word: Option<&str>) -> Option<T> {
    word.and_then(|word| word.parse().ok())
}

/// A word as a number in hexadecimal digits.
fn hex(word: Option<&str>) -> Option<u32> {
    word.and_then(|word| u32::from_str_radix(word, 16).ok())
}
