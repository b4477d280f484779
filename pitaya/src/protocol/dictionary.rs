//! The route dictionary: short codes for long routes, agreed on in the
//! handshake.
//!
//! A dictionary belongs to one app and never changes once built, so it can be
//! shared without a lock. It must never be half applied: either every pair is
//! taken or none.

use std::{collections::HashMap, fmt, sync::Arc};

use foldhash::fast::RandomState;
use thiserror::Error;

use super::message::MAX_ROUTE_LEN;

/// Routes and their codes, looked up from either side.
#[derive(Clone, Default)]
pub struct Dictionary {
    /// Sorted by route, bytewise: the order in which the handshake lists them.
    entries: Vec<(Arc<str>, u16)>,
    codes: HashMap<Arc<str>, u16, RandomState>,
    routes: HashMap<u16, Arc<str>, RandomState>,
}

/// Why a set of pairs is no dictionary.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DictionaryError {
    /// The route or the code is taken already.
    #[error("duplicated route(route: {route}, code: {code})")]
    Duplicate {
        /// The route, trimmed.
        route: String,
        /// The code it was to have.
        code: u16,
    },
    /// A route is empty or only white space. It would put the code flag on
    /// every response.
    #[error("empty route in the dictionary (code: {code})")]
    EmptyRoute {
        /// The code it was to have.
        code: u16,
    },
    /// A route does not fit the one length byte it has on the wire.
    #[error("route of {len} bytes in the dictionary is longer than 255 bytes (code: {code})")]
    RouteTooLong {
        /// Length of the trimmed route in bytes.
        len: usize,
        /// The code it was to have.
        code: u16,
    },
    /// More routes than there are codes from 1 to 65535.
    #[error("more than 65535 routes in the dictionary")]
    TooManyRoutes,
}

impl Dictionary {
    /// Builds a dictionary from routes and codes. Routes are trimmed of white
    /// space at both ends; code 0 is legal, but some clients cannot use it.
    ///
    /// # Errors
    /// [`DictionaryError`] for the first pair that does not fit.
    pub fn new<R, I>(pairs: I) -> Result<Self, DictionaryError>
    where
        R: AsRef<str>,
        I: IntoIterator<Item = (R, u16)>,
    {
        Self::default().extended(pairs)
    }

    /// This dictionary and more pairs, which must not repeat a route or a code.
    ///
    /// # Errors
    /// As [`Dictionary::new`].
    pub fn extended<R, I>(&self, pairs: I) -> Result<Self, DictionaryError>
    where
        R: AsRef<str>,
        I: IntoIterator<Item = (R, u16)>,
    {
        let mut extended = self.clone();
        for (route, code) in pairs {
            extended.insert(route.as_ref(), code)?;
        }
        extended.sort();
        Ok(extended)
    }

    /// Numbers routes from 1 in the order of their bytes, so that every server
    /// with the same routes builds the same dictionary.
    ///
    /// # Errors
    /// As [`Dictionary::new`], and [`DictionaryError::TooManyRoutes`].
    pub fn sorted<R, I>(routes: I) -> Result<Self, DictionaryError>
    where
        R: AsRef<str>,
        I: IntoIterator<Item = R>,
    {
        let mut routes: Vec<String> = routes
            .into_iter()
            .map(|route| route.as_ref().trim().to_owned())
            .collect();
        routes.sort_unstable();
        if routes.len() > usize::from(u16::MAX) {
            return Err(DictionaryError::TooManyRoutes);
        }
        Self::new(routes.into_iter().zip(1..=u16::MAX))
    }

    /// What a server announced: pairs that do not fit are left out, because a
    /// client can always fall back to the text of a route.
    pub(super) fn lenient<R, I>(pairs: I) -> Self
    where
        R: AsRef<str>,
        I: IntoIterator<Item = (R, u16)>,
    {
        let mut dictionary = Self::default();
        for (route, code) in pairs {
            let _ = dictionary.insert(route.as_ref(), code);
        }
        dictionary.sort();
        dictionary
    }

