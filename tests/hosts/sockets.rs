//! The sockets of a host: as many as it has in earnest, each with an address of its own.

use std::time::Duration;

use lossproof::machine::{Conn, Law};
use lossproof::scenario::Host;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Scenario};

fn peer(text: &str) -> Peer {
    text.parse().unwrap()
}

/// A name service that knows little. Asked on a stream it answers; asked by datagram it answers if there is no other to
/// ask, or else it asks the other by a stream of its own. It is managed on a second port.
struct Resolver {
    other: Option<Peer>,
    management: Peer,
    /// The stream to the other, for whom it is: to which of our addresses we were asked, and by whom.
    dialed: Option<(Conn, Peer, Peer)>,
    heard: Vec<u8>,
}

impl Resolver {
    const fn new(other: Option<Peer>, management: Peer) -> Self {
        Self { other, management, dialed: None, heard: Vec::new() }
    }
}

impl Machine for Resolver {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        let is_dialed = |conn: Conn| self.dialed.is_some_and(|(dialed, ..)| dialed == conn);
        match input {
            Input::Start { local } => {
                let all: Vec<String> = out.sockets().iter().map(ToString::to_string).collect();
                out.event(format!("{local} of {}", all.join(" and ")));
            }
            Input::Datagram { local, .. } if local == self.management => out.reply(b"up"),
            Input::Datagram { peer, local, .. } => match self.other {
                None => out.reply(b"here"),
                Some(other) => self.dialed = Some((out.connect(other), local, peer)),
            },
            Input::Connected { conn, .. } if is_dialed(conn) => assert_eq!(out.write(conn, b"?"), 1),
            Input::Received { conn, bytes } if is_dialed(conn) => self.heard.extend_from_slice(bytes),
            Input::Received { conn, .. } => {
                assert_eq!(out.write(conn, b"there"), 5);
                out.close(conn);
            }
            Input::Eof { conn } if is_dialed(conn) => {
                if let Some((conn, local, peer)) = self.dialed {
                    out.send_from(local, peer, &self.heard);
                    out.close(conn);
                }
            }
            Input::Eof { conn } => out.close(conn),
            _ => {}
        }
    }
}

/// Asks once at its start, and tells what it hears and from where.
struct Asker(Peer);

impl Machine for Asker {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } => out.send(self.0, b"?"),
            Input::Datagram { peer, bytes, .. } => {
                out.event(format!("{} from {peer}", String::from_utf8_lossy(bytes)));
            }
            _ => {}
        }
    }
}

/// The events of a host in the one run of a net.
fn told<M: Machine<Event = String>>(net: Net, host: Host<M>) -> Vec<String> {
    let scenario = Scenario::from(net);
    let mut engine = lossproof::engine::Engine::new(&scenario);
    engine.run(&lossproof::engine::Settings::default());
    assert_eq!(engine.violation(), None, "{}", engine.transcript());
    engine.view().events(host).to_vec()
}

/// Two datagram sockets, a listener, and streams of its own: all at once.
#[test]
fn a_host_has_two_datagram_sockets_a_listener_and_a_dial_at_once() {
    let net = Net::new("names");
    let root = net.host("root").listen(53).machine(|_| Resolver::new(None, peer("127.0.0.1:1")));
    let place = net.host("resolver").udp(53).udp(8_053).listen(53);
    let resolver = place.machine(move |boot| Resolver::new(Some(boot.peer(root)), peer("192.168.0.2:8053")));
    let ask = |name: &str, at: &str| {
        let at = peer(at);
        net.host(name).udp(0).machine(move |_| Asker(at))
    };
    let [user, admin] = [ask("user", "192.168.0.2:53"), ask("admin", "192.168.0.2:8053")];
    // On a stream, while the rest goes on.
    let stream = net.host("stream").machine(move |boot| Streamer::new(boot.peer(resolver)));
    net.eventually_within("all are answered", Duration::from_secs(1), move |run| {
        run.events(resolver) == ["192.168.0.2:53 of 192.168.0.2:53 and 192.168.0.2:8053"]
            && run.events(user) == ["there from 192.168.0.2:53"]
            && run.events(admin) == ["up from 192.168.0.2:8053"]
            && run.events(stream) == ["there"]
    });
    Check::new(net).runs(1).assert();
}

/// Asks on a stream, and tells what it was answered.
struct Streamer {
    server: Peer,
    heard: Vec<u8>,
}

impl Streamer {
    const fn new(server: Peer) -> Self {
        Self { server, heard: Vec::new() }
    }
}

impl Machine for Streamer {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Start { .. } => _ = out.connect(self.server),
            Input::Connected { conn, .. } => assert_eq!(out.write(conn, b"?"), 1),
            Input::Received { bytes, .. } => self.heard.extend_from_slice(bytes),
            Input::Eof { conn } => {
                out.event(String::from_utf8_lossy(&self.heard).into_owned());
                out.close(conn);
            }
            _ => {}
        }
    }
}

/// Says from where it was asked, and answers.
struct Echo;

