//! What a transcript shows of encrypted packets.

/// The packets of a datagram by their types (RFC 9000 section 17), with its length; none of one that is empty.
pub(crate) fn packets(datagram: &[u8]) -> Option<String> {
    if datagram.is_empty() {
        return None;
    }
    let mut names = Vec::new();
    let mut rest = Some(datagram);
    while let Some(bytes) = rest.filter(|bytes| !bytes.is_empty()) {
        let (name, next) = packet(bytes);
        names.push(name);
        rest = next;
    }
    Some(format!("{}, {} bytes", names.join(" + "), datagram.len()))
}

/// A packet's type, and what comes after it in its datagram, if its header says that.
fn packet(bytes: &[u8]) -> (&'static str, Option<&[u8]>) {
    if bytes[0] & 0x80 == 0 {
        return ("1-RTT", None);
    }
    let name = ["Initial", "0-RTT", "Handshake", "Retry"][usize::from(bytes[0] >> 4 & 3)];
    let after = || {
        let rest = after_short(after_short(bytes.get(5..)?)?)?;
        let rest = if name == "Initial" { after_long(rest)? } else { rest };
        after_long(rest)
    };
    (name, after())
}

/// What comes after a field whose length is in one byte.
fn after_short(bytes: &[u8]) -> Option<&[u8]> {
    let (len, rest) = bytes.split_first()?;
    rest.get(usize::from(*len)..)
}

/// What comes after a field whose length is a variable-length integer (RFC 9000 section 16).
fn after_long(bytes: &[u8]) -> Option<&[u8]> {
    let len_len = 1 << (bytes.first()? >> 6);
    let (len, rest) = bytes.split_at_checked(len_len)?;
    let len = len.iter().skip(1).fold(usize::from(len[0] & 0x3f), |len, byte| len << 8 | usize::from(*byte));
    rest.get(len..)
}
