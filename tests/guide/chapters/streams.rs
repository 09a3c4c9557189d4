use lossproof::machine::{CloseReason, Conn, ConnMap};
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Profile, Status};
use std::time::Duration;

/// Adds up the numbers of each stream, one on each line, and answers with the sum.
#[derive(Default)]
struct Server {
    streams: ConnMap<Sum>,
}

#[derive(Default)]
struct Sum {
    line: String,
    total: u64,
}

impl Machine for Server {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Connected { conn, .. } => {
                self.streams.insert(conn, Sum::default());
            }
            Input::Received { conn, bytes } => {
                let Some(sum) = self.streams.get_mut(conn) else { return };
                // A slice may end within a line. What is left waits for the next slice.
                for byte in bytes {
                    if *byte == b'\n' {
                        sum.total += sum.line.parse().unwrap_or(0);
                        sum.line.clear();
                    } else if sum.line.len() < 20 {
                        sum.line.push(char::from(*byte));
                    }
                }
            }
            // The client writes no more, but it still reads.
            Input::Eof { conn } => {
                let Some(sum) = self.streams.get_mut(conn) else { return };
                let answer = sum.total.to_string();
                let written_len = out.write(conn, answer.as_bytes());
                assert_eq!(written_len, answer.len(), "the send buffer of this stream is empty");
                out.close(conn);
            }
            Input::Closed { conn, .. } => {
                self.streams.remove(conn);
            }
            _ => {}
        }
    }
}

/// Sends a text, and reports the answer.
struct Client {
    server: Peer,
    unsent: Vec<u8>,
    answer: String,
}

impl Client {
    /// Writes as much as the send buffer takes.
    fn write(&mut self, conn: Conn, out: &mut Outbox<Option<String>>) {
        let written_len = out.write(conn, &self.unsent);
        self.unsent.drain(..written_len);
        if self.unsent.is_empty() {
            out.shutdown(conn);
        }
    }
}

impl Machine for Client {
    type Command = ();
    /// The answer; `None` if the stream was broken.
    type Event = Option<String>;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Option<String>>) {
        match input {
            Input::Start { .. } => {
                out.connect(self.server);
            }
            // `Writable` follows a short write as soon as there is room again.
            Input::Connected { conn, .. } | Input::Writable { conn } => self.write(conn, out),
            Input::Received { bytes, .. } => self.answer.push_str(&String::from_utf8_lossy(bytes)),
            Input::Eof { conn } => out.close(conn),
            Input::Closed { reason, .. } => {
                let is_whole = reason == CloseReason::Finished && !self.answer.is_empty();
                out.event(is_whole.then(|| self.answer.clone()));
                out.done(if is_whole { Status::Success } else { Status::Failure });
            }
            Input::ConnectFailed { .. } => {
                out.event(None);
                out.done(Status::Failure);
            }
            _ => {}
        }
    }
}

/// 20,000 lines: more than a send buffer takes.
fn sum() -> Net {
    let net = Net::new("sum");
    let server = net.host("server").listen(1060).machine(|_| Server::default());
    let text = "12345\n".repeat(20_000).into_bytes();
    let client = net.host("client").machine(move |boot| Client {
        server: boot.peer(server),
        unsent: text.clone(),
        answer: String::new(),
    });
    net.always("an answer is the sum", move |run| {
        run.events(client).iter().flatten().all(|answer| answer == "246900000")
    });
    net.eventually_within("the client ends", Duration::from_secs(60), move |run| {
        run.status(client).is_some()
    });
    net
}

#[test]
fn a_sum_arrives_over_a_bad_network() {
    let verdict = Check::new(sum()).profile(Profile::LTE).runs(50).assert();
    // Each client ended with success.
    assert_eq!(verdict.tally().ends[1].successes, 50);
}

#[test]
fn a_reset_is_reported_and_no_sum() {
    let plan = "client>server @1000 reset".parse().unwrap();
    let verdict = Check::new(sum()).plan(plan).runs(1).demand_plan().assert();
    assert_eq!(verdict.tally().ends[1].failures, 1);
}
