//! tcp-chat's server against a model of the room. (Rows S67 to S74.)

use std::time::Duration;

use lossproof::machine::{CloseReason, Conn, Effect, Outlet};
use lossproof::systems::tcp_chat::{MAX_QUEUE_LEN, PATIENCE, Server, ServerEvent};
use lossproof::{Input, Instant, Machine};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// What is on its way to a member at most: more than one operation tells anybody.
const ROOM_LEN: usize = 256 * 1024;
/// How many things a member that is not listened to does at most.
const MAX_UNHEARD: usize = 3;
/// A long line: a few of them fill the queue of a member that does not read.
const LONG_LEN: usize = 60_000;

/// What members do. A member is chosen by its place among those that there are.
#[derive(Clone, Debug)]
enum Operation {
    Join,
    /// Something with a newline, in so many pieces.
    Say {
        who: usize,
        text: String,
        pieces: usize,
    },
    SayLong {
        who: usize,
    },
    /// Several lines, the last without a newline.
    SayLines {
        who: usize,
        text: String,
    },
    /// Something without a newline, cut after so many bytes from its end.
    Begin {
        who: usize,
        text: String,
        cut: usize,
    },
    Quit {
        who: usize,
        with_newline: bool,
    },
    End {
        who: usize,
    },
    Reset {
        who: usize,
    },
    Stall {
        who: usize,
    },
    Read {
        who: usize,
    },
    Wait {
        millis: u64,
    },
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let who = || 0..8_usize;
    let text = || "[ab 你\r]{0,6}";
    let operation = prop_oneof![
        3 => Just(Operation::Join),
        4 => (who(), text(), 1..4_usize).prop_map(|(who, text, pieces)| Operation::Say { who, text, pieces }),
        6 => who().prop_map(|who| Operation::SayLong { who }),
        3 => (who(), "[ab\n你]{0,6}").prop_map(|(who, text)| Operation::SayLines { who, text }),
        4 => (who(), text(), 0..3_usize).prop_map(|(who, text, cut)| Operation::Begin { who, text, cut }),
        1 => (who(), any::<bool>()).prop_map(|(who, with_newline)| Operation::Quit { who, with_newline }),
        1 => who().prop_map(|who| Operation::End { who }),
        1 => who().prop_map(|who| Operation::Reset { who }),
        3 => who().prop_map(|who| Operation::Stall { who }),
        1 => who().prop_map(|who| Operation::Read { who }),
        3 => (0..80_u64).prop_map(|millis| Operation::Wait { millis }),
    ];
    prop::collection::vec(operation, 0..40)
}

/// What reaches the room from a member.
#[derive(Clone, Debug)]
enum Sent {
    Bytes(Vec<u8>),
    End,
}

/// What was said, with who said it, and what each member was told from its joining to its leaving, by its port.
#[derive(Debug, Default, PartialEq)]
struct Told {
    said: Vec<(String, String)>,
    to: Vec<(u16, Vec<u8>)>,
    dropped: Vec<u16>,
}

impl Told {
    fn tell(&mut self, port: u16, bytes: &[u8]) {
        let (_, told) = self.to.iter_mut().find(|(of, _)| *of == port).expect("it has joined");
        told.extend_from_slice(bytes);
    }
}

