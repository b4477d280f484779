//! JSON as Go writes it back after decoding it without a type.
//!
//! Object keys are sorted and only the last of equal ones is kept, numbers go
//! through a 64-bit float, strings are escaped anew. Nesting is kept in a list,
//! because a handshake may be 10 000 levels deep.

use crate::json::{JsonError, Scanner, Token, lossy, unescape, write_float, write_text};

enum Level {
    Object {
        /// Each member's key and where it starts in the output.
        members: Vec<(String, usize)>,
    },
    Array {
        is_empty: bool,
    },
}

/// Appends one value, given as JSON text.
pub(super) fn write_value(text: &[u8], out: &mut Vec<u8>) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text);
    let mut levels: Vec<Level> = Vec::new();
    while let Some(token) = scanner.next()? {
        match token {
            Token::Key(raw) => {
                if let Some(Level::Object { members }) = levels.last_mut() {
                    if !members.is_empty() {
                        out.push(b',');
                    }
                    let key = unescape(raw).into_owned();
                    let start = out.len();
                    write_text(&key, out);
                    out.push(b':');
                    members.push((key, start));
                }
                continue;
            }
            Token::ObjectEnd | Token::ArrayEnd => {
                match levels.pop() {
                    Some(Level::Object { members }) => {
                        sort_members(members, out);
                        out.push(b'}');
                    }
                    Some(Level::Array { .. }) | None => out.push(b']'),
                }
                continue;
            }
            _ => {}
        }
        if let Some(Level::Array { is_empty }) = levels.last_mut() {
            if !*is_empty {
                out.push(b',');
            }
            *is_empty = false;
        }
        match token {
            Token::ObjectStart => {
                out.push(b'{');
                levels.push(Level::Object {
                    members: Vec::new(),
                });
            }
            Token::ArrayStart => {
                out.push(b'[');
                levels.push(Level::Array { is_empty: true });
            }
            Token::Text(raw) => write_text(&unescape(raw), out),
            Token::Number(raw) => {
                // Writing to memory cannot fail.
                write_float(number(raw), out);
            }
            Token::True => out.extend_from_slice(b"true"),
            Token::False => out.extend_from_slice(b"false"),
            Token::Null => out.extend_from_slice(b"null"),
            Token::Key(_) | Token::ObjectEnd | Token::ArrayEnd => {}
        }
    }
    Ok(())
}

/// A number's value; infinite when a 64-bit float cannot hold it.
pub(super) fn number(raw: &[u8]) -> f64 {
    lossy(raw).parse().unwrap_or(f64::INFINITY)
}

/// Brings the members at the end of `out` into the order of their keys.
fn sort_members(mut members: Vec<(String, usize)>, out: &mut Vec<u8>) {
    let Some(first) = members.first().map(|(_, start)| *start) else {
        return;
    };
    if members.is_sorted_by(|a, b| a.0 < b.0) {
        return;
    }
    let unsorted = out.split_off(first);
    let mut end = first + unsorted.len();
    let mut texts: Vec<(String, &[u8])> = Vec::with_capacity(members.len());
    while let Some((key, start)) = members.pop() {
        let text = unsorted.get(start - first..end - first);
        texts.push((key, text.unwrap_or_default()));
        // The comma in between belongs to nobody.
        end = start.saturating_sub(1);
    }
    // They are in reverse now: of equal keys the last one written comes first.
    texts.sort_by(|a, b| a.0.cmp(&b.0));
    texts.dedup_by(|later, earlier| later.0 == earlier.0);
    for (n, (_, text)) in texts.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        out.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut out = b"kept".to_vec();
        write_value(text.as_bytes(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), format!("kept{expected}"));
    }

    #[test]
    fn keys_are_sorted_and_the_last_of_equal_ones_stays() {
        check(
            r#"{"b":1,"a":{"z":[],"y":{}},"b":2}"#,
            r#"{"a":{"y":{},"z":[]},"b":2}"#,
        );
        check(
            r#"{"a":1,"a":2,"a":[3,{"c":4,"b":5}]}"#,
            r#"{"a":[3,{"b":5,"c":4}]}"#,
        );
        check(
            r#" { "a" : [ 1 , true , false , null ] } "#,
            r#"{"a":[1,true,false,null]}"#,
        );
    }

    #[test]
    fn numbers_and_strings_take_gos_form() {
        check(
            "[1.0,12345678901234567890,1e21,1E-7]",
            "[1,12345678901234567000,1e+21,1e-7]",
        );
        check(r#"["<\u00e9\ud83d>\/"]"#, "[\"\\u003cé\u{fffd}\\u003e/\"]");
        check("7", "7");
    }

    #[test]
    fn the_deepest_text_needs_no_stack() {
        let text = "[".repeat(10_000) + &"]".repeat(10_000);
        check(&text, &text);
    }
}
