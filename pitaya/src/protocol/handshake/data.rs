//! What a client sends: who it is, and a `user` object for the application.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    super::packet::{self, PacketType},
    HandshakeError, canonical,
};
use crate::json::{self, JsonError, Scanner, Token, lossy, unescape};

/// What the client says of itself. Fields it leaves out are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HandshakeSys {
    /// Operating system or engine, such as `mac` or `repl`.
    pub platform: Box<str>,
    /// Version of the client library.
    pub lib_version: Box<str>,
    /// Build number of the client application.
    pub client_build_number: Box<str>,
    /// Version of the client application.
    pub client_version: Box<str>,
}

/// A key of the `user` object and its value as JSON text.
type UserEntry = (Box<str>, Box<str>);

/// A client's handshake, kept with its session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandshakeData {
    /// What the client says of itself.
    pub sys: HandshakeSys,
    /// Sorted by key. Smaller than any map, and most clients send little.
    user: Option<Box<[UserEntry]>>,
}

impl HandshakeData {
    /// Reads the body of a handshake packet with all of Go's leniency (client
    /// protocol 3.2): names in any case, unknown and repeated names, nulls, bytes
    /// that are no UTF-8; and with its strictness about types.
    ///
    /// # Errors
    /// [`HandshakeError`]: answer with code 400 and close.
    pub fn parse(body: &[u8]) -> Result<Self, HandshakeError> {
        let mut data = Self::default();
        let mut user: Option<Vec<UserEntry>> = None;
        let mut scanner = Scanner::new(body);
        members(&mut scanner, "handshake", |scanner, key| {
            if is_named(key, "sys") {
                data.sys.read(scanner)
            } else if is_named(key, "user") {
                read_user(scanner, &mut user)
            } else {
                skip(scanner)
            }
        })?;
        // Nothing may follow.
        scanner.next()?;
        data.user = user.map(|mut user| {
            // A stable sort keeps repeated keys in their order; the last one counts.
            user.sort_by(|a, b| a.0.cmp(&b.0));
            user.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    std::mem::swap(&mut later.1, &mut earlier.1);
                }
                same
            });
            user.into_boxed_slice()
        });
        Ok(data)
    }

    /// One value of the `user` object, read as a type; `None` when the client
    /// did not send it.
    pub fn user<T: DeserializeOwned>(&self, key: &str) -> Option<Result<T, JsonError>> {
        let text = self.user_value(key)?;
        Some(json::read(text.as_bytes()))
    }

    /// One value of the `user` object as the JSON text the client sent.
    pub fn user_value(&self, key: &str) -> Option<&str> {
        let user = self.user.as_deref()?;
        let at = user.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
        user.get(at).map(|(_, text)| &**text)
    }

    /// The whole `user` object as JSON with sorted keys; `None` when the client
    /// sent none.
    pub fn user_json(&self) -> Option<String> {
        let user = self.user.as_deref()?;
        let mut out = Vec::new();
        write_user(user, &mut out);
        Some(lossy(&out).into_owned())
    }

    /// The handshake as the original framework would write it back: all four
    /// `sys` fields, and `user` unless it is empty.
    pub fn to_json(&self) -> String {
        let mut out = br#"{"sys":"#.to_vec();
        write_sys(&self.sys, &mut out);
        if let Some(user) = self.user.as_deref().filter(|user| !user.is_empty()) {
            out.extend_from_slice(br#","user":"#);
            write_user(user, &mut out);
        }
        out.push(b'}');
        lossy(&out).into_owned()
    }
}

impl HandshakeSys {
    /// Takes the fields of one `sys` object; those it does not name stay.
    fn read(&mut self, scanner: &mut Scanner<'_>) -> Result<(), HandshakeError> {
        members(scanner, "sys", |scanner, key| {
            let (field, name) = if is_named(key, "platform") {
                (&mut self.platform, "sys.platform")
            } else if is_named(key, "libversion") {
                (&mut self.lib_version, "sys.libVersion")
            } else if is_named(key, "clientbuildnumber") {
                (&mut self.client_build_number, "sys.clientBuildNumber")
            } else if is_named(key, "clientversion") {
                (&mut self.client_version, "sys.clientVersion")
            } else {
                return skip(scanner);
            };
            match scanner.next()? {
                Some(Token::Text(raw)) => *field = unescape(raw).into(),
                Some(Token::Null) => {}
                _ => return Err(wrong_type(name, "a string")),
            }
            Ok(())
        })
    }
}

