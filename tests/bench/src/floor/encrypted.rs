//! The least a tokio-rustls server can do: a handshake, and constants for what clients ask.

use std::io;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{End, next_packet};
use crate::wire::{DATA, HANDSHAKE, HEARTBEAT, REQUEST_FLAG, Wire};

/// Accepts on `listener` until the runtime ends.
pub(crate) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    wire: Wire,
) -> io::Result<()> {
    // For as long as the process lives, like the members of the plain floor.
    let wire: &'static Wire = Box::leak(Box::new(wire));
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, acceptor.clone(), wire));
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, wire: &Wire) -> Result<(), End> {
    let mut stream = acceptor.accept(stream).await?;
    // Grows to what a client sends, and holds nothing else: a connection at rest is rustls and little more.
    let (mut input, mut output) = (Vec::new(), Vec::new());
    while stream.read_buf(&mut input).await? > 0 {
        let mut consumed = 0;
        while let Some(packet) = next_packet(wire.transport, &mut input, &mut consumed)? {
            output.extend_from_slice(match packet {
                [HANDSHAKE, ..] => &wire.server.handshake,
                [HEARTBEAT, ..] => &wire.server.heartbeat,
                [DATA, _, _, _, REQUEST_FLAG, ..] => &wire.server.response,
                _ => &[],
            });
        }
        input.drain(..consumed);
        if !output.is_empty() {
            stream.write_all(&output).await?;
            stream.flush().await?;
            output.clear();
        }
    }
    Ok(())
}
