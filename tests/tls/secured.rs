//! Nets whose hosts speak TLS.

use std::sync::Arc;

use lossproof::scenario::Host;
use lossproof::tls::rustls::pki_types::pem::PemObject as _;
use lossproof::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use lossproof::tls::rustls::{ClientConfig, ServerConfig};
use lossproof::tls::{Tls, promises, seeded};
use lossproof::{Machine, Net, Promises};

pub(crate) fn certificate() -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(include_bytes!("certificates/server.pem")).expect("a certificate")
}

pub(crate) fn server_config() -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("certificates/server.key")).expect("a key");
    seeded::server_config(certificate(), key).expect("they belong together")
}

pub(crate) fn client_config() -> Arc<ClientConfig> {
    seeded::client_config(&certificate())
}

/// Has a host of a net speak TLS as a server.
pub(crate) fn serves<M: Machine>(net: &Net, host: Host<M>, inside: Promises) {
    let config = server_config();
    net.wrap(host, move |boot, machine| Tls::server(machine, config.clone(), boot.seed()));
    net.promises(host, promises(inside));
}

/// Has a host of a net speak TLS as a client.
pub(crate) fn calls<M: Machine>(net: &Net, host: Host<M>, inside: Promises) {
    let config = client_config();
    net.wrap(host, move |boot, machine| Tls::client(machine, config.clone(), None, boot.seed()));
    net.promises(host, promises(inside));
}
