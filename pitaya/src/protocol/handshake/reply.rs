//! What a server answers: its code, heartbeat, serializer and dictionary.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{
    super::{
        compression::{Deflater, Inflater, sniff},
        dictionary::Dictionary,
        packet::{self, HEADER_LEN, MAX_BODY_LEN, PacketError, PacketType},
    },
    HandshakeError,
};
use crate::json;

/// The Go client reads the reply in chunks of this size until one is not full,
/// so a packet that fills its chunks leaves it waiting for more.
const CLIENT_CHUNK: usize = 1024;

/// Spaces to try until a compressed reply no longer fills its chunks.
const MAX_PADDING: usize = 16;

/// A whole handshake reply packet (client protocol 3.3), to be built once per
/// app and code, and sent with one write.
///
/// With a `deflater` the JSON is compressed if that is strictly shorter.
/// Packets never have a multiple of 1024 bytes: the JSON gets trailing spaces
/// then, which all clients skip; they stand inside the compressed text, because
/// not every client skips bytes behind a stream. Use whole seconds for
/// `heartbeat`: the Go client cannot connect otherwise.
///
/// # Errors
/// [`PacketError::SizeExceeded`] when the dictionary is too large for a packet.
pub fn reply(
    code: u16,
    heartbeat: Duration,
    serializer: &str,
    dictionary: &Dictionary,
    deflater: Option<&mut Deflater>,
) -> Result<Vec<u8>, PacketError> {
    let mut text = reply_json(code, heartbeat, serializer, dictionary);
    if let Some(deflater) = deflater
        && let Some(packet) = compressed_packet(&text, deflater)?
    {
        return Ok(packet);
    }
    if (HEADER_LEN + text.len()).is_multiple_of(CLIENT_CHUNK) {
        text.push(b' ');
    }
    let mut packet = Vec::with_capacity(HEADER_LEN + text.len());
    packet::encode(PacketType::Handshake, &text, &mut packet)?;
    Ok(packet)
}

/// The compressed form; `None` when it is no shorter than the plain text.
fn compressed_packet(text: &[u8], deflater: &mut Deflater) -> Result<Option<Vec<u8>>, PacketError> {
    let mut padded = text.to_vec();
    for _ in 0..MAX_PADDING {
        let mut packet = Vec::new();
        let mark = packet::begin(PacketType::Handshake, &mut packet);
        if !deflater.compress(&padded, &mut packet) || packet.len() >= HEADER_LEN + text.len() {
            break;
        }
        if !packet.len().is_multiple_of(CLIENT_CHUNK) {
            packet::finish(mark, &mut packet)?;
            return Ok(Some(packet));
        }
        padded.push(b' ');
    }
    Ok(None)
}

/// The JSON with its keys in the order Go gives them.
fn reply_json(
    code: u16,
    heartbeat: Duration,
    serializer: &str,
    dictionary: &Dictionary,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    out.extend_from_slice(br#"{"code":"#);
    out.extend_from_slice(code.to_string().as_bytes());
    out.extend_from_slice(br#","sys":{"dict":{"#);
    for (n, (route, code)) in dictionary.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        json::write_text(route, &mut out);
        out.push(b':');
        out.extend_from_slice(code.to_string().as_bytes());
    }
    out.extend_from_slice(br#"},"heartbeat":"#);
    // Writing to memory cannot fail.
    json::write_float(heartbeat.as_secs_f64(), &mut out);
    out.extend_from_slice(br#","serializer":"#);
    json::write_text(serializer, &mut out);
    out.extend_from_slice(b"}}");
    out
}

/// A handshake reply as a client reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct HandshakeReply {
    /// 200, or 400 when the server refuses the handshake and closes.
    pub code: u16,
    /// Seconds between heartbeats; see [`HandshakeReply::heartbeat_interval`].
    pub heartbeat: f64,
    /// Name of the serializer that bodies are written with.
    pub serializer: String,
    /// Codes the client may use for routes, and the server for pushes.
    pub dictionary: Dictionary,
}

impl HandshakeReply {
    /// Reads the body of the server's handshake packet, inflating it if it
    /// starts like a zlib stream. Missing fields are 0 or empty, the serializer
    /// is then `json`.
    ///
    /// # Errors
    /// [`HandshakeError::Inflate`], [`HandshakeError::Json`].
    pub fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let mut inflated = Vec::new();
        let text = if sniff(body) {
            Inflater::new().inflate(body, MAX_BODY_LEN, &mut inflated)?;
            inflated.as_slice()
        } else {
            body
        };
        let wire: WireReply = json::read(text)?;
        let sys = wire.sys.unwrap_or_default();
        Ok(Self {
            code: wire.code,
            heartbeat: sys.heartbeat.unwrap_or_default(),
            serializer: sys.serializer.unwrap_or_else(|| "json".to_owned()),
            dictionary: Dictionary::lenient(sys.dict.unwrap_or_default()),
        })
    }

    /// The time between heartbeats; `None` when the server wants none.
    pub fn heartbeat_interval(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.heartbeat)
            .ok()
            .filter(|interval| !interval.is_zero())
    }
}

