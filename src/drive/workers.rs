//! Several machines on one address, each in a thread of its own.

use std::num::NonZeroUsize;
use std::panic;
use std::sync::mpsc;
use std::thread;

use tokio::sync::watch;

use super::{DriveError, Endpoint, Setup, run_until, runtime, stop_signal};
use crate::machine::{Machine, Peer, Status};

/// Drives several machines on one address, each in a thread with sockets of its own, and blocks meanwhile. The system
/// spreads the peers over them (`SO_REUSEPORT`); a stream stays with one, as does a peer of a datagram socket. So this is
/// for machines whose peers have nothing to do with one another.
///
/// `make` makes the machine of the worker with this number, from 0, in its thread. `opened` is told the address once it
/// is bound, before a machine is started; `event` is told everything that any of them tells, from its thread. Ctrl-C and
/// SIGTERM stop all, and so does the end of one.
///
/// # Errors
/// As [`run`](super::run); the first worker's error goes before those of others. Unix sockets cannot be shared.
///
/// # Panics
/// If a machine does.
pub fn run_workers<M: Machine>(
    workers: NonZeroUsize,
    endpoint: Endpoint,
    make: impl Fn(usize) -> M + Sync,
    opened: impl FnOnce(Peer) + Send,
    event: impl Fn(M::Event) + Sync,
) -> Result<Status, DriveError> {
    let (stop, stopped) = watch::channel(());
    let work = |number, endpoint, opened: Box<dyn FnOnce(Peer) + '_>| {
        let setup = Setup { shared: true, ..Setup::new(endpoint) };
        let mut stopped = stopped.clone();
        let _end = End(&stop);
        runtime()?.block_on(async {
            let signal = stop_signal().map_err(DriveError::Start)?;
            let stop = async {
                tokio::select! {
                    () = signal => {}
                    _ = stopped.changed() => {}
                }
            };
            run_until(make(number), setup, opened, &event, stop).await
        })
    };
    thread::scope(|scope| {
        let work = &work;
        let (tell, told) = mpsc::channel();
        let first_opened = move |local| {
            opened(local);
            // Who has gone does not want to know.
            let _ = tell.send(local);
        };
        let first = scope.spawn(move || work(0, endpoint, Box::new(first_opened)));
        let mut all = vec![first];
        // Only the first one's address is known to be free, and which it is if the system chooses.
        if let Ok(local) = told.recv() {
            let endpoint = endpoint.at(local);
            all.extend(
                (1..workers.get()).map(|number| scope.spawn(move || work(number, endpoint, Box::new(drop)))),
            );
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
