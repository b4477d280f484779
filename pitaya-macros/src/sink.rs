//! Collects errors, so that every mistake of an item shows at once.
//!
//! Nothing here stops an expansion: what comes after a mistake is still read and still emitted.

use std::fmt::Display;

use proc_macro2::Span;
use quote::ToTokens;

/// The mistakes found so far, in the order of the source.
#[derive(Default)]
pub(crate) struct Sink {
    errors: Vec<syn::Error>,
}

impl Sink {
    /// Adds a mistake, told at `span`.
    pub(crate) fn error(&mut self, span: Span, text: impl Display) {
        self.errors.push(syn::Error::new(span, text));
    }

    /// Adds a mistake, told at everything from the first to the last of `tokens`.
    pub(crate) fn error_on(&mut self, tokens: impl ToTokens, text: impl Display) {
        self.errors.push(syn::Error::new_spanned(tokens, text));
    }

    /// Adds what the parser says.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.errors.push(error);
    }

    /// Whether nothing was wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Gives up the mistakes.
    pub(crate) fn into_errors(self) -> Vec<syn::Error> {
        self.errors
    }
}

/// Names in backticks with commas between: how a list of known options is told.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
