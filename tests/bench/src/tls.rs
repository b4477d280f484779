//! TLS for both servers and the generator: one certificate a server, believed by its clients and nobody else's.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use pitaya::tls::{Pem, ServerTls};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ClientConfig, ClientConnection, RootCertStore, ServerConfig,
        client::Resumption,
        crypto::{CryptoProvider, ring},
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    },
};

const HOST: &str = "localhost";

/// A certificate and its key.
pub(crate) struct Pair(CertifiedKey<KeyPair>);

impl Pair {
    pub(crate) fn generate() -> Result<Self> {
        Ok(Self(generate_simple_self_signed([HOST.to_owned()])?))
    }

    /// What this framework's acceptor takes.
    pub(crate) fn server(&self) -> ServerTls {
        ServerTls::new(
            Pem::value(self.0.cert.pem()),
            Pem::value(self.0.signing_key.serialize_pem()),
        )
    }

    /// The same without the framework.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor> {
        let key = PrivatePkcs8KeyDer::from(self.0.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.0.cert.der().clone()], PrivateKeyDer::from(key))?;
        Ok(Arc::new(config).into())
    }

    /// The certificate on one line.
    pub(crate) fn record(&self) -> String {
        BASE64_STANDARD.encode(self.0.cert.der())
    }
}

/// What a client knows of a server.
#[derive(Clone)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Reads a server's record.
    pub(crate) fn read(record: &str) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(BASE64_STANDARD.decode(record)?))?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Every handshake is a whole one.
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// A client that has said nothing yet.
    pub(crate) fn client(self) -> Result<ClientConnection> {
        let host = ServerName::try_from(HOST).map_err(|error| anyhow!(error))?;
        Ok(ClientConnection::new(self.0, host)?)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
