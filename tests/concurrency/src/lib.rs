//! What threads do to each other; everything is in `tests`.
