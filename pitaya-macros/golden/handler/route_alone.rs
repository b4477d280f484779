fn join() {}
// error: `#[route]` goes on a method of an `impl` block that is marked `#[pitaya::handler]` or `#[pitaya::remote]`
