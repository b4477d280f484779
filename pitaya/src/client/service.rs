//! What the typed clients that `#[handler]` generates are made of.

use bytes::Bytes;

use super::{Client, Error, IntoTarget};
use crate::message::Body;

/// The routes of one service, called through a [`Client`].
///
/// Generated clients wrap it; it is also of use by itself for a service that is known by name only.
///
/// ```no_run
/// # async fn run() -> Result<(), pitaya::client::Error> {
/// use bytes::Bytes;
/// use pitaya::client::ServiceClient;
///
/// let room = ServiceClient::connect("127.0.0.1:3250", "room").await?.at("chat");
/// let members: Bytes = room.request("members", None::<&Bytes>).await?;   // chat.room.members
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct ServiceClient {
    client: Client,
    service: &'static str,
    server_type: Option<String>,
}

impl ServiceClient {
    /// The service on the server that the client is connected to.
    pub fn new(client: &Client, service: &'static str) -> Self {
        Self {
            client: client.clone(),
            service,
            server_type: None,
        }
    }

    /// The service on servers of another type, to which the connected server forwards.
    #[must_use]
    pub fn at(self, server_type: impl Into<String>) -> Self {
        Self {
            server_type: Some(server_type.into()),
            ..self
        }
    }

    /// Connects a client of its own, with the defaults of [`Client::connect`].
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`](super::ClientBuilder::connect).
    pub async fn connect(target: impl IntoTarget, service: &'static str) -> Result<Self, Error> {
        Ok(Self {
            client: Client::connect(target).await?,
            service,
            server_type: None,
        })
    }

    /// The connection, for pushes and everything else that is not a route of this service.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Requests a method, with an empty body if there is no argument.
    ///
    /// # Errors
    /// As [`Client::request`].
    pub async fn request<A: Body, R: Body>(
        &self,
        method: &'static str,
        argument: Option<&A>,
    ) -> Result<R, Error> {
        let route = self.route(method);
        match argument {
            Some(argument) => self.client.request(&route, argument).await,
            None => self.client.request_without_argument(&route).await,
        }
    }

    /// Notifies a method, with an empty body if there is no argument.
    ///
    /// # Errors
    /// As [`Client::notify`].
    pub async fn notify<A: Body>(
        &self,
        method: &'static str,
        argument: Option<&A>,
    ) -> Result<(), Error> {
        let route = self.route(method);
        match argument {
            Some(argument) => self.client.notify(&route, argument).await,
            None => self.client.notify(&route, &Bytes::new()).await,
        }
    }

    fn route(&self, method: &str) -> String {
        match &self.server_type {
            Some(server_type) => format!("{server_type}.{}.{method}", self.service),
            None => format!("{}.{method}", self.service),
        }
    }
}
