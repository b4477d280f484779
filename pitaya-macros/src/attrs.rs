//! Options of attributes, parsed by hand: an unknown one is answered with the list of known ones, a
//! repeated one is an error, and a value is checked at its literal.
//!
//! Nothing here knows what an option means; that is the model's part.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{LitBool, LitInt, LitStr, Path, Token};

use crate::sink::{Sink, listed};

/// What stands in the parentheses of an attribute: `name = "lobby", concurrent`.
pub(crate) struct Options {
    given: Vec<Given>,
}

struct Given {
    name: Ident,
    /// The tokens after `=`; none for a plain flag.
    value: Option<TokenStream>,
}

/// What an option is worth when it may be switched off or be given a name.
pub(crate) enum NameOrBool {
    Name(LitStr),
    Bool(bool),
}

impl Options {
    /// Reads the options of `attribute` (for example `#[route]`), of which only `known` exist.
    pub(crate) fn parse(
        attribute: &str,
        known: &[&str],
        tokens: TokenStream,
        sink: &mut Sink,
    ) -> Self {
        let mut given: Vec<Given> = Vec::new();
        let parser = |input: ParseStream| {
            while !input.is_empty() {
                match parse_one(input) {
                    Ok(option) if !known.iter().any(|known| option.name == known) => sink.error(
                        option.name.span(),
                        format!(
                            "unknown option `{}` of `{attribute}`, known are {}",
                            option.name,
                            listed(known.iter().copied()),
                        ),
                    ),
                    Ok(option) if given.iter().any(|other| other.name == option.name) => {
                        sink.error(
                            option.name.span(),
                            format!("option `{}` is given twice", option.name),
                        );
                    }
                    Ok(option) => given.push(option),
                    Err(error) => sink.push(error),
                }
                skip_to_comma(input);
                let _: Option<Token![,]> = input.parse()?;
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            sink.push(error);
        }
        Self { given }
    }

    /// Whether nothing was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Takes a string.
    pub(crate) fn string(&mut self, name: &str, sink: &mut Sink) -> Option<LitStr> {
        self.value(name, "a string", "\"..\"", sink)
    }

    /// Takes a flag, which has no value: where it stands, if it does.
    pub(crate) fn flag(&mut self, name: &str, sink: &mut Sink) -> Option<Span> {
        let given = self.take(name)?;
        if let Some(value) = given.value {
            sink.error_on(
                place(&value, &given.name),
                format!("option `{name}` takes no value"),
            );
        }
        Some(given.name.span())
    }

    /// Takes a number from 0 to 65535.
    pub(crate) fn code(&mut self, name: &str, sink: &mut Sink) -> Option<(u16, Span)> {
        let given = self.take(name)?;
        let wanted = format!("option `{name}` wants a number from 0 to 65535");
        let Some(value) = given.value else {
            sink.error(given.name.span(), wanted);
            return None;
        };
        match syn::parse2::<LitInt>(value.clone()).and_then(|number| number.base10_parse()) {
            Ok(code) => Some((code, value.span())),
            Err(_) => {
                sink.error_on(place(&value, &given.name), wanted);
                None
            }
        }
    }

    /// Takes a span of time, written like `"5s"` or `"1m30s"`.
    pub(crate) fn duration(&mut self, name: &str, sink: &mut Sink) -> Option<(Duration, Span)> {
        let literal: LitStr = self.value(name, "a duration", "\"5s\"", sink)?;
        match parse_duration(&literal.value()) {
            Some(duration) => Some((duration, literal.span())),
            None => {
                sink.error(
                    literal.span(),
                    format!(
                        "`{}` is not a duration above zero, wanted is for example \"5s\", \
                         \"1m30s\" or \"250ms\"",
                        literal.value(),
                    ),
                );
                None
            }
        }
    }

    /// Takes one of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        name: &str,
        choices: &[(&str, T)],
        sink: &mut Sink,
    ) -> Option<T> {
        let literal = self.string(name, sink)?;
        let text = literal.value();
        let choice = choices.iter().find(|(word, _)| *word == text);
        if choice.is_none() {
            sink.error(
                literal.span(),
                format!(
                    "unknown value `{text}` of `{name}`, known are {}",
                    listed(choices.iter().map(|(word, _)| *word)),
                ),
            );
        }
        choice.map(|(_, choice)| *choice)
    }

