//! Spare buffers of the current thread, so that a connection at rest holds none.
//!
//! Taking and giving back are re-entrant: whoever finds the place empty starts with a new buffer.

use std::cell::Cell;

/// What a spare buffer is for; one is kept per thread and purpose.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scratch {
    /// Bytes read from a socket.
    Input,
    /// Frames on their way to a socket.
    Output,
    /// The same again, as the WebSocket frames around them.
    WebSocket,
    /// One encoded body.
    Body,
    /// One deflated or inflated body.
    Zlib,
}

/// A larger buffer is not kept.
const KEEP: usize = 256 * 1024;

thread_local! {
    static SPARE: [Cell<Vec<u8>>; 5] = const { [const { Cell::new(Vec::new()) }; 5] };
}

/// An empty buffer, usually with capacity.
#[inline]
pub(crate) fn take(purpose: Scratch) -> Vec<u8> {
    SPARE
        .try_with(|[input, output, websocket, body, zlib]| {
            slot(purpose, input, output, websocket, body, zlib).take()
        })
        .unwrap_or_default()
}

/// Gives a buffer back.
#[inline]
pub(crate) fn give(purpose: Scratch, mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > KEEP {
        return;
    }
    buffer.clear();
    // A thread that is ending keeps nothing.
    let _ = SPARE.try_with(|[input, output, websocket, body, zlib]| {
        slot(purpose, input, output, websocket, body, zlib).set(buffer);
    });
}

fn slot<'a>(
    purpose: Scratch,
    input: &'a Cell<Vec<u8>>,
    output: &'a Cell<Vec<u8>>,
    websocket: &'a Cell<Vec<u8>>,
    body: &'a Cell<Vec<u8>>,
    zlib: &'a Cell<Vec<u8>>,
) -> &'a Cell<Vec<u8>> {
    match purpose {
        Scratch::Input => input,
        Scratch::Output => output,
        Scratch::WebSocket => websocket,
        Scratch::Body => body,
        Scratch::Zlib => zlib,
    }
}

/// Runs `work` with a spare buffer and gives it back, also when `work` panics (then it is lost).
#[inline]
pub(crate) fn with<R>(purpose: Scratch, work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = take(purpose);
    let result = work(&mut buffer);
    give(purpose, buffer);
    result
}
