//! The client's side: which servers are believed.

use std::fmt;
use std::sync::Arc;

use tokio::sync::OnceCell;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::pem::{self, Pem};
use super::{TlsError, provider};

/// What a client needs to speak TLS: whom it believes, and perhaps a certificate of its own.
///
/// ```
/// use pitaya::client::Client;
/// use pitaya::tls::{ClientTls, Pem};
///
/// let client = Client::builder().tls(ClientTls::system().roots(Pem::file("our-authority.pem")));
/// ```
#[derive(Debug, Clone)]
pub struct ClientTls {
    trust: Trust,
    identity: Option<(Pem, Pem)>,
    server_name: Option<String>,
    /// Made when the first connection needs it, for all clones.
    config: Arc<OnceCell<Arc<ClientConfig>>>,
}

#[derive(Debug, Clone)]
enum Trust {
    System,
    Roots(Pem),
    Anybody,
}

impl Default for ClientTls {
    fn default() -> Self {
        Self::system()
    }
}

impl ClientTls {
    /// Believes the authorities that the operating system believes.
    pub fn system() -> Self {
        Self {
            trust: Trust::System,
            identity: None,
            server_name: None,
            config: Arc::default(),
        }
    }

    /// Believes these authorities, and nobody else.
    pub fn roots(self, authorities: Pem) -> Self {
        self.trusting(Trust::Roots(authorities))
    }

    /// Believes anybody, as the Go client does: the connection is encrypted, but whoever can put
    /// themselves in between can read it. For tests and tools.
    pub fn danger_accept_any_certificate(self) -> Self {
        self.trusting(Trust::Anybody)
    }

    /// Shows this certificate to servers that ask for one.
    pub fn identity(mut self, certificate: Pem, key: Pem) -> Self {
        self.identity = Some((certificate, key));
        self.config = Arc::default();
        self
    }

    /// Expects the server's certificate to be for this name, instead of the host connected to.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    fn trusting(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self.config = Arc::default();
        self
    }

    /// The name that a server at `host` has to prove.
    pub(crate) fn name_of(&self, host: &str) -> Result<ServerName<'static>, TlsError> {
        let name = self.server_name.as_deref().unwrap_or(host);
        ServerName::try_from(name.to_owned())
            .map_err(|_| TlsError::Unusable(format!("`{name}` is no server name")))
    }

    pub(crate) async fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let make = async {
            let this = self.clone();
            match tokio::task::spawn_blocking(move || this.build()).await {
                Ok(built) => built.map(Arc::new),
                Err(error) => Err(TlsError::Unusable(error.to_string())),
            }
        };
        self.config.get_or_try_init(|| make).await.cloned()
    }

    /// Blocks on the file system.
    fn build(&self) -> Result<ClientConfig, TlsError> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let builder = match &self.trust {
            Trust::System => builder.with_root_certificates(system_roots()?),
            Trust::Roots(source) => {
                let text = source.read("authorities")?;
                builder.with_root_certificates(pem::roots(&text, &source.place("authorities"))?)
            }
            Trust::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        };
        match &self.identity {
            None => Ok(builder.with_no_client_auth()),
            Some((certificate, key)) => {
                let chain = certificate.read("certificate")?;
                let chain = pem::certificates(&chain, &certificate.place("certificate"))?;
                let text = key.read("private key")?;
                let key = pem::key(&text, &key.place("private key"))?;
                Ok(builder.with_client_auth_cert(chain, key)?)
            }
        }
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry certificates that nobody can read; the others count.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let causes: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(TlsError::NoSystemRoots(causes.join(", ")));
    }
    Ok(roots)
}

/// Believes every certificate; still the server has to own it.
struct Anybody(Arc<CryptoProvider>);

impl fmt::Debug for Anybody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Anybody")
    }
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
