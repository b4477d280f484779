//! Body compression: zlib streams (RFC 1950), which the protocol's own names
//! call "gzip".
//!
//! The state of a compressor is large (hundreds of KiB), so it is created at
//! the first use and kept. Inflating must never take more memory than the
//! caller's limit and one chunk, whatever the input claims.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use thiserror::Error;

/// The shortest zlib stream of one byte or more has 9 bytes: a header of 2, a
/// block of 3, a checksum of 4. A body up to that size cannot become shorter.
const SHORTEST_STREAM: usize = 9;

/// Output grows by at least this much while inflating.
const CHUNK: usize = 4096;

/// Compresses bodies, one after the other, with one kept state.
#[derive(Default)]
pub struct Deflater {
    state: Option<Compress>,
}

impl Deflater {
    /// A compressor that allocates its state at the first use.
    pub const fn new() -> Self {
        Self { state: None }
    }

    /// Appends `body` as a zlib stream if that is strictly shorter, and says
    /// whether it did; else `out` is unchanged.
    pub fn compress(&mut self, body: &[u8], out: &mut Vec<u8>) -> bool {
        if body.len() <= SHORTEST_STREAM {
            return false;
        }
        let state = self
            .state
            .get_or_insert_with(|| Compress::new(Compression::default(), true));
        state.reset();
        let start = out.len();
        // One byte short of the body: a stream that does not fit is of no use.
        out.resize(start + body.len() - 1, 0);
        let target = out.get_mut(start..).unwrap_or_default();
        let outcome = state.compress(body, target, FlushCompress::Finish);
        let shorter = matches!(outcome, Ok(Status::StreamEnd));
        let written = if shorter {
            state.total_out() as usize
        } else {
            0
        };
        out.truncate(start + written);
        shorter
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").finish_non_exhaustive()
    }
}

/// Why bytes cannot be inflated. The texts are those of the original framework.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InflateError {
    /// The stream ends too early.
    #[error("unexpected EOF")]
    UnexpectedEof,
    /// The first two bytes are no zlib header.
    #[error("zlib: invalid header")]
    Header,
    /// The stream wants a preset dictionary, which nobody has.
    #[error("zlib: invalid dictionary")]
    Dictionary,
    /// The output does not match the checksum at the stream's end.
    #[error("zlib: invalid checksum")]
    Checksum,
    /// The compressed data is damaged somewhere before this offset.
    #[error("flate: corrupt input before offset {0}")]
    Corrupt(
        /// Bytes behind the zlib header.
        u64,
    ),
    /// The output would be larger than the caller allows.
    #[error("inflated body is larger than the limit of {limit} bytes")]
    OverLimit {
        /// The caller's limit in bytes.
        limit: usize,
    },
}

/// Inflates bodies, one after the other, with one kept state.
#[derive(Default)]
pub struct Inflater {
    state: Option<Decompress>,
}

impl Inflater {
    /// An inflater that allocates its state at the first use.
    pub const fn new() -> Self {
        Self { state: None }
    }

