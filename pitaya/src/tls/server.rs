//! The server's side: one certificate with its key, which may be exchanged while clients are
//! connected.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};

use super::pem::{self, Pem};
use super::{TlsError, provider};
use crate::app::AppHandle;

/// How often files are looked at, unless it is said otherwise.
const CHECK: Duration = Duration::from_secs(10);

const CERTIFICATE: &str = "certificate";
const KEY: &str = "private key";
const AUTHORITIES: &str = "client certificates' authorities";

/// What an acceptor needs to speak TLS: a certificate (with the chain that leads to its authority),
/// its private key, and whether clients have to show certificates of their own.
///
/// Everything is read when the app starts, which ends with a clear error if it cannot be used. From
/// then on files are looked at again when clients connect, at most every ten seconds, and a changed
/// pair holds for the connections that come then; one that cannot be used is logged and counted
/// (`pitaya_tls_reload_failed_total`), and the old one stays. Clones share what is in use, so one of
/// them can be kept for [`ServerTls::reload`].
///
/// ```
/// use pitaya::tls::{Pem, ServerTls};
/// use pitaya::{Tcp, WebSocket};
///
/// let tls = ServerTls::files("game.pem", "game.key");
/// let tcp = Tcp::bind("0.0.0.0:3252").tls(tls.clone());
/// let wss = WebSocket::bind("0.0.0.0:3253").tls(tls.clone());
///
/// let players_with_certificates = ServerTls::new(Pem::file("game.pem"), Pem::file("game.key"))
///     .require_client_certificates(Pem::file("players.pem"));
/// ```
#[derive(Debug, Clone)]
pub struct ServerTls {
    certificate: Pem,
    key: Pem,
    clients: Clients,
    check: Duration,
    current: Arc<Mutex<Current>>,
}

/// Whether clients show certificates.
#[derive(Debug, Clone)]
enum Clients {
    Anonymous,
    /// If they do, one of these authorities has signed it.
    Allowed(Pem),
    Required(Pem),
}

/// What is in use.
#[derive(Debug, Default)]
struct Current {
    config: Option<Arc<ServerConfig>>,
    /// The texts that were tried last, used or not.
    tried: Option<Texts>,
    /// When the files are due for another look.
    due: Option<Instant>,
}

/// What the files held.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Texts {
    certificate: Vec<u8>,
    key: Vec<u8>,
    clients: Option<Vec<u8>>,
}

impl ServerTls {
    /// A certificate and its key. The first certificate of the text is the server's own, those that
    /// follow lead to its authority.
    pub fn new(certificate: Pem, key: Pem) -> Self {
        Self {
            certificate,
            key,
            clients: Clients::Anonymous,
            check: CHECK,
            current: Arc::default(),
        }
    }

    /// A certificate and its key from files in PEM.
    pub fn files(
        certificate: impl Into<std::path::PathBuf>,
        key: impl Into<std::path::PathBuf>,
    ) -> Self {
        Self::new(Pem::file(certificate), Pem::file(key))
    }

    /// Serves only clients whose certificate one of these authorities has signed.
    pub fn require_client_certificates(self, authorities: Pem) -> Self {
        self.with(Clients::Required(authorities))
    }

    /// Serves clients without a certificate too; one that is shown has to be of these authorities.
    pub fn allow_client_certificates(self, authorities: Pem) -> Self {
        self.with(Clients::Allowed(authorities))
    }

    fn with(mut self, clients: Clients) -> Self {
        self.clients = clients;
        // Other clones go on as they are.
        self.current = Arc::default();
        self
    }

    /// How often files are looked at while clients connect; 10 seconds by default, zero is at every
    /// connection.
    pub fn check_files_every(mut self, interval: Duration) -> Self {
        self.check = interval;
        self
    }

