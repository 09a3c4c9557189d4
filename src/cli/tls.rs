//! `--tls`: what the two ends of a connection show each other, and whom they trust.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{ArgMatches, Args};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, Error, InconsistentKeys, RootCertStore, ServerConfig};

use super::app::App;
use super::choices::SINGLE;
use super::error::system_text;
use super::output::complain;
use crate::harness::bounded;
use crate::machine::{Machine, Peer};
use crate::scenario::Net;
use crate::specimens::Specimen;
use crate::tls::{FINGERPRINT_LEN, Failure, Pinned, Tls, TlsError, fingerprint};

/// How many bytes a file of certificates or a key has at most.
const MAX_PEM_LEN: u64 = 4 * 1024 * 1024;

/// The words about TLS.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct TlsArgs {
    /// Speak TLS 1.2 or 1.3 (select-echo, greet, http, suffix-echo, geocode)
    #[arg(long, help_heading = SINGLE)]
    pub(super) tls: bool,
    /// The server's certificate and those that lead to an authority, in PEM form [default: a throw-away one for
    /// localhost and the address; its fingerprint is shown]
    #[arg(long, value_name = "FILE", requires = "key_file", requires = "tls", help_heading = SINGLE)]
    cert: Option<PathBuf>,
    /// The key of the certificate, in PEM form
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = SINGLE)]
    key_file: Option<PathBuf>,
    /// Trust only the authorities, or the self-signed certificates, of this file in PEM form [default: those that the
    /// system trusts]
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "fingerprint", help_heading = SINGLE)]
    ca: Option<PathBuf>,
    /// Trust only the certificate with this SHA-256 fingerprint, whatever name it is for
    #[arg(long, value_name = "HEX", requires = "tls", value_parser = pinned, help_heading = SINGLE)]
    fingerprint: Option<Fingerprint>,
}

/// The names of the options.
pub(super) const OPTIONS: [&str; 5] = ["tls", "cert", "key-file", "ca", "fingerprint"];

