//! What an annotated item says, validated, before any token is emitted.
