use lossproof::drive::{Endpoint, Setup, Store, run_until};
use lossproof::{Input, Instant, Machine, Outbox, Peer, Status};
use std::net::UdpSocket;

/// Counts datagrams on all of its sockets, and saves the count.
struct Counter(u8);

impl Machine for Counter {
    type Command = ();
    /// Which of its addresses a datagram was sent to.
    type Event = Peer;

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<Peer>) {
        match input {
            Input::Datagram { local, .. } => {
                self.0 += 1;
                out.save(&[self.0]);
                out.reply(&[self.0]);
                out.event(local);
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

/// Runs the counter until a standard socket has had an answer from each address.
fn ask_each(path: &std::path::Path) -> Vec<u8> {
    let store = Store::open(path).unwrap();
    let counter = Counter(store.bytes().first().copied().unwrap_or(0));
    // Two sockets, on ports that the system chooses.
    let sockets = ["127.0.0.1:0", "127.0.0.2:0"].map(|peer| Endpoint::datagram(peer.parse().unwrap()));
    let setup = Setup { store: Some(store), ..Setup::new(sockets) };

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut client = None;
    let opened = |addresses: &[Peer]| {
        let addresses = addresses.to_vec();
        client = Some(std::thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let ask = |address: Peer| {
                socket.send_to(b"count", address.to_string()).unwrap();
                let mut answer = [0; 1];
                let (_, from) = socket.recv_from(&mut answer).unwrap();
                // The answer comes from the address that was asked.
                assert_eq!(from.to_string(), address.to_string());
                answer[0]
            };
            let answers = addresses.into_iter().map(ask).collect();
            drop(stop);
            answers
        }));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stop = async { drop(stopped.await) };
    let mut asked = 0;
    let status = runtime.block_on(run_until(counter, setup, opened, |_| asked += 1, stop)).unwrap();
    assert_eq!((status, asked), (Status::Success, 2));
    client.expect("it was started").join().unwrap()
}

#[test]
fn the_count_survives_a_restart() {
    let path = std::env::temp_dir().join(format!("counter-{}.state", std::process::id()));
    assert_eq!(ask_each(&path), [1, 2]);
    assert_eq!(ask_each(&path), [3, 4]);
    std::fs::remove_file(path).unwrap();
}
