//! Where the hosts that share a runtime say that they want a turn.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Hosts that want a turn, and who is to be told of it.
#[derive(Debug, Default)]
pub(super) struct Bell(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The hosts, in the order in which they rang.
    hosts: Vec<u16>,
    /// Who waits for a host to ring.
    waker: Option<Waker>,
    /// Who waits for the runtime to have nothing to do, and whether it has come to that.
    idle_waker: Option<Waker>,
    is_idle: bool,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host wants a turn.
    pub(super) fn ring(&self, host: u16) {
        let mut state = self.lock();
        if !state.hosts.contains(&host) {
            state.hosts.push(host);
        }
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// Whether a host wants a turn.
    pub(super) fn has_rung(&self) -> bool {
        !self.lock().hosts.is_empty()
    }

    /// Whether a host wants a turn; if not, the waker is woken when one does.
    pub(super) fn rings(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if state.hosts.is_empty() {
            state.waker = Some(waker.clone());
        }
        !state.hosts.is_empty()
    }

    /// The hosts that want a turn, in the order in which they rang.
    pub(super) fn take(&self, hosts: &mut Vec<u16>) {
        let mut state = self.lock();
        state.waker = None;
        hosts.append(&mut state.hosts);
    }

    /// Whether the runtime has nothing to do; if not, the waker is woken when it has nothing.
    pub(super) fn is_idle(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if !state.is_idle {
            state.idle_waker = Some(waker.clone());
        }
        std::mem::take(&mut state.is_idle)
    }

    /// The runtime has nothing to do.
    pub(super) fn idle(&self) {
        let mut state = self.lock();
        if let Some(waker) = state.idle_waker.take() {
            state.is_idle = true;
            waker.wake();
        }
    }
}
