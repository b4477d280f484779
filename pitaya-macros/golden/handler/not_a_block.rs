struct Room;
// error: `#[handler]` goes on an `impl` block, not on a struct
