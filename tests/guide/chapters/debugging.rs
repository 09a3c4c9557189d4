use lossproof::{Check, Input, Instant, Machine, Net, Outbox};
use std::sync::Mutex;

/// What a `dbg!(now)` in the machine would print.
static PRINTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Hello;

impl Machine for Hello {
    type Command = ();
    type Event = ();

    fn handle(&mut self, _input: Input<'_, ()>, now: Instant, _out: &mut Outbox<()>) {
        PRINTED.lock().unwrap().push(now.to_string());
    }
}

fn one_input() -> Net {
    let net = Net::new("hello");
    net.host("hello").machine(|_| Hello);
    net.always("all is well", |_| true);
    net
}

#[test]
fn the_laws_run_a_second_copy_of_each_machine() {
    Check::new(one_input()).runs(1).assert();
    assert_eq!(PRINTED.lock().unwrap().drain(..).collect::<Vec<_>>(), ["0.000", "3600.017"]);

    Check::new(one_input()).without_laws().runs(1).assert();
    assert_eq!(PRINTED.lock().unwrap().drain(..).collect::<Vec<_>>(), ["0.000"]);
}
