//! Cutting a stream into TLS records.
//!
//! What rustls is given at once it decrypts at once, and what comes of it depends on that. A record at a time gives the
//! same however the stream was cut on its way (law 4): the records are what the peer has made.

/// The header: a type, a version, and the length of what follows (RFC 8446 section 5.1).
const HEADER_LEN: usize = 5;
/// The most that follows it: 2^14 bytes, and what the ciphers of TLS 1.2 may add (RFC 5246 section 6.2.3).
const MAX_PAYLOAD_LEN: usize = (1 << 14) + 2048;
/// The types of records, from change cipher spec to heartbeat (RFC 8446 appendix B.1).
const TYPES: std::ops::RangeInclusive<u8> = 20..=24;

/// What has come and is not read yet: a part of a record, or more while the machine inside wants nothing.
#[derive(Debug, Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    /// Where the first record begins that is not read yet.
    at: usize,
}

impl Records {
    /// Adds what has come.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next record, once it is whole; of what is none, as much as shows that.
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let rest = &self.bytes[self.at..];
        let &[kind, _, _, high, low] = rest.first_chunk::<HEADER_LEN>()?;
        let payload_len = usize::from(u16::from_be_bytes([high, low]));
        let is_record = TYPES.contains(&kind) && payload_len <= MAX_PAYLOAD_LEN;
        let len = HEADER_LEN + if is_record { payload_len } else { 0 };
        let record = rest.get(..len)?;
        self.at += len;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, payload_len: usize) -> Vec<u8> {
        let mut bytes = vec![kind, 3, 3];
        bytes.extend((payload_len as u16).to_be_bytes());
        bytes.resize(HEADER_LEN + payload_len, kind);
        bytes
    }

    #[test]
    fn records_come_whole_however_the_stream_is_cut() {
        let all = [record(22, 3), record(23, 0), record(21, 2)];
        let stream = all.concat();
        for slice_len in 1..=stream.len() {
            let (mut records, mut got) = (Records::default(), Vec::new());
            for slice in stream.chunks(slice_len) {
                records.push(slice);
                while let Some(record) = records.next() {
                    got.push(record.to_vec());
                }
            }
            assert_eq!(got, all, "slices of {slice_len}");
        }
    }

    #[test]
    fn the_longest_record_is_waited_for_and_one_byte_more_is_shown_at_once() {
        let mut records = Records::default();
        records.push(&record(23, MAX_PAYLOAD_LEN)[..HEADER_LEN + MAX_PAYLOAD_LEN - 1]);
        assert_eq!(records.next(), None);
        records.push(&[23]);
        assert_eq!(records.next().map(<[u8]>::len), Some(HEADER_LEN + MAX_PAYLOAD_LEN));

        for header in [[23, 3, 3, 0x48, 1], *b"GET /", *b"HTTP/", [25, 3, 3, 0, 9], [19, 3, 3, 0, 9]] {
            let mut records = Records::default();
            records.push(&header[..4]);
            assert_eq!(records.next(), None);
            records.push(&header[4..]);
            assert_eq!(records.next(), Some(&header[..]));
        }
    }
}
