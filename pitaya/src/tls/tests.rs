//! Pairs of certificate and key that can be used, and what is said of those that cannot.

use std::path::PathBuf;

use expect_test::{Expect, expect};
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd, generate_simple_self_signed};

use super::*;

/// A certificate and a key that belongs to it.
fn pair() -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

/// A certificate that is valid in these years only, as an authority of its own or not.
fn valid(from: i32, until: i32, authority: bool) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    if authority {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    }
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn value(certificate: &str, key: &str) -> ServerTls {
    ServerTls::new(Pem::value(certificate), Pem::value(key))
}

fn check(tls: ServerTls, expected: Expect) {
    let said = tls.reload().expect_err("it cannot be used").to_string();
    // How long ago is not for a test to know.
    let said = said
        .split(|c: char| c.is_ascii_digit())
        .next()
        .unwrap_or_default();
    expected.assert_eq(said);
}

#[test]
fn a_pair_is_used_whatever_form_its_key_has() {
    let (certificate, key) = pair();
    value(&certificate, &key).reload().unwrap();
    // Both in one text, in any order, with something else around.
    let both = format!("# the game\n{key}{certificate}");
    value(&both, &both).reload().unwrap();
    // A chain, and an authority that is a server too, as `openssl req -x509` makes.
    let (authority, _) = pair();
    value(&(certificate + &authority), &key).reload().unwrap();
    let (certificate, key) = valid(2020, 2090, true);
    value(&certificate, &key).reload().unwrap();
}

#[test]
fn what_cannot_be_used_is_told() {
    let (certificate, key) = pair();
    let (_, other) = pair();
    check(
        ServerTls::files("no/game.pem", "no/game.key"),
        expect!["cannot read the certificate `no/game.pem`: No such file or directory (os error "],
    );
    check(
        ServerTls::new(Pem::value(certificate.as_str()), Pem::file("no/game.key")),
        expect!["cannot read the private key `no/game.key`: No such file or directory (os error "],
    );
    check(
        value("", &key),
        expect!["the certificate given as a value holds no certificate"],
    );
    check(
        value(&key, &key),
        expect!["the certificate given as a value holds no certificate"],
    );
    check(
        value(&certificate, &certificate),
        expect!["the private key given as a value holds no private key that is not encrypted"],
    );
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    check(
        value(&certificate, &encrypted),
        expect!["the private key given as a value holds no private key that is not encrypted"],
    );
    check(
        value(&certificate, &other),
        expect![
            "the private key given as a value does not belong to the certificate given as a value"
        ],
    );
    let damaged = certificate.replacen("MI", "M!", 1);
    check(
        value(&damaged, &key),
        expect!["the certificate given as a value cannot be parsed: base"],
    );
    let empty = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    check(
        value(empty, &key),
        expect!["the certificate given as a value cannot be parsed: BadDer"],
    );
    let cut = &certificate[..certificate.len() / 2];
    check(
        value(cut, &key),
        expect!["the certificate given as a value cannot be parsed: it is cut off"],
    );
    let unknown = "-----BEGIN PRIVATE KEY-----\nMAMCAQE=\n-----END PRIVATE KEY-----\n";
    check(
        value(&certificate, unknown),
        expect![
            "the private key given as a value cannot be parsed: unexpected error: failed to parse private key as RSA, ECDSA, or EdDSA"
        ],
    );
    for authority in [false, true] {
        let (certificate, key) = valid(2001, 2002, authority);
        check(
            value(&certificate, &key),
            expect!["the certificate given as a value has expired, "],
        );
        let (certificate, key) = valid(2090, 2091, authority);
        check(
            value(&certificate, &key),
            expect!["the certificate given as a value is not valid before "],
        );
    }
    check(
        value(&certificate, &key).require_client_certificates(Pem::value("")),
        expect!["the client certificates' authorities given as a value holds no certificate"],
    );
    check(
        value(&certificate, &key).allow_client_certificates(Pem::file("no/players.pem")),
        expect![
            "cannot read the client certificates' authorities `no/players.pem`: No such file or directory (os error "
        ],
    );
}

#[test]
fn a_pair_that_cannot_be_used_leaves_the_old_one_in_use() {
    let directory = Scratch::new("old-one-stays");
    let tls = directory.tls();
    let (certificate, key) = pair();
    directory.write(&certificate, &key);
    tls.reload().unwrap();
    let clone = tls.clone();
    let used = in_use(&clone);
    let (other, _) = pair();
    directory.write(&other, &key);
    assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })));
    assert!(Arc::ptr_eq(&used, &in_use(&clone)));
    let (other, key) = pair();
    directory.write(&other, &key);
    tls.reload().unwrap();
    assert!(!Arc::ptr_eq(&used, &in_use(&clone)));
}

#[tokio::test(start_paused = true)]
async fn changed_files_are_noticed_when_clients_connect() {
    let directory = Scratch::new("changed-files");
    let tls = directory.tls();
    let (certificate, key) = pair();
    directory.write(&certificate, &key);
    tls.reload().unwrap();
    let first = tls.config(None).await.unwrap();
    let (other, other_key) = pair();
    directory.write(&other, &key);
    // Not so soon.
    tokio::time::advance(std::time::Duration::from_secs(9)).await;
    assert!(Arc::ptr_eq(&first, &tls.config(None).await.unwrap()));
    // Half of a pair is no pair.
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert!(Arc::ptr_eq(&first, &tls.config(None).await.unwrap()));
    directory.write(&other, &other_key);
    tokio::time::advance(std::time::Duration::from_secs(10)).await;
    let second = tls.config(None).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    // The same files are the same configuration, with the sessions that clients resume.
    tokio::time::advance(std::time::Duration::from_secs(10)).await;
    assert!(Arc::ptr_eq(&second, &tls.config(None).await.unwrap()));
    std::fs::remove_file(directory.0.join("game.pem")).unwrap();
    tokio::time::advance(std::time::Duration::from_secs(10)).await;
    assert!(Arc::ptr_eq(&second, &tls.config(None).await.unwrap()));
}

#[test]
fn keys_stay_out_of_logs() {
    let shown = format!("{:?}", value("certificate", "secret"));
    assert!(
        !shown.contains("secret") && !shown.contains("115"),
        "{shown}"
    );
}

fn in_use(tls: &ServerTls) -> Arc<tokio_rustls::rustls::ServerConfig> {
    tls.in_use().unwrap()
}

/// A folder for one test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("pitaya-tls-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn tls(&self) -> ServerTls {
        ServerTls::files(self.0.join("game.pem"), self.0.join("game.key"))
    }

    fn write(&self, certificate: &str, key: &str) {
        std::fs::write(self.0.join("game.pem"), certificate).unwrap();
        std::fs::write(self.0.join("game.key"), key).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
