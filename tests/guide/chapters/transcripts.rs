use lossproof::engine::{Engine, Settings};
use lossproof::transcript::Look;
use lossproof::{Input, Instant, Machine, Net, Outbox, Peer, Scenario};

/// Sends one binary message.
struct Thermometer(Peer);

impl Machine for Thermometer {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Start { .. } = input {
            out.send(self.0, &[2, 1, 44]);
        }
    }
}

/// Reports what it receives.
struct Display;

impl Machine for Display {
    type Command = ();
    type Event = Vec<u8>;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Vec<u8>>) {
        if let Input::Datagram { bytes, .. } = input {
            out.event(bytes.to_vec());
        }
    }
}

#[test]
fn a_binary_message_is_shown_as_text() {
    let net = Net::new("weather");
    let display = net.host("display").udp(1060).machine(|_| Display);
    net.host("probe").udp(0).machine(move |boot| Thermometer(boot.peer(display)));
    // How messages are shown; `None` for bytes that are not a message of this protocol.
    net.decode(|bytes| match bytes {
        [2, high, low] => Some(format!("temperature {}", u16::from_be_bytes([*high, *low]))),
        _ => None,
    });
    // How the events of a host are shown, instead of by `Debug`.
    net.show(display, |bytes, f| write!(f, "{} bytes", bytes.len()));

    let scenario = Scenario::from(net);
    let mut engine = Engine::new(&scenario);
    engine.run(&Settings::default());
    let transcript = engine.transcript();
    assert_eq!(
        transcript.to_string(),
        "0.000  probe    send  #0 temperature 300 → display\n\
         0.005  display  recv  #0 temperature 300 ← probe\n\
         0.005  display  event 3 bytes\n"
    );
    let ladder = transcript.ladder(Look { width: 72, ascii: false }).unwrap();
    assert!(ladder.contains(" #0 temperature 300 ─"), "{ladder}");
    assert!(transcript.mermaid().starts_with("sequenceDiagram\n"));
    assert!(transcript.page("weather", "cargo test").contains("<h1>weather</h1>"));
}
