struct Board;
// error: `#[remote]` goes on a trait or an `impl` block, not on a struct
