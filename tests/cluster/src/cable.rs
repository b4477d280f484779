//! A TCP connection's way through the test, which can be cut and mended.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on to a target until it is cut.
#[derive(Debug)]
pub struct Cable {
    endpoint: String,
    whole: Arc<watch::Sender<bool>>,
    task: JoinHandle<()>,
}

impl Cable {
    /// A cable to this `host:port`.
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = listener.local_addr().expect("it is bound").to_string();
        let (whole, target) = (Arc::new(watch::Sender::new(true)), target.to_owned());
        let state = whole.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut state = state.subscribe();
                let target = target.clone();
                tokio::spawn(async move {
                    let pass = async {
                        let mut far = TcpStream::connect(target).await?;
                        copy_bidirectional(&mut near, &mut far).await
                    };
                    tokio::select! {
                        _ = state.wait_for(|whole| !whole) => {}
                        _ = pass => {}
                    }
                });
            }
        });
        Self {
            endpoint,
            whole,
            task,
        }
    }

    /// This end's `host:port`.
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Ends every connection and refuses new ones.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets new connections through.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}
