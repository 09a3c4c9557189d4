//! How an input says where a stream is cut.

/// How many bytes at the front of an input say where the rest is cut.
const CUTS_LEN: usize = 4;

/// A stream, and the slices in which it arrives.
pub(crate) struct Cut<'a> {
    pub(crate) stream: &'a [u8],
    pub(crate) slices: Vec<&'a [u8]>,
    /// For each slice, whether the digit of its length was a letter: a target may do something more after it.
    pub(crate) marked: Vec<bool>,
}

/// Takes an input apart: the low halves of its first four bytes are the lengths of the slices, again and again. So in a
/// text `2000` cuts after two bytes and lets empty slices arrive between, and `0000` cuts nowhere.
pub(crate) fn cut(input: &[u8]) -> Cut<'_> {
    let (lens, stream) = input.split_at(input.len().min(CUTS_LEN));
    let mut cut = Cut { stream, slices: Vec::new(), marked: Vec::new() };
    let mut rest = stream;
    let cuts_nowhere = lens.iter().all(|len| slice_len(*len) == 0);
    for digit in lens.iter().cycle() {
        let len = if cuts_nowhere { rest.len() } else { slice_len(*digit) };
        let (slice, after) = rest.split_at(len.min(rest.len()));
        cut.slices.push(slice);
        cut.marked.push(digit & 0x40 != 0);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    cut
}

fn slice_len(digit: u8) -> usize {
    usize::from(digit & 0x0f)
}
