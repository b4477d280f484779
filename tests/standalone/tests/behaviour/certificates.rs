//! Certificates: of the server, which may change, and of clients, who may have to show one.

use std::path::PathBuf;
use std::time::Duration;

use pitaya::app::StartError;
use pitaya::tls::{ClientTls, Pem, ServerTls};
use pitaya::{Bytes, Context, Result, Tcp, handler};
use standalone_tests::authority::{Authority, Pair, new_key};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::support::encrypted::{encrypted, player, plays, socket, start, targets, try_connect};
use super::support::{Book, eventually, in_time};

/// A certificate and its key in files.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, pair: &Pair) -> Self {
        let folder = std::env::temp_dir().join(format!("pitaya-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let files = Self(folder);
        files.write(pair);
        files
    }

    fn write(&self, pair: &Pair) {
        std::fs::write(self.0.join("game.pem"), &pair.certificate).unwrap();
        std::fs::write(self.0.join("game.key"), &pair.key).unwrap();
    }

    fn tls(&self, check: Duration) -> ServerTls {
        let tls = ServerTls::files(self.0.join("game.pem"), self.0.join("game.key"));
        tls.check_files_every(check)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Looked at when anybody connects, and in practice never.
const ALWAYS: Duration = Duration::ZERO;
const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_new_certificate_holds_for_new_connections() {
    let (before, after) = (Authority::new(), Authority::new());
    let book = Book::default();
    for by_call in [true, false] {
        let files = Files::new("reload", &before.sign("localhost"));
        let tls = files.tls(if by_call { NEVER } else { ALWAYS });
        let app = start(&book, &tls).await;
        let mut early = player(&before, &app).await;
        files.write(&after.sign("localhost"));
        if by_call {
            drop(player(&before, &app).await);
            tls.reload().unwrap();
        }
        let mut late = player(&after, &app).await;
        let shaken = before.handshake(socket(&app, 0).await).await;
        shaken.expect_err("the old one is gone");
        // Who was there stays.
        for client in [&mut early, &mut late] {
            plays(client).await;
        }
        app.shutdown().await;
    }
}

/// Clients may know a server by its key (libpitaya pins it): a certificate can be renewed with it.
#[tokio::test]
async fn a_certificate_can_be_renewed_without_another_key() {
    let (authority, book, key) = (Authority::new(), Book::default(), new_key());
    let files = Files::new("renewal", &authority.renew("localhost", &key));
    let tls = files.tls(NEVER);
    let app = start(&book, &tls).await;
    let shown = async || {
        let client = authority.connect(app.local_addr(0).unwrap()).await;
        let shown = client.get_ref().1.peer_certificates().unwrap();
        shown[0].to_vec()
    };
    let first = shown().await;
    files.write(&authority.renew("localhost", &key));
    tls.reload().unwrap();
    let second = shown().await;
    assert_ne!(first, second);
    let pin = key.public_key_raw();
    for certificate in [first, second] {
        let has_pin = certificate.windows(pin.len()).any(|part| part == pin);
        assert!(has_pin, "{certificate:02x?}");
    }
    app.shutdown().await;
}

#[tokio::test]
async fn certificates_of_clients_can_be_required_or_allowed() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let identity = |of: &Authority| {
        let Pair { certificate, key } = of.sign("player");
        let (certificate, key) = (Pem::value(certificate), Pem::value(key));
        authority.client().identity(certificate, key)
    };
    for required in [true, false] {
        let book = Book::default();
        let tls = match required {
            true => authority
                .server()
                .require_client_certificates(authority.pem()),
            false => authority
                .server()
                .allow_client_certificates(authority.pem()),
        };
        let app = start(&book, &tls).await;
        let mut refused = 0.0;
        for target in targets(&app) {
            for (tls, welcome) in [
                (identity(&authority), true),
                (identity(&stranger), false),
                (authority.client(), !required),
            ] {
                let connected = try_connect(&target, tls).await;
                assert_eq!(connected.is_ok(), welcome, "{connected:?}");
                refused += f64::from(u8::from(!welcome));
            }
        }
        eventually("each is counted", || {
            book.refused("tls_client_certificate") == refused
        })
        .await;
        app.shutdown().await;
    }
}

/// What a client has shown is known to whoever serves it.
#[tokio::test]
async fn handlers_see_the_certificate_that_their_client_has_shown() {
    struct Papers;

    #[handler]
    impl Papers {
        async fn show(&self, ctx: &Context<'_>) -> Result<Bytes> {
            let shown = ctx.session().peer_certificates().unwrap_or_default();
            Ok(Bytes::from(shown.concat()))
        }
    }

    let (authority, book) = (Authority::new(), Book::default());
    let tls = authority.server();
    let app = encrypted(
        &book,
        &tls.allow_client_certificates(authority.pem()),
        |_| {},
    )
    .acceptor(Tcp::bind("127.0.0.1:0"))
    .handler(Papers);
    let app = app.start().await.unwrap();
    let asked = async |target: &str, tls: ClientTls| {
        let client = try_connect(target, tls).await.unwrap();
        in_time(client.request_raw("papers.show", ""))
            .await
            .unwrap()
    };
    let Pair { certificate, key } = authority.sign("player");
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let identity = (Pem::value(certificate), Pem::value(key));
    for target in targets(&app) {
        let known = authority
            .client()
            .identity(identity.0.clone(), identity.1.clone());
        assert_eq!(asked(&target, known).await, der.as_ref());
        assert_eq!(asked(&target, authority.client()).await, "");
    }
    let plain = app.local_addr(2).unwrap().to_string();
    assert_eq!(asked(&plain, authority.client()).await, "");
    app.shutdown().await;
}

/// A certificate that is renewed badly is noticed before it expires.
#[tokio::test]
async fn a_new_pair_that_cannot_be_used_is_counted_and_the_old_one_stays() {
    let (authority, book) = (Authority::new(), Book::default());
    let files = Files::new("bad-reload", &authority.sign("localhost"));
    let app = start(&book, &files.tls(ALWAYS)).await;
    let failed =
        |cause: &str| book.total(&format!("pitaya_tls_reload_failed_total{{cause={cause}}}"));
    let good = authority.sign("localhost");
    let with = |certificate: &str, key: &str| Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    for (pair, cause) in [
        (with("", &good.key), "empty"),
        (with(&good.certificate[..200], &good.key), "malformed"),
        (
            with(&good.certificate, &new_key().serialize_pem()),
            "mismatch",
        ),
        (authority.sign_too_late("localhost"), "expired"),
    ] {
        files.write(&pair);
        // The same text is not tried again.
        for _ in 0..2 {
            plays(&mut player(&authority, &app).await).await;
            assert_eq!(failed(cause), 1.0, "{cause}");
        }
    }
    std::fs::remove_file(files.0.join("game.key")).unwrap();
    plays(&mut player(&authority, &app).await).await;
    assert_eq!(failed("unreadable"), 1.0);
    let page = app.report().to_string();
    assert!(
        page.contains("certificate not renewed, expired: 1\n"),
        "{page}"
    );
    let other = Authority::new();
    files.write(&other.sign("localhost"));
    plays(&mut player(&other, &app).await).await;
    app.shutdown().await;
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_keeps_the_app_from_starting() {
    let (authority, book) = (Authority::new(), Book::default());
    let mut pair = authority.sign("localhost");
    pair.key = authority.sign("localhost").key;
    let tls = pair.server();
    let started = encrypted(&book, &tls, |_| {}).start().await;
    let error = started.err().expect("it does not start");
    assert!(
        matches!(
            error,
            StartError::Listen {
                acceptor: "tls",
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains("does not belong to"), "{error}");
}
