//! What holds of the wire formats, whatever the bytes.

use std::str::from_utf8;

use lossproof::wire::exact::{EarlyEnd, Exact};
use lossproof::wire::frame::{self, FrameError, FrameReader, HEADER_LEN};
use lossproof::wire::lines::Lines;
use lossproof::wire::request_id::{self, PREFIX_LEN, RequestId};
use lossproof::wire::utf8::{Utf8, incomplete_len};

use super::cut::cut;

/// Messages of two lengths in turn (the first two bytes of the input) are what stands in the stream, however it is cut;
/// nothing is taken beyond a message, and an early end says how many bytes came.
pub fn exact(input: &[u8]) {
    let Some(([first, second], rest)) = input.split_first_chunk() else { return };
    // Two messages without bytes would have no end.
    let lens = [usize::from(*first), usize::from(*second).max(1)];
    let cut = cut(rest);
    let mut expected = cut.stream;
    let mut turn = lens.into_iter().cycle();
    let mut want_len = lens[1];
    let mut exact = Exact::new(want_len);
    for mut slice in cut.slices {
        loop {
            while let Some(message) = exact.message() {
                let (whole, rest) = expected.split_at(want_len);
                assert_eq!(message, whole);
                expected = rest;
                want_len = turn.next().unwrap_or(1);
                exact.restart(want_len);
            }
            if slice.is_empty() {
                break;
            }
            let missing_len = exact.missing_len();
            let taken_len = exact.push(slice);
            assert_eq!(taken_len, missing_len.min(slice.len()), "it takes what is missing, and no more");
            slice = &slice[taken_len..];
        }
    }
    assert_eq!(exact.finish(), Err(EarlyEnd { want_len, got_len: expected.len() }));
    assert_eq!(exact.missing_len(), want_len - expected.len());
}

/// A frame reader gives the payloads that a plain look at the whole stream gives, consumes each frame to its last byte
/// and no further, and ends as that look does; encoding the payloads gives the stream back. The first byte of the input
/// is the longest payload.
pub fn frame(input: &[u8]) {
    let Some((max_len, rest)) = input.split_first() else { return };
    let max_len = usize::from(*max_len);
    let cut = cut(rest);
    let (expected, expected_end) = plain_frames(cut.stream, max_len);

    let mut reader = FrameReader::new(max_len);
    let (mut payloads, mut consumed_len) = (Vec::new(), 0);
    let mut end = Ok(());
    'stream: for slice in &cut.slices {
        let mut rest = *slice;
        loop {
            match reader.read(&mut rest) {
                Ok(Some(payload)) => {
                    payloads.push(payload.to_vec());
                    let frames_len: usize = payloads.iter().map(|payload| HEADER_LEN + payload.len()).sum();
                    assert_eq!(
                        consumed_len + slice.len() - rest.len(),
                        frames_len,
                        "a frame, and no further"
                    );
                }
                Ok(None) => {
                    assert!(rest.is_empty(), "the slice is used up");
                    break;
                }
                Err(error) => {
                    let left_len = rest.len();
                    assert_eq!(reader.read(&mut rest), Err(error), "it fails alike from here on");
                    assert_eq!(rest.len(), left_len, "and consumes nothing");
                    end = Err(error);
                    break 'stream;
                }
            }
        }
        consumed_len += slice.len();
    }
    assert_eq!(payloads, expected);
    assert_eq!(end.and_then(|()| reader.finish()), expected_end);

    let mut encoded = Vec::new();
    for payload in &payloads {
        frame::encode(payload, max_len, &mut encoded).expect("what was read is short enough");
    }
    assert!(cut.stream.starts_with(&encoded), "encoded again it is what came");
}

/// The payloads of a stream that lies there whole, and how it ends.
fn plain_frames(stream: &[u8], max_len: usize) -> (Vec<Vec<u8>>, Result<(), FrameError>) {
    let mut payloads = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        let got_len = stream.len() - at;
        if got_len < 4 {
            return (payloads, Err(FrameError::EarlyEnd(EarlyEnd { want_len: 4, got_len })));
        }
        let len = stream[at..at + 4].iter().fold(0, |len, byte| len * 256 + usize::from(*byte));
        if len > max_len {
            return (payloads, Err(FrameError::TooLong { payload_len: len, max_len }));
        }
        if got_len < 4 + len {
            return (payloads, Err(FrameError::EarlyEnd(EarlyEnd { want_len: 4 + len, got_len })));
        }
        payloads.push(stream[at + 4..at + 4 + len].to_vec());
        at += 4 + len;
    }
    (payloads, Ok(()))
}

