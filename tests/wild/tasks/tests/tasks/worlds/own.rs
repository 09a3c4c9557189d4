//! Sockets, timers and tasks from lossproof.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use hyper::rt::{Sleep, Timer};
pub use lossproof::tokio::{net, task, time};

use crate::clock::Clock;

#[path = "../programs/shop.rs"]
pub mod shop;

pub fn timer() -> impl Timer + Send + Sync + 'static {
    HostTimer(Clock::new())
}

/// hyper's timers on the clock of a host.
#[derive(Clone, Debug)]
struct HostTimer(Clock);

struct HostSleep(time::Sleep);

impl Sleep for HostSleep {}

impl Future for HostSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl Timer for HostTimer {
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(HostSleep(time::sleep(span)))
    }

    fn sleep_until(&self, deadline: StdInstant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HostSleep(time::sleep_until(self.0.at(deadline))))
    }

    fn now(&self) -> StdInstant {
        self.0.now()
    }
}
