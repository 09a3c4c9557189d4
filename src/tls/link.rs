//! One end of one TLS connection: plain bytes on one side, records on the other.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, Error, ServerConfig, ServerConnection};

use super::record::Records;
use super::seeded::Randomness;
use crate::machine::{Conn, Effects};
use crate::parts::backlog::Backlog;

/// rustls, with what it has not read and what the stream has not taken.
pub(super) struct Link {
    tls: Connection,
    randomness: Randomness,
    records: Records,
    /// What waits for room in the stream's send buffer. It needs no bound of its own. The machine inside has room for
    /// [`SEND_BUFFER_LEN`](crate::machine::limits::SEND_BUFFER_LEN) bytes that have not left, and each of its writes is a
    /// record with up to 29 bytes more. What rustls answers to a peer beside a handshake is one message at most.
    unsent: Backlog,
    /// What is on its way from rustls to the stream; empty between two calls.
    wire: Vec<u8>,
    /// This end has said that it says no more.
    has_ended: bool,
    /// A record of TLS has come.
    pub(super) is_tls: bool,
}

/// What a record has brought.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) plain: Vec<u8>,
    /// The peer has said that it will send no more.
    pub(super) has_ended: bool,
}

impl Link {
    pub(super) fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        mut randomness: Randomness,
    ) -> Result<Self, Error> {
        let tls = randomness.lend(|| ClientConnection::new(config, name))?;
        Ok(Self::new(tls.into(), randomness))
    }

    pub(super) fn server(config: Arc<ServerConfig>, mut randomness: Randomness) -> Result<Self, Error> {
        let tls = randomness.lend(|| ServerConnection::new(config))?;
        Ok(Self::new(tls.into(), randomness))
    }

    fn new(mut tls: Connection, randomness: Randomness) -> Self {
        // What waits has its bound here.
        tls.set_buffer_limit(None);
        Self {
            tls,
            randomness,
            records: Records::default(),
            unsent: Backlog::new(usize::MAX),
            wire: Vec::new(),
            has_ended: false,
            is_tls: false,
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Keeps what has come until it is read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.records.push(bytes);
    }

    /// Reads one record, if one is whole.
    pub(super) fn read(&mut self) -> Option<Result<Heard, Error>> {
        let mut record = self.records.next()?;
        let mut heard = Heard::default();
        while !record.is_empty() {
            let taken = self.tls.read_tls(&mut record);
            let state = match self.randomness.lend(|| self.tls.process_new_packets()) {
                Ok(state) => state,
                Err(error) => return Some(Err(error)),
            };
            self.is_tls = true;
            let before_len = heard.plain.len();
            heard.plain.resize(before_len + state.plaintext_bytes_to_read(), 0);
            heard.has_ended |= state.peer_has_closed();
            let read = self.tls.reader().read_exact(&mut heard.plain[before_len..]);
            // It has as many bytes as it says, and takes what it has asked for.
            if read.is_err() || !taken.is_ok_and(|len| len > 0) {
                break;
            }
        }
        Some(Ok(heard))
    }

    /// Encrypts what is to be said, and writes it as far as there is room.
    pub(super) fn write(&mut self, plain: &[u8], conn: Conn, out: &mut Effects) {
        // Its buffer has no bound, so it takes all.
        let _written = self.randomness.lend(|| self.tls.writer().write_all(plain));
        self.send(conn, out);
    }

    /// Says that nothing more will be said.
    pub(super) fn end(&mut self, conn: Conn, out: &mut Effects) {
        self.randomness.lend(|| self.tls.send_close_notify());
        self.send(conn, out);
        self.has_ended = true;
    }

    /// Writes what rustls wants to be sent, behind what waits; nothing after the end, where a stream may be shut.
    pub(super) fn send(&mut self, conn: Conn, out: &mut Effects) {
        // A vector takes all.
        while self.tls.wants_write() && self.tls.write_tls(&mut self.wire).is_ok() {}
        if !self.wire.is_empty() && !self.has_ended {
            // It takes all that the stream does not.
            let _unbounded = self.unsent.write(conn, &self.wire, out);
        }
        self.wire.clear();
    }

    /// Writes what waits, as far as there is room.
    pub(super) fn flush(&mut self, conn: Conn, out: &mut Effects) {
        if !self.unsent.is_empty() {
            self.unsent.flush(conn, out);
        }
    }

    /// Whether the stream has taken everything.
    pub(super) fn is_flushed(&self) -> bool {
        self.unsent.is_empty()
    }
}
