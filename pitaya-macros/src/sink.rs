//! Collects errors, so that every mistake shows at once.
