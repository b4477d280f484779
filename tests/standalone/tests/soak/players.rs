//! Players over real sockets, who leave in all the ways there are.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::future::join_all;
use pitaya::protocol::message::MessageKind;
use pitaya::protocol::packet::PacketType;
use standalone_tests::{RawClient, packet_of};
use tokio::net::TcpSocket;

/// Into how many rooms a wave divides.
pub(crate) const ROOMS: usize = 10;

/// How a player's visit ends; each is as frequent as every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    Close,
    /// With a request under way.
    CloseAsking,
    Reset,
    ResetAsking,
    Kicked,
    /// Nothing was said.
    Silent,
    /// In the middle of the first packet.
    Hello,
    /// The server's answer is not acknowledged.
    Unacknowledged,
}

const WAYS: [Leave; 8] = [
    Leave::Close,
    Leave::CloseAsking,
    Leave::Reset,
    Leave::ResetAsking,
    Leave::Kicked,
    Leave::Silent,
    Leave::Hello,
    Leave::Unacknowledged,
];

/// How many of `players` are bound, and how many of them are kicked.
pub(crate) fn bound_and_kicked(players: usize) -> (usize, usize) {
    let groups = players / WAYS.len();
    (groups * 5, groups)
}

/// The name of a room. Each is as long as any other, for the same bytes.
pub(crate) fn room(wave: usize, room: usize) -> String {
    format!("room-{wave:06}-{room}")
}

struct Player {
    client: RawClient,
    leave: Leave,
    wave: usize,
    n: usize,
}

/// This many players come, chat and leave; a multiple of the number of ways to leave.
pub(crate) async fn wave(server: SocketAddr, wave: usize, players: usize) {
    let arriving = (0..players).map(|n| Player::arrive(server, wave, n));
    let mut all = join_all(arriving).await;
    // A room's talkers: one of each way to leave, so as many as there are such.
    let talkers = |room: usize| (room..players / WAYS.len()).step_by(ROOMS).count();
    join_all(all.iter_mut().map(|player| {
        let expected = talkers(player.room());
        player.chat(expected)
    }))
    .await;
    join_all(all.into_iter().map(Player::leave)).await;
}

impl Player {
    async fn arrive(server: SocketAddr, wave: usize, n: usize) -> Self {
        // Ports in TIME_WAIT are an address's own: each wave has one.
        let [.., high, low] = (wave as u32).to_be_bytes();
        let socket = TcpSocket::new_v4().expect("a socket");
        let address = SocketAddr::from((Ipv4Addr::new(127, 1, high, low), 0));
        socket.bind(address).expect("an address of this machine");
        let stream = socket.connect(server).await.expect("the server listens");
        stream.set_nodelay(true).expect("the socket is alive");
        let mut player = Self {
            client: RawClient::over(stream),
            leave: WAYS[n % WAYS.len()],
            wave,
            n,
        };
        let client = &mut player.client;
        match player.leave {
            Leave::Silent => {}
            Leave::Hello => {
                client
                    .write(&packet_of(PacketType::Handshake, b"{}")[..5])
                    .await
            }
            Leave::Unacknowledged => {
                client.send(PacketType::Handshake, b"{}").await;
                let answer = client.packet().await.expect("a handshake is answered");
                assert_eq!(answer.0, PacketType::Handshake);
            }
            _ => {
                client.shake_hands().await;
                let names = format!("user-{wave:06}-{n:03} {}", room(wave, player.room()));
                let client = &mut player.client;
                let answer = client.call(1, "game.enter", names.as_bytes()).await;
                assert_eq!(answer.text(), names);
            }
        }
        player
    }

    fn room(&self) -> usize {
        self.n / WAYS.len() % ROOMS
    }

    fn is_inside(&self) -> bool {
        !matches!(
            self.leave,
            Leave::Silent | Leave::Hello | Leave::Unacknowledged
        )
    }

    /// Some talk, everybody in their room hears each of them.
    async fn chat(&mut self, talkers: usize) {
        if !self.is_inside() {
            return;
        }
        let talks = self.leave == Leave::Close;
        let text = room(self.wave, self.room());
        if talks {
            self.client.request(2, "game.say", text.as_bytes()).await;
        }
        let (mut heard, mut answered) = (0, !talks);
        while heard < talkers || !answered {
            let message = self.client.message().await;
            assert_eq!(message.text(), text);
            match message.kind {
                MessageKind::Push => heard += 1,
                _ => answered = true,
            }
        }
        assert_eq!(heard, talkers);
    }

    async fn leave(mut self) {
        let client = &mut self.client;
        match self.leave {
            Leave::CloseAsking | Leave::ResetAsking => {
                client.request(3, "game.echo", b"still there?").await;
            }
            Leave::Kicked => {
                client.notify("game.out", b"").await;
                assert_eq!(client.rest().await, [(PacketType::Kick, Vec::new())]);
            }
            _ => {}
        }
        if matches!(
            self.leave,
            Leave::Reset | Leave::ResetAsking | Leave::Unacknowledged
        ) {
            let zero = client.socket.set_zero_linger();
            zero.expect("the socket is alive");
        }
    }
}
