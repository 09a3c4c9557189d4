//! Whom a client trusts, and by which calendar.

use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest as _, Sha256};

/// How many bytes a fingerprint has.
pub const FINGERPRINT_LEN: usize = 32;

/// The fingerprint of a certificate: SHA-256 over its DER form.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; FINGERPRINT_LEN] {
    Sha256::digest(certificate).into()
}

/// Trusts the one certificate that has this fingerprint, whoever has signed it, for whatever name and at whatever time. The
/// peer still has to show that it owns the certificate's key.
#[derive(Debug)]
pub struct Pinned {
    fingerprint: [u8; FINGERPRINT_LEN],
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    /// A verifier of this fingerprint, which checks signatures by the algorithms of the provider.
    pub const fn new(fingerprint: [u8; FINGERPRINT_LEN], provider: &CryptoProvider) -> Self {
        Self { fingerprint, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_it = fingerprint(certificate) == self.fingerprint;
        is_it
            .then(ServerCertVerified::assertion)
            .ok_or_else(|| CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A calendar that always has the same date: a simulation has none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedTime(
    /// The moment, as the time since 1 January 1970, 00:00 UTC.
    pub Duration,
);

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0))
    }
}
