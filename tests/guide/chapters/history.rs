use lossproof::scenario::{Model, Operation};
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Profile};
use std::time::Duration;

/// A register with one number. A request is an id, and the number to write if there is one.
struct Register(u8);

impl Machine for Register {
    type Command = ();
    type Event = ();

    fn handle(&mut self, input: Input<'_, ()>, _now: Instant, out: &mut Outbox<()>) {
        if let Input::Datagram { bytes: [id, written @ ..], .. } = input {
            self.0 = written.first().copied().unwrap_or(self.0);
            out.reply(&[*id, self.0]);
        }
    }
}

/// Sends each request twice, in case one is lost, and reports when the operation begins and ends.
struct Client {
    register: Peer,
    next_id: u8,
    open: Vec<u8>,
}

impl Machine for Client {
    /// A number to write, or `None` to read.
    type Command = Option<u8>;
    type Event = Operation<Option<u8>, u8>;

    fn handle(&mut self, input: Input<'_, Option<u8>>, _now: Instant, out: &mut Outbox<Self::Event>) {
        match input {
            Input::Command(&call) => {
                let id = self.next_id;
                self.next_id += 1;
                self.open.push(id);
                out.event(Operation::Invoked { id: id.into(), call });
                let request = [&[id], call.as_slice()].concat();
                out.send(self.register, &request);
                out.send(self.register, &request);
            }
            Input::Datagram { bytes: [id, number], .. } if self.open.contains(id) => {
                self.open.retain(|open| open != id);
                out.event(Operation::Returned { id: (*id).into(), result: *number });
            }
            _ => {}
        }
    }
}

/// What a register does if operations do not overlap.
#[derive(Clone, Hash)]
struct Number(u8);

impl Model for Number {
    type Call = Option<u8>;
    type Result = u8;

    fn apply(&mut self, call: &Option<u8>) -> u8 {
        self.0 = call.unwrap_or(self.0);
        self.0
    }
}

#[test]
#[ignore = "it fails, which is what the guide shows"]
fn a_register_is_linearizable() {
    let net = Net::new("register");
    let register = net.host("register").udp(7).machine(|_| Register(0));
    let [ann, bob] = ["ann", "bob"].map(|name| {
        let client = move |register| Client { register, next_id: 0, open: Vec::new() };
        net.host(name).udp(0).machine(move |boot| client(boot.peer(register)))
    });
    net.command(Instant::from_millis(0), ann, Some(1));
    net.command(Instant::from_millis(50), bob, Some(2));
    net.command(Instant::from_millis(100), bob, None);
    net.history("the register is linearizable", Number(0))
        .on(ann, |event| Some(event.clone()))
        .on(bob, |event| Some(event.clone()))
        .judge();

    let late = Profile { jitter: Duration::from_millis(200), ..Profile::default() };
    Check::new(net).profile(late).assert();
}
