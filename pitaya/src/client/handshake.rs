//! The client's side of the handshake (the client protocol, chapter 3): send, wait, agree.
//!
//! The caller sets the deadline. What the server sends behind its reply must not get lost, even in
//! the same read.

use std::future::poll_fn;
use std::io::Cursor;
use std::time::Duration;

use bytes::{Buf, BytesMut};

use super::builder::ClientBuilder;
use super::error::{DisconnectReason, Error};
use super::task::reserve;
use super::wire::Wire;
use crate::message::Serializer;
use crate::protocol::Dictionary;
use crate::protocol::handshake::{HandshakeReply, HandshakeSys, request};
use crate::protocol::packet::{self, PacketType};

/// What client and server have agreed on.
pub(super) struct Agreement {
    pub(super) serializer: Serializer,
    pub(super) dictionary: Dictionary,
    /// Zero if the server asks for no heartbeats.
    pub(super) heartbeat: Duration,
    /// What has arrived behind the reply.
    pub(super) inbound: BytesMut,
}

/// Completes the handshake but for the acknowledgement, which is the caller's to send.
pub(super) async fn perform(
    wire: &mut dyn Wire,
    choices: &ClientBuilder,
) -> Result<Agreement, Error> {
    let sys = HandshakeSys {
        platform: choices.platform.as_str().into(),
        lib_version: choices.lib_version.as_str().into(),
        client_build_number: choices.build_number.as_str().into(),
        client_version: choices.client_version.as_str().into(),
    };
    let mut packet = Cursor::new(request(&sys, &choices.user).map_err(Error::Handshake)?);
    poll_fn(|cx| wire.poll_send(cx, &mut packet))
        .await
        .map_err(broken)?;

    let mut inbound = BytesMut::new();
    let reply = loop {
        if let Some(reply) = take_reply(&mut inbound, choices.max_packet)? {
            break reply;
        }
        reserve(&mut inbound, choices.max_packet);
        if poll_fn(|cx| wire.poll_receive(cx, &mut inbound))
            .await
            .map_err(broken)?
            == 0
        {
            return Err(Error::Disconnected(DisconnectReason::ServerClosed));
        }
    };
    if reply.code != 200 {
        return Err(Error::HandshakeRefused { code: reply.code });
    }
    let heartbeat = reply.heartbeat_interval().unwrap_or_default();
    Ok(Agreement {
        serializer: agree(choices.serializer.as_ref(), reply.serializer)?,
        dictionary: reply.dictionary,
        heartbeat,
        inbound,
    })
}

/// Takes packets up to and including the reply.
fn take_reply(inbound: &mut BytesMut, max_packet: usize) -> Result<Option<HandshakeReply>, Error> {
    loop {
        let (reply, used) = match packet::decode(inbound, max_packet) {
            Ok(None) => return Ok(None),
            Err(error) => return Err(protocol(error)),
            Ok(Some((packet, used))) => match packet.kind {
                PacketType::Handshake => (
                    Some(HandshakeReply::parse(packet.body).map_err(protocol)?),
                    used,
                ),
                PacketType::Kick => {
                    return Err(Error::Disconnected(DisconnectReason::Kicked));
                }
                // A server counts its intervals from the moment it accepts the connection.
                PacketType::Heartbeat => (None, used),
                PacketType::HandshakeAck | PacketType::Data => {
                    return Err(protocol("a packet came before the handshake reply"));
                }
            },
        };
        inbound.advance(used);
        if reply.is_some() {
            return Ok(reply);
        }
    }
}

/// The serializer of the connection: the server names it, the client must have it.
fn agree(choice: Option<&Serializer>, server: String) -> Result<Serializer, Error> {
    match (choice, server.as_str()) {
        (Some(choice), name) if choice.name() == name => Ok(choice.clone()),
        (None, "json") => Ok(Serializer::Json),
        (None, "protobuf") => Ok(Serializer::Protobuf),
        (choice, _) => {
            let client = choice.map(|choice| choice.name().to_owned());
            Err(Error::Serializer { server, client })
        }
    }
}

fn broken(error: std::io::Error) -> Error {
    Error::Disconnected(error.into())
}

fn protocol(error: impl std::fmt::Display) -> Error {
    Error::Disconnected(DisconnectReason::Protocol(error.to_string()))
}
