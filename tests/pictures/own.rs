//! What a host sends to itself is in every picture, and no arrow.

use lossproof::engine::{Engine, Settings};
use lossproof::transcript::Look;
use lossproof::{Input, Instant, Machine, Net, Outbox, Scenario};

/// Sends a datagram to itself, dials itself, writes, and closes.
struct Alone;

impl Machine for Alone {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<()>) {
        match input {
            Input::Start { local } => {
                out.send(local, b"datagram");
                out.connect(local.with_port(8));
            }
            Input::Connected { conn, local, .. } => {
                let _ = out.write(conn, b"bytes");
                if local.port() == Some(8) { out.close(conn) } else { out.abort(conn) }
            }
            _ => {}
        }
    }
}

#[test]
fn a_host_that_talks_to_itself_is_drawn_without_arrows() {
    for hosts in [1, 2, 3] {
        let net = Net::new("alone");
        for index in 0..hosts {
            net.host(format!("host-{index}")).udp(7).listen(8).machine(|_| Alone);
        }
        let scenario = Scenario::from(net);
        let mut engine = Engine::new(&scenario);
        engine.run(&Settings::default());
        let transcript = engine.transcript();
        let ladder = transcript.ladder(Look { width: 100, ..Look::default() }).expect("they fit");
        assert!(ladder.contains("\"datagram\"") && ladder.contains("\"bytes\""), "{ladder}");
        assert!(!ladder.contains('─'), "{ladder}");
        let all = [transcript.svg("alone"), transcript.page("alone", ""), transcript.mermaid()];
        assert!(all.iter().all(|picture| picture.contains("datagram")));
    }
}