    /// Reads everything again. What it finds holds for connections that come from now on, on every
    /// acceptor that was given a clone of this. Blocks on the file system.
    ///
    /// # Errors
    /// It cannot be used; what was in use stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let texts = self.read()?;
        let config = self.build(&texts);
        let mut current = self.current.lock();
        current.tried = Some(texts);
        current.config = Some(Arc::new(config?));
        Ok(())
    }

    /// What a connection that comes now uses. Looks at the files first, if that is due; what cannot be
    /// used is counted by `app`.
    pub(crate) async fn config(&self, app: Option<&AppHandle>) -> Option<Arc<ServerConfig>> {
        if self.take_due() {
            let (this, app) = (self.clone(), app.cloned());
            let look = move || this.reload_changed(app.as_ref());
            // Whoever comes meanwhile is served with what is there.
            let _ = tokio::task::spawn_blocking(look).await;
        }
        self.in_use()
    }

    pub(super) fn in_use(&self) -> Option<Arc<ServerConfig>> {
        self.current.lock().config.clone()
    }

    /// Whether the files are due for a look; then the caller is the one to have it.
    fn take_due(&self) -> bool {
        let watched = match &self.clients {
            Clients::Anonymous => None,
            Clients::Allowed(authorities) | Clients::Required(authorities) => Some(authorities),
        };
        let mut sources = [&self.certificate, &self.key].into_iter().chain(watched);
        if !sources.any(Pem::is_file) {
            return false;
        }
        let now = Instant::now();
        let mut current = self.current.lock();
        let is_due = current.due.is_none_or(|due| now >= due);
        if is_due {
            current.due = Some(now + self.check);
        }
        is_due
    }

    fn reload_changed(&self, app: Option<&AppHandle>) {
        let reloaded = match self.read() {
            Ok(texts) if self.current.lock().tried.as_ref() == Some(&texts) => return,
            Ok(_) => self.reload(),
            Err(error) => Err(error),
        };
        match reloaded {
            Ok(()) => tracing::info!("the TLS certificate has changed and was loaded"),
            Err(error) => {
                tracing::error!(%error, "the TLS certificate cannot be loaded again, the old one stays");
                if let Some(app) = app {
                    app.metrics().certificate_not_renewed(error.cause());
                }
            }
        }
    }

    fn read(&self) -> Result<Texts, TlsError> {
        let clients = match &self.clients {
            Clients::Anonymous => None,
            Clients::Allowed(authorities) | Clients::Required(authorities) => {
                Some(authorities.read(AUTHORITIES)?)
            }
        };
        Ok(Texts {
            certificate: self.certificate.read(CERTIFICATE)?,
            key: self.key.read(KEY)?,
            clients,
        })
    }

    fn build(&self, texts: &Texts) -> Result<ServerConfig, TlsError> {
        let place = self.certificate.place(CERTIFICATE);
        let key_place = self.key.place(KEY);
        let chain = pem::certificates(&texts.certificate, &place)?;
        let key = pem::key(&texts.key, &key_place)?;
        if let Some(certificate) = chain.first() {
            check_validity(certificate, &place)?;
        }
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?;
        let authorities = |source: &Pem| {
            let text = texts.clients.as_deref().unwrap_or_default();
            let roots = pem::roots(text, &source.place(AUTHORITIES))?;
            let roots = Arc::new(roots);
            Ok::<_, TlsError>(WebPkiClientVerifier::builder_with_provider(
                roots,
                provider(),
            ))
        };
        let builder = match &self.clients {
            Clients::Anonymous => builder.with_no_client_auth(),
            Clients::Allowed(source) => builder
                .with_client_cert_verifier(authorities(source)?.allow_unauthenticated().build()?),
            Clients::Required(source) => {
                builder.with_client_cert_verifier(authorities(source)?.build()?)
            }
        };
        builder
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
                    certificate: place,
                    key: key_place,
                },
                Error::InvalidCertificate(error) => TlsError::Malformed {
                    place,
                    cause: Error::InvalidCertificate(error).to_string(),
                },
                error => TlsError::Malformed {
                    place: key_place,
                    cause: error.to_string(),
                },
            })
    }
}

/// Whether the certificate is valid at this time.
fn check_validity(certificate: &CertificateDer<'_>, place: &str) -> Result<(), TlsError> {
    let malformed = |cause: webpki::Error| TlsError::Malformed {
        place: place.to_owned(),
        cause: cause.to_string(),
    };
    let parsed = webpki::EndEntityCert::try_from(certificate).map_err(malformed)?;
    let now = UnixTime::now();
    // Nobody is believed here, so this always fails; but times are looked at before issuers are.
    let verified = parsed.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[],
        &[],
        now,
        webpki::KeyUsage::server_auth(),
        None,
        None,
    );
    let place = place.to_owned();
    match verified {
        Err(webpki::Error::CertExpired { not_after, .. }) => Err(TlsError::Expired {
            place,
            ago: now.as_secs().saturating_sub(not_after.as_secs()),
        }),
        Err(webpki::Error::CertNotValidYet { not_before, .. }) => Err(TlsError::NotYetValid {
            place,
            until: not_before.as_secs().saturating_sub(now.as_secs()),
        }),
        _ => Ok(()),
    }
}