    /// Appends what the zlib stream at the start of `input` holds, at most
    /// `max` bytes. Bytes behind the stream are ignored.
    ///
    /// # Errors
    /// [`InflateError`]; `out` is unchanged then.
    pub fn inflate(
        &mut self,
        input: &[u8],
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), InflateError> {
        let start = out.len();
        let result = stream_body(input).and_then(|body| self.append(body, max, out));
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    fn append(&mut self, body: &[u8], max: usize, out: &mut Vec<u8>) -> Result<(), InflateError> {
        // Raw deflate, so that the window is always the largest and the
        // checksum has its own error, as in the original framework.
        let state = self.state.get_or_insert_with(|| Decompress::new(false));
        state.reset(false);
        let start = out.len();
        let mut produced = 0;
        loop {
            // One byte over the limit is what shows that it is broken.
            let room = (2 * produced)
                .max(4 * body.len())
                .max(CHUNK)
                .min(max.saturating_add(1))
                .max(produced);
            // Not `resize` alone: its doubling would pass the limit.
            out.reserve_exact((start + room).saturating_sub(out.len()));
            out.resize(start + room, 0);
            let used = state.total_in() as usize;
            let target = out.get_mut(start + produced..).unwrap_or_default();
            let source = body.get(used..).unwrap_or_default();
            let outcome = state.decompress(source, target, FlushDecompress::None);
            let advanced =
                state.total_out() as usize > produced || state.total_in() as usize > used;
            produced = state.total_out() as usize;
            match outcome {
                Err(_) => return Err(InflateError::Corrupt(state.total_in())),
                Ok(_) if produced > max => return Err(InflateError::OverLimit { limit: max }),
                Ok(Status::StreamEnd) => break,
                // Room left in the output means that the input is used up.
                Ok(_) if produced < room || !advanced => return Err(InflateError::UnexpectedEof),
                Ok(_) => {}
            }
        }
        out.truncate(start + produced);
        let checksum = body
            .get(state.total_in() as usize..)
            .and_then(<[u8]>::first_chunk)
            .ok_or(InflateError::UnexpectedEof)?;
        if adler32(out.get(start..).unwrap_or_default()) != u32::from_be_bytes(*checksum) {
            return Err(InflateError::Checksum);
        }
        Ok(())
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").finish_non_exhaustive()
    }
}

/// What follows the zlib header.
fn stream_body(input: &[u8]) -> Result<&[u8], InflateError> {
    let (header, body) = input
        .split_first_chunk::<2>()
        .ok_or(InflateError::UnexpectedEof)?;
    let [method, flags] = *header;
    if method & 0x0f != 8 || method >> 4 > 7 || u16::from_be_bytes(*header) % 31 != 0 {
        return Err(InflateError::Header);
    }
    if flags & 0x20 == 0 {
        return Ok(body);
    }
    // A preset dictionary is named by its checksum; ours is always empty.
    let (named, body) = body
        .split_first_chunk()
        .ok_or(InflateError::UnexpectedEof)?;
    if u32::from_be_bytes(*named) != adler32(&[]) {
        return Err(InflateError::Dictionary);
    }
    Ok(body)
}

/// The checksum of RFC 1950.
fn adler32(data: &[u8]) -> u32 {
    const BASE: u32 = 65521;
    /// So many bytes can be added before a sum outgrows 32 bits.
    const RUN: usize = 5552;
    let (mut a, mut b) = (1_u32, 0_u32);
    for run in data.chunks(RUN) {
        for &byte in run {
            a += u32::from(byte);
            b += a;
        }
        a %= BASE;
        b %= BASE;
    }
    (b << 16) | a
}

/// Whether a handshake reply is compressed. Replies carry no flag, so clients
/// look for the four headers that zlib writes at its usual settings.
pub fn sniff(body: &[u8]) -> bool {
    matches!(body, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflate(input: &[u8], max: usize) -> Result<Vec<u8>, InflateError> {
        let mut out = b"kept".to_vec();
        let result = Inflater::new().inflate(input, max, &mut out);
        assert_eq!(out[..4], *b"kept");
        assert!(result.is_ok() || out.len() == 4);
        result.map(|()| out.split_off(4))
    }

    #[test]
    fn the_state_is_reused_from_body_to_body() {
        let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
        for n in [40, 20, 100_000, 16] {
            let body = vec![b'a'; n];
            let mut stream = vec![1, 2];
            assert!(deflater.compress(&body, &mut stream));
            assert!(stream.len() - 2 < n);
            assert!(sniff(&stream[2..]));
            let mut back = Vec::new();
            // Neither a bomb nor a torn or damaged stream leaves a trace.
            inflater.inflate(&stream[2..], 1, &mut back).unwrap_err();
            inflater.inflate(&stream[2..8], n, &mut back).unwrap_err();
            inflater
                .inflate(&[0x78, 0x9c, 7, 255], n, &mut back)
                .unwrap_err();
            inflater.inflate(&stream[2..], n, &mut back).unwrap();
            assert_eq!(back, body);
        }
    }

    #[test]
    fn only_a_strictly_shorter_stream_is_taken() {
        let mut deflater = Deflater::new();
        for body in [&b""[..], b"a", b"{\"result\":\"ok\"}", &[b'a'; 9]] {
            let mut out = vec![1, 2];
            assert!(!deflater.compress(body, &mut out));
            assert_eq!(out, [1, 2]);
        }
        // 11 bytes is the size of the stream, so a body of 11 is no gain.
        let mut out = Vec::new();
        assert!(!deflater.compress(&[b'a'; 11], &mut out));
        assert!(deflater.compress(&[b'a'; 12], &mut out));
        assert_eq!(out.len(), 11);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let body = vec![0; 1 << 22];
        let mut bomb = Vec::new();
        assert!(Deflater::new().compress(&body, &mut bomb));
        let mut out = Vec::new();
        let result = Inflater::new().inflate(&bomb, 10_000, &mut out);
        assert_eq!(result, Err(InflateError::OverLimit { limit: 10_000 }));
        assert!(out.is_empty());
        assert!(out.capacity() <= 10_000 + CHUNK, "{}", out.capacity());
        assert_eq!(inflate(&bomb, 1 << 22).unwrap(), body);
        assert_eq!(
            inflate(&bomb, (1 << 22) - 1),
            Err(InflateError::OverLimit {
                limit: (1 << 22) - 1
            })
        );
    }

    #[test]
    fn an_empty_stream_inflates_to_nothing_under_any_limit() {
        let empty = [0x78, 0x9c, 3, 0, 0, 0, 0, 1, 0xee];
        assert_eq!(inflate(&empty, 0), Ok(vec![]));
        assert_eq!(inflate(&empty[..8], 0), Ok(vec![]));
        assert_eq!(inflate(&empty[..7], 0), Err(InflateError::UnexpectedEof));
        assert_eq!(inflate(&empty[..3], 0), Err(InflateError::UnexpectedEof));
    }

    #[test]
    fn checksum_of_a_long_run_of_the_largest_byte() {
        // The value zlib gives for 100 000 bytes of 0xff.
        assert_eq!(adler32(&[0xff; 100_000]), 0x149a_302c);
        assert_eq!(adler32(b"test"), 0x045d_01c1);
    }
}