/// A fingerprint, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; FINGERPRINT_LEN]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecureError {
    /// It is no fingerprint.
    #[error("'{0}' is no SHA-256 fingerprint: write 64 hexadecimal digits, with or without colons")]
    Fingerprint(String),
    /// The file cannot be read.
    #[error("--{option}: cannot read '{path}': {}", system_text(.source))]
    Read {
        /// Which file.
        option: &'static str,
        /// Where it should be.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file has none, or one that cannot be used.
    #[error("--{option}: '{path}' has no {what} that can be used: {why}")]
    Unfit {
        /// Which file.
        option: &'static str,
        /// Where it is.
        path: String,
        /// What it should have.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The key is another one's.
    #[error("--key-file: '{0}' is not the key of the certificate of --cert")]
    OtherKey(String),
    /// There is nobody to trust.
    #[error("--tls: the system names no authorities to trust: give --ca FILE or --fingerprint HEX")]
    NoRoots,
    /// A throw-away certificate cannot be made.
    #[error("--tls: cannot make a certificate: {0}")]
    Made(#[from] rcgen::Error),
    /// rustls does not take what it was given.
    #[error("--tls: {0}")]
    Rustls(#[from] Error),
    /// A bug is planted where TLS would be.
    #[error("--tls is not for a server or client with a planted bug: leave --bug out")]
    Bug,
}

/// Reads a fingerprint as `openssl` and `serve` write it.
fn pinned(text: &str) -> Result<Fingerprint, SecureError> {
    let no_fingerprint = || SecureError::Fingerprint(text.to_owned());
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let mut bytes = [0; FINGERPRINT_LEN];
    if digits.len() != 2 * FINGERPRINT_LEN {
        return Err(no_fingerprint());
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).ok_or_else(no_fingerprint);
        *byte = (16 * digit(pair[0])? + digit(pair[1])?) as u8;
    }
    Ok(Fingerprint(bytes))
}

impl TlsArgs {
    /// Those that were given to a command.
    pub(super) fn read(matches: &ArgMatches) -> Self {
        let file = |id: &str| matches.try_get_one::<PathBuf>(id).ok().flatten().cloned();
        Self {
            tls: matches.try_get_one("tls").ok().flatten().copied().unwrap_or_default(),
            cert: file("cert"),
            key_file: file("key_file"),
            ca: file("ca"),
            fingerprint: matches.try_get_one("fingerprint").ok().flatten().copied(),
        }
    }

    /// How the app uses TLS, if it does.
    fn secure(&self, app: &App, bug: Option<&Specimen>) -> Result<Option<Secure>, SecureError> {
        match app.secure.filter(|_| self.tls) {
            Some(_) if bug.is_some() => Err(SecureError::Bug),
            secure => Ok(secure),
        }
    }

    /// The server of this address, with TLS if the words ask for it.
    pub(super) fn served(
        &self,
        app: &App,
        bug: Option<&Specimen>,
        bind: Peer,
        is_quiet: bool,
    ) -> Result<Option<Served>, SecureError> {
        let Some(secure) = self.secure(app, bug)? else { return Ok(None) };
        let (config, fingerprint) = self.server(bind)?;
        Ok(Some(Served { secure, config, fingerprint, is_quiet }))
    }

    /// A client, with TLS if the words ask for it. `name` is the name of its server, if it has one.
    pub(super) fn called(
        &self,
        app: &App,
        bug: Option<&Specimen>,
        name: Option<&str>,
    ) -> Result<Option<Called>, SecureError> {
        let Some(secure) = self.secure(app, bug)? else { return Ok(None) };
        let name = name.map(|name| name.trim_matches(['[', ']']).to_owned());
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        Ok(Some(Called { secure, config: self.client()?, name }))
    }

    /// What the server of this address shows, and the fingerprint of that.
    fn server(&self, bind: Peer) -> Result<(Arc<ServerConfig>, Fingerprint), SecureError> {
        let (chain, key) = match (&self.cert, &self.key_file) {
            (Some(cert), Some(key_file)) => (certificates("cert", cert)?, key(key_file)?),
            _ => throw_away(bind)?,
        };
        let shown = Fingerprint(chain.first().map(fingerprint).unwrap_or_default());
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key);
        match (config, &self.cert, &self.key_file) {
            (Ok(config), ..) => Ok((config.into(), shown)),
            (Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)), _, Some(path)) => {
                Err(SecureError::OtherKey(path.display().to_string()))
            }
            (Err(error @ Error::InvalidCertificate(_)), Some(path), _) => {
                Err(unfit("cert", path, "certificate", &error))
            }
            (Err(error), _, Some(path)) => Err(unfit("key-file", path, "key", &error)),
            (Err(error), ..) => Err(error.into()),
        }
    }

    /// Whom the client trusts.
    fn client(&self) -> Result<Arc<ClientConfig>, SecureError> {
        let provider = provider();
        let builder =
            ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let config = match (&self.fingerprint, &self.ca) {
            (Some(Fingerprint(bytes)), _) => {
                let verifier = Arc::new(Pinned::new(*bytes, &provider));
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
            (None, Some(path)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates("ca", path)? {
                    roots.add(certificate).map_err(|error| unfit("ca", path, "certificate", &error))?;
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            (None, None) => {
                let mut roots = RootCertStore::empty();
                // Some systems have old ones among them that nobody can read.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if roots.is_empty() {
                    return Err(SecureError::NoRoots);
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        };
        Ok(config.into())
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn unfit(option: &'static str, path: &Path, what: &'static str, why: &dyn fmt::Display) -> SecureError {
    SecureError::Unfit { option, path: path.display().to_string(), what, why: why.to_string() }
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, SecureError> {
    bounded::read(path, MAX_PEM_LEN).map_err(|source| SecureError::Read {
        option,
        path: path.display().to_string(),
        source,
    })
}

/// All certificates of a file, of which there is one at least.
fn certificates(option: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, SecureError> {
    let bytes = read(option, path)?;
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    match all.map_err(|error| unfit(option, path, "certificate", &error))? {
        none if none.is_empty() => Err(unfit(option, path, "certificate", &"there is none in PEM form")),
        all => Ok(all),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, SecureError> {
    PrivateKeyDer::from_pem_slice(&read("key-file", path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => unfit("key-file", path, "key", &"there is none in PEM form"),
        error => unfit("key-file", path, "key", &error),
    })
}

/// A certificate that nobody has signed, for whoever calls this computer by its own name or by this address.
fn throw_away(bind: Peer) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), SecureError> {
    let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16])];
    let own = bind.ip().filter(|ip| !ip.is_unspecified() && !loopback.contains(ip));
    let names = loopback.into_iter().chain(own).map(|ip| ip.to_string());
    let names: Vec<String> = ["localhost".to_owned()].into_iter().chain(names).collect();
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|why| Error::General(why.to_owned()))?;
    Ok((vec![made.cert.into()], key))
}

/// A server that speaks TLS.
pub(super) struct Served {
    secure: Secure,
    config: Arc<ServerConfig>,
    /// The fingerprint of its certificate.
    pub(super) fingerprint: Fingerprint,
    is_quiet: bool,
}

/// A client that speaks TLS.
pub(super) struct Called {
    secure: Secure,
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

impl Served {
    /// Has the host speak TLS, and note failed connections unless it is quiet.
    pub(super) fn wrap(&self, net: &Net, host: &str) {
        (self.secure.server)(net, host, &self.config, self.is_quiet);
    }
}

impl Called {
    /// Has the host speak TLS.
    pub(super) fn wrap(&self, net: &Net, host: &str) {
        (self.secure.client)(net, host, &self.config, self.name.as_ref());
    }
}

/// How an app's hosts come to speak TLS.
#[derive(Clone, Copy)]
pub(super) struct Secure {
    server: fn(&Net, &str, &Arc<ServerConfig>, bool),
    client: fn(&Net, &str, &Arc<ClientConfig>, Option<&ServerName<'static>>),
}

impl Secure {
    /// Those of an app whose server and client are these machines.
    pub(super) const fn of<S: Machine, C: Machine>() -> Self {
        Self { server: serves::<S>, client: calls::<C> }
    }
}

fn serves<M: Machine>(net: &Net, host: &str, config: &Arc<ServerConfig>, is_quiet: bool) {
    let config = config.clone();
    net.wrap(net.find::<M>(host), move |boot, machine| {
        Tls::server(machine, config.clone(), boot.seed()).on_failure(move |failure| {
            if !is_quiet {
                note(&failure);
            }
            None
        })
    });
}

fn calls<M: Machine>(net: &Net, host: &str, config: &Arc<ClientConfig>, name: Option<&ServerName<'static>>) {
    let (config, name) = (config.clone(), name.cloned());
    net.wrap(net.find::<M>(host), move |boot, machine| {
        Tls::client(machine, config.clone(), name.clone(), boot.seed()).on_failure(|failure| {
            // A client itself shows why it is not connected. For a reset, this note adds the reason.
            if !matches!(failure.error, TlsError::Handshake { .. } | TlsError::TimedOut) {
                note(&failure);
            }
            None
        })
    });
}

fn note(failure: &Failure) {
    complain(format_args!("note: {failure}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_has_64_digits_with_or_without_colons() {
        let plain = "0123456789abcdef".repeat(4);
        let pairs: Vec<String> =
            plain.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect();
        for text in [plain.clone(), pairs.join(":")] {
            assert_eq!(pinned(&text).unwrap().to_string(), plain);
        }
        for text in
            ["", &plain[1..], &format!("{plain}0"), &plain.replace('0', "g"), &plain.replace("01", "é")]
        {
            let error = pinned(text).unwrap_err().to_string();
            assert!(error.contains("write 64 hexadecimal digits"), "{error}");
        }
    }
}
