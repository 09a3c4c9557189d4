//! What goes wrong with TLS.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error};

use crate::machine::{HandshakeError, Peer};

/// Why TLS has ended a connection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TlsError {
    /// The handshake failed.
    Handshake {
        /// In one word.
        why: HandshakeError,
        /// What rustls says, if it was rustls.
        source: Option<Error>,
    },
    /// The handshake was not over within [`MAX_HANDSHAKE`](super::MAX_HANDSHAKE).
    TimedOut,
    /// The stream ended without `close_notify`: whether the peer has ended it or somebody between, nobody knows, so what
    /// has come may not be all (RFC 8446 section 6.1).
    Truncated,
    /// What came on a connection that stood is none of the peer's, or against the rules.
    Broken(Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake { why, .. } => why.fmt(f),
            Self::TimedOut => {
                write!(f, "the TLS handshake took more than {} seconds", super::MAX_HANDSHAKE.as_secs())
            }
            Self::Truncated => {
                f.write_str("the stream ended without TLS's close_notify: it may be cut short")
            }
            Self::Broken(error) => write!(f, "the TLS stream is broken: {error}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Handshake { source: Some(error), .. } | Self::Broken(error) => Some(error),
            _ => None,
        }
    }
}

impl From<HandshakeError> for TlsError {
    fn from(why: HandshakeError) -> Self {
        Self::Handshake { why, source: None }
    }
}

/// A connection that TLS has ended, for [`Tls::on_failure`](super::Tls::on_failure).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Failure {
    /// The other end.
    pub peer: Peer,
    /// Why.
    pub error: TlsError,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.peer, self.error)
    }
}

/// What an error within the handshake means. Until the peer has said something that rustls understood (`is_tls`), it may
/// speak another protocol.
pub(super) const fn why(error: &Error, is_tls: bool) -> HandshakeError {
    match error {
        Error::InvalidMessage(_) if !is_tls => HandshakeError::NotTls,
        Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure)
        | Error::PeerIncompatible(_) => HandshakeError::NothingInCommon,
        Error::AlertReceived(_) => HandshakeError::Refused,
        Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => HandshakeError::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                HandshakeError::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                HandshakeError::OtherName
            }
            CertificateError::UnknownIssuer => HandshakeError::Untrusted,
            CertificateError::ApplicationVerificationFailure => HandshakeError::OtherCertificate,
            _ => HandshakeError::BadCertificate,
        },
        _ => HandshakeError::Broken,
    }
}
