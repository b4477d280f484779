//! Names of services and methods: how they are made and what they may be.

use proc_macro2::Span;

use crate::sink::Sink;

/// The longest route of two parts, in bytes: what its length byte can say.
const MAX_ROUTE: usize = 255;

/// How methods are named, `#[handler(rename_all = "..")]`.
#[derive(Clone, Copy, Default)]
pub(crate) enum Rename {
    /// As written.
    #[default]
    None,
    /// Lower case without underscores.
    Lower,
    /// `joinRoom` for `join_room`.
    Camel,
}

impl Rename {
    /// Every policy under the name that users give it.
    pub(crate) const ALL: &[(&str, Self)] = &[("lower", Self::Lower), ("camel", Self::Camel)];

    /// The route name of a method.
    pub(crate) fn apply(self, ident: &str) -> String {
        match self {
            Self::None => ident.to_owned(),
            Self::Lower => ident.replace('_', "").to_lowercase(),
            Self::Camel => camel(ident),
        }
    }
}

fn camel(ident: &str) -> String {
    let mut name = String::with_capacity(ident.len());
    for part in ident.split('_').filter(|part| !part.is_empty()) {
        let mut letters = part.chars();
        match letters.next() {
            Some(first) if !name.is_empty() => name.extend(first.to_uppercase()),
            Some(first) => name.push(first),
            None => {}
        }
        name.push_str(letters.as_str());
    }
    name
}

/// Checks one part of a route.
pub(crate) fn check_part(name: &str, what: &str, span: Span, sink: &mut Sink) {
    if name.trim().is_empty() {
        sink.error(span, format!("the name of a {what} cannot be empty"));
    } else if name.contains('.') {
        sink.error(
            span,
            format!(
                "`{name}` has a dot, which separates the parts of a route, wanted is a name without"
            ),
        );
    }
}

/// Checks the length of `service.method`, told at the method.
pub(crate) fn check_route(service: &str, method: &str, span: Span, sink: &mut Sink) {
    let length = service.len() + 1 + method.len();
    if length > MAX_ROUTE {
        sink.error(
            span,
            format!(
                "route `{service}.{method}` has {length} bytes, at most {MAX_ROUTE} can travel"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_renamed_by_the_policy() {
        let cases = [
            ("join_room", "join_room", "joinroom", "joinRoom"),
            ("join", "join", "join", "join"),
            ("Join", "Join", "join", "Join"),
            ("_a__b_", "_a__b_", "ab", "aB"),
        ];
        for (ident, none, lower, upper) in cases {
            assert_eq!(Rename::None.apply(ident), none);
            assert_eq!(Rename::Lower.apply(ident), lower);
            assert_eq!(Rename::Camel.apply(ident), upper);
        }
    }
}
