//! Which connections are dialed, kept and closed.

use super::{
    Backlog, Conn, Dial, Effects, FrameReader, HEAD_LEN, HELLO_WITHIN, Hello, Instant, Line, MAX_NAME_LEN,
    Note, Sessions, State, frame,
};

impl Sessions {
    /// Dials where it is time to.
    pub(super) fn dial_due(&mut self, now: Instant, out: &mut Effects) {
        for target in &mut self.targets {
            if matches!(target.dial, Dial::Waiting(at) if at <= now) {
                target.dial = Dial::Dialed(out.connect(target.addr));
            }
        }
    }

    /// Says hello on a connection that stands.
    pub(super) fn greet(&mut self, conn: Conn, now: Instant, out: &mut Effects) {
        let is_dialed = self.targets.iter().any(|target| target.dial == Dial::Dialed(conn));
        self.dials += u32::from(is_dialed);
        let dialed = is_dialed.then_some(self.dials);
        let hello = Hello { life: self.life, dial: dialed.unwrap_or_default(), name: &self.name }.encode();
        let mut line = Line {
            dialed,
            reader: FrameReader::new(self.max_message_len.max(HEAD_LEN + MAX_NAME_LEN)),
            backlog: Backlog::new(self.max_unsent_len.max(frame::HEADER_LEN + HEAD_LEN + MAX_NAME_LEN)),
            state: State::Greeting(now + HELLO_WITHIN),
        };
        self.scratch.clear();
        let _ = frame::encode(&hello, HEAD_LEN + MAX_NAME_LEN, &mut self.scratch); // a name has its bound
        let _ = line.backlog.write(conn, &self.scratch, out); // so has the hello, and nothing waits yet
        self.lines.insert(conn, line);
    }

    /// Takes what a peer says of itself.
    pub(super) fn greeted(&mut self, conn: Conn, hello: Option<Hello<'_>>, now: Instant, out: &mut Effects) {
        let Some(hello) = hello else { return self.close(conn, out) };
        let target = self.targets.iter_mut().find(|target| target.dial == Dial::Dialed(conn));
        if hello.name == self.name {
            if let Some(target) = target {
                target.dial = Dial::Own;
            }
            return self.close(conn, out);
        }
        if let Some(target) = target {
            target.name = Some(hello.name.to_vec());
        }
        let dial = self.lines.get(conn).and_then(|line| line.dialed);
        if let Some(old) = self.conn(hello.name) {
            if !self.is_kept(dial, &hello, old) {
                return self.close(conn, out);
            }
            self.close(old, out);
        }
        let Some(line) = self.lines.get_mut(conn) else { return };
        let state =
            State::Up { peer: hello.name.to_vec(), life: hello.life, dial: dial.unwrap_or(hello.dial) };
        line.state = state;
        self.up.insert(hello.name.to_vec(), conn);
        self.notes.push_back(Note::Up(hello.name.to_vec()));
        self.dial_due(now, out);
    }

    /// Whether a connection with this hello is kept rather than that of the session.
    fn is_kept(&self, dialed: Option<u32>, hello: &Hello<'_>, old: Conn) -> bool {
        let Some(Line { dialed: old_dialed, state: State::Up { life, dial, .. }, .. }) = self.lines.get(old)
        else {
            return true;
        };
        if *life != hello.life {
            return true;
        }
        match (old_dialed.is_some(), dialed) {
            (true, Some(number)) => number > *dial,
            (false, None) => hello.dial > *dial,
            // They cross.
            (_, dialed) => dialed.is_some() == (self.name.as_slice() > hello.name),
        }
    }

    /// Closes a connection in good order. Its session, if it had one, is over.
    pub(super) fn close(&mut self, conn: Conn, out: &mut Effects) {
        out.close(conn);
        self.end(conn);
    }

    /// Ends the session of a connection.
    pub(super) fn end(&mut self, conn: Conn) {
        let Some(line) = self.lines.get_mut(conn) else { return };
        if let State::Up { peer, .. } = std::mem::replace(&mut line.state, State::Ending)
            && self.up.get(&peer) == Some(&conn)
        {
            self.up.remove(&peer);
            self.notes.push_back(Note::Down(peer));
        }
    }

    /// Those who have not said who they are in time are given up.
    pub(super) fn give_up_silent(&mut self, now: Instant, out: &mut Effects) {
        let is_late = |line: &Line| matches!(line.state, State::Greeting(until_at) if until_at <= now);
        let late: Vec<Conn> =
            self.lines.iter().filter(|(_, line)| is_late(line)).map(|(conn, _)| conn).collect();
        for conn in late {
            out.abort(conn);
            self.end(conn);
        }
    }

    /// A connection is over: whoever dialed it dials again later, unless there is a session by another one; and whoever
    /// left that to the session does, if it is over.
    pub(super) fn free(&mut self, conn: Conn, now: Instant) {
        let at = now + self.retry_after;
        for target in &mut self.targets {
            let is_up = target.name.as_ref().is_some_and(|name| self.up.contains_key(name));
            match target.dial {
                Dial::Dialed(dialed) if dialed == conn => {
                    target.dial = if is_up { Dial::Served } else { Dial::Waiting(at) };
                }
                Dial::Served if !is_up => target.dial = Dial::Waiting(at),
                _ => {}
            }
        }
    }
}
