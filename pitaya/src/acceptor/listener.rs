//! A TCP listener with the options game traffic needs, opened late or handed
//! in open (tests, hot restart, socket activation).
//!
//! Options are set once, on the listener, wherever accepted sockets inherit
//! them, so that a new connection costs no system calls for it.

use std::{
    fmt, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};

/// How many connections the kernel holds that nobody has accepted yet.
const BACKLOG: i32 = 1024;

/// When an idle connection is probed first, and how often from then on.
///
/// The heartbeat finds dead peers much earlier; this is for connections whose
/// heartbeat is paused or long, and keeps NAT entries alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Whether an accepted socket starts with the options of its listener.
const OPTIONS_ARE_INHERITED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Where to listen: an address to open later, or a listener that is open.
///
/// Made by `From`; acceptors take it as `impl Into<Listener>`.
pub struct Listener(State);

enum State {
    Address(String),
    /// Open, but not registered with a runtime: there may be none yet.
    Std(std::net::TcpListener),
    Open {
        listener: TcpListener,
        address: SocketAddr,
    },
    /// Opening it failed; the cause was reported by `open`.
    Failed,
}

impl Listener {
    /// An address such as `0.0.0.0:3250`, `localhost:0` or `[::1]:3250`; without
    /// a host (`:3250`), every interface, IPv6 and IPv4.
    pub(super) fn at(address: impl Into<String>) -> Self {
        Self(State::Address(address.into()))
    }

    pub(super) async fn open(&mut self) -> io::Result<()> {
        let listener = match std::mem::replace(&mut self.0, State::Failed) {
            State::Address(address) => listen(&address).await.map_err(|error| {
                io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
            })?,
            State::Std(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener)?
            }
            State::Open { listener, .. } => listener,
            State::Failed => return Err(not_open()),
        };
        set_options(SockRef::from(&listener))?;
        let address = listener.local_addr()?;
        self.0 = State::Open { listener, address };
        Ok(())
    }

    /// The real address, once it is known.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match &self.0 {
            State::Open { address, .. } => Some(*address),
            State::Std(listener) => listener.local_addr().ok(),
            State::Address(_) | State::Failed => None,
        }
    }

    /// The next socket, its peer's address and the one listened on (which may
    /// stand for many, see [`local_address`]).
    pub(super) async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr, SocketAddr)> {
        let State::Open { listener, address } = &self.0 else {
            return Err(not_open());
        };
        let (stream, peer) = listener.accept().await?;
        if !OPTIONS_ARE_INHERITED {
            set_options(SockRef::from(&stream))?;
        }
        Ok((stream, canonical(peer), *address))
    }
}

impl From<std::net::TcpListener> for Listener {
    fn from(listener: std::net::TcpListener) -> Self {
        Self(State::Std(listener))
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        match listener.local_addr() {
            Ok(address) => Self(State::Open { listener, address }),
            // A socket that does not know its own address cannot be listened on.
            Err(_) => Self(State::Failed),
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.0 {
            State::Address(address) => return write!(f, "Listener({address:?})"),
            State::Std(_) | State::Open { .. } => self.address(),
            State::Failed => None,
        };
        match state {
            Some(address) => write!(f, "Listener({address})"),
            None => f.write_str("Listener(closed)"),
        }
    }
}

/// The address without the IPv6 form that a listener for both families gives
/// to IPv4 peers: the original framework tells sessions `ipv4` for those.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The address a peer connected to. Asks the socket only when the listener
/// stands for many addresses.
pub(super) fn local_address(stream: &TcpStream, listening: SocketAddr) -> Option<SocketAddr> {
    if listening.ip().is_unspecified() {
        stream.local_addr().ok().map(canonical)
    } else {
        Some(canonical(listening))
    }
}

async fn listen(address: &str) -> io::Result<TcpListener> {
    if let Some(port) = address.strip_prefix(':') {
        let port = port
            .parse()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        // A machine without IPv6 is no reason not to serve the rest.
        return open_socket((Ipv6Addr::UNSPECIFIED, port).into(), Families::Both)
            .or_else(|_| open_socket((Ipv4Addr::UNSPECIFIED, port).into(), Families::Own));
    }
    let mut failure = None;
    for resolved in tokio::net::lookup_host(address).await? {
        match open_socket(resolved, Families::Own) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| {
        io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address")
    }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Families {
    /// Only peers of the address's own family.
    Own,
    /// IPv4 peers on an IPv6 socket, too.
    Both,
}

fn open_socket(address: SocketAddr, families: Families) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if families == Families::Both {
        socket.set_only_v6(false)?;
    }
    // A server that restarts must not wait for its old connections to expire.
    // On Windows the option means something else: a port taken by force.
    if cfg!(not(windows)) {
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn set_options(socket: SockRef<'_>) -> io::Result<()> {
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE)
        .with_interval(KEEP_ALIVE);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&keep_alive)
}

fn not_open() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the listener is not open")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn accepted_sockets_have_the_options_of_game_traffic() {
        let mut listener = Listener::at("127.0.0.1:0");
        listener.open().await.unwrap();
        let _client = TcpStream::connect(listener.address().unwrap())
            .await
            .unwrap();
        let (stream, peer, local) = listener.accept().await.unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEP_ALIVE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEP_ALIVE);
        assert_eq!(peer.ip(), local.ip());
    }

    #[tokio::test]
    async fn a_listener_handed_in_open_gets_the_options_too() {
        let open = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = open.local_addr().unwrap();
        let mut listener = Listener::from(open);
        listener.open().await.unwrap();
        assert_eq!(listener.address(), Some(address));
        let _client = TcpStream::connect(address).await.unwrap();
        let (stream, ..) = listener.accept().await.unwrap();
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test]
    async fn a_port_without_a_host_serves_ipv4_peers_as_ipv4() {
        let mut listener = Listener::at(":0");
        listener.open().await.unwrap();
        let port = listener.address().unwrap().port();
        let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let (stream, peer, listening) = listener.accept().await.unwrap();
        assert!(peer.is_ipv4());
        assert_eq!(
            local_address(&stream, listening),
            Some((Ipv4Addr::LOCALHOST, port).into())
        );
    }

    #[tokio::test]
    async fn what_cannot_be_listened_on_is_named() {
        let mut first = Listener::at("127.0.0.1:0");
        first.open().await.unwrap();
        let taken = first.address().unwrap().to_string();
        for address in [taken.as_str(), "127.0.0.1", ":port", "127.0.0.1:99999"] {
            let mut listener = Listener::at(address);
            let error = listener.open().await.unwrap_err().to_string();
            let expected = format!("cannot listen on {address}: ");
            assert!(error.starts_with(&expected), "{error}");
            assert!(listener.address().is_none());
            assert!(listener.accept().await.is_err());
        }
    }
}