/// Reads an object and hands each key to `member`, which must take its value;
/// a null counts as an object without members.
fn members<'a>(
    scanner: &mut Scanner<'a>,
    field: &'static str,
    mut member: impl FnMut(&mut Scanner<'a>, &[u8]) -> Result<(), HandshakeError>,
) -> Result<(), HandshakeError> {
    match scanner.next()? {
        Some(Token::ObjectStart) => {}
        Some(Token::Null) => return Ok(()),
        _ => return Err(wrong_type(field, "an object")),
    }
    while let Some(Token::Key(key)) = scanner.next()? {
        member(scanner, key)?;
    }
    Ok(())
}

fn skip(scanner: &mut Scanner<'_>) -> Result<(), HandshakeError> {
    if let Some(first) = scanner.next()? {
        scanner.value_text(first)?;
    }
    Ok(())
}

/// Takes one `user` value: an object is merged into what is there, key by key;
/// null clears it.
fn read_user(
    scanner: &mut Scanner<'_>,
    user: &mut Option<Vec<UserEntry>>,
) -> Result<(), HandshakeError> {
    match scanner.next()? {
        Some(Token::ObjectStart) => {}
        Some(Token::Null) => {
            *user = None;
            return Ok(());
        }
        _ => return Err(wrong_type("user", "an object")),
    }
    let user = user.get_or_insert_default();
    while let Some(Token::Key(key)) = scanner.next()? {
        let Some(first) = scanner.next()? else {
            break;
        };
        let text = scanner.value_text(first)?;
        check_numbers(text)?;
        user.push((unescape(key).into(), lossy(text).into()));
    }
    Ok(())
}

/// Numbers of untyped values must fit a 64-bit float.
fn check_numbers(text: &[u8]) -> Result<(), HandshakeError> {
    let mut scanner = Scanner::new(text);
    while let Some(token) = scanner.next()? {
        if let Token::Number(raw) = token
            && canonical::number(raw).is_infinite()
        {
            return Err(HandshakeError::NumberRange(lossy(raw).into_owned()));
        }
    }
    Ok(())
}

/// Compares a key with a name in lower case as Go folds field names, which
/// takes two letters from outside ASCII for `s` and `k`.
fn is_named(raw: &[u8], name: &str) -> bool {
    if raw.eq_ignore_ascii_case(name.as_bytes()) {
        return true;
    }
    // Escapes and letters from outside ASCII may stand for others; mostly the first byte tells.
    let stands_for_itself = |byte: &u8| byte.is_ascii() && *byte != b'\\';
    let differs = match (raw.first(), name.as_bytes().first()) {
        (Some(first), Some(wanted)) => {
            stands_for_itself(first) && !first.eq_ignore_ascii_case(wanted)
        }
        _ => false,
    };
    if differs || raw.iter().all(stands_for_itself) {
        return false;
    }
    let fold = |c: char| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    unescape(raw).chars().map(fold).eq(name.chars())
}

fn wrong_type(field: &'static str, expected: &'static str) -> HandshakeError {
    HandshakeError::WrongType { field, expected }
}

fn write_sys(sys: &HandshakeSys, out: &mut Vec<u8>) {
    // Four strings can always be written to memory.
    let _ = json::write(sys, out);
}

fn write_user(user: &[UserEntry], out: &mut Vec<u8>) {
    out.push(b'{');
    for (n, (key, text)) in user.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        json::write_text(key, out);
        out.push(b':');
        // The text was checked when it was taken in.
        let _ = canonical::write_value(text.as_bytes(), out);
    }
    out.push(b'}');
}