    fn insert(&mut self, route: &str, code: u16) -> Result<(), DictionaryError> {
        let route = route.trim();
        if route.is_empty() {
            return Err(DictionaryError::EmptyRoute { code });
        }
        if route.len() > MAX_ROUTE_LEN {
            return Err(DictionaryError::RouteTooLong {
                len: route.len(),
                code,
            });
        }
        if self.codes.contains_key(route) || self.routes.contains_key(&code) {
            return Err(DictionaryError::Duplicate {
                route: route.to_owned(),
                code,
            });
        }
        let route: Arc<str> = route.into();
        self.entries.push((route.clone(), code));
        self.codes.insert(route.clone(), code);
        self.routes.insert(code, route);
        Ok(())
    }

    fn sort(&mut self) {
        self.entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    }

    /// The code of a route. The whole text is compared, exactly.
    #[inline]
    pub fn code(&self, route: &str) -> Option<u16> {
        self.codes.get(route).copied()
    }

    /// The route of a code.
    #[inline]
    pub fn route(&self, code: u16) -> Option<&str> {
        self.routes.get(&code).map(|route| &**route)
    }

    /// All routes and codes, sorted by the bytes of the routes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u16)> {
        self.entries.iter().map(|(route, code)| (&**route, *code))
    }

    /// Number of routes.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no route is listed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl PartialEq for Dictionary {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Eq for Dictionary {}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_trimmed_and_found_from_both_sides() {
        let dictionary = Dictionary::new([(" room.join\n", 7), ("a.b", 0)]).unwrap();
        assert_eq!(dictionary.code("room.join"), Some(7));
        assert_eq!(dictionary.code(" room.join\n"), None);
        assert_eq!(dictionary.route(0), Some("a.b"));
        assert_eq!(dictionary.route(1), None);
        assert_eq!(
            dictionary.iter().collect::<Vec<_>>(),
            [("a.b", 0), ("room.join", 7)]
        );
    }

    #[test]
    fn a_repeated_route_or_code_is_refused_in_the_original_words() {
        let text = |pairs: &[(&str, u16)]| {
            Dictionary::new(pairs.iter().copied()).map_err(|error| error.to_string())
        };
        assert_eq!(
            text(&[("a", 1), (" a ", 2)]),
            Err("duplicated route(route: a, code: 2)".into())
        );
        assert_eq!(
            text(&[("a", 1), ("b", 1)]),
            Err("duplicated route(route: b, code: 1)".into())
        );
        let base = Dictionary::new([("a", 1)]).unwrap();
        assert!(base.extended([("b", 2), ("c", 1)]).is_err());
        assert_eq!(base.len(), 1);
        assert_eq!(base.extended([("b", 2)]).unwrap().len(), 2);
    }

    #[test]
    fn routes_that_cannot_travel_are_refused() {
        let long = "r".repeat(256);
        assert_eq!(
            Dictionary::new([(" \u{3000}", 1)]),
            Err(DictionaryError::EmptyRoute { code: 1 })
        );
        assert_eq!(
            Dictionary::new([(long.as_str(), 2)]),
            Err(DictionaryError::RouteTooLong { len: 256, code: 2 })
        );
        assert!(Dictionary::new([(&long[1..], 2)]).is_ok());
    }

    #[test]
    fn sorted_numbers_from_one_by_path() {
        let dictionary = Dictionary::sorted(["room.say", "B.x", "room.join"]).unwrap();
        assert_eq!(
            dictionary.iter().collect::<Vec<_>>(),
            [("B.x", 1), ("room.join", 2), ("room.say", 3)]
        );
        let many = (0..=u16::MAX).map(|n| format!("r{n}"));
        assert_eq!(
            Dictionary::sorted(many),
            Err(DictionaryError::TooManyRoutes)
        );
    }
}
