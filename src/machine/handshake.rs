//! Why two ends that can reach each other do not trust each other.

use std::error::Error;
use std::fmt;

/// Why a handshake on a stream that stands came to nothing, as with TLS: what is inside of it never began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HandshakeError {
    /// This end was not told how to make one.
    NotConfigured,
    /// What the peer says is no TLS.
    NotTls,
    /// The two ends have no version, cipher suite or key exchange in common.
    NothingInCommon,
    /// Nobody who is trusted has signed the peer's certificate.
    Untrusted,
    /// The peer's certificate is for another name.
    OtherName,
    /// The peer's certificate is not the one that is expected.
    OtherCertificate,
    /// The peer's certificate has expired.
    Expired,
    /// The peer's certificate is not valid yet.
    NotYetValid,
    /// The peer's certificate is unfit in another way.
    BadCertificate,
    /// The peer refused, by an alert: it may not trust this end's certificate.
    Refused,
    /// The peer ended the connection, or the network reset it.
    Ended,
    /// The peer broke the rules of the handshake.
    Broken,
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConfigured => "this end is not configured for TLS in this direction",
            Self::NotTls => "the peer speaks no TLS",
            Self::NothingInCommon => "the peer has no TLS version or cipher suite in common with this end",
            Self::Untrusted => "nobody who is trusted has signed the peer's certificate",
            Self::OtherName => "the peer's certificate is for another name",
            Self::OtherCertificate => "the peer's certificate has another fingerprint",
            Self::Expired => "the peer's certificate has expired",
            Self::NotYetValid => "the peer's certificate is not valid yet",
            Self::BadCertificate => "the peer's certificate is not valid",
            Self::Refused => "the peer refused the TLS handshake",
            Self::Ended => "the peer ended the connection within the TLS handshake",
            Self::Broken => "the peer broke the rules of the TLS handshake",
        })
    }
}

impl Error for HandshakeError {}
