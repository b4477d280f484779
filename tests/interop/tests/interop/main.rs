//! Go clients and servers next to Rust ones. `clients`: a Go client at a Rust frontend; `frontends`: a Rust client at
//! a Go frontend.
#![allow(missing_docs)]

mod clients;
mod frontends;
