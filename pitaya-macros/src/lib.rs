//! Attribute macros of the `pitaya` game server framework; use them through `pitaya`.
