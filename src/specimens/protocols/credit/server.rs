//! The server: it answers in order, and gives credit back.

use std::collections::BTreeMap;

use super::{ANSWER, ASK, Bug, RETURN};
use crate::machine::{Conn, Input, Machine, Outbox, Status};
use crate::time::Instant;

/// How long the head of a request is: its kind, its length, and that of its padding.
const HEAD_LEN: usize = 3;

/// Answers requests in order.
#[derive(Debug)]
pub struct Server {
    /// What was read of each connection, and is no whole request yet.
    read: BTreeMap<Conn, Vec<u8>>,
    bug: Option<Bug>,
}

impl Server {
    pub(super) const fn new(bug: Option<Bug>) -> Self {
        Self { read: BTreeMap::new(), bug }
    }

    fn received(&mut self, conn: Conn, bytes: &[u8], out: &mut Outbox<()>) {
        let read = self.read.entry(conn).or_default();
        read.extend_from_slice(bytes);
        while let [ASK, len, _padding_len, rest @ ..] = &read[..] {
            let len = usize::from(*len);
            if rest.len() < len {
                return;
            }
            let answer = format!("answer to {}", String::from_utf8_lossy(&rest[..len]));
            let cost = if self.bug == Some(Bug::HoldsOneByteBack) { len } else { len + 1 };
            let mut rest = vec![cost as u8, ANSWER, answer.len() as u8];
            rest.extend_from_slice(answer.as_bytes());
            // The kind is written by itself, as writers without a buffer do. Credit bounds what is asked, and so what is
            // answered: any buffer has room for it.
            for part in [&[RETURN][..], &rest] {
                let _fits_len = out.write(conn, part);
            }
            read.drain(..HEAD_LEN + len);
        }
    }
}

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Received { conn, bytes } => self.received(conn, bytes, out),
            Input::Eof { conn } => out.close(conn),
            Input::Closed { conn, .. } => _ = self.read.remove(&conn),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}
