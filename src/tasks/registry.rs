//! Which hosts there are on this thread, and which of them is running now.
//!
//! Sockets and timers of tasks name their host by a key. So they are `Send` and `Sync`, as libraries demand, though what a
//! host has is never shared between threads and needs no lock.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::hub::Hub;

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

/// The host that is running.
pub(super) fn current() -> Option<Key> {
    CURRENT.get()
}

/// The host on which a socket is opened.
///
/// # Errors
/// `Unsupported` outside of a simulated host.
pub(super) fn here() -> io::Result<Key> {
    current().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::Unsupported,
            "no simulated host is running: lossproof's sockets work in hosts made by `task` or `tokio`, \
             and in what these spawn",
        )
    })
}