impl Machine for Echo {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        if let Input::Datagram { peer, local, bytes, .. } = input {
            out.event(format!("{peer} asks {local}"));
            out.reply(bytes);
        }
    }
}

/// The answer comes from the address that was asked, or it would be dropped by whoever waits for it there.
#[test]
fn a_reply_comes_from_the_address_that_was_asked() {
    for at in ["192.168.0.1:7", "192.168.0.1:8", "[fd00::1]:7", "10.0.0.9:7"] {
        let net = Net::new("echo");
        let place = net.host("server").udp(7).udp(8).udp6(7).udp_at(peer("10.0.0.9:7"));
        place.machine(|_| Echo);
        let asked = peer(at);
        let client = net.host("client").udp(1).udp6(1).machine(move |_| Asker(asked));
        assert_eq!(told(net, client), [format!("? from {at}")]);
    }
}

/// Over IPv4 from its IPv4 address, over IPv6 from its IPv6 address.
#[test]
fn a_host_has_an_ipv4_and_an_ipv6_address() {
    for (at, from) in [("192.168.0.1:7", "192.168.0.2:1"), ("[fd00::1]:7", "[fd00::2]:2")] {
        let net = Net::new("both");
        let server = net.host("server").udp(7).udp6(7).machine(|_| Echo);
        let asked = peer(at);
        net.host("client").udp(1).udp6(2).machine(move |_| Asker(asked));
        assert_eq!(told(net, server), [format!("{from} asks {at}")]);
    }
}

/// Streams over either, on one host.
#[test]
fn a_host_listens_on_both_of_its_addresses() {
    for at in ["192.168.0.1:53", "[fd00::1]:53"] {
        let net = Net::new("both");
        net.host("server").listen(53).listen6(53).machine(|_| Resolver::new(None, peer("127.0.0.1:1")));
        let asked = peer(at);
        let client = net.host("client").machine(move |_| Streamer::new(asked));
        assert_eq!(told(net, client), ["there"], "{at}");
    }
}

/// A path is an address like another.
#[test]
fn unix_paths_work_in_simulation() {
    let net = Net::new("unix");
    let place = net.host("server").udp_at(peer("unix:/run/echo")).listen_at(peer("unix:/run/names"));
    let server = place.machine(|_| Resolver::new(None, peer("unix:/run/none")));
    assert_eq!(server.peer().to_string(), "unix:/run/echo");
    let place = net.host("client").udp_at(peer("unix:/run/client"));
    let client = place.machine(move |boot| Asker(boot.peer(server)));
    let stream = net.host("stream").machine(|_| Streamer::new(peer("unix:/run/names")));
    net.eventually_within("both are answered", Duration::from_secs(1), move |run| {
        run.events(client) == ["here from unix:/run/echo"] && run.events(stream) == ["there"]
    });
    Check::new(net).runs(1).assert();
}

/// Port 0 asks the system for one; two hosts have other ports, and one host has no port twice.
#[test]
fn the_system_chooses_a_port_where_none_is_given() {
    let net = Net::new("ports");
    let server = net.host("server").udp(7).machine(|_| Echo);
    let asked = server.peer();
    let client = net.host("client").udp(49_152).udp(0).machine(move |_| Asker(asked));
    assert_eq!(client.peer().to_string(), "192.168.0.2:49152");
    assert_eq!(Scenario::from(net).peer(client), client.peer());
    let net = Net::new("ports");
    let first = net.host("a").udp(0).udp(0).machine(|_| Resolver::new(None, peer("127.0.0.1:1")));
    assert_eq!(told(net, first), ["192.168.0.1:49152 of 192.168.0.1:49152 and 192.168.0.1:49153"]);
}

/// Its system drops what comes from elsewhere.
#[test]
fn a_connected_socket_hears_its_peer_alone() {
    let net = Net::new("connected");
    let server = net.host("server").udp(7).machine(|_| Echo);
    let client = net.host("client").udp(1).connected(server).machine(move |boot| Asker(boot.peer(server)));
    let at_client = client.peer();
    net.host("stranger").udp(1).machine(move |_| Asker(at_client));
    assert_eq!(told(net, client), ["? from 192.168.0.1:7"]);
}

/// Sends what it is told to, at its start.
struct Sends(fn(&mut Outbox<String>));

impl Machine for Sends {
    type Command = ();
    type Event = String;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
        if matches!(input, Input::Start { .. }) {
            self.0(out);
        }
    }
}

/// What comes of a host with these sockets that sends so: law 9, or how many datagrams arrive.
fn sent(
    place: fn(&Net) -> lossproof::scenario::Place<'_>,
    send: fn(&mut Outbox<String>),
) -> Result<usize, String> {
    let net = Net::new("sends");
    let server = net.host("server").udp(7).udp6(7).machine(|_| Echo);
    place(&net).machine(move |_| Sends(send));
    net.always("it is judged", move |run| run.events(server).len() < 100);
    let scenario = Scenario::from(net);
    let mut engine = lossproof::engine::Engine::new(&scenario);
    engine.run(&lossproof::engine::Settings::default());
    match engine.violation() {
        Some((_, violation)) => {
            assert_eq!(violation.law, Law::SilentAfterTheEnd);
            Err(violation.detail.clone())
        }
        None => Ok(engine.view().events(server).len()),
    }
}

