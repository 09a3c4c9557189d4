//! Transcripts as JSON and as text.

use lossproof::engine::{Engine, Settings};
use lossproof::{Host, Input, Instant, Machine, Net, Outbox, Peer, Scenario, Status};
use serde_json::Value;

use super::cut::cut;

/// Sends the slices of an input, as datagrams or along a stream, once it is started or connected.
struct Source {
    sink: Peer,
    slices: Vec<Vec<u8>>,
    is_stream: bool,
}

impl Machine for Source {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } if self.is_stream => _ = out.connect(self.sink),
            Input::Start { .. } => {
                for slice in &self.slices {
                    out.send(self.sink, slice);
                }
                out.done(Status::Success);
            }
            Input::Connected { conn, .. } => {
                for slice in &self.slices {
                    let _fits_len = out.write(conn, slice);
                }
                out.close(conn);
            }
            _ => {}
        }
    }
}

/// Tells all that it gets.
struct Sink;

impl Machine for Sink {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Datagram { bytes, .. } | Input::Received { bytes, .. } => {
                out.event(String::from_utf8_lossy(bytes).into_owned());
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}

/// Each record of a run is one line of valid JSON and one of text, whatever was sent; the bytes, their lengths and
/// offsets, and the texts of events, come back out of the JSON as they were. The first byte of the input is `s` for a
/// stream.
pub fn transcript_json(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else { return };
    let is_stream = *kind == b's';
    let slices: Vec<Vec<u8>> = cut(rest).slices.into_iter().map(<[u8]>::to_vec).collect();
    let (scenario, sink) = scenario(&slices, is_stream);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings { laws: None, ..Settings::default() });
    let names = scenario.names();
    let transcript = engine.transcript();

    let json = transcript.json_lines();
    let lines: Vec<Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let records = engine.log().sorted();
    assert_eq!(lines.len(), records.len(), "one line for each record");
    assert_eq!(transcript.to_string().lines().count(), records.len(), "and one of text");
    for (line, record) in lines.iter().zip(&records) {
        assert_eq!(line["at_ns"], record.at.as_nanos());
        assert_eq!(line["host"], names[record.host.index()]);
        assert!(line["what"].is_string());
    }

    let [sent, got] = if is_stream { ["write", "read"] } else { ["send", "recv"] };
    let said: Vec<Vec<u8>> = lines_of(&lines, sent).map(payload).collect();
    let heard: Vec<Vec<u8>> = lines_of(&lines, got).map(payload).collect();
    if is_stream {
        assert_eq!((said.concat(), heard.concat()), (slices.concat(), slices.concat()));
    } else {
        assert_eq!((&said, &heard), (&slices, &slices));
    }
    for what in [sent, got] {
        let mut expected = 0;
        for line in lines_of(&lines, what) {
            assert_eq!(line[if is_stream { "offset" } else { "n" }], expected);
            expected += if is_stream { payload(line).len() } else { 1 };
        }
    }
    let run = engine.view();
    let events = run.events(sink).iter().map(|event| format!("{event:?}"));
    assert!(lines_of(&lines, "event").map(|line| line["text"].as_str().unwrap().to_owned()).eq(events));
}

fn scenario(slices: &[Vec<u8>], is_stream: bool) -> (Scenario, Host<Sink>) {
    let net = Net::new("transcript");
    let sink = net.host("sink");
    let sink = if is_stream { sink.listen(7) } else { sink.udp(7) }.machine(|_| Sink);
    let source = net.host("source");
    let source = if is_stream { source } else { source.udp(8) };
    let slices = slices.to_vec();
    source.machine(move |boot| Source { sink: boot.peer(sink), slices: slices.clone(), is_stream });
    (net.into(), sink)
}

fn lines_of<'a>(lines: &'a [Value], what: &'a str) -> impl Iterator<Item = &'a Value> {
    lines.iter().filter(move |line| line["what"] == what)
}

/// The bytes that a line tells of: text or hex digits.
fn payload(line: &Value) -> Vec<u8> {
    let bytes = match (line.get("text"), line.get("hex")) {
        (Some(text), None) => text.as_str().expect("a text").as_bytes().to_vec(),
        (None, Some(hex)) => {
            let digits = hex.as_str().expect("a text").as_bytes();
            let (pairs, odd) = digits.as_chunks::<2>();
            assert!(odd.is_empty());
            let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            let bytes: Vec<u8> = pairs.iter().map(byte).collect();
            assert!(std::str::from_utf8(&bytes).is_err(), "what is text is shown as text");
            bytes
        }
        other => panic!("bytes are either text or hex digits: {other:?}"),
    };
    assert_eq!(line["len"], bytes.len());
    bytes
}
