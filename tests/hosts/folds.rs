//! Properties with a state of their own: it is stepped by what is new, in the order in which it happened.

use std::fmt::Write as _;

use lossproof::scenario::Host;
use lossproof::{Check, Input, Instant, Machine, Net, Outbox, Peer, Profile, Status};

/// Gives numbers to whoever asks, and tells of each before and after it is sent.
struct Tickets {
    next: u8,
    /// Planted: it begins anew after so many.
    most: u8,
}

impl Machine for Tickets {
    type Command = ();
    type Event = &'static str;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<&'static str>) {
        if let Input::Datagram { .. } = input {
            out.event("taken");
            out.reply(&[self.next]);
            out.event("given");
            self.next = (self.next + 1) % self.most;
        }
    }
}

/// Asks as often as it is told to, and tells what it gets.
struct Visitor(Peer);

impl Machine for Visitor {
    type Command = ();
    type Event = u8;

    fn handle(&mut self, input: Input<'_, ()>, _: Instant, out: &mut Outbox<u8>) {
        match input {
            Input::Command(()) => out.send(self.0, b"one, please"),
            Input::Datagram { bytes, .. } => {
                out.event(bytes[0]);
                if bytes[0] == 9 {
                    out.done(Status::Success);
                }
            }
            _ => {}
        }
    }
}

/// Two visitors that ask three times each, of whom the second comes later.
fn office(most: u8) -> (Net, Host<Tickets>, [Host<Visitor>; 2]) {
    let net = Net::new("office");
    let office = net.host("office").udp(1).machine(move |_| Tickets { next: 0, most });
    let visitors =
        ["a", "b"].map(|name| net.host(name).udp(2).machine(move |boot| Visitor(boot.peer(office))));
    for n in 0..3 {
        net.command(Instant::from_millis(10 * n), visitors[0], ());
        net.command(Instant::from_millis(10 * n + 3), visitors[1], ());
    }
    (net, office, visitors)
}

fn broken(net: Net) -> Option<(String, String)> {
    let verdict = Check::new(net).runs(1).verdict().unwrap();
    verdict.failure().map(|failure| (failure.broken.clone(), failure.detail.clone()))
}

/// What was seen before is in the state, so that no event is looked at twice.
#[test]
fn a_fold_over_the_events_of_several_hosts() {
    let check = |most| {
        let (net, _, [a, b]) = office(most);
        let once = |seen: &mut Vec<u8>, ticket: &u8, _| {
            let is_new = !seen.contains(ticket);
            seen.push(*ticket);
            if is_new { Ok(()) } else { Err(format!("{ticket} was given again; so far {seen:?}")) }
        };
        net.fold("no ticket is given twice", Vec::new).on(a, once).on(b, once);
        broken(net)
    };
    assert_eq!(check(6), None);
    let seen = "0 was given again; so far [0, 1, 2, 3, 0], at 0.030";
    assert_eq!(check(4), Some(("no ticket is given twice".to_owned(), seen.to_owned())));
}

/// Each run begins with a new state.
#[test]
fn a_fold_begins_anew_in_each_run() {
    let (net, office, _) = office(6);
    net.fold("twelve are told", || 0_u32)
        .on(office, |told, _, _| {
            *told += 1;
            *told <= 12
        })
        .at_end(|told| if *told == 12 { Ok(()) } else { Err(format!("only {told}")) });
    Check::new(net).profile(Profile::CALM).runs(20).jobs(2).assert();
}

#[test]
fn a_fold_over_the_state_of_a_host_after_each_of_its_inputs() {
    let (net, office, _) = office(4);
    net.fold("the number grows by one", || None).on_state(office, |before: &mut Option<u8>, tickets, _| {
        let expected = before.map_or(0, |before| before + 1);
        *before = Some(tickets.next);
        if tickets.next == expected { Ok(()) } else { Err(format!("{} instead of {expected}", tickets.next)) }
    });
    let seen = ("the number grows by one".to_owned(), "0 instead of 4, at 0.018".to_owned());
    assert_eq!(broken(net), Some(seen));
}

/// A step for each event and each datagram, as the machine put them out.
#[test]
fn a_fold_over_sends_comes_among_the_events_in_their_order() {
    let (net, office, [a, _]) = office(6);
    let from = office.peer();
    net.fold("taken, sent, given", String::new)
        .on(office, |story, event, _| {
            story.push_str(event);
            story.push(' ');
            true
        })
        .on_send(office, move |story, sent, at| {
            let _ = write!(story, "{:?} ", sent.bytes);
            assert!(sent.local == from && sent.peer.port() == Some(2) && at >= Instant::from_millis(5));
            true
        })
        .on(a, |story, ticket, _| {
            let _ = write!(story, "a has {ticket}. ");
            true
        })
        .at_end(|story| {
            let begin = "taken [0] given taken [1] given a has 0. taken [2] given ";
            if story.starts_with(begin) && story.matches("taken").count() == 6 {
                Ok(())
            } else {
                Err(story.clone())
            }
        });
    assert_eq!(broken(net), None);
}

/// A fold fails at the step that does not hold, and the transcript ends there.
#[test]
fn a_step_that_does_not_hold_ends_the_run() {
    let (net, _, [a, _]) = office(6);
    net.fold("nobody gets the third", || ()).on(a, |(), ticket, _| *ticket != 2);
    let verdict = Check::new(net).runs(1).verdict().unwrap();
    let failure = verdict.failure().unwrap();
    assert_eq!(
        (failure.detail.as_str(), failure.at),
        ("it did not hold, at 0.020", Instant::from_millis(20))
    );
    let last = failure.transcript.lines().last().unwrap();
    assert_eq!(last, "0.020  a       broken nobody gets the third: it did not hold, at 0.020");
}

/// What is only known in the end is asked in the end, if nothing failed before.
#[test]
fn the_end_of_a_run_is_asked_last() {
    let end = |most, is_eventual: bool| {
        let (net, _, [a, b]) = office(most);
        let sum = |sum: &mut u32, ticket: &u8, _| {
            *sum += u32::from(*ticket);
            true
        };
        net.fold("the sum of six tickets is 15", || 0_u32)
            .on(a, sum)
            .on(b, sum)
            .at_end(|sum| if *sum == 15 { Ok(()) } else { Err(format!("it is {sum}")) });
        if is_eventual {
            net.eventually_within("somebody gets the tenth", std::time::Duration::from_secs(9), move |run| {
                run.status(a).is_some()
            });
        }
        broken(net)
    };
    assert_eq!(end(6, false), None);
    assert_eq!(
        end(4, false),
        Some(("the sum of six tickets is 15".to_owned(), "it is 7, at 0.033".to_owned()))
    );
    assert_eq!(end(4, true).unwrap().0, "somebody gets the tenth");
}