/// No byte is lost and none is added; a line ends at its newline, or where the next character would not fit; the cuts of
/// the stream change nothing; and in a text no character is cut, also where the tail is taken early (after the slices
/// that the input marks). The first byte of the input gives the longest line.
pub fn lines(input: &[u8]) {
    let Some((max_len, rest)) = input.split_first() else { return };
    let max_len = 4 + usize::from(max_len & 0x3f);
    let cut = cut(rest);
    let is_text = from_utf8(cut.stream).is_ok();

    let mut lines = Lines::new(max_len);
    let mut messages = Vec::new();
    for mut slice in cut.slices.iter().copied() {
        messages.extend(std::iter::from_fn(|| lines.next(&mut slice)));
        assert!(slice.is_empty(), "the slice is used up");
    }
    messages.extend(lines.finish());
    assert_eq!(messages.concat(), cut.stream);
    for (index, message) in messages.iter().enumerate() {
        assert!((1..=max_len).contains(&message.len()));
        assert!(!is_text || from_utf8(message).is_ok(), "a character is cut");
        let newline = message.iter().position(|byte| *byte == b'\n');
        assert!(newline.is_none_or(|at| at + 1 == message.len()), "a line goes on after its newline");
        if newline.is_none() && index + 1 < messages.len() {
            let longest_gap = if is_text { char_len(messages[index + 1][0]) } else { 4 };
            assert!(message.len() + longest_gap > max_len, "a line ends early");
        }
    }
    let mut whole = Lines::new(max_len);
    let mut rest = cut.stream;
    let mut at_once: Vec<_> = std::iter::from_fn(|| whole.next(&mut rest)).collect();
    at_once.extend(whole.finish());
    assert_eq!(messages, at_once, "the cuts change something");

    tails(max_len, &cut.slices, &cut.marked, is_text);
}

/// The same stream, with the tail taken after each slice that is marked.
fn tails(max_len: usize, slices: &[&[u8]], marked: &[bool], is_text: bool) {
    let mut lines = Lines::new(max_len);
    let mut messages = Vec::new();
    for (slice, marked) in slices.iter().zip(marked) {
        let mut slice = *slice;
        messages.extend(std::iter::from_fn(|| lines.next(&mut slice)));
        if *marked {
            let has_tail = lines.has_tail();
            let tail = lines.take_tail();
            assert_eq!(tail.is_some(), has_tail);
            assert!(!lines.has_tail(), "a tail is taken whole");
            messages.extend(tail);
        }
    }
    messages.extend(lines.finish());
    assert_eq!(messages.concat(), slices.concat());
    assert!(messages.iter().all(|message| (1..=max_len).contains(&message.len())));
    assert!(!is_text || messages.iter().all(|message| from_utf8(message).is_ok()), "a character is cut");
}

/// How many bytes the character has that begins with this one.
fn char_len(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    }
}

/// The text of the slices is that of the whole, and after each slice all of it is there but for the character that is
/// begun.
pub fn utf8(input: &[u8]) {
    let cut = cut(input);
    let mut utf8 = Utf8::new();
    let (mut text, mut came_len) = (String::new(), 0);
    for slice in &cut.slices {
        text += &utf8.push(slice);
        came_len += slice.len();
        let came = &cut.stream[..came_len];
        let waiting_len = incomplete_len(came);
        assert!(waiting_len < 4);
        assert_eq!(text, String::from_utf8_lossy(&came[..came_len - waiting_len]));
    }
    text += utf8.finish();
    assert_eq!(text, String::from_utf8_lossy(cut.stream));
    assert_eq!(utf8, Utf8::new());
}

/// A message has an id exactly if it begins with eight lower-case hex digits and a blank; then encoding gives it back.
/// And whatever is encoded is decoded.
pub fn request_id(input: &[u8]) {
    let begins_with_id = input.len() >= PREFIX_LEN
        && input[..8].iter().all(|byte| b"0123456789abcdef".contains(byte))
        && input[8] == b' ';
    match request_id::decode(input) {
        Ok((id, text)) => {
            assert!(begins_with_id);
            assert_eq!((id.to_string().as_bytes(), text), (&input[..8], &input[PREFIX_LEN..]));
            let mut encoded = Vec::new();
            request_id::encode(id, text, &mut encoded);
            assert_eq!(encoded, input);
        }
        Err(error) => assert!(!begins_with_id, "{error}"),
    }
    if let Some((id, text)) = input.split_first_chunk() {
        let id = RequestId(u32::from_be_bytes(*id));
        let mut encoded = Vec::new();
        request_id::encode(id, text, &mut encoded);
        assert_eq!(request_id::decode(&encoded), Ok((id, text)));
    }
}
