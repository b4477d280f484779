//! A WebSocket from its first byte: how it is cut, how it is made, then the bytes.
//!
//! The upgrade is accepted when the request is one, however it is cut, and refused with an HTTP answer
//! before more than its limit has been read. Of the frames the reader gets the packets that the model
//! finds, in any division and into buffers of any size; broken rules are answered with a close frame and
//! end the connection; pings are answered in their order, late ones for all before them; and nothing
//! but that is ever written.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use pitaya::acceptor::{Acceptor, Connect, Established, WebSocket};
use pitaya::protocol::websocket::{MAX_REQUEST_LEN, parse_upgrade};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::input::{Input, pieces};
use crate::model::{self, WsEnd};
use crate::vectors::{behind, hex, rows, texts};

/// What a browser sends first.
const REQUEST: &[u8] = b"GET /game HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// Whole bytes of a connection, request included.
const RAW: u8 = 0;
/// Bytes behind a good request.
const FRAMES: u8 = 1;
/// Frames behind a good request: each has its first byte, a length, and a payload to be masked.
const BUILT: u8 = 2;

/// Runs the target.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let cuts = input.byte_or_zero();
    let kind = input.byte_or_zero();
    let max_message = 16 << (2 * (kind / 16 % 8));
    let stream = match kind % 3 {
        RAW => input.rest().to_vec(),
        FRAMES => [REQUEST, input.rest()].concat(),
        _ => [REQUEST, &built(input)].concat(),
    };
    // A refused peer has some time to see its answer; nothing here uses it up.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime without sockets");
    let _clock = runtime.enter();
    for cuts in [u8::MAX, cuts] {
        serve(&stream, cuts, max_message);
    }
}

/// Frames whose headers are right, so that it is the order and the contents that are made up.
fn built(mut input: Input<'_>) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Some(first) = input.byte() {
        let payload = input.counted();
        let mask = [first, 7, payload.len() as u8, 99];
        stream.push(first);
        match payload.len() {
            len @ 0..126 => stream.push(128 + len as u8),
            len => stream.extend_from_slice(&[254, 0, len as u8]),
        }
        stream.extend_from_slice(&mask);
        stream.extend(
            payload
                .iter()
                .enumerate()
                .map(|(n, byte)| byte ^ mask[n % 4]),
        );
    }
    stream
}

fn serve(stream: &[u8], cuts: u8, max_message: usize) {
    let script = Script::new(pieces(stream, cuts));
    let mut acceptor = WebSocket::over(Once(Some(script))).max_message(max_message);
    let connect = ready(acceptor.accept()).expect("a connection is there");
    let request = parse_upgrade(stream);
    let mut io = match (ready(connect.establish()), &request) {
        (Ok(established), Ok(Some(_))) => established.io,
        // What was written is gone with the connection; the script has looked at it.
        (Err(_), Ok(None) | Err(_)) => return,
        (made, request) => panic!("{:?} of {request:?}", made.map(|_| ())),
    };
    let used = request.ok().flatten().map_or(0, |(_, used)| used);
    let (packets, pings, end) = model::frames(&stream[used..], max_message);

    let mut found = Vec::new();
    let mut buffer = vec![0; 1 + usize::from(cuts) * usize::from(cuts)];
    let found_end = loop {
        let mut part = ReadBuf::new(&mut buffer);
        let read = ready(std::future::poll_fn(|cx| {
            Pin::new(&mut io).poll_read(cx, &mut part)
        }));
        match read {
            Ok(()) if part.filled().is_empty() => break Ok(()),
            Ok(()) => found.extend_from_slice(part.filled()),
            Err(error) => break Err(error.kind()),
        }
    };
    assert!(found.starts_with(&packets), "{found:?} is not {packets:?}");
    let rest = found.len() - packets.len();
    assert!(rest <= max_message, "{rest} bytes of one packet");
    let written = &io.get_ref().written;
    let answers =
        Answers::of(&written[written.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4..]);
    assert!(
        is_subsequence(&answers.pongs, &pings),
        "{:?} for {pings:?}",
        answers.pongs
    );
    match end {
        WsEnd::Closed => {
            // It may come in the middle of a message, whose start has been read by then.
            assert_eq!(found_end, Ok(()));
            assert!(answers.closed.is_some());
        }
        WsEnd::Clean => {
            assert_eq!((found_end, rest, answers.closed), (Ok(()), 0, None));
            assert_eq!(answers.pongs.last(), pings.last());
        }
        WsEnd::Broken(_) => {
            assert_eq!(found_end, Err(io::ErrorKind::InvalidData));
            assert!(
                matches!(answers.closed, Some(1002 | 1007 | 1009)),
                "{:?}",
                answers.closed
            );
        }
        WsEnd::Cut => assert!(found_end.is_err()),
    }
}