fn name(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

// The model

/// One member, as the specification has it.
#[derive(Debug)]
struct Member {
    port: u16,
    /// Each read of it is a message, until one ends with a newline.
    classic: bool,
    /// What it said after its last newline.
    begun: Vec<u8>,
    /// When that becomes a message, in milliseconds.
    due: Option<u64>,
    reads: bool,
    /// What is told to it and not yet on its way.
    waiting: Vec<u8>,
    room_len: usize,
    /// What it did while something waited for it; none if it was listened to all the time.
    unheard: Option<Vec<Sent>>,
}

impl Member {
    /// What it said after its last newline, but for the character that is begun.
    fn take_begun(&mut self) -> Vec<u8> {
        let begun = self.begun.split_off(whole_len(&self.begun));
        std::mem::replace(&mut self.begun, begun)
    }
}

/// The room: members in their places, each of which is taken by the next to come once it is free.
#[derive(Debug, Default)]
struct Model {
    places: Vec<Option<Member>>,
    now: u64,
    told: Told,
}

impl Model {
    fn join(&mut self, port: u16) {
        let member = Member {
            port,
            classic: false,
            begun: Vec::new(),
            due: None,
            reads: true,
            waiting: Vec::new(),
            room_len: ROOM_LEN,
            unheard: None,
        };
        match self.places.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(member),
            None => self.places.push(Some(member)),
        }
        self.told.to.push((port, Vec::new()));
    }

    fn send(&mut self, place: usize, sent: Sent) {
        let Some(member) = &mut self.places[place] else { return };
        if member.waiting.is_empty() {
            self.hear(place, sent);
        } else {
            member.due = None;
            member.unheard.get_or_insert_default().push(sent);
        }
    }

    /// A member is listened to, as long as it takes what it is told.
    fn hear(&mut self, place: usize, sent: Sent) {
        let Some(member) = &mut self.places[place] else { return };
        match sent {
            Sent::Bytes(bytes) => {
                member.classic &= !bytes.ends_with(b"\n");
                member.begun.extend(bytes);
                if member.classic {
                    let message = member.take_begun();
                    self.message(place, &message);
                }
            }
            Sent::End => {
                let rest = std::mem::take(&mut member.begun);
                if !rest.is_empty() {
                    self.message(place, &rest);
                }
                match &mut self.places[place] {
                    Some(member) if !member.waiting.is_empty() => {
                        member.due = None;
                        member.unheard = Some(vec![Sent::End]);
                    }
                    place => *place = None,
                }
                return;
            }
        }
        while let Some(member) = &mut self.places[place]
            && !member.classic
            && let Some(newline) = member.begun.iter().position(|byte| *byte == b'\n')
        {
            if !member.waiting.is_empty() {
                break;
            }
            let rest = member.begun.split_off(newline + 1);
            let line = std::mem::replace(&mut member.begun, rest);
            self.message(place, &line);
        }
        let now = self.now;
        if let Some(member) = &mut self.places[place] {
            if member.waiting.is_empty() {
                member.due = (whole_len(&member.begun) > 0).then_some(now + 50);
            } else {
                member.due = None;
                member.unheard.get_or_insert_default();
            }
        }
    }

    fn message(&mut self, place: usize, message: &[u8]) {
        let Some(member) = &self.places[place] else { return };
        let text = String::from_utf8_lossy(message).into_owned();
        if text.is_empty() {
            return;
        }
        if text.trim() == "/quit" {
            self.places[place] = None;
            return;
        }
        let speaker = name(member.port);
        let line = format!("{speaker}\n{text}").into_bytes();
        self.told.said.push((speaker, text));
        for place in &mut self.places {
            let Some(member) = place else { continue };
            let fits_len = if member.waiting.is_empty() { line.len().min(member.room_len) } else { 0 };
            self.told.tell(member.port, &line[..fits_len]);
            member.room_len -= fits_len;
            member.waiting.extend_from_slice(&line[fits_len..]);
            if member.waiting.len() > MAX_QUEUE_LEN {
                self.told.dropped.push(member.port);
                *place = None;
            }
        }
    }

    /// Who reads takes all; what it did in the meantime is heard then.
    fn settle(&mut self) {
        for place in 0..self.places.len() {
            while let Some(member) = &mut self.places[place]
                && member.reads
                && (!member.waiting.is_empty() || member.room_len < ROOM_LEN)
            {
                let waiting = std::mem::take(&mut member.waiting);
                member.room_len = ROOM_LEN - waiting.len();
                self.told.tell(member.port, &waiting);
                if let Some(unheard) = member.unheard.take() {
                    // Also if it did nothing: its patience begins anew.
                    self.hear(place, Sent::Bytes(Vec::new()));
                    for sent in unheard {
                        self.send(place, sent);
                    }
                }
            }
        }
    }

    fn wait(&mut self, millis: u64) {
        for _ in 0..millis {
            self.now += 1;
            for place in 0..self.places.len() {
                let now = self.now;
                let Some(member) = self.places[place].as_mut().filter(|member| member.due == Some(now))
                else {
                    continue;
                };
                member.due = None;
                if member.waiting.is_empty() {
                    let message = member.take_begun();
                    member.classic = true;
                    self.message(place, &message);
                } else {
                    member.unheard.get_or_insert_default();
                }
            }
            self.settle();
        }
    }
}

