//! What is known of a service at compile time.

use std::fmt;
use std::time::Duration;

use crate::message::TypeInfo;

/// Whether a method answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteKind {
    /// It answers with a value or an error.
    Request,
    /// It never answers.
    Notify,
}

/// One method of a service, as declared.
#[derive(Debug)]
pub struct RouteSpec {
    /// The method's name, the last part of its route.
    pub name: &'static str,
    /// Its dictionary code, `#[route(code = N)]`.
    pub code: Option<u16>,
    /// Whether it answers.
    pub kind: RouteKind,
    /// Doc comments, line by line joined with `\n`.
    pub docs: &'static str,
    /// What it takes, if anything.
    pub argument: Option<TypeInfo>,
    /// What it answers, if anything.
    pub reply: Option<TypeInfo>,
    /// How it runs.
    pub options: RouteOptions,
    /// Where it is declared.
    pub location: Location,
}

/// How a method runs, from `#[route(..)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteOptions {
    /// The longest a call may take.
    pub timeout: Option<Duration>,
    /// Calls of one session may overlap and be answered in any order.
    pub concurrent: bool,
    /// A call is dropped at its next await when its client leaves.
    pub cancel: bool,
}

/// A place in the user's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Path as the compiler was given it.
    pub file: &'static str,
    /// Line, from 1.
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A declared service, for reflection only: dispatch never depends on it.
#[derive(Debug)]
pub struct ServiceEntry {
    /// The Rust type, for example `my_game::Room`.
    pub type_name: fn() -> &'static str,
    /// The service's name.
    pub name: &'static str,
    /// Its methods.
    pub routes: &'static [RouteSpec],
    /// Where the impl block stands.
    pub location: Location,
}

inventory::collect!(ServiceEntry);

impl ServiceEntry {
    /// Every service that the program's linked crates declare, mounted or not.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        inventory::iter::<Self>()
    }
}
