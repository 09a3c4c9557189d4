//! The TLS of QUIC, without the system's randomness and its calendar.
//!
//! What is random comes from a generator that each machine owns.

#[path = "certified.rs"]
mod certified;

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, ring};

pub(crate) use certified::Stopped;
use certified::{STOPPED_AT, X25519};

thread_local! {
    /// The generator of the machine that runs in this thread just now.
    static GENERATOR: RefCell<Pcg64> = RefCell::new(Pcg64::seed_from_u64(0));
}

/// Runs something that draws from this generator instead of the system.
pub(crate) fn drawing_from<T>(generator: &mut Pcg64, run: impl FnOnce() -> T) -> T {
    let swap =
        |generator: &mut Pcg64| GENERATOR.with_borrow_mut(|current| std::mem::swap(current, generator));
    swap(generator);
    let result = run();
    swap(generator);
    result
}

#[derive(Debug)]
struct Drawn;

impl SecureRandom for Drawn {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        GENERATOR.with_borrow_mut(|generator| generator.fill_bytes(bytes));
        Ok(())
    }
}

static GROUP: X25519 = X25519(&Drawn);

impl quinn_proto::TimeSource for Stopped {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + STOPPED_AT
    }
}

/// Where what is random comes from.
#[derive(Clone, Copy)]
pub(crate) enum Randomness {
    OfTheMachine,
    OfTheSystem,
}

fn provider(randomness: Randomness) -> CryptoProvider {
    match randomness {
        Randomness::OfTheMachine => certified::provider(&GROUP),
        Randomness::OfTheSystem => ring::default_provider(),
    }
}

pub(crate) fn client(randomness: Randomness) -> QuicClientConfig {
    client_config(randomness).try_into().expect("it has a cipher suite for the first packets")
}

pub(crate) fn client_config(randomness: Randomness) -> rustls::ClientConfig {
    certified::client(provider(randomness))
}

pub(crate) fn server(randomness: Randomness) -> QuicServerConfig {
    server_config(randomness).try_into().expect("it has a cipher suite for the first packets")
}

pub(crate) fn server_config(randomness: Randomness) -> rustls::ServerConfig {
    certified::server(provider(randomness))
}