/// A whole handshake packet as a client sends it. `user` must serialize to an
/// object (or a null); an empty one is left out.
///
/// # Errors
/// [`HandshakeError`] when `user` is no object or cannot be written, or when
/// the packet would be too large.
pub fn request<T: Serialize + ?Sized>(
    sys: &HandshakeSys,
    user: &T,
) -> Result<Vec<u8>, HandshakeError> {
    let mut user_text = Vec::new();
    json::write(user, &mut user_text)?;
    let mut out = Vec::with_capacity(128 + user_text.len());
    let mark = packet::begin(PacketType::Handshake, &mut out);
    out.extend_from_slice(br#"{"sys":"#);
    json::write(sys, &mut out)?;
    match user_text.as_slice() {
        b"{}" | b"null" => {}
        [b'{', ..] => {
            out.extend_from_slice(br#","user":"#);
            out.append(&mut user_text);
        }
        _ => return Err(wrong_type("user", "an object")),
    }
    out.push(b'}');
    packet::finish(mark, &mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn parse(text: &str) -> Result<String, String> {
        HandshakeData::parse(text.as_bytes())
            .map(|data| data.to_json())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn names_fold_as_in_go() {
        let expected = r#"{"sys":{"platform":"p","libVersion":"l","clientBuildNumber":"","clientVersion":""},"user":{"a":1}}"#;
        let folded = r#"{"ſYs":{"platForm":"p","\u006cibver\u017fion":"l"},"uſer":{"a":1}}"#;
        assert_eq!(parse(folded), Ok(expected.into()));
    }

    #[test]
    fn user_values_are_read_on_demand() {
        let body = br#"{"user":{"name":"a\ud83d","level":7,"name2":null,"level":8}}"#;
        let data = HandshakeData::parse(body).unwrap();
        assert_eq!(data.user::<String>("name"), Some(Ok("a\u{fffd}".into())));
        assert_eq!(data.user::<u8>("level"), Some(Ok(8)));
        assert_eq!(data.user::<Option<u8>>("name2"), Some(Ok(None)));
        assert_eq!(data.user::<u8>("other"), None);
        assert!(data.user::<u8>("name").unwrap().is_err());
        let json = "{\"level\":8,\"name\":\"a\u{fffd}\",\"name2\":null}";
        assert_eq!(data.user_json().as_deref(), Some(json));
        assert_eq!(HandshakeData::parse(b"{}").unwrap().user_json(), None);
        let empty = HandshakeData::parse(br#"{"user":{}}"#).unwrap();
        assert_eq!(empty.user_json().as_deref(), Some("{}"));
        assert!(!empty.to_json().contains("user"));
    }

    #[test]
    fn numbers_out_of_range_matter_only_under_user() {
        assert!(parse(r#"{"zzz":1e400,"sys":{"zzz":-1e400}}"#).is_ok());
        for user in ["1e400", "[{\"a\":[-1e400]}]"] {
            let body = format!("{{\"user\":{{\"a\":{user}}},\"user\":null}}");
            assert!(parse(&body).unwrap_err().contains("out of range"), "{body}");
        }
    }

    #[test]
    fn a_request_is_what_the_go_client_sends() {
        let sys = HandshakeSys {
            platform: "mac".into(),
            lib_version: "0.3.5-release".into(),
            client_build_number: "20".into(),
            client_version: "2.1".into(),
        };
        let text = r#"{"sys":{"platform":"mac","libVersion":"0.3.5-release","clientBuildNumber":"20","clientVersion":"2.1"},"user":{"age":30}}"#;
        let packet = request(&sys, &BTreeMap::from([("age", 30)])).unwrap();
        assert_eq!(packet[..4], [1, 0, 0, 0x78]);
        assert_eq!(packet[4..], *text.as_bytes());
        assert_eq!(parse(text), Ok(text.into()));
        for packet in [
            request(&sys, &BTreeMap::<u8, u8>::new()),
            request(&sys, &()),
        ] {
            let packet = packet.unwrap();
            assert!(!packet.windows(4).any(|window| window == b"user"));
            assert_eq!(HandshakeData::parse(&packet[4..]).unwrap().sys, sys);
        }
        assert!(request(&sys, "text").is_err());
    }

    #[test]
    fn a_handshake_without_user_is_small() {
        assert!(size_of::<HandshakeData>() <= 80);
    }
}
