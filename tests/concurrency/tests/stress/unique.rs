//! One user, several servers, binds that fail: never two sessions.

use pitaya::acceptor::Connector;
use pitaya::cluster::{Cluster, Hub};
use pitaya::{App, Error, Session};

use crate::{builder, eventually, join, start};

const SERVERS: usize = 2;
const CLIENTS: usize = 4;
const ROUNDS: usize = 300;

/// Binds fail here now and then, before and behind the claim, and yield so that they overlap.
async fn server(hub: &Hub) -> (App, Connector) {
    let fickle = |_, _| async {
        for _ in 0..fastrand::usize(..4) {
            tokio::task::yield_now().await;
        }
        match fastrand::u32(..4) {
            0 => Err(Error::msg("not this time")),
            _ => Ok(()),
        }
    };
    let app = builder()
        .cluster(Cluster::local(hub).unique_sessions(true))
        .on_session_bind(fickle)
        .on_after_session_bind(fickle);
    start(app).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_never_has_two_sessions_whatever_fails() {
    let hub = Hub::new();
    let mut servers = Vec::new();
    for _ in 0..SERVERS {
        servers.push(server(&hub).await);
    }
    for round in 0..ROUNDS {
        let uid = format!("user-{round}");
        let mut clients = Vec::new();
        for (app, connector) in &servers {
            for _ in 0..CLIENTS {
                clients.push(join(connector, app.handle()).await);
            }
        }
        let binds: Vec<_> = clients
            .iter()
            .map(|(_, session)| {
                let (session, uid) = (session.clone(), uid.clone());
                tokio::spawn(async move { session.bind(uid).await.is_ok() })
            })
            .collect();
        for bind in binds {
            bind.await.expect("a bind does not panic");
        }
        let alive = || {
            let bound = |session: &Session| session.uid().is_some() && !session.is_closed();
            clients.iter().filter(|(_, session)| bound(session)).count()
        };
        let found = || {
            let finds = |(app, _): &&(App, _)| app.handle().sessions().by_uid(&uid).is_some();
            servers.iter().filter(finds).count()
        };
        eventually("at most one session has the user, and is found", || {
            alive() <= 1 && found() == alive()
        })
        .await;
        drop(clients);
        for (app, _) in &servers {
            eventually("all sessions end", || app.handle().sessions().count() == 0).await;
            eventually("no user is left", || {
                app.handle().sessions().bound_count() == 0
            })
            .await;
        }
    }
    for (app, _) in servers {
        app.shutdown().await;
    }
}
