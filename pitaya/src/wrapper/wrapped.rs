//! An acceptor with a wrapper around it.

use std::sync::Arc;
use std::{fmt, io, net::SocketAddr};

use super::Wrapper;
use crate::acceptor::Acceptor;
use crate::app::AppHandle;

/// An acceptor whose packets a wrapper looks over; made by [`Acceptor::wrap`].
pub struct Wrapped<A> {
    inner: A,
    wrapper: Arc<dyn Wrapper>,
}

impl<A> Wrapped<A> {
    pub(crate) fn new(inner: A, wrapper: impl Wrapper) -> Self {
        Self {
            inner,
            wrapper: Arc::new(wrapper),
        }
    }
}

impl<A: Acceptor> Acceptor for Wrapped<A> {
    type Connect = A::Connect;

    fn configure(&mut self, app: &AppHandle) {
        self.inner.configure(app);
    }

    fn wrappers(&self) -> Vec<Arc<dyn Wrapper>> {
        let mut wrappers = self.inner.wrappers();
        wrappers.push(Arc::clone(&self.wrapper));
        wrappers
    }

    async fn bind(&mut self) -> io::Result<()> {
        self.inner.bind().await
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<A::Connect> {
        self.inner.accept().await
    }

    fn name(&self) -> &'static str {
        self.inner.name()
    }
}

impl<A: fmt::Debug> fmt::Debug for Wrapped<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapped")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
