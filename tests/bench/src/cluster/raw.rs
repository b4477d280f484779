//! The client library of the bus alone: what a call over NATS costs at least. Nothing of the framework runs here
//! but the encoding of one request and one answer, whose sizes are those of real calls.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use async_nats::{Client, ConnectOptions};
use futures_util::StreamExt as _;
use pitaya::{
    Bytes,
    cluster::{
        Metadata, ServerInfo,
        wire::{Msg, Request, Response, RpcType, Session},
    },
};
use prost::Message as _;

use crate::{
    child::DEADLINE,
    server::Running,
    wire::{ECHO_ROUTE, REPLY_BODY, REQUEST_BODY},
};

/// What a call carries.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    /// A client's message and its session.
    Forward,
    /// A server's own call.
    User,
}

impl Call {
    const ALL: [Self; 2] = [Self::Forward, Self::User];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::User => "user",
        }
    }

    fn subject(self) -> String {
        format!("bench/{}", self.name())
    }

    fn request(self) -> Bytes {
        let own = ServerInfo {
            id: "0b4d2a36-9c9f-4a3b-8f5c-1f4f0f6f1f4a".to_owned(),
            kind: "connector".to_owned(),
            frontend: true,
            metadata: BTreeMap::new(),
            hostname: String::new(),
        };
        let route = format!("room.{ECHO_ROUTE}");
        let metadata = Metadata::default()
            .with_request_id("0".repeat(32))
            .for_call(&own, &route, Duration::from_secs(60));
        let request = match self {
            Self::Forward => Request {
                r#type: RpcType::Sys.into(),
                session: Some(Session {
                    id: 7,
                    uid: String::new(),
                    data: Bytes::from_static(b"{}"),
                }),
                msg: Some(Msg {
                    id: 1,
                    route,
                    data: Bytes::from_static(REQUEST_BODY),
                    ..Msg::default()
                }),
                frontend_id: own.id,
                metadata: metadata
                    .with_start_time(1_800_000_000_000_000_000)
                    .to_bytes(),
            },
            Self::User => Request {
                r#type: RpcType::User.into(),
                msg: Some(Msg {
                    route,
                    data: Bytes::from_static(b"\x0a\x05hello"),
                    ..Msg::default()
                }),
                frontend_id: own.id,
                metadata: metadata.to_bytes(),
                ..Request::default()
            },
        };
        request.encode_to_vec().into()
    }

    fn answer(self) -> Bytes {
        let data: &[u8] = match self {
            Self::Forward => REPLY_BODY,
            Self::User => b"\x08\xc8\x01\x12\x05hello",
        };
        Response::ok(data).encode_to_vec().into()
    }
}

async fn connect(bus: &str) -> Result<Client> {
    let options = ConnectOptions::new()
        .request_timeout(Some(DEADLINE))
        .subscription_capacity(64 * 1024);
    Ok(options.connect(bus).await?)
}

fn running(obey: crate::server::Obey) -> Running {
    Running {
        address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        record: String::new(),
        obey,
    }
}

/// Obeys `<call> <in flight> <rounds>`.
pub(crate) async fn caller(bus: &str) -> Result<Running> {
    let client = connect(bus).await?;
    Ok(running(Box::new(move |line| {
        let client = client.clone();
        Box::pin(async move {
            let [name, in_flight, rounds] = words(&line)?;
            let call = Call::ALL.into_iter().find(|call| call.name() == name);
            let call = call.with_context(|| format!("unknown call {name:?}"))?;
            let (subject, request, expected) = (call.subject(), call.request(), call.answer());
            repeat(in_flight, rounds, move || {
                let (client, subject) = (client.clone(), subject.clone());
                let (request, expected) = (request.clone(), expected.clone());
                async move {
                    let answer = client.request(subject, request).await?;
                    ensure!(answer.payload == expected, "a wrong answer");
                    Ok(())
                }
            })
            .await
        })
    })))
}

/// Answers every call with a constant.
pub(crate) async fn responder(bus: &str) -> Result<Running> {
    let client = connect(bus).await?;
    for call in Call::ALL {
        let mut calls = client.subscribe(call.subject()).await?;
        let (client, answer) = (client.clone(), call.answer());
        tokio::spawn(async move {
            while let Some(message) = calls.next().await {
                let Some(reply) = message.reply else { continue };
                if client.publish(reply, answer.clone()).await.is_err() {
                    return;
                }
            }
        });
    }
    client.flush().await?;
    Ok(running(Box::new(|line| {
        Box::pin(async move { anyhow::bail!("not told what {line:?} is") })
    })))
}

/// Counts publishes that are neither answers nor calls of the backend; answers the count to any line.
pub(crate) async fn observer(bus: &str) -> Result<Running> {
    let client = connect(bus).await?;
    let mut everything = client.subscribe(">").await?;
    client.flush().await?;
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Some(message) = everything.next().await {
            let subject = message.subject.as_str();
            if !subject.starts_with("_INBOX") && !subject.starts_with("pitaya/servers/room/") {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    Ok(running(Box::new(move |_| {
        let count = count.load(Ordering::Relaxed).to_string();
        Box::pin(async move { Ok(count) })
    })))
}

/// The three words of a line.
pub(crate) fn words(line: &str) -> Result<[&str; 3]> {
    let words = line.split(' ').collect::<Vec<_>>();
    words
        .try_into()
        .ok()
        .with_context(|| format!("not three words: {line:?}"))
}

/// Has `in_flight` tasks make `rounds` calls each, one after the other.
pub(crate) async fn repeat<F>(
    in_flight: &str,
    rounds: &str,
    call: impl Fn() -> F + Clone + Send + 'static,
) -> Result<String>
where
    F: Future<Output = Result<()>> + Send,
{
    let (in_flight, rounds) = (in_flight.parse::<usize>()?, rounds.parse::<usize>()?);
    let callers = (0..in_flight).map(|_| {
        let call = call.clone();
        tokio::spawn(async move {
            for _ in 0..rounds {
                call().await?;
            }
            anyhow::Ok(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    Ok("done".to_owned())
}
