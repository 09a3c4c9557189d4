//! Which hosts there are on this thread, and which of them is running now.
//!
//! Sockets and timers of tasks name their host by a key. So they are `Send` and `Sync`, as libraries demand, though what a
//! host has is never shared between threads and needs no lock.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::hub::Hub;
use crate::host::HostId;

/// Names one incarnation of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    slot: u32,
    /// Unique in the process, so that another thread does not take it for one of its own.
    number: u64,
}

/// Hosts by their slots, each with its number.
type Hubs = Vec<Option<(u64, Rc<RefCell<Hub>>)>>;

thread_local! {
    static HUBS: RefCell<Hubs> = const { RefCell::new(Vec::new()) };
    static CURRENT: Cell<Option<Key>> = const { Cell::new(None) };
    /// The hosts of the tasks that run on tokio's own runtime, by the numbers of the tasks.
    static TASKS: RefCell<BTreeMap<u64, Key>> = const { RefCell::new(BTreeMap::new()) };
}

/// Enters a host.
pub(super) fn register(hub: Hub) -> (Key, Rc<RefCell<Hub>>) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    HUBS.with_borrow_mut(|hubs| {
        let free = hubs.iter().position(Option::is_none).unwrap_or(hubs.len());
        let key = Key { slot: free as u32, number };
        let hub = Rc::new(RefCell::new(hub));
        let entry = Some((number, Rc::clone(&hub)));
        match hubs.get_mut(free) {
            Some(slot) => *slot = entry,
            None => hubs.push(entry),
        }
        (key, hub)
    })
}

/// Forgets a host: what still names it finds nothing any more.
pub(super) fn forget(key: Key) {
    // A thread that ends has forgotten all of them.
    let forgotten = HUBS.try_with(|hubs| {
        let mut hubs = hubs.borrow_mut();
        let slot = hubs.get_mut(key.slot as usize)?;
        slot.take_if(|(number, _)| *number == key.number)
    });
    drop(forgotten);
}

/// Does something with a host, if it is still there and of this thread.
pub(super) fn with_hub<T>(key: Key, work: impl FnOnce(&mut Hub) -> T) -> Option<T> {
    let hub = HUBS.try_with(|hubs| match hubs.borrow().get(key.slot as usize) {
        Some(Some((number, hub))) if *number == key.number => Some(Rc::clone(hub)),
        _ => None,
    });
    let hub = hub.ok()??;
    let mut hub = hub.borrow_mut();
    Some(work(&mut hub))
}

/// What a host waits for, if it is one of tasks and waits: for reports. Its machine was made before its twin.
pub(crate) fn waits_text(host: HostId) -> Option<String> {
    HUBS.with_borrow(|hubs| {
        let of_host = hubs.iter().flatten().filter(|(_, hub)| hub.borrow().facts.id == host);
        let (_, hub) = of_host.min_by_key(|(number, _)| *number)?;
        hub.borrow().waits_text()
    })
}

/// Runs something on a host: sockets that are opened and tasks that are spawned meanwhile are its own.
pub(super) fn enter<T>(key: Key, work: impl FnOnce() -> T) -> T {
    struct Back(Option<Key>);
    impl Drop for Back {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let back = Back(CURRENT.replace(Some(key)));
    let result = work();
    drop(back);
    result
}

/// The number of a task of tokio's.
fn number(task: tokio::task::Id) -> Option<u64> {
    // It has a number only as text.
    task.to_string().parse().ok()
}

/// Notes of which host the task of tokio's is that is running, if it is one.
pub(super) fn note_task(key: Key) {
    if let Some(number) = tokio::task::try_id().and_then(number) {
        TASKS.with_borrow_mut(|tasks| tasks.insert(number, key));
    }
}

/// Notes of which host a task of tokio's is that is being spawned: of the one whose code is running.
#[cfg(tokio_unstable)]
pub(super) fn note_spawned(task: tokio::task::Id) {
    if let (Some(number), Some(key)) = (number(task), host_of_task().or_else(|| CURRENT.get())) {
        TASKS.with_borrow_mut(|tasks| tasks.insert(number, key));
    }
}

/// Forgets of which hosts tasks of tokio's are.
pub(super) fn forget_tasks() {
    TASKS.with_borrow_mut(BTreeMap::clear);
}

/// The host of the task of tokio's that is running, if it is one of which that is known.
fn host_of_task() -> Option<Key> {
    let number = tokio::task::try_id().and_then(number)?;
    TASKS.with_borrow(|tasks| tasks.get(&number).copied())
}

/// The host on which a socket is opened.
///
/// A task that was spawned by tokio's own `spawn` is polled by tokio's runtime, which nobody tells whose task it is. It runs
/// for the first time in the turn of the host that has spawned it; that it does something with a socket then, or with a
/// socket of which the host is known, is remembered.
///
/// # Errors
/// `Unsupported` outside of a simulated host, and where nobody knows which one.
pub(super) fn here() -> io::Result<Key> {
    if let Some(key) = host_of_task() {
        return Ok(key);
    }
    if let Some(key) = CURRENT.get() {
        note_task(key);
        return Ok(key);
    }
    let text = match tokio::task::try_id() {
        Some(_) => {
            "nobody knows of which simulated host this task is: spawn it by `lossproof::tokio::spawn`, or build with \
             `--cfg tokio_unstable`"
        }
        None => {
            "no simulated host is running: lossproof's sockets work in hosts made by `task` or `tokio`, and in what \
             these spawn"
        }
    };
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}
