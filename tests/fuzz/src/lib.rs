//! What outside data may do to the library.
//!
//! A target is a function that takes any bytes, hands them to one part of the library, and asserts
//! what must hold whatever they are. The same functions are run by property tests (`tests`, on any
//! toolchain) and by real fuzzers (`fuzz`, started by the script `run`). Each target has seeds: inputs
//! worth starting from, made from the recorded vectors.

pub mod input;
pub mod model;
mod targets;
mod vectors;

// Files of the library that are held by targets name these as their own crate's.
use pitaya::{protocol, session};

pub use vectors::vectors;

/// One function to be run with any bytes.
pub struct Target {
    /// Its name everywhere: the fuzzer's program, the folder of its seeds, the property.
    pub name: &'static str,
    /// Panics when something does not hold.
    pub run: fn(&[u8]),
    /// Inputs that get far.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($name:ident),+ $(,)?) => {
        /// Every target. One more is a module in `targets` and its name here, a program in `fuzz`
        /// and a property in `tests/properties.rs`; a test compares the lists.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($name),
            run: targets::$name::run,
            seeds: targets::$name::seeds,
        }),+];

        $(pub use targets::$name;)+
    };
}

targets![
    packets,
    messages,
    handshakes,
    websocket,
    proxies,
    configuration,
    records,
    machine,
    connection,
];