/// What the server wrote behind its HTTP answer.
struct Answers {
    pongs: Vec<Vec<u8>>,
    closed: Option<u16>,
}

impl Answers {
    fn of(mut bytes: &[u8]) -> Self {
        let (mut pongs, mut closed) = (Vec::new(), None);
        while let [first, len, rest @ ..] = bytes {
            assert!(closed.is_none(), "a frame behind the close frame");
            let (payload, after) = rest.split_at(usize::from(*len));
            match (*first, payload) {
                (0x8a, _) => pongs.push(payload.to_vec()),
                (0x88, []) => closed = Some(1000),
                (0x88, [high, low]) => closed = Some(u16::from_be_bytes([*high, *low])),
                other => panic!("{other:?} was written"),
            }
            bytes = after;
        }
        assert!(bytes.is_empty(), "half a frame was written");
        Self { pongs, closed }
    }
}

fn is_subsequence(part: &[Vec<u8>], whole: &[Vec<u8>]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|wanted| whole.any(|found| found == wanted))
}

/// Nothing here ever waits.
fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1000 {
        let polled = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(output) = polled {
            return output;
        }
    }
    panic!("it waits for what will never come")
}

/// A peer that sends its pieces one by one and takes everything.
struct Script {
    pieces: std::vec::IntoIter<Vec<u8>>,
    now: Vec<u8>,
    read: usize,
    written: Vec<u8>,
}

impl Script {
    fn new(pieces: Vec<&[u8]>) -> Self {
        let pieces: Vec<_> = pieces.into_iter().map(<[u8]>::to_vec).collect();
        Self {
            pieces: pieces.into_iter(),
            now: Vec::new(),
            read: 0,
            written: Vec::new(),
        }
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.now.is_empty() {
            self.now = self.pieces.next().unwrap_or_default();
        }
        let len = self.now.len().min(buf.remaining());
        let part: Vec<u8> = self.now.drain(..len).collect();
        buf.put_slice(&part);
        self.read += len;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.written.is_empty() {
            assert!(bytes.starts_with(b"HTTP/1.1 "), "{bytes:?}");
            // Read into a buffer that doubles.
            assert!(
                self.read <= 2 * MAX_REQUEST_LEN,
                "answered after {} bytes",
                self.read
            );
        }
        self.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Accepts one connection.
struct Once(Option<Script>);

impl Acceptor for Once {
    type Connect = Peer;

    async fn bind(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn accept(&mut self) -> io::Result<Peer> {
        Ok(Peer(self.0.take().expect("one connection is accepted")))
    }

    fn name(&self) -> &'static str {
        "script"
    }
}

struct Peer(Script);

impl Connect for Peer {
    type Io = Script;

    async fn establish(self) -> io::Result<Established<Script>> {
        Ok(Established {
            io: self.0,
            peer: None,
            local: None,
        })
    }
}

/// The recorded messages as frames, whole and in two parts, with control frames between them.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        behind(&[0, RAW], REQUEST),
        behind(&[0, RAW], b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        behind(&[0, RAW], b"\x16\x03\x01\x02\x00\x01\x00\x00\x00"),
        // RFC 6455, 5.7: a masked text message.
        behind(
            &[0, FRAMES],
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        ),
    ];
    let frame = |first: u8, payload: &[u8]| behind(&[first, payload.len() as u8], payload);
    for (n, row) in rows("packets.json", "decode_websocket").iter().enumerate() {
        let opcode = if row["text_opcode"] == true {
            0x81
        } else {
            0x82
        };
        let messages = texts(row, "frames_hex");
        let messages: Vec<_> = messages.iter().map(|text| hex(text)).collect();
        let whole: Vec<_> = messages
            .iter()
            .flat_map(|message| frame(opcode, message))
            .collect();
        let parts: Vec<_> = messages
            .iter()
            .flat_map(|message| {
                let (head, tail) = message.split_at(message.len() / 2);
                [
                    frame(opcode - 0x80, head),
                    frame(0x89, b"ping"),
                    frame(0x80, tail),
                ]
                .concat()
            })
            .collect();
        let close = frame(0x88, b"\x03\xe8");
        let decisions = [n as u8, BUILT + 0x30];
        seeds.push(behind(&decisions, &[whole, close].concat()));
        seeds.push(behind(&decisions, &parts));
    }
    seeds
}