/// How much of this is whole characters, and bytes that are part of none.
fn whole_len(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.len(),
        Err(error) => error.error_len().map_or(error.valid_up_to(), |bad_len| {
            let begin = error.valid_up_to() + bad_len;
            begin + whole_len(&bytes[begin..])
        }),
    }
}

// The machine

/// The machine with a world around it: streams with room, that deliver nothing while they are paused.
struct Real {
    server: Server,
    out: Outlet<ServerEvent>,
    now: Instant,
    members: Vec<RealMember>,
    told: Told,
}

struct RealMember {
    port: u16,
    conn: Conn,
    reads: bool,
    paused: bool,
    /// What was written and not yet taken.
    flying_len: u32,
    /// What was sent while the stream was paused.
    held: Vec<Sent>,
}

impl Real {
    fn new() -> Self {
        let (server, out) = (Server::new(PATIENCE), Outlet::new());
        Self { server, out, now: Instant::START, members: Vec::new(), told: Told::default() }
    }

    fn join(&mut self, port: u16) {
        let conn = self.out.accept(ROOM_LEN as u32);
        self.members.push(RealMember {
            port,
            conn,
            reads: true,
            paused: false,
            flying_len: 0,
            held: Vec::new(),
        });
        self.told.to.push((port, Vec::new()));
        let (peer, local) = (name(port).parse().unwrap(), "127.0.0.1:9001".parse().unwrap());
        self.give(Input::Connected { conn, peer, local });
    }

    fn member(&mut self, conn: Conn) -> Option<&mut RealMember> {
        self.members.iter_mut().find(|member| member.conn == conn)
    }

    fn give(&mut self, input: Input<'_, ()>) {
        self.out.feed(&mut self.server, input, self.now);
        assert_eq!(self.out.take_misuse(), None);
        let mut over = Vec::new();
        let (members, told) = (&mut self.members, &mut self.told);
        self.out.drain(|effect| match effect {
            Effect::Write { conn, bytes } => {
                let member = members.iter_mut().find(|member| member.conn == conn).unwrap();
                member.flying_len += bytes.len() as u32;
                told.tell(member.port, bytes);
            }
            Effect::Event(ServerEvent::Said { speaker, text }) => {
                told.said.push((speaker.to_string(), text.to_string()));
            }
            Effect::Event(ServerEvent::Dropped(peer)) => told.dropped.push(peer.port().unwrap()),
            Effect::Event(_) => {}
            Effect::Pause { conn } => set_paused(members, conn, true),
            Effect::Resume { conn } => set_paused(members, conn, false),
            Effect::Close { conn } => over.push((conn, CloseReason::Finished)),
            Effect::Abort { conn } => over.push((conn, CloseReason::Aborted)),
            other => panic!("{other:?}"),
        });
        for (conn, reason) in over {
            self.close(conn, reason);
        }
    }

    fn close(&mut self, conn: Conn, reason: CloseReason) {
        self.members.retain(|member| member.conn != conn);
        self.out.release(conn);
        self.give(Input::Closed { conn, reason });
    }

    fn send(&mut self, conn: Conn, sent: Sent) {
        match self.member(conn) {
            None => {}
            Some(member) if member.paused || !member.held.is_empty() => member.held.push(sent),
            Some(_) => match sent {
                Sent::Bytes(bytes) => self.give(Input::Received { conn, bytes: &bytes }),
                Sent::End => self.give(Input::Eof { conn }),
            },
        }
    }

