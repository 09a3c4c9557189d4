//! Two roles need no common type: each host has its machine's commands and events, and the compiler knows which.

use std::time::Duration;

use lossproof::scenario::Host;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Profile, Run};

/// Keeps a sum, and tells of each change of it.
struct Account(i64);

#[derive(Debug, PartialEq)]
struct Balance(i64);

impl Machine for Account {
    /// Interest, in percent.
    type Command = u32;
    type Event = Balance;

    fn handle(&mut self, input: Input<'_, u32>, _: Instant, out: &mut Outbox<Balance>) {
        match input {
            Input::Command(percent) => self.0 += self.0 * i64::from(*percent) / 100,
            Input::Datagram { bytes, .. } => {
                self.0 += i64::from(bytes[0]);
                out.reply(b"booked");
            }
            _ => return,
        }
        out.event(Balance(self.0));
    }
}

/// Pays in what it is told to, and tells what it is told.
struct Customer(Peer);

impl Machine for Customer {
    type Command = Payment;
    type Event = String;

    fn handle(&mut self, input: Input<'_, Payment>, _: Instant, out: &mut Outbox<String>) {
        match input {
            Input::Command(Payment { amount }) => out.send(self.0, &[*amount]),
            Input::Datagram { bytes, .. } => out.event(String::from_utf8_lossy(bytes).into_owned()),
            _ => {}
        }
    }
}

#[derive(Debug)]
struct Payment {
    amount: u8,
}

fn bank() -> (Net, Host<Account>, Host<Customer>) {
    let net = Net::new("bank");
    let account = net.host("account").udp(100).machine(|_| Account(0));
    let customer = net.host("customer").udp(0).machine(move |boot| Customer(boot.peer(account)));
    (net, account, customer)
}

#[test]
fn two_roles_have_events_of_two_types() {
    let (net, account, customer) = bank();
    net.command(Instant::START, customer, Payment { amount: 50 });
    net.command(Instant::from_millis(7), account, 10);
    net.always("no balance is negative", move |run| run.events(account).iter().all(|balance| balance.0 >= 0));
    net.eventually_within("the payment is confirmed", Duration::from_secs(1), move |run| {
        run.events(customer) == ["booked"] && run.events(account) == [Balance(50), Balance(55)]
    });
    Check::new(net).profile(Profile::CALM).assert();
}

/// Fixed commands and generated ones, each of the type that its host takes.
#[test]
fn commands_are_typed_by_their_host() {
    let (net, account, customer) = bank();
    net.generate(move |seed, commands| {
        for n in 0..4 {
            let amount = (seed >> (8 * n)) as u8;
            commands.give(Instant::from_millis(10 * n), customer, Payment { amount });
            commands.give(Instant::from_millis(10 * n + 7), account, 10);
        }
    });
    net.eventually_within(
        "four payments and four interests are booked",
        Duration::from_secs(1),
        move |run| run.events(account).len() == 8 && run.events(customer).len() == 4,
    );
    Check::new(net).profile(Profile::CALM).runs(50).assert();
}

/// A helper of a test need not know which role it is about.
fn has_told<M: Machine>(run: &Run<'_>, host: Host<M>, times: usize) -> bool {
    run.events(host).len() == times && run.times(host).len() == times
}

#[test]
fn what_is_told_has_its_times() {
    let (net, account, customer) = bank();
    net.command(Instant::from_millis(20), customer, Payment { amount: 1 });
    net.sometimes("all is told", move |run| has_told(run, account, 1) && has_told(run, customer, 1));
    net.always("it takes 5 ms there, and 5 ms back", move |run| {
        let at = |millis| Instant::from_millis(millis);
        run.times(account).iter().all(|told_at| *told_at == at(25))
            && run.times(customer).iter().all(|told_at| *told_at == at(30))
    });
    Check::new(net).profile(Profile::CALM).demand_sometimes().runs(10).assert();
}

/// What an input adds is seen once: whatever else happens, it is new at that input alone.
#[test]
fn what_is_new_is_new_at_one_input() {
    let (net, account, customer) = bank();
    for millis in [0, 1, 2] {
        net.command(Instant::from_millis(millis), customer, Payment { amount: 1 });
    }
    net.always("one balance at a time", move |run| {
        let (new, all) = (run.new_events(account), run.events(account));
        new.len() <= 1
            && all.ends_with(new)
            && new.iter().all(|balance| usize::try_from(balance.0) == Ok(all.len()))
    });
    net.never("a balance is new while the customer hears of one", move |run| {
        !run.new_events(account).is_empty() && !run.new_events(customer).is_empty()
    });
    net.sometimes("three are told, and none is new", move |run| {
        run.events(account).len() == 3 && run.new_events(account).is_empty()
    });
    Check::new(net).profile(Profile::CALM).demand_sometimes().runs(1).assert();
}

/// When all is calm several hosts start at one moment: what one tells then is not new at the next one's input.
#[test]
fn what_is_told_at_a_restart_is_new_at_that_input_alone() {
    struct Greeter;
    impl Machine for Greeter {
        type Command = ();
        type Event = &'static str;
        fn handle(&mut self, _: Input<'_, ()>, _: Instant, out: &mut Outbox<&'static str>) {
            out.event("here");
        }
    }
    let net = Net::new("greeters");
    let [a, b] = ["a", "b"].map(|name| net.host(name).machine(|_| Greeter));
    net.command(Instant::from_millis(3_000), a, ());
    net.always("they do not greet at once", move |run| {
        run.new_events(a).is_empty() || run.new_events(b).is_empty()
    });
    net.always("a greeting comes alone", move |run| run.new_events(a).len() <= 1);
    net.sometimes("there were five", move |run| run.events(a).len() == 3 && run.events(b).len() == 2);
    let plan = "calm 2s; at 1s crash a; at 1s crash b".parse().unwrap();
    Check::new(net).plan(plan).runs(1).demand_sometimes().assert();
}