    /// Takes a path, written as a string.
    pub(crate) fn path(&mut self, name: &str, sink: &mut Sink) -> Option<Path> {
        let literal = self.string(name, sink)?;
        match literal.parse_with(Path::parse_mod_style) {
            Ok(path) => Some(path),
            Err(_) => {
                sink.error(
                    literal.span(),
                    format!("`{}` is not a path", literal.value()),
                );
                None
            }
        }
    }

    /// Takes `true`, `false` or a string.
    pub(crate) fn name_or_bool(&mut self, name: &str, sink: &mut Sink) -> Option<NameOrBool> {
        let given = self.take(name)?;
        let value = given.value.unwrap_or_default();
        if let Ok(switch) = syn::parse2::<LitBool>(value.clone()) {
            return Some(NameOrBool::Bool(switch.value));
        }
        match syn::parse2::<LitStr>(value.clone()) {
            Ok(text) => Some(NameOrBool::Name(text)),
            Err(_) => {
                sink.error_on(place(&value, &given.name),
                    format!("option `{name}` wants a name or a switch, as in `{name} = \"..\"` or `{name} = false`"),
                );
                None
            }
        }
    }

    fn take(&mut self, name: &str) -> Option<Given> {
        let place = self.given.iter().position(|given| given.name == name)?;
        Some(self.given.remove(place))
    }

    fn value<T: syn::parse::Parse>(
        &mut self,
        name: &str,
        what: &str,
        example: &str,
        sink: &mut Sink,
    ) -> Option<T> {
        let given = self.take(name)?;
        let value = given.value.unwrap_or_default();
        match syn::parse2(value.clone()) {
            Ok(value) => Some(value),
            Err(_) => {
                sink.error_on(
                    place(&value, &given.name),
                    format!("option `{name}` wants {what}, as in `{name} = {example}`"),
                );
                None
            }
        }
    }
}

fn parse_one(input: ParseStream) -> syn::Result<Given> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error("expected the name of an option"));
    }
    let name = Ident::parse_any(input)?;
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(Given { name, value: None });
    }
    if input.parse::<Option<Token![=]>>()?.is_none() {
        return Err(input.error(format!("expected `=` or `,` after option `{name}`")));
    }
    let mut value = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        value.extend([input.parse::<TokenTree>()?]);
    }
    Ok(Given {
        name,
        value: Some(value),
    })
}

fn skip_to_comma(input: ParseStream) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

/// Where a mistake in a value is told: at the value, or at the option's name when there is none.
fn place(value: &TokenStream, name: &Ident) -> TokenStream {
    if value.is_empty() {
        name.to_token_stream()
    } else {
        value.clone()
    }
}

/// Reads `"1m30s"`: numbers, which may have a fraction, each with its unit. Zero is no duration.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut nanos: u128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (whole, after) = rest.split_at_checked(digits)?;
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => {
                let digits = after.find(|c: char| !c.is_ascii_digit())?;
                after
                    .split_at_checked(digits)
                    .filter(|(digits, _)| !digits.is_empty())?
            }
            None => ("", after),
        };
        let unit_end = after
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(unit_end)?;
        let unit: u128 = match unit {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        nanos = nanos.checked_add(whole.parse::<u128>().ok()?.checked_mul(unit)?)?;
        if !fraction.is_empty() {
            let scale = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            let part = fraction.parse::<u128>().ok()?.checked_mul(unit)?;
            nanos = nanos.checked_add(part.checked_div(scale)?)?;
        }
        rest = after;
    }
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let subsecond = u32::try_from(nanos % 1_000_000_000).ok()?;
    (nanos > 0).then(|| Duration::new(seconds, subsecond))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_go_style() {
        let cases = [
            ("5s", Some(Duration::from_secs(5))),
            ("1m30s", Some(Duration::from_secs(90))),
            ("1.5h", Some(Duration::from_secs(5400))),
            ("250ms", Some(Duration::from_millis(250))),
            ("3us", Some(Duration::from_micros(3))),
            ("7ns", Some(Duration::from_nanos(7))),
            ("", None),
            ("0s", None),
            ("5", None),
            ("s", None),
            ("-5s", None),
            ("5 s", None),
            ("5 seconds", None),
            ("1.s", None),
            ("99999999999999999999999h", None),
        ];
        for (text, duration) in cases {
            assert_eq!(parse_duration(text), duration, "{text:?}");
        }
    }
}