#[derive(Deserialize)]
struct WireReply {
    #[serde(default)]
    code: u16,
    sys: Option<WireSys>,
}

#[derive(Default, Deserialize)]
struct WireSys {
    dict: Option<BTreeMap<String, u16>>,
    heartbeat: Option<f64>,
    serializer: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(packet: &[u8]) -> String {
        String::from_utf8(packet[HEADER_LEN..].to_vec()).unwrap()
    }

    #[test]
    fn a_plain_reply_that_fills_its_chunks_gets_a_space() {
        let base = reply(
            200,
            Duration::from_secs(30),
            "",
            &Dictionary::default(),
            None,
        )
        .unwrap()
        .len();
        for len in [1024 - base, 2048 - base] {
            let serializer = "s".repeat(len);
            let reply = |serializer: &str| {
                let dictionary = Dictionary::default();
                reply(200, Duration::from_secs(30), serializer, &dictionary, None).unwrap()
            };
            let packet = reply(&serializer);
            assert_eq!(packet.len() % 1024, 1);
            assert!(text_of(&packet).ends_with("}} "));
            let (decoded, used) = packet::decode(&packet, MAX_BODY_LEN).unwrap().unwrap();
            assert_eq!(used, packet.len());
            let parsed = HandshakeReply::parse(decoded.body).unwrap();
            assert_eq!(parsed.serializer, serializer);
            assert!(text_of(&reply(&serializer[1..])).ends_with("}}"));
        }
    }

    #[test]
    fn a_compressed_reply_never_fills_its_chunks() {
        let mut deflater = Deflater::new();
        let mut filled = 0;
        // Names that compress badly, so that the size grows by small steps.
        let mut seed = 1_u32;
        let mut name = String::new();
        while name.len() < 1500 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            name.push(char::from(b'0' + (seed >> 24) as u8 % 74));
            if name.len() < 1100 {
                continue;
            }
            let dictionary = Dictionary::default();
            let heartbeat = Duration::from_secs(10);
            let packet = reply(200, heartbeat, &name, &dictionary, Some(&mut deflater)).unwrap();
            assert_ne!(packet.len() % 1024, 0);
            let parsed = HandshakeReply::parse(&packet[HEADER_LEN..]).unwrap();
            assert_eq!(parsed.serializer, name);
            let mut plain = Vec::new();
            let text = reply_json(200, heartbeat, &name, &dictionary);
            let compressed = deflater.compress(&text, &mut plain);
            filled += usize::from(compressed && (HEADER_LEN + plain.len()).is_multiple_of(1024));
        }
        assert!(filled > 0, "no size in the test needs the padding");
    }

    #[test]
    fn clients_read_what_servers_leave_out() {
        let parsed = HandshakeReply::parse(br#"{"code":400,"sys":null}"#).unwrap();
        assert_eq!((parsed.code, parsed.heartbeat_interval()), (400, None));
        assert_eq!(parsed.serializer, "json");
        let body = br#"{"code":200,"sys":{"heartbeat":1.5,"dict":{"":1,"a":2,"b":2},"more":[]}} "#;
        let parsed = HandshakeReply::parse(body).unwrap();
        assert_eq!(
            parsed.heartbeat_interval(),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(parsed.dictionary.iter().collect::<Vec<_>>(), [("a", 2)]);
        assert!(HandshakeReply::parse(b"").is_err());
        assert!(HandshakeReply::parse(b"\x78\x9c").is_err());
    }
}
