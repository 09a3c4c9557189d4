//! A server that counts what it is asked, and keeps the count; a client that asks until it is answered.

use std::time::Duration;

use lossproof::cli::{App, Typed};
use lossproof::scenario::Net;
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};

/// Counts, and saves the count.
pub(crate) struct Counter(pub(crate) u32);

impl Machine for Counter {
    type Command = ();
    type Event = u32;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<u32>) {
        match input {
            Input::Datagram { .. } => {
                self.0 += 1;
                out.save(&self.0.to_be_bytes());
                out.reply_fmt(format_args!("{}", self.0));
                out.event(self.0);
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

/// What somebody who asks is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    Ready,
    Answer(String),
}

/// Asks what it is told to until it is answered, and ends.
pub(crate) struct Asker {
    counter: Peer,
    question: String,
    ask_at: Option<Instant>,
}

impl Asker {
    fn ask(&mut self, now: Instant, out: &mut Outbox<Told>) {
        out.send(self.counter, self.question.as_bytes());
        self.ask_at = Some(now + Duration::from_millis(100));
    }
}

impl Machine for Asker {
    type Command = String;
    type Event = Told;

    fn handle(&mut self, input: Input<'_, String>, now: Instant, out: &mut Outbox<Told>) {
        match input {
            Input::Start { .. } => out.event(Told::Ready),
            Input::Command(question) => {
                self.question.clone_from(question);
                self.ask(now, out);
            }
            Input::Timeout => self.ask(now, out),
            Input::Datagram { bytes, .. } => {
                self.ask_at = None;
                out.event(Told::Answer(String::from_utf8_lossy(bytes).into_owned()));
                out.done(Status::Success);
            }
            Input::Stop => out.done(Status::Failure),
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.ask_at
    }
}

fn net() -> Net {
    let net = Net::new("counter");
    let saved = |disk: &[u8]| disk.try_into().map_or(0, u32::from_be_bytes);
    let server = net.host("server").udp(7001).machine(move |boot| Counter(saved(boot.disk())));
    let client = net.host("client").udp(0).connected(server).machine(move |boot| Asker {
        counter: boot.peer(server),
        question: String::new(),
        ask_at: None,
    });
    net.command(Instant::START, client, "how many?".to_owned());
    net.eventually_within("it is answered", Duration::from_mins(1), move |run| run.status(client).is_some());
    // What comes twice is counted twice.
    net.always("one question counts once", move |run| run.events(server).len() < 2);
    net
}

pub(crate) fn app() -> App {
    App::new("counter", "questions are counted", net)
        .typed::<Asker>(|typed| match typed {
            Typed::Line(line) => Some(String::from_utf8_lossy(&line).into_owned()),
            Typed::End => None,
        })
        .wants_line::<Asker>(|told| *told == Told::Ready)
        .print::<Asker>(|told, to| match told {
            Told::Ready => to.write_str("? "),
            Told::Answer(count) => writeln!(to, "number {count}"),
        })
}

/// Two that never stop talking: their runs are cut off.
pub(crate) fn chatter() -> App {
    App::new("chatter", "two never stop talking", || {
        let net = Net::new("chatter");
        let server = net.host("server").udp(7002).machine(|_| Echo(None));
        net.host("client").udp(0).machine(move |boot| Echo(Some(boot.peer(server))));
        net.max_inputs(50);
        net
    })
}

/// Says back what it hears, and begins if it knows with whom.
struct Echo(Option<Peer>);

impl Machine for Echo {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => self.0.iter().for_each(|peer| out.send(*peer, b"well")),
            Input::Datagram { bytes, .. } => out.reply(bytes),
            _ => {}
        }
    }
}
