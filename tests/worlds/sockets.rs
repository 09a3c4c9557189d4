//! A scene played on real sockets: both hosts on this machine, in one runtime.

use std::cell::RefCell;
use std::future::{Future, pending};
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use lossproof::drive::{DriveError, Endpoint, LocalFaults, Multicast, Setup, Store, run_until};
use lossproof::{Peer, Status};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::sleep;

use crate::play::{Played, Scene, Side};
use crate::puppet::{Ask, Puppet};

/// An address of this machine, and a port that the system chooses.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// What goes to groups stays on this machine.
const HERE: Multicast = Multicast { v4: Some(Ipv4Addr::LOCALHOST), v6: None, hops: None };

/// What a host tells when nothing but time is to pass from now on. The clock then goes as fast as it can.
pub(crate) const HUSH: &str = "hush";

pub(crate) fn play(scene: &Scene) -> Played {
    play_with(scene, None)
}

/// The same, with a store for what `a` saves.
pub(crate) fn play_with(scene: &Scene, store: Option<Store>) -> Played {
    let b = (Puppet::new(scene.b.script, Vec::new(), b""), endpoints(&scene.b, None));
    let a = |others: Vec<Peer>| {
        let to = others.first().copied().filter(|_| scene.a.is_connected);
        let bytes = store.as_ref().map_or(Vec::new(), |store| store.bytes().to_vec());
        let puppet = Puppet::new(scene.a.script, others, &bytes);
        (
            puppet,
            Setup {
                faults: faults(scene.plan),
                store,
                reads_ecn: true,
                ..Setup::new(endpoints(&scene.a, to))
            },
        )
    };
    block_on(pair(b, a, scene.stop_at, &scene.asks))
}

/// Runs two machines until both are done. The first one's addresses are given to the other, which is stopped and asked.
pub(crate) async fn pair(
    b: (Puppet, Vec<Endpoint>),
    a: impl FnOnce(Vec<Peer>) -> (Puppet, Setup<Ask>),
    stop_at: Option<u64>,
    asks: &[(u64, Ask)],
) -> Played {
    let (told_a, told_b) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
    let (opened, found) = oneshot::channel();
    let failed = Notify::new();
    let b = async {
        let opened = |locals: &[Peer]| opened.send(locals.to_vec()).unwrap();
        let run = run_until(
            b.0,
            Setup { multicast: HERE, reads_ecn: true, ..Setup::new(b.1) },
            opened,
            |event| heard(&told_b, event),
            pending(),
        );
        tokio::select! {
            status = run => Some(status.unwrap()),
            () = failed.notified() => None,
        }
    };
    let a = async {
        let (puppet, setup) = a(found.await.unwrap());
        let (asked, commands) = mpsc::channel(8);
        let setup = Setup { commands: Some(commands), multicast: HERE, ..setup };
        let run = run_until(puppet, setup, |_| (), |event| heard(&told_a, event), stop(stop_at));
        let (status, ()) = tokio::join!(run, ask(asks, asked));
        status.inspect_err(|_| failed.notify_one())
    };
    let (a, b) = tokio::join!(a, b);
    let (a, error) = split(a);
    Played { a: told_a.take(), b: told_b.take(), statuses: [a, b], law: None, error }
}

fn split(status: Result<Status, DriveError>) -> (Option<Status>, Option<String>) {
    match status {
        Ok(status) => (Some(status), None),
        Err(error) => (None, Some(error.to_string())),
    }
}

/// A runtime for one scene.
pub(crate) fn block_on<T>(run: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run)
}

pub(crate) fn heard(told: &RefCell<Vec<String>>, event: String) {
    if event == HUSH {
        return tokio::time::pause();
    }
    told.borrow_mut().push(event);
}

fn endpoints(side: &Side, to: Option<Peer>) -> Vec<Endpoint> {
    let bind: Peer = if side.hears_groups { "0.0.0.0:0" } else { ANY_PORT }.parse().unwrap();
    let datagram = |n| match to {
        Some(_) if n == 0 => Endpoint::Datagram { bind, connect: to, broadcast: false },
        _ => Endpoint::datagram(bind),
    };
    let datagrams = (0..side.datagrams).map(datagram);
    datagrams.chain(side.listens.then(|| Endpoint::listener(bind))).collect()
}

fn faults(plan: &str) -> Option<LocalFaults> {
    let plan = (!plan.is_empty()).then(|| plan.parse().unwrap())?;
    Some(LocalFaults { plan, own: "a".to_owned(), peer: "b".to_owned() })
}

async fn stop(at: Option<u64>) {
    match at {
        Some(millis) => sleep(Duration::from_millis(millis)).await,
        None => pending().await,
    }
}

async fn ask(asks: &[(u64, Ask)], asked: mpsc::Sender<Ask>) {
    let mut before = 0;
    for &(at, ask) in asks {
        sleep(Duration::from_millis(at - before)).await;
        before = at;
        // Nobody is asked any more who is done.
        let _ = asked.send(ask).await;
    }
}
