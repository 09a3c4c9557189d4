//! A server of some three hundred lines that was written for tokio, moved by its imports alone.

use std::time::Duration;

use lossproof::{Check, Ctx, Net};

use crate::found;
use crate::worlds::{mixed, own, real};

/// What a client does, in a world: sets keys and reads them, one with an end.
macro_rules! session {
    ($world:ident, $ctx:expr) => {{
        use $world::store::{Client, Request};
        let ctx: Ctx<(usize, String)> = $ctx;
        let mut client = Client::new("server:6379");
        let key = format!("k{}", ctx.incarnation());
        let requests = [
            Request::Set { key: key.clone(), value: "1".to_owned(), lives: None },
            Request::Get { key: key.clone() },
            Request::Set { key: key.clone(), value: "2".to_owned(), lives: Some(Duration::from_millis(500)) },
            Request::Get { key: key.clone() },
        ];
        for (step, request) in requests.iter().enumerate() {
            ctx.event((step, client.ask(request).await?));
        }
        $world::time::sleep(Duration::from_secs(1)).await;
        ctx.event((4, client.ask(&Request::Get { key }).await?));
        std::io::Result::Ok(())
    }};
}

/// `expires` says that a key is gone when its time is over, which is not so: a client that asks again, over a new
/// connection, cannot take back what it has asked over the old one.
pub(crate) fn net(on_tokio: bool, expires: bool) -> Net {
    let net = Net::new("store");
    let place = net.host("server").listen(6379);
    let _ = if on_tokio {
        place.tokio(|ctx: Ctx| async move { mixed::store::serve("0.0.0.0:6379", ctx.stopped()).await })
    } else {
        place.task(|ctx: Ctx| async move { own::store::serve("0.0.0.0:6379", ctx.stopped()).await })
    };
    let place = net.host("client");
    let client = if on_tokio {
        place.tokio(|ctx: Ctx<(usize, String)>| async move { session!(mixed, ctx) })
    } else {
        place.task(|ctx: Ctx<(usize, String)>| async move { session!(own, ctx) })
    };
    net.always("replies are those of a store", move |run| {
        // The server may be started anew and so forget, and a late request may come after a later one.
        let last: &[&str] = if expires { &["NONE"] } else { &["=1", "=2", "NONE"] };
        let allowed = [&["OK"], &["=1", "NONE"][..], &["OK"], &["=2", "=1", "NONE"], last];
        run.events(client).iter().all(|(step, reply)| allowed[*step].contains(&reply.as_str()))
    });
    net.sometimes("all is answered", move |run| run.events(client).iter().any(|(step, _)| *step == 4));
    net
}

#[test]
fn a_program_for_tokio_holds_under_all_faults() {
    for on_tokio in [false, true] {
        let verdict = Check::new(net(on_tokio, false)).runs(300).verdict().unwrap();
        assert!(verdict.failure().is_none(), "{on_tokio}: {verdict}");
    }
}

/// What the program's own text warns of: one stall.
#[test]
fn a_request_that_is_carried_out_late_is_found() {
    for on_tokio in [false, true] {
        let found = found(net(on_tokio, true));
        let plan = found.plan.to_string();
        assert_eq!((found.plan.faults().len(), plan.contains("stall")), (1, true), "{plan}");
    }
}

#[tokio::test]
async fn the_same_program_runs_on_real_sockets() {
    use real::store::{Client, Request, serve};
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = tokio::spawn(serve(free, std::future::pending()));
    let mut client = Client::new(free.to_string());
    let set = Request::Set { key: "k".to_owned(), value: "v".to_owned(), lives: None };
    assert_eq!(client.ask(&set).await.unwrap(), "OK");
    assert_eq!(client.ask(&Request::Get { key: "k".to_owned() }).await.unwrap(), "=v");
    server.abort();
}
