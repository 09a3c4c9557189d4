//! TLS whose randomness comes from a seed, for simulation. **Nothing that is said so is secret.**
//!
//! rustls draws from the system: the random fields of its messages, and the secret of each key exchange. A run that does so
//! cannot be repeated. The [`provider`] of this module draws from whatever [`Randomness`] is lent in the thread at that
//! moment; if none is, it fails. [`Tls`](super::Tls) lends each of its connections one of its own. For a crate that has
//! rustls inside of itself, as QUIC's have, lend it by one call:
//!
//! ```
//! use lossproof::tls::rustls::client::ClientConnection;
//! use lossproof::tls::seeded::{Randomness, client_config};
//!
//! let hello = |seed| {
//!     let config = client_config(&b"the certificate that is trusted".as_slice().into());
//!     let mut randomness = Randomness::new(seed, 0);
//!     let client = randomness.lend(|| ClientConnection::new(config, "localhost".try_into().unwrap()));
//!     let mut bytes = Vec::new();
//!     client.unwrap().write_tls(&mut bytes).unwrap();
//!     bytes
//! };
//! assert_eq!(hello(7), hello(7));
//! assert_ne!(hello(7), hello(8));
//! ```
//!
//! Ed25519 signs without randomness (RFC 8032), so a server's key has to be of that kind. Sessions are not resumed, since
//! tickets in a configuration would lead from one run to the next.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use rand_core::Rng as _;
use rand_pcg::Pcg64;
use rustls::client::Resumption;
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup, ring,
};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, Error, NamedGroup, PeerMisbehaved, ServerConfig, SignatureAlgorithm};
use x25519_dalek::{PublicKey, StaticSecret};

use super::trust::{FixedTime, Pinned, fingerprint};

/// The date in simulations: 15 January 2027, 08:00 UTC.
pub const TODAY: FixedTime = FixedTime(Duration::from_hours(500_000));

thread_local! {
    /// What is lent in this thread just now.
    static LENT: RefCell<Option<Pcg64>> = const { RefCell::new(None) };
}

/// Where the randomness of one machine or connection comes from: the generator PCG64, whose stream its algorithm fixes.
#[derive(Clone, Debug)]
pub struct Randomness(Pcg64);

impl Randomness {
    /// That of a seed, such as [`Boot::seed`](crate::Boot::seed); each `stream` of a seed is another one.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg64::new(seed.into(), stream.into()))
    }

    /// Runs something in which the [`provider`] draws from here.
    pub fn lend<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let before = LENT.replace(Some(self.0.clone()));
        let result = run();
        if let Some(after) = LENT.replace(before) {
            self.0 = after;
        }
        result
    }
}

#[derive(Debug)]
struct Lent;

impl SecureRandom for Lent {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        LENT.with_borrow_mut(|lent| lent.as_mut().map(|generator| generator.fill_bytes(bytes)))
            .ok_or(GetRandomFailed)
    }
}

/// X25519 (RFC 7748) whose secret is drawn from what is lent; ring's can only be drawn from the system.
#[derive(Debug)]
struct X25519;

struct Exchange {
    secret: StaticSecret,
    public: PublicKey,
}

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut secret = [0; 32];
        Lent.fill(&mut secret)?;
        let secret = StaticSecret::from(secret);
        Ok(Box::new(Exchange { public: PublicKey::from(&secret), secret }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(peer));
        // RFC 7748 section 6.1: a peer may not choose a point that makes the secret the same for everybody.
        if !shared.was_contributory() {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(&shared.as_bytes()[..]))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }
}

/// Ring, with randomness that is [lent](Randomness::lend).
pub fn provider() -> CryptoProvider {
    CryptoProvider { kx_groups: vec![&X25519], secure_random: &Lent, ..ring::default_provider() }
}

/// A client that trusts this certificate alone.
///
/// # Panics
/// Never: the provider has both versions.
pub fn client_config(certificate: &CertificateDer<'_>) -> Arc<ClientConfig> {
    let provider = Arc::new(provider());
    let verifier = Arc::new(Pinned::new(fingerprint(certificate), &provider));
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(TODAY))
        .with_safe_default_protocol_versions()
        .expect("the provider has TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.into()
}

/// A server that has this certificate, and its key.
///
/// # Errors
/// If the key is not that of the certificate, or not one of Ed25519.
///
/// # Panics
/// Never: the provider has both versions.
pub fn server_config(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = provider();
    if provider.key_provider.load_private_key(key.clone_key())?.algorithm() != SignatureAlgorithm::ED25519 {
        return Err(Error::General("a key that signs without randomness is needed: take Ed25519".to_owned()));
    }
    let mut config = ServerConfig::builder_with_details(provider.into(), Arc::new(TODAY))
        .with_safe_default_protocol_versions()
        .expect("the provider has TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config.into())
}
