//! Kicks, users who come twice, and the end of the program.

use rustix::process::Signal;

use crate::dialect::{DIALECTS, failure, push, response};
use crate::players::{KICK, TRANSPORTS, Transport};
use crate::process::{Server, run};

const BIND: &str = "connector.testsvc.testbindid";

#[tokio::test]
async fn a_kicked_user_gets_the_kick_and_is_gone() {
    for dialect in DIALECTS {
        let server = Server::start(&[dialect.flag()]).await;
        for transport in TRANSPORTS {
            let mut kicker = server.player(Transport::Tcp).await;
            let mut kicked = server.player(transport).await;
            let uid = format!("{transport:?}");
            assert_eq!(
                kicked.call(1, BIND, uid.as_bytes()).await,
                response(1, b"ack")
            );

            let route = "connector.testsvc.testrequestkickuser";
            let ok = response(2, &dialect.test_response("ok"));
            assert_eq!(kicker.call(2, route, uid.as_bytes()).await, ok);
            assert_eq!(kicked.rest().await, [(KICK, vec![])]);
            let gone = failure(3, &dialect.error("PIT-404", "session not found"));
            assert_eq!(kicker.call(3, route, uid.as_bytes()).await, gone);
        }
    }
}

#[tokio::test]
async fn who_asks_for_a_kick_gets_it_and_nothing_after_it() {
    let server = Server::start(&[]).await;
    for transport in TRANSPORTS {
        let mut player = server.player(transport).await;
        player
            .request(1, "connector.testsvc.testrequestkickme", b"")
            .await;
        assert_eq!(player.rest().await, [(KICK, vec![])], "{transport:?}");
    }
}

#[tokio::test]
async fn a_user_who_comes_again_ends_the_first_session() {
    for dialect in DIALECTS {
        let server = Server::start(&[dialect.flag()]).await;
        for transport in TRANSPORTS {
            let uid = format!("{transport:?}");
            let mut first = server.player(transport).await;
            assert_eq!(
                first.call(1, BIND, uid.as_bytes()).await,
                response(1, b"ack")
            );

            // The bind succeeds; the user is in the group already, which is what the answer says.
            let mut second = server.player(transport).await;
            let error = dialect.error("PIT-441", "member already exists in group");
            assert_eq!(
                second.call(1, BIND, uid.as_bytes()).await,
                failure(1, &error)
            );
            assert_eq!(first.rest().await, []);

            second
                .notify("connector.testsvc.testsendgroupmsg", b"you")
                .await;
            assert_eq!(second.message().await, push("route.test", b"you"));
        }
    }
}

#[tokio::test]
async fn signals_end_the_program_in_order_with_exit_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start(&[]).await;
        let mut players = Vec::new();
        for transport in TRANSPORTS {
            players.push(server.player(transport).await);
        }
        let (status, log) = server.end(signal).await;
        assert_eq!(status.code(), Some(0), "{log}");
        assert_eq!(log.matches("listening").count(), 2, "{log}");
        for player in &mut players {
            // A kick may come first; no answer does, because nothing was asked.
            let rest = player.rest().await;
            assert!(rest.iter().all(|(kind, _)| *kind == KICK), "{rest:?}");
        }
    }
}

#[tokio::test]
async fn a_backend_starts_without_acceptors() {
    let server = Server::start(&["-frontend=false"]).await;
    let (status, log) = server.end(Signal::TERM).await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("listening"), "{log}");
}

#[tokio::test]
async fn what_cannot_be_done_is_told_and_ends_with_exit_code_2() {
    for (flags, text) in [
        (&["-nope"][..], "flag provided but not defined: -nope"),
        (
            &["-standalone", "-serializer", "xml"],
            "the serializer is json or protobuf",
        ),
        (
            &["-standalone", "-port=x"],
            "invalid value \"x\" for flag -port",
        ),
        (
            &["-grpc"],
            "-grpc needs gRPC support, which this version does not have",
        ),
        (
            &["-standalone", "-tlsport", "1"],
            "-tlsport, -tlscert and -tlskey are given together",
        ),
    ] {
        let (code, stderr) = run(flags, &[]).await;
        assert_eq!(code, Some(2), "{flags:?}: {stderr}");
        assert!(stderr.contains(text), "{flags:?}: {stderr}");
        assert!(
            !stderr.contains("all modules started!"),
            "{flags:?}: {stderr}"
        );
    }
}

#[tokio::test]
async fn a_start_that_fails_says_why_and_ends_with_exit_code_1() {
    let flags = ["-standalone", "-port", "0"];
    let (code, stderr) = run(&flags, &[("PITAYA_HEARTBEAT_INTERVAL", "soon")]).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("PITAYA_HEARTBEAT_INTERVAL"), "{stderr}");
    let tls = "-standalone -port 0 -tlsport 1 -tlscert no/game.pem -tlskey no/game.key";
    let tls: Vec<_> = tls.split(' ').collect();
    let (code, stderr) = run(&tls, &[]).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(
        stderr.contains("cannot read the certificate `no/game.pem`"),
        "{stderr}"
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    let (code, stderr) = run(&["-standalone", "-port", &port], &[]).await;
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains(&port), "{stderr}");
}

#[tokio::test]
async fn help_is_no_failure() {
    let (code, stderr) = run(&["-help"], &[]).await;
    assert_eq!(code, Some(0), "{stderr}");
    for flag in ["-port", "-standalone", "-proxyprotocol"] {
        assert!(stderr.contains(flag), "{stderr}");
    }
}
