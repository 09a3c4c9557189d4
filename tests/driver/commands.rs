//! What an application asks of a machine on real sockets while it runs.

use std::thread;

use lossproof::drive::Setup;
use lossproof::{Input, Instant, Machine, Outbox, Status};
use tokio::sync::mpsc;

use crate::support::{A_WHILE, Driven, V4, datagram, plain_udp, receive, within_bounds};

/// Tells of each command and each datagram, and is done at the command 0.
struct Teller;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Asked(u32),
    Datagram,
}

impl Machine for Teller {
    type Command = u32;
    type Event = Told;

    fn handle(&mut self, input: Input<'_, u32>, _: Instant, out: &mut Outbox<Told>) {
        match input {
            Input::Command(&number) => {
                out.event(Told::Asked(number));
                if number == 0 {
                    out.done(Status::Success);
                }
            }
            Input::Datagram { peer, bytes, .. } => {
                out.event(Told::Datagram);
                out.send(peer, bytes);
            }
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

/// A teller, and how to ask it; so many questions wait for it at most.
fn teller(max_waiting: usize) -> (Driven<Told>, mpsc::Sender<u32>) {
    let (sender, commands) = mpsc::channel(max_waiting);
    let setup = Setup { commands: Some(commands), ..Setup::new(datagram(V4, None)) };
    (Driven::start_with(setup, || Teller), sender)
}

#[test]
fn commands_come_in_order_and_none_after_the_end() {
    within_bounds(|| {
        let (sender, commands) = mpsc::channel(8);
        for number in [3, 1, 2, 0, 4] {
            sender.try_send(number).unwrap();
        }
        let setup = Setup { commands: Some(commands), ..Setup::new(datagram(V4, None)) };
        let (status, told) = Driven::start_with(setup, || Teller).join();
        assert_eq!(status.unwrap(), Status::Success);
        assert_eq!(told, [3, 1, 2, 0].map(Told::Asked));
    });
}

#[test]
fn a_command_wakes_a_machine_that_waits() {
    within_bounds(|| {
        let (mut driven, sender) = teller(1);
        for number in [7, 8] {
            sender.blocking_send(number).unwrap();
            driven.wait("the command", |told| told.last() == Some(&Told::Asked(number)));
        }
        driven.stop();
    });
}

#[test]
fn the_run_goes_on_when_nobody_is_left_to_ask() {
    within_bounds(|| {
        let (mut driven, sender) = teller(1);
        sender.blocking_send(7).unwrap();
        drop(sender);
        driven.wait("the command", |told| told == [Told::Asked(7)]);
        let client = plain_udp(V4);
        client.send_to(b"still there?", driven.addr).unwrap();
        assert_eq!(receive(&client).0, b"still there?");
        driven.stop();
    });
}

/// Says something to itself at the start, and so many times again whenever it hears it.
struct Echoing {
    again: usize,
}

impl Machine for Echoing {
    type Command = u32;
    type Event = Told;

    fn handle(&mut self, input: Input<'_, u32>, _: Instant, out: &mut Outbox<Told>) {
        match input {
            Input::Start { local } => out.send(local, b"x"),
            Input::Datagram { peer, bytes, .. } => {
                if self.again == 0 {
                    out.event(Told::Datagram);
                }
                for _ in 0..self.again {
                    out.send(peer, bytes);
                }
            }
            Input::Command(&number) => out.event(Told::Asked(number)),
            Input::Stop => out.done(Status::Success),
            _ => {}
        }
    }
}

#[test]
fn a_flood_of_datagrams_starves_no_command() {
    within_bounds(|| {
        let (sender, commands) = mpsc::channel(1);
        let setup = Setup { commands: Some(commands), ..Setup::new(datagram(V4, None)) };
        // Two for each one: the socket is never empty again.
        let mut driven = Driven::start_with(setup, || Echoing { again: 2 });
        thread::sleep(A_WHILE);
        for number in 1..=10 {
            sender.blocking_send(number).unwrap();
        }
        driven.wait_count("the commands", 10, |told| matches!(told, Told::Asked(_)));
        driven.stop();
    });
}

#[test]
fn a_flood_of_commands_starves_no_datagram() {
    within_bounds(|| {
        const COUNT: u32 = 10_000;
        let (sender, commands) = mpsc::channel(COUNT as usize);
        for number in 1..=COUNT {
            sender.try_send(number).unwrap();
        }
        let setup = Setup { commands: Some(commands), ..Setup::new(datagram(V4, None)) };
        let mut driven = Driven::start_with(setup, || Echoing { again: 0 });
        driven.wait_count("the commands", COUNT as usize, |told| matches!(told, Told::Asked(_)));
        let told = driven.stop();
        let heard = told.iter().position(|told| *told == Told::Datagram).expect("the datagram comes");
        assert!(heard < 1_000, "after {heard} commands");
    });
}