    fn settle(&mut self) {
        loop {
            let unsettled = |member: &&RealMember| {
                (member.reads && member.flying_len > 0) || (!member.paused && !member.held.is_empty())
            };
            let Some(conn) = self.members.iter().find(unsettled).map(|member| member.conn) else { return };
            let member = self.member(conn).unwrap();
            if member.reads && member.flying_len > 0 {
                let len = std::mem::take(&mut member.flying_len);
                if self.out.credit(conn, len) {
                    self.give(Input::Writable { conn });
                }
            } else {
                for sent in std::mem::take(&mut member.held) {
                    self.send(conn, sent);
                }
            }
        }
    }

    fn wait(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        while let Some(due_at) = self.server.deadline().filter(|due_at| *due_at <= until) {
            self.now = due_at;
            self.give(Input::Timeout);
            assert!(self.server.deadline().is_none_or(|next_at| next_at > due_at));
            self.settle();
        }
        self.now = until;
    }
}

fn set_paused(members: &mut [RealMember], conn: Conn, paused: bool) {
    if let Some(member) = members.iter_mut().find(|member| member.conn == conn) {
        member.paused = paused;
    }
}

// Both

/// Does the same in the model and in the machine.
struct Both {
    model: Model,
    real: Real,
    next_port: u16,
}

impl Both {
    /// The port of the member that an operation means.
    fn choose(&self, who: usize) -> Option<u16> {
        let ports: Vec<u16> = self.model.places.iter().flatten().map(|member| member.port).collect();
        ports.get(who % ports.len().max(1)).copied()
    }

    /// Where a member is: its place in the model, its connection. None if it has left.
    fn find(&self, port: u16) -> Option<(usize, Conn)> {
        let is_it = |place: &Option<Member>| place.as_ref().is_some_and(|member| member.port == port);
        let place = self.model.places.iter().position(is_it)?;
        Some((place, self.real.members.iter().find(|member| member.port == port)?.conn))
    }

    fn send(&mut self, port: u16, all: Vec<Sent>) {
        let Some((place, _)) = self.find(port) else { return };
        // Nobody notices an empty write.
        let all: Vec<Sent> =
            all.into_iter().filter(|sent| !matches!(sent, Sent::Bytes(bytes) if bytes.is_empty())).collect();
        let unheard = self.model.places[place].as_ref().and_then(|member| member.unheard.as_ref());
        // Nothing comes after an end, and nobody does much while it is not listened to.
        if unheard.is_some_and(|sent| {
            sent.len() + all.len() > MAX_UNHEARD || sent.iter().any(|sent| matches!(sent, Sent::End))
        }) {
            return;
        }
        for sent in all {
            if let Some((place, conn)) = self.find(port) {
                self.model.send(place, sent.clone());
                self.real.send(conn, sent);
            }
        }
    }

    fn run(&mut self, operation: Operation) {
        match operation {
            Operation::Join => {
                self.next_port += 1;
                self.model.join(self.next_port);
                self.real.join(self.next_port);
            }
            Operation::Say { who, text, pieces } => {
                let line = format!("{text}\n").into_bytes();
                let sent = line.chunks(line.len().div_ceil(pieces)).map(|piece| Sent::Bytes(piece.to_vec()));
                self.of(who, |both, port| both.send(port, sent.collect()));
            }
            Operation::SayLong { who } => {
                let line = format!("{}\n", "x".repeat(LONG_LEN)).into_bytes();
                self.of(who, |both, port| both.send(port, vec![Sent::Bytes(line)]));
            }
            Operation::SayLines { who, text } => {
                self.of(who, |both, port| both.send(port, vec![Sent::Bytes(text.into_bytes())]));
            }
            Operation::Begin { who, text, cut } => {
                let bytes = text.as_bytes();
                let (first, rest) = bytes.split_at(bytes.len().saturating_sub(cut));
                self.of(who, |both, port| {
                    both.send(port, vec![Sent::Bytes(first.to_vec())]);
                    both.settle();
                    both.wait(60);
                    both.send(port, vec![Sent::Bytes(rest.to_vec())]);
                });
            }
            Operation::Quit { who, with_newline } => {
                let said = if with_newline { &b"/quit\n"[..] } else { b" /quit" };
                self.of(who, |both, port| both.send(port, vec![Sent::Bytes(said.to_vec())]));
            }
            Operation::End { who } => self.of(who, |both, port| both.send(port, vec![Sent::End])),
            Operation::Reset { who } => self.of(who, |both, port| {
                if let Some((place, conn)) = both.find(port) {
                    both.model.places[place] = None;
                    both.real.close(conn, CloseReason::Reset);
                }
            }),
            Operation::Stall { who } => self.set_reads(who, false),
            Operation::Read { who } => self.set_reads(who, true),
            Operation::Wait { millis } => self.wait(millis),
        }
        self.settle();
    }

