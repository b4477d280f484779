//! The codes that routes have on the wire.

use crate::handler::table::Mounted;
use crate::protocol::dictionary::Dictionary;

/// Where the dictionary's codes come from.
pub(super) enum DictionaryChoice {
    /// `#[route(code = N)]` of what is mounted.
    Codes,
    /// These, besides.
    Map(Vec<(String, u16)>),
    /// Everything that is mounted, numbered by sorted path.
    Sorted,
}

impl DictionaryChoice {
    /// # Errors
    /// What is wrong with them.
    pub(super) fn build(
        &self,
        server_type: &str,
        mounted: &[Mounted],
    ) -> Result<Dictionary, String> {
        let routes = || {
            mounted.iter().flat_map(|service| {
                service.routes.iter().map(move |spec| {
                    (
                        format!("{server_type}.{}.{}", service.name, spec.name),
                        spec.code,
                    )
                })
            })
        };
        let codes = || routes().filter_map(|(path, code)| Some((path, code?)));
        match self {
            Self::Codes => Dictionary::new(codes()),
            Self::Map(map) => Dictionary::new(codes().chain(map.iter().cloned())),
            Self::Sorted => Dictionary::sorted(routes().map(|(path, _)| path)),
        }
        .map_err(|error| format!("the dictionary: {error}"))
    }
}
