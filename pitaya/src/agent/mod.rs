//! One client connection: its state machine, which is pure, and its task, which does the I/O.

mod call;
mod close;
mod conn;
mod machine;
mod serve;

pub(crate) use call::{let_go, poll_caught};
pub(crate) use conn::{Call, Conn};
pub(crate) use machine::Machine;
pub(crate) use serve::serve;

#[cfg(test)]
mod sizes {
    use std::mem::size_of;
    use std::sync::Arc;

    use tokio::net::TcpStream;

    use super::{Conn, serve};
    use crate::Session;
    use crate::app::Core;
    use crate::session::Inner;

    /// The size of what a function answers.
    fn answered<F>(_: impl FnOnce(Arc<Core>, Session, Conn<TcpStream>) -> F) -> usize {
        size_of::<F>()
    }

    /// A task is its future, some 100 bytes of the runtime's, and what rounds that up to 128. More
    /// room than this is a step of 128 bytes for every idle connection.
    #[test]
    fn a_connection_at_rest_fits_a_kilobyte() {
        let future = answered(serve::<TcpStream>);
        assert!(future <= 900, "{future} bytes");
    }

    /// With its two counts it fills 280 bytes, and allocators go on in steps of 16.
    #[test]
    fn what_a_session_holds_is_behind_few_bytes() {
        let session = size_of::<Inner>();
        assert!(session <= 264, "{session} bytes");
    }
}