    /// Does something of a member, if there is one.
    fn of(&mut self, who: usize, act: impl FnOnce(&mut Self, u16)) {
        if let Some(port) = self.choose(who) {
            act(self, port);
        }
    }

    fn set_reads(&mut self, who: usize, reads: bool) {
        self.of(who, |both, port| {
            if let Some((place, conn)) = both.find(port) {
                both.model.places[place].as_mut().expect("it was found").reads = reads;
                both.real.member(conn).expect("it was found").reads = reads;
            }
        });
    }

    fn settle(&mut self) {
        self.model.settle();
        self.real.settle();
    }

    fn wait(&mut self, millis: u64) {
        self.model.wait(millis);
        self.real.wait(millis);
    }
}

fn live(both: &Both) -> (Vec<u16>, Vec<u16>) {
    let mut in_model: Vec<u16> = both.model.places.iter().flatten().map(|member| member.port).collect();
    let mut in_machine: Vec<u16> = both.real.members.iter().map(|member| member.port).collect();
    in_model.sort_unstable();
    in_machine.sort_unstable();
    (in_model, in_machine)
}

proptest! {
    #![proptest_config(Config { cases: 2_000, failure_persistence: None, ..Config::default() })]

    /// S67, S68, S70, S71, S72, S73, S74.
    #[test]
    fn the_room_is_as_the_model_has_it(operations in operations()) {
        let mut both = Both { model: Model::default(), real: Real::new(), next_port: 0 };
        for operation in operations {
            let shown = format!("{operation:?}");
            both.run(operation);
            prop_assert!(both.model.told == both.real.told, "{}: {}", shown, difference(&both));
            let (in_model, in_machine) = live(&both);
            prop_assert_eq!(in_model, in_machine, "{}", shown);
        }
    }
}

/// What differs, long lines shortened.
fn difference(both: &Both) -> String {
    let (model, real) = (&both.model.told, &both.real.told);
    let short = |told: &Told| format!("{told:?}").replace(&"x".repeat(LONG_LEN), "x…");
    let short = |told: &Told| short(told).replace(&"120, ".repeat(LONG_LEN - 1), "x…");
    format!("the model has {}\nthe machine {}", short(model), short(real))
}

/// The model reaches what it is for: a member is dropped, and one is held back and goes on.
#[test]
fn the_operations_reach_the_bounds() {
    let mut both = Both { model: Model::default(), real: Real::new(), next_port: 0 };
    let mut operations = vec![Operation::Join, Operation::Join, Operation::Stall { who: 1 }];
    operations.extend(std::iter::repeat_n(Operation::SayLong { who: 0 }, 6));
    for operation in operations.clone() {
        both.run(operation);
    }
    assert!(both.model.places[1].as_ref().unwrap().waiting.len() > LONG_LEN);
    both.run(Operation::Say { who: 1, text: "late".to_owned(), pieces: 2 });
    assert!(both.model.places[1].as_ref().unwrap().unheard.is_some());
    both.run(Operation::Read { who: 1 });
    assert_eq!(both.model.told.said.last().unwrap().1, "late\n");
    both.run(Operation::Stall { who: 1 });
    operations.truncate(0);
    operations.extend(std::iter::repeat_n(Operation::SayLong { who: 0 }, 10));
    for operation in operations {
        both.run(operation);
    }
    assert_eq!(both.real.told.dropped, [2]);
}