/// No network carries more, so none does in simulation.
#[test]
fn a_datagram_is_delivered_up_to_what_ip_carries_and_refused_one_beyond() {
    let both: fn(&Net) -> lossproof::scenario::Place<'_> = |net| net.host("client").udp(1).udp6(1);
    assert_eq!(sent(both, |out| out.send(peer("192.168.0.1:7"), &vec![0; 65_507])), Ok(1));
    assert_eq!(sent(both, |out| out.send(peer("[fd00::1]:7"), &vec![0; 65_527])), Ok(1));
    let too_long = |len| Err(format!("at 0.000 it sent a datagram of {len} bytes, which no network carries"));
    assert_eq!(sent(both, |out| out.send(peer("192.168.0.1:7"), &vec![0; 65_508])), too_long(65_508));
    assert_eq!(sent(both, |out| out.send(peer("[fd00::1]:7"), &vec![0; 65_528])), too_long(65_528));
}

/// A host that only dials has no socket that a datagram could leave from; one with IPv4 alone has none for IPv6.
#[test]
fn a_host_without_a_datagram_socket_sends_no_datagrams() {
    let no_socket = |to| {
        Err(format!("at 0.000 it sent a datagram to {to}, and its host has no datagram socket for that"))
    };
    assert_eq!(
        sent(|net| net.host("client"), |out| out.send(peer("192.168.0.1:7"), b"x")),
        no_socket("192.168.0.1:7")
    );
    assert_eq!(
        sent(|net| net.host("client").listen(1), |out| out.send(peer("192.168.0.1:7"), b"x")),
        no_socket("192.168.0.1:7")
    );
    assert_eq!(
        sent(|net| net.host("client").udp(1), |out| out.send(peer("[fd00::1]:7"), b"x")),
        no_socket("[fd00::1]:7")
    );
    let not_local = "at 0.000 it sent a datagram from 192.168.0.2:2, where its host has no datagram socket";
    let from_elsewhere: fn(&mut Outbox<String>) =
        |out| out.send_from(peer("192.168.0.2:2"), peer("192.168.0.1:7"), b"x");
    assert_eq!(sent(|net| net.host("client").udp(1), from_elsewhere), Err(not_local.to_owned()));
    assert_eq!(sent(|net| net.host("client").udp(1).udp(2), from_elsewhere), Ok(1));
}

/// A shutdown that comes before the stream stands is carried out when it does.
#[test]
fn a_shutdown_while_dialing_ends_the_stream_once_it_stands() {
    struct Hasty(Peer);
    impl Machine for Hasty {
        type Command = ();
        type Event = String;
        fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<String>) {
            match input {
                Input::Start { .. } => {
                    let conn = out.connect(self.0);
                    out.shutdown(conn);
                }
                Input::Connected { .. } => out.event("connected".to_owned()),
                Input::Eof { conn } => out.close(conn),
                Input::Closed { reason, .. } => out.event(reason.to_string()),
                _ => {}
            }
        }
    }
    let net = Net::new("hasty");
    let server = net.host("server").listen(1).machine(|_| Closer);
    let client = net.host("client").machine(move |boot| Hasty(boot.peer(server)));
    net.eventually_within("the server sees the end", Duration::from_secs(1), move |run| {
        run.events(server) == ["eof"] && run.events(client) == ["connected", "finished"]
    });
    Check::new(net).runs(1).assert();
}

struct Closer;

impl Machine for Closer {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<&'static str>) {
        if let Input::Eof { conn } = input {
            out.event("eof");
            out.close(conn);
        }
    }
}

/// An address where nobody is is told as it was written: most often it is a mistake.
#[test]
fn what_goes_nowhere_is_told_with_its_address() {
    let net = Net::new("nowhere");
    net.host("host").udp(1).machine(|_| {
        Sends(|out| {
            out.send(peer("10.1.2.3:9"), b"x");
            let _ = out.connect(peer("10.1.2.3:80"));
        })
    });
    let scenario = Scenario::from(net);
    let mut engine = lossproof::engine::Engine::new(&scenario);
    engine.run(&lossproof::engine::Settings::default());
    let transcript = engine.transcript();
    let text = transcript.to_string();
    assert!(text.contains("host  send  \"x\" → nowhere (10.1.2.3:9)\n"), "{text}");
    assert!(text.contains("host  connect-failed nowhere (10.1.2.3:80): host unreachable\n"), "{text}");
    assert!(transcript.json_lines().contains("10.1.2.3:9"), "{}", transcript.json_lines());
    assert!(transcript.json_lines().contains("10.1.2.3:80: host unreachable"), "{}", transcript.json_lines());
}
