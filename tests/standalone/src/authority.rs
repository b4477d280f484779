//! Somebody who signs certificates, and whoever believes only that: TLS without a file.

use std::net::SocketAddr;
use std::sync::Arc;

use pitaya::tls::{ClientTls, Pem, ServerTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ALL_VERSIONS, ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::DEADLINE;

/// Somebody who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Pair {
    /// What an acceptor takes.
    pub fn server(&self) -> ServerTls {
        ServerTls::new(
            Pem::value(self.certificate.clone()),
            Pem::value(self.key.clone()),
        )
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// One with a key of its own.
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Under the name of what it signs, OpenSSL would take that for self-signed.
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "authority");
        let issuer = CertifiedIssuer::self_signed(params, new_key());
        Self(issuer.expect("it signs itself"))
    }

    /// Its own certificate, in PEM.
    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// The same, as those take it who are to believe it.
    pub fn pem(&self) -> Pem {
        Pem::value(self.certificate())
    }

    /// A certificate for this host or player, and a key.
    pub fn sign(&self, name: &str) -> Pair {
        self.renew(name, &new_key())
    }

    /// The same, but its time is over.
    pub fn sign_too_late(&self, name: &str) -> Pair {
        let mut params = params(name);
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        self.issue(params, &new_key())
    }

    /// Another certificate for the same key.
    pub fn renew(&self, name: &str, key: &KeyPair) -> Pair {
        self.issue(params(name), key)
    }

    fn issue(&self, params: CertificateParams, key: &KeyPair) -> Pair {
        let certificate = params.signed_by(key, &self.0).expect("it signs");
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// What an acceptor on this machine takes.
    pub fn server(&self) -> ServerTls {
        self.sign("localhost").server()
    }

    /// What the client library takes that believes nobody else.
    pub fn client(&self) -> ClientTls {
        ClientTls::system().roots(self.pem())
    }

    /// A client that knows nothing of this framework and believes nobody else, in these versions of
    /// TLS. It remembers no sessions.
    pub fn believed(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(self.0.pem().as_bytes()).expect("PEM");
        roots.add(own).expect("an authority");
        let mut config = ClientConfig::builder_with_protocol_versions(versions)
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }

    /// The client's end of a TLS handshake over this socket.
    ///
    /// # Errors
    /// It fails.
    pub async fn handshake(&self, socket: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(self.believed(ALL_VERSIONS));
        let handshake = connector.connect(localhost(), socket);
        timeout(DEADLINE, handshake).await.expect("it ends in time")
    }

    /// Connects, in clear and then in TLS.
    pub async fn connect(&self, address: SocketAddr) -> TlsStream<TcpStream> {
        let socket = TcpStream::connect(address).await;
        let socket = socket.expect("the server listens");
        self.handshake(socket)
            .await
            .expect("the server is believed")
    }
}

/// The name that certificates of servers on this machine are for.
pub fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

/// A key to sign with, or to have signed.
pub fn new_key() -> KeyPair {
    KeyPair::generate().expect("randomness")
}

fn params(name: &str) -> CertificateParams {
    let names = [name.to_owned(), "127.0.0.1".to_owned()];
    CertificateParams::new(names).expect("names")
}
