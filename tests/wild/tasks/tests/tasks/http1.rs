//! hyper, HTTP/1.1: a shop and its client, over connections that are kept.

use std::time::Duration;

use lossproof::{Check, Ctx, Net, Status};

use super::worlds::{mixed, own};

/// What a client hears, the same in both worlds.
#[derive(Debug, PartialEq)]
pub enum Heard {
    Book { is_whole: bool },
    Ordered(u8),
    Orders(Vec<u8>),
}

/// With hyper-util's timers and tokio's tasks, or with those of lossproof. `forgets` plants a bug.
pub(crate) fn net(on_tokio: bool, forgets: bool) -> Net {
    let net = Net::new("shop");
    net.max_time(Duration::from_mins(2));
    let place = net.host("shop").listen(80);
    let server = if on_tokio {
        place.tokio(move |ctx: Ctx<u8>| mixed::shop::serve(ctx, forgets))
    } else {
        place.task(move |ctx: Ctx<u8>| own::shop::serve(ctx, forgets))
    };
    let place = net.host("client");
    let client = if on_tokio { place.tokio(mixed::shop::visit) } else { place.task(own::shop::visit) };
    net.always("an order is carried out once", move |run| {
        let done = run.events(server);
        done.iter().enumerate().all(|(index, order)| !done[..index].contains(order))
    });
    net.always("a body is whole", move |run| {
        !run.new_events(client).contains(&Heard::Book { is_whole: false })
    });
    net.always("what was ordered is known", move |run| {
        run.new_events(client).iter().all(|heard| match heard {
            Heard::Orders(orders) => *orders == [1, 2],
            _ => true,
        })
    });
    net.converges_within("the client is done", Duration::from_secs(30), 2_000, move |run| {
        run.status(client) == Some(Status::Success)
    });
    net
}

#[test]
fn http_holds() {
    super::holds(net(false, false), 500);
}

#[test]
fn http_on_tokio_holds() {
    super::holds(net(true, false), 500);
}

#[test]
fn http_on_tokio_comes_out_the_same_twice() {
    let verdict = Check::new(net(true, false)).calm_at(super::CALM_AT).runs(100).twice().verdict().unwrap();
    assert!(verdict.holds(), "{verdict}");
}

#[test]
fn an_order_that_is_carried_out_twice_is_found() {
    super::finds("http1", || Check::new(net(false, true)));
}

#[test]
fn an_order_that_is_carried_out_twice_is_found_on_tokio() {
    super::finds("http1_tokio", || Check::new(net(true, true)));
}
