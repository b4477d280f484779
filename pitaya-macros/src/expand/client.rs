//! The typed game client of a service.

use proc_macro2::TokenStream;

use crate::model::Service;

pub(super) fn client(_: &Service, _: bool) -> TokenStream {
    TokenStream::new()
}
