//! Several machines on the same addresses, each in a thread of its own.

use std::num::NonZeroUsize;
use std::panic;
use std::pin::pin;
use std::sync::mpsc;
use std::thread;

use tokio::sync::watch;

use super::direct::Room;
use super::driven::{Driven, Typed};
use super::{DriveError, Endpoint, Opened, Setup, Thread, drive_until, runtime, stop_signal};
use crate::machine::{Machine, Peer, Status};

/// Drives several machines on the same addresses, each in a thread with sockets of its own, and blocks meanwhile. The
/// system spreads the peers over them (`SO_REUSEPORT`); a stream stays with one, as does a peer of a datagram socket. So
/// this is for machines whose peers have nothing to do with one another.
///
/// `make` makes the machine of the worker with this number, from 0, in its thread. `opened` is told the addresses once they
/// are bound, before a machine is started; `event` is told everything that any of them tells, from its thread. Ctrl-C and
/// SIGTERM stop all, and so does the end of one.
///
/// # Errors
/// As [`run`](super::run); the first worker's error goes before those of others. Unix sockets cannot be shared, and
/// workers have no store.
///
/// # Panics
/// If a machine does.
pub fn run_workers<M: Machine>(
    workers: NonZeroUsize,
    sockets: impl Into<Vec<Endpoint>>,
    make: impl Fn(usize) -> M + Sync,
    opened: impl FnOnce(&[Peer]) + Send,
    event: impl Fn(M::Event) + Sync,
) -> Result<Status, DriveError> {
    let each = |number, work: &mut Work<'_>| work(&mut Typed::new(make(number), None, &event));
    spread(workers, sockets.into(), Room::default(), Box::new(opened), &each)
}

/// Who is told the addresses, in another thread.
type SendOpened<'a> = Box<dyn FnOnce(&[Peer]) + Send + 'a>;

/// Drives what one worker has made.
pub(super) type Work<'a> = dyn FnMut(&mut dyn Driven) -> Result<Status, DriveError> + 'a;

/// Has each of `workers` threads make something and drive it, each with room of its own.
pub(super) fn spread(
    workers: NonZeroUsize,
    sockets: Vec<Endpoint>,
    room: Room,
    opened: SendOpened<'_>,
    each: &(dyn Fn(usize, &mut Work<'_>) -> Result<Status, DriveError> + Sync),
) -> Result<Status, DriveError> {
    let (stop, stopped) = watch::channel(());
    let work = |number, sockets: Vec<Endpoint>, opened: Opened<'_>| {
        let _end = End(&stop);
        let mut given = Some((sockets, opened));
        each(number, &mut |driven| {
            let (sockets, opened) = given.take().expect("a worker drives once");
            let Room { max_accepted, max_silence } = room;
            let (_, means) =
                Setup::<()> { shared: true, max_accepted, max_silence, ..Setup::new(sockets) }.split();
            let mut stopped = stopped.clone();
            runtime()?.block_on(async {
                let signal = stop_signal().map_err(DriveError::Start)?;
                let stop = async {
                    tokio::select! {
                        () = signal => {}
                        _ = stopped.changed() => {}
                    }
                };
                drive_until(driven, means, opened, pin!(stop), Thread::Own).await
            })
        })
    };
    thread::scope(|scope| {
        let work = &work;
        let (tell, told) = mpsc::channel();
        let endpoints = sockets.clone();
        let first_opened = move |locals: &[Peer]| {
            opened(locals);
            // Who has gone does not want to know.
            let _ = tell.send(locals.to_vec());
        };
        let first = scope.spawn(move || work(0, endpoints, Box::new(first_opened)));
        let mut all = vec![first];
        // Only the first one's addresses are known to be free, and which they are if the system chooses.
        if let Ok(locals) = told.recv() {
            let sockets: Vec<Endpoint> =
                sockets.into_iter().zip(locals).map(|(socket, local)| socket.at(local)).collect();
            all.extend((1..workers.get()).map(|number| {
                let sockets = sockets.clone();
                scope.spawn(move || work(number, sockets, Box::new(|_: &[Peer]| {})))
            }));
        }
        let ended =
            all.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        ended.reduce(both).unwrap_or(Ok(Status::Success))
    })
}

/// Tells the others that this worker has ended, also if that is by a panic.
struct End<'a>(&'a watch::Sender<()>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.send_replace(());
    }
}

/// How two workers ended, as one.
fn both(one: Result<Status, DriveError>, other: Result<Status, DriveError>) -> Result<Status, DriveError> {
    Ok(one?.max(other?))
}
