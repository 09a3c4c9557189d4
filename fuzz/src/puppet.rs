//! A machine that plays a script, whatever the protocol says.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use lossproof::machine::{Conn, limits};
use lossproof::{Input, Instant, Machine, Outbox, Peer};

use super::script::Step;

/// Plays a script. It reads nothing of what it gets, and keeps the laws itself: the run holds them to it too.
pub(super) struct Puppet<C, E> {
    script: Arc<[Step]>,
    next: usize,
    /// Whom it calls; in the place of the server, nobody.
    server: Option<Peer>,
    is_stream: bool,
    /// To whom its datagrams go.
    peer: Option<Peer>,
    ends: Vec<End>,
    turned_to: usize,
    state: State,
    kind: PhantomData<fn() -> (C, E)>,
}

struct End {
    conn: Conn,
    can_write: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a call stands.
    Opening,
    Waiting(Instant),
    Over,
}

impl<C, E> Puppet<C, E> {
    pub(super) fn new(script: Arc<[Step]>, server: Option<Peer>, is_stream: bool) -> Self {
        Self {
            script,
            next: 0,
            server,
            is_stream,
            peer: server,
            ends: Vec::new(),
            turned_to: 0,
            state: State::Opening,
            kind: PhantomData,
        }
    }

    /// Does all steps up to the next that takes time.
    fn go_on(&mut self, now: Instant, out: &mut Outbox<E>) {
        self.state = State::Over;
        let script = Arc::clone(&self.script);
        while let Some(step) = script.get(self.next) {
            self.next += 1;
            match step {
                Step::Wait(wait) => {
                    self.state = State::Waiting(now + *wait);
                    return;
                }
                Step::Open if self.server.is_none() || self.is_stream => {
                    if let Some(server) = self.server {
                        let _its_name_comes_with_it = out.connect(server);
                    }
                    self.state = State::Opening;
                    return;
                }
                Step::Open => {}
                Step::Next => self.turned_to += 1,
                Step::Say(bytes) if !self.is_stream => {
                    if let Some(peer) = self.peer {
                        out.send(peer, &bytes[..bytes.len().min(limits::MAX_DATAGRAM_LEN)]);
                    }
                }
                step => self.act(step, out),
            }
        }
    }

    /// Does a step to the connection that it has turned to, if there is one.
    fn act(&mut self, step: &Step, out: &mut Outbox<E>) {
        if self.ends.is_empty() {
            return;
        }
        let index = self.turned_to % self.ends.len();
        let end = &mut self.ends[index];
        match step {
            // What does not fit is not said.
            Step::Say(bytes) if end.can_write => _ = out.write(end.conn, bytes),
            Step::Shutdown if end.can_write => {
                out.shutdown(end.conn);
                end.can_write = false;
            }
            Step::Close => out.close(self.ends.remove(index).conn),
            Step::Reset => out.abort(self.ends.remove(index).conn),
            Step::Pause => out.pause(end.conn),
            Step::Resume => out.resume(end.conn),
            _ => {}
        }
    }
}

impl<C: 'static, E: PartialEq + Debug + 'static> Machine for Puppet<C, E> {
    type Command = C;
    type Event = E;

    fn handle(&mut self, input: Input<'_, C>, now: Instant, out: &mut Outbox<E>) {
        match input {
            // In the place of the server the first call begins the script.
            Input::Start { .. } if self.server.is_some() => self.go_on(now, out),
            Input::Timeout => self.go_on(now, out),
            Input::Connected { conn, .. } => {
                self.ends.push(End { conn, can_write: true });
                self.turned_to = self.ends.len() - 1;
                if self.state == State::Opening {
                    self.go_on(now, out);
                }
            }
            Input::ConnectFailed { .. } if self.state == State::Opening => self.go_on(now, out),
            Input::Datagram { peer, .. } if self.server.is_none() => {
                self.peer = Some(peer);
                if self.state == State::Opening {
                    self.go_on(now, out);
                }
            }
            Input::Closed { conn, .. } => self.ends.retain(|end| end.conn != conn),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(until) => Some(until),
            State::Opening | State::Over => None,
        }
    }
}
