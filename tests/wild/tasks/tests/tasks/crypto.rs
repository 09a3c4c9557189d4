//! TLS whose randomness is that of the host which is running.

#[path = "../../../../quinn/certified.rs"]
mod certified;

use rustls::crypto::{GetRandomFailed, SecureRandom};
use rustls::{ClientConfig, ServerConfig};

use certified::X25519;

#[derive(Debug)]
struct OfTheHost;

impl SecureRandom for OfTheHost {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        lossproof::tasks::fill_random(bytes).map_err(|_| GetRandomFailed)
    }
}

static GROUP: X25519 = X25519(&OfTheHost);

pub(crate) fn client() -> ClientConfig {
    certified::client(certified::provider(&GROUP))
}

pub(crate) fn server() -> ServerConfig {
    certified::server(certified::provider(&GROUP))
}

/// What a transcript shows of a stream of TLS: its records by their types (RFC 8446 section 5.1), if they begin here.
pub(crate) fn records(bytes: &[u8]) -> Option<String> {
    let mut names = Vec::new();
    let mut rest = bytes;
    while let [kind, 3, _, high, low, after @ ..] = rest {
        let name = match kind {
            20 => "ChangeCipherSpec",
            21 => "Alert",
            22 => "Handshake",
            23 => "Data",
            _ => return None,
        };
        names.push(name);
        rest = after.get(usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default();
    }
    (!names.is_empty()).then(|| format!("{}, {} bytes", names.join(" + "), bytes.len()))
}
