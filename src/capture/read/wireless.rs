//! Frames of Wi-Fi (IEEE 802.11), and the headers that radios put before them.

use super::links::le32;

/// What a frame is: data, and neither a beacon nor control.
const DATA: u16 = 0b10;
/// Bits of the frame control field.
const TO_AND_FROM: u16 = 0x0300;
const PROTECTED: u16 = 0x4000;
const ORDER: u16 = 0x8000;
/// Bits of a data frame's subtype: it has no data, or a field for quality of service.
const NO_DATA: u16 = 0x0040;
const QOS: u16 = 0x0080;
/// The bit of that field which says that several packets follow, each with a header of its own.
const SEVERAL: u8 = 0x80;

/// What a frame carries, from its LLC header on: of several packets in one frame the first. Encrypted frames are not
/// looked into.
pub(super) fn frame(data: &[u8], is_padded: bool) -> Option<&[u8]> {
    let control = le16(data, 0)?;
    if (control >> 2) & 0b11 != DATA || control & (NO_DATA | PROTECTED) != 0 {
        return None;
    }
    let mut len = 24;
    if control & TO_AND_FROM == TO_AND_FROM {
        len += 6;
    }
    let mut has_several = false;
    if control & QOS != 0 {
        has_several = data.get(len)? & SEVERAL != 0;
        len += 2;
        if control & ORDER != 0 {
            len += 4;
        }
    }
    if is_padded {
        len = len.next_multiple_of(4);
    }
    // The header of each: two addresses and a length.
    data.get(if has_several { len + 14 } else { len }..)
}

/// Radiotap: its fields are told by bits, and stand in the order of those. The first two say whether the frame's header
/// is padded.
pub(super) fn after_radiotap(data: &[u8]) -> Option<&[u8]> {
    /// Bits of the first word: whether there are a time of eight bytes, flags, and another word.
    const TIME: u32 = 1;
    const FLAGS: u32 = 1 << 1;
    const MORE: u32 = 1 << 31;
    /// The flag that says so.
    const PADDED: u8 = 0x20;
    let first = le32(data, 4)?;
    let words = (4..).step_by(4).map_while(|at| le32(data, at));
    let count = 1 + words.take_while(|word| word & MORE != 0).count();
    let fields_at = 4 + 4 * count;
    let flags_at = if first & TIME == 0 { fields_at } else { fields_at.next_multiple_of(8) + 8 };
    let is_padded = first & FLAGS != 0 && data.get(flags_at)? & PADDED != 0;
    frame(data.get(usize::from(le16(data, 2)?)..)?, is_padded)
}

/// Prism's header says its length in the byte order of the machine; AVS's in that of the network, with a number of its
/// own before, which captures of the former's kind may have as well.
pub(super) fn after_prism(data: &[u8]) -> Option<&[u8]> {
    if data.starts_with(&AVS) {
        return after_avs(data);
    }
    let len = [le32(data, 4)?, le32(data, 4)?.swap_bytes()].into_iter().min()?;
    frame(data.get(len as usize..)?, false)
}

/// How a header of AVS begins.
const AVS: [u8; 3] = [0x80, 0x21, 0x10];

pub(super) fn after_avs(data: &[u8]) -> Option<&[u8]> {
    frame(data.get(le32(data, 4)?.swap_bytes() as usize..)?, false)
}

/// The number of the link that follows a header of PPI's, and how long that is.
pub(super) fn after_ppi(data: &[u8]) -> Option<(i32, usize)> {
    Some((le32(data, 4)?.cast_signed(), usize::from(le16(data, 2)?)))
}

fn le16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(data.get(at..at + 2)?.try_into().ok()?))
}
