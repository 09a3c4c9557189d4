//! TLS between two ends that have one certificate, stopped time, and randomness from wherever one says.
//!
//! What rustls draws from the system comes from a [`SecureRandom`] of the caller: the random fields of messages, and through
//! a group of our own the secret of the key exchange. Ed25519 signs without randomness (RFC 8032). Nothing of this is
//! secure, and need not be.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, SecureRandom, SharedSecret, SupportedKxGroup,
    WebPkiSupportedAlgorithms, ring, verify_tls13_signature,
};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, NamedGroup, PeerMisbehaved, ServerConfig, SignatureScheme,
};
use x25519_dalek::{PublicKey, StaticSecret};

/// Self-signed for `localhost`. Only its bytes are looked at, so it never expires.
const CERTIFICATE: &[u8] = include_bytes!("certificate.der");
/// The Ed25519 key of the certificate: the head of its PKCS #8 form (RFC 8410), and the key.
const KEY: [&[u8]; 2] = [
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20],
    b"a fixed key, for tests only.    ",
];

/// X25519 (RFC 7748) whose secret is drawn from this; ring's can only be drawn from the system.
#[derive(Debug)]
pub(crate) struct X25519(pub(crate) &'static dyn SecureRandom);

struct Exchange {
    secret: StaticSecret,
    public: PublicKey,
}

impl SupportedKxGroup for X25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut secret = [0; 32];
        self.0.fill(&mut secret)?;
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

/// It is always the same moment.
#[derive(Debug)]
pub(crate) struct Stopped;

/// 15 January 2027, 08:00 UTC.
pub(crate) const STOPPED_AT: Duration = Duration::from_hours(500_000);

impl TimeProvider for Stopped {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(STOPPED_AT))
    }
}

/// Trusts the one certificate, and holds its owner to its signature.
#[derive(Debug)]
struct OnlyOurs(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for OnlyOurs {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_ours = certificate.as_ref() == CERTIFICATE;
        is_ours
            .then(ServerCertVerified::assertion)
            .ok_or_else(|| Error::General("another certificate".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// Ring, with the randomness of this group.
pub(crate) fn provider(group: &'static X25519) -> CryptoProvider {
    CryptoProvider { kx_groups: vec![group], secure_random: group.0, ..ring::default_provider() }
}

pub(crate) fn client(provider: CryptoProvider) -> ClientConfig {
    let verifier = Arc::new(OnlyOurs(provider.signature_verification_algorithms));
    ClientConfig::builder_with_details(provider.into(), Arc::new(Stopped))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth()
}

pub(crate) fn server(provider: CryptoProvider) -> ServerConfig {
    let key = PrivateKeyDer::try_from(KEY.concat()).expect("a key in PKCS #8 form");
    ServerConfig::builder_with_details(provider.into(), Arc::new(Stopped))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![CERTIFICATE.into()], key)
        .expect("the key is that of the certificate")
}
