//! `coap-lite` 0.13.3: bodies in blocks (RFC 7959). A client uploads one, block by block, each confirmed (RFC 7252). After a
//! crash it uploads another one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use coap_lite::block_handler::{BlockHandler, BlockHandlerConfig, BlockValue};
use coap_lite::{CoapOption, CoapRequest, MessageClass, MessageType, Packet, RequestType, ResponseType};
use lossproof::{Host, Input, Instant, Machine, Net, Outbox, Peer};
use lossproof_wild::{check, finding, holds};

const BLOCK_LEN: usize = 16;
const TIMEOUT: Duration = Duration::from_secs(2);

/// Gives each whole body to the application, once: a message that comes again gets the same answer.
struct Server {
    blocks: BlockHandler<SocketAddr>,
    answers: BTreeMap<(Peer, u16), Vec<u8>>,
}

impl Machine for Server {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        let Input::Datagram { peer, bytes, .. } = input else { return };
        let Ok(packet) = Packet::from_bytes(bytes) else { return };
        let id = (peer, packet.header.message_id);
        if let Some(answer) = self.answers.get(&id) {
            return out.reply(answer);
        }
        let mut request = CoapRequest::from_packet(packet, peer.inet().expect("an internet address"));
        match self.blocks.intercept_request(&mut request) {
            Ok(true) => {}
            Ok(false) => {
                out.event(String::from_utf8_lossy(&request.message.payload).into_owned());
                request.response.as_mut().expect("it is confirmable").set_status(ResponseType::Changed);
            }
            Err(error) => drop(request.apply_from_error(error)),
        }
        let answer = request.response.expect("it is confirmable").message.to_bytes().expect("it is short");
        out.reply(&answer);
        self.answers.insert(id, answer);
    }
}

/// Uploads a body, from its begin again whenever a block is refused or nobody answers.
struct Client {
    server: Peer,
    body: String,
    block: usize,
    message_id: u16,
    tries: u32,
    retry_at: Option<Instant>,
}

impl Client {
    fn send(&mut self, now: Instant, out: &mut Outbox<()>) {
        let begin = self.block * BLOCK_LEN;
        let end = self.body.len().min(begin + BLOCK_LEN);
        let mut request = CoapRequest::<SocketAddr>::new();
        request.set_method(RequestType::Put);
        request.set_path("/body");
        request.message.header.set_type(MessageType::Confirmable);
        request.message.header.message_id = self.message_id;
        let block = BlockValue::new(self.block, end < self.body.len(), BLOCK_LEN).expect("a power of two");
        request.message.add_option_as(CoapOption::Block1, block);
        request.message.payload = self.body.as_bytes()[begin..end].to_vec();
        out.send(self.server, &request.message.to_bytes().expect("it is short"));
        self.retry_at = Some(now + TIMEOUT);
    }

    fn next(&mut self, block: usize, now: Instant, out: &mut Outbox<()>) {
        (self.block, self.tries, self.message_id) = (block, 0, self.message_id.wrapping_add(1));
        self.send(now, out);
    }
}

impl Machine for Client {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, now: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { .. } => self.send(now, out),
            Input::Timeout if self.tries == 4 => self.next(0, now, out),
            Input::Timeout => {
                self.tries += 1;
                self.send(now, out);
            }
            Input::Datagram { bytes, .. } => {
                let Ok(answer) = Packet::from_bytes(bytes) else { return };
                if answer.header.message_id != self.message_id {
                    return;
                }
                match answer.header.code {
                    MessageClass::Response(ResponseType::Continue) => self.next(self.block + 1, now, out),
                    MessageClass::Response(ResponseType::Changed) => self.retry_at = None,
                    // Refused, as by 4.08, "Request Entity Incomplete".
                    _ => self.next(0, now, out),
                }
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }
}

/// Each body is shorter than the one before it.
fn body(number: u32) -> String {
    let letter = char::from(b'a' + number as u8);
    letter.to_string().repeat(100 - 30 * number.min(2) as usize)
}

fn net() -> (Net, Host<Server>) {
    let net = Net::new("coap-lite");
    net.max_time(Duration::from_mins(2));
    net.decode(shown);
    let server = net.host("server").udp(5683).machine(|_| Server {
        blocks: BlockHandler::new(BlockHandlerConfig::default()),
        answers: BTreeMap::new(),
    });
    net.host("client").udp(0).machine(move |boot| Client {
        server: boot.peer(server),
        body: body(boot.incarnation()),
        block: 0,
        // Apart from those before a restart, and in the bytes of its own.
        message_id: boot.incarnation() as u16 * 1_000,
        tries: 0,
        retry_at: None,
    });
    (net, server)
}

/// What a message is, with its block: number, `+` if there are more.
fn shown(bytes: &[u8]) -> Option<String> {
    let packet = Packet::from_bytes(bytes).ok()?;
    let block = packet.get_first_option_as::<BlockValue>(CoapOption::Block1).and_then(Result::ok);
    let block =
        block.map_or_else(String::new, |it| format!(", block {}{}", it.num, if it.more { "+" } else { "" }));
    let text = String::from_utf8_lossy(&packet.payload);
    Some(format!("{} #{}{block} {text}", packet.header.get_code(), packet.header.message_id))
}

/// The net, and that the application never gets such a body.
fn net_without(name: &str, is_wrong: fn(&str) -> bool) -> Net {
    let (net, server) = net();
    net.never(name, move |run| run.new_events(server).iter().any(|body| is_wrong(body)));
    net
}

/// Without crashes every body comes whole: loss, doubling and reordering do no harm.
#[test]
fn bodies_arrive_where_nobody_crashes() {
    use lossproof::fault::FaultKind::{Crash, Poweroff, Restart};
    let (net, server) = net();
    net.rules_out([Crash, Poweroff, Restart]);
    net.never("the application gets another body", move |run| {
        run.new_events(server).iter().any(|it| *it != body(0))
    });
    net.converges_within("the body arrives", Duration::from_mins(1), 10_000, move |run| {
        !run.events(server).is_empty()
    });
    holds("coap-lite", check(net, 2_000).calm_at(Instant::from_millis(10_000)));
}

/// See `examples/coap_missing_blocks.rs`.
#[test]
fn blocks_that_never_came_are_taken_for_zeros() {
    let net = || net_without("the application gets a body with zeros", |body| body.contains('\0'));
    finding("coap-missing-blocks", || check(net(), 2_000), "v2; crash server after recv #0 for 1ms");
}

/// See `examples/coap_stale_tail.rs`.
#[test]
fn the_end_of_an_upload_that_was_given_up_stays() {
    let net = || {
        net_without("two bodies become one", |body| {
            body.trim_matches('\0').bytes().any(|it| it != body.as_bytes()[0])
        })
    };
    finding("coap-stale-tail", || check(net(), 2_000), "v2; crash client after recv #4 for 1ms");
}
