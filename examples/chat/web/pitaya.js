// A Pitaya client for browsers: one WebSocket connection to a frontend, JSON bodies.
//
// The first half is the wire format: pure functions on bytes that throw a `ProtocolError` on
// anything malformed and never read past what they were given. The second half is `PitayaClient`,
// which keeps one connection alive and never touches the document.
//
//   const client = new PitayaClient("ws://localhost:3251", {
//     onopen: (client) => client.request("chat.room.join", { room: "lobby", name: "Ada" }),
//   });
//   client.on("onMessage", ({ from, text }) => console.log(from, text));
//   await client.connect();
//   client.notify("chat.room.say", { text: "hello" });

/** Packet types: the first byte of every packet. */
export const Packet = Object.freeze({ HANDSHAKE: 1, ACK: 2, HEARTBEAT: 3, DATA: 4, KICK: 5 });

/** Message types: bits 1-3 of the flag byte of a data packet's body. */
export const Message = Object.freeze({ REQUEST: 0, NOTIFY: 1, RESPONSE: 2, PUSH: 3 });

const HEADER_BYTES = 4;
const MAX_BODY_BYTES = 2 ** 24 - 1;
const MAX_INFLATED_BYTES = 2 ** 24;
const MAX_ROUTE_BYTES = 255;

const FLAG_ROUTE_CODE = 0x01;
const FLAG_COMPRESSED = 0x10;
const FLAG_ERROR = 0x20;

const NO_BYTES = new Uint8Array(0);
const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder();

/** Bytes that break the client protocol. */
export class ProtocolError extends Error {
  name = "ProtocolError";
}

/**
 * A request that failed. `code` and `metadata` are the server's; the client itself uses
 * `PIT-504` (no answer in time) and `PIT-499` (no connection, or it ended before the answer).
 */
export class PitayaError extends Error {
  name = "PitayaError";

  constructor(code, message, metadata = {}) {
    super(message || code);
    this.code = code;
    this.metadata = metadata;
  }
}

// ---------------------------------------------------------------------------------------------
// Wire format

/** One packet: type, body length as 24 bits big-endian, body. */
export function encodePacket(type, body = NO_BYTES) {
  if (!(type >= Packet.HANDSHAKE && type <= Packet.KICK)) throw new ProtocolError("wrong packet type");
  if (body.length > MAX_BODY_BYTES) throw new ProtocolError("packet size exceeded");
  const packet = new Uint8Array(HEADER_BYTES + body.length);
  packet.set([type, body.length >>> 16, (body.length >>> 8) & 0xff, body.length & 0xff]);
  packet.set(body, HEADER_BYTES);
  return packet;
}

/** Reads the one packet that a WebSocket message holds: `{ type, body }`. */
export function decodePacket(frame) {
  if (frame.length < HEADER_BYTES) throw new ProtocolError("invalid header");
  const type = frame[0];
  if (type < Packet.HANDSHAKE || type > Packet.KICK) throw new ProtocolError("wrong packet type");
  const length = (frame[1] << 16) | (frame[2] << 8) | frame[3];
  if (frame.length - HEADER_BYTES !== length) throw new ProtocolError("packet length does not match");
  return { type, body: frame.subarray(HEADER_BYTES) };
}

/**
 * The body of a data packet. `codes` maps routes to dictionary codes; a route that is not in it
 * travels as text. `compressed` only sets the bit: the body given is then a zlib stream already.
 */
export function encodeMessage({ type, id = 0, route = "", body = NO_BYTES, error = false, compressed = false }, codes = new Map()) {
  let flag = type << 1;
  if (compressed) flag |= FLAG_COMPRESSED;
  if (error) flag |= FLAG_ERROR;

  const head = [];
  if (hasId(type)) pushVarint(head, BigInt(id));
  if (hasRoute(type)) {
    const code = codes.get(route);
    if (code === undefined) {
      const text = utf8Encoder.encode(route);
      // The length travels in one byte: a longer route would corrupt everything after it.
      if (text.length > MAX_ROUTE_BYTES) throw new ProtocolError("route is longer than 255 bytes");
      head.push(text.length, ...text);
    } else {
      flag |= FLAG_ROUTE_CODE;
      head.push(code >>> 8, code & 0xff);
    }
  }

  const message = new Uint8Array(1 + head.length + body.length);
  message[0] = flag;
  message.set(head, 1);
  message.set(body, 1 + head.length);
  return message;
}

/**
 * Reads the body of a data packet: `{ type, id, route, body, error, compressed }`. `routes` maps
 * dictionary codes to routes. `id` is a number, or a BigInt where a number could not hold it.
 */
export function decodeMessage(bytes, routes = new Map()) {
  if (bytes.length < 2) throw new ProtocolError("invalid message");
  const flag = bytes[0];
  const type = (flag >> 1) & 0x07;
  if (type > Message.PUSH) throw new ProtocolError("wrong message type");

  let offset = 1;
  let id = 0;
  if (hasId(type)) [id, offset] = readVarint(bytes, offset);

  let route = "";
  if (hasRoute(type)) {
    const byCode = (flag & FLAG_ROUTE_CODE) !== 0;
    const start = offset + (byCode ? 2 : 1);
    if (start > bytes.length) throw new ProtocolError("invalid message");
    if (byCode) {
      route = routes.get((bytes[offset] << 8) | bytes[offset + 1]);
      if (route === undefined) throw new ProtocolError("route info not found in dictionary");
      offset = start;
    } else {
      offset = start + bytes[offset];
      if (offset > bytes.length) throw new ProtocolError("invalid message");
      route = utf8Decoder.decode(bytes.subarray(start, offset));
    }
  }

  return {
    type,
    id,
    route,
    body: bytes.subarray(offset),
    error: (flag & FLAG_ERROR) !== 0,
    compressed: (flag & FLAG_COMPRESSED) !== 0,
  };
}

/** Inflates a zlib stream, refusing to grow past 16 MiB. */
export async function inflate(bytes) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const chunks = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > MAX_INFLATED_BYTES) {
      await reader.cancel();
      throw new ProtocolError("inflated body is too large");
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

/** Reads the server's handshake, plain or compressed: there is no flag, only zlib's first two bytes. */
export async function decodeHandshake(body) {
  const deflated = body[0] === 0x78 && [0x01, 0x5e, 0x9c, 0xda].includes(body[1]);
  const text = utf8Decoder.decode(deflated ? await inflate(body) : body);
  let handshake;
  try {
    handshake = JSON.parse(text);
  } catch {
    throw new ProtocolError("handshake is not JSON");
  }
  return {
    code: handshake?.code,
    // Seconds; nothing at all when the server names none.
    heartbeat: Number(handshake?.sys?.heartbeat) || 0,
    serializer: handshake?.sys?.serializer ?? "json",
    dict: Object.entries(handshake?.sys?.dict ?? {}),
  };
}

function hasId(type) {
  return type === Message.REQUEST || type === Message.RESPONSE;
}

function hasRoute(type) {
  return type !== Message.RESPONSE;
}

function pushVarint(out, value) {
  while (value >= 0x80n) {
    out.push(Number(value & 0x7fn) | 0x80);
    value >>= 7n;
  }
  out.push(Number(value));
}

function readVarint(bytes, offset) {
  let value = 0n;
  for (let shift = 0n; offset < bytes.length; shift += 7n) {
    const byte = bytes[offset++];
    // Ids are 64 bits wide: groups above that are dropped, as the server drops them.
    if (shift < 64n) value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) {
      value = BigInt.asUintN(64, value);
      return [value <= Number.MAX_SAFE_INTEGER ? Number(value) : value, offset];
    }
  }
  throw new ProtocolError("invalid message");
}

// ---------------------------------------------------------------------------------------------
// Client

const DEFAULTS = {
  /** Milliseconds until an unanswered request fails with `PIT-504`; 0 waits for ever. */
  timeout: 5000,
  /** Milliseconds that dialling and handshake may take together. */
  connectTimeout: 10_000,
  /** Milliseconds: the first wait before a reconnect doubles up to the longest, then jitters. */
  reconnect: { first: 400, longest: 15_000 },
  /** A connection must live this many milliseconds before the waits start over at the shortest. */
  settled: 5000,
  /** Sent under `user` in the handshake. */
  user: {},
  /**
   * Called on every connection, the first included, before its state becomes `open`: the place
   * to log in or re-join. Its requests are sent at once. A hook that fails drops the connection,
   * and the next one tries again.
   */
  onopen: undefined,
};

/** Silence of this many heartbeat intervals means that the server is gone. */
const DEAD_AFTER_INTERVALS = 2.5;

/**
 * One connection to a frontend, kept alive.
 *
 * Events: `state` whenever `client.state` changes, with `detail = { state, error, delay }` where
 * `delay` is the wait in milliseconds before the next attempt; and `kick` when the server throws
 * this client out. The states are
 *
 * - `connecting`: the first attempt;
 * - `open`: requests are answered;
 * - `reconnecting`: the connection was lost; another follows after a wait, for ever;
 * - `kicked`: the server ended it on purpose, so the client stays away until `connect()`;
 * - `closed`: `close()` was called, or the server refused the handshake.
 */
export class PitayaClient extends EventTarget {
  #url;
  #options;
  #state = "closed";
  #listeners = new Map();
  #pending = new Map();
  #lastId = 0;
  /** The connection in use; anything that an older one still reports is ignored. */
  #link = null;
  #attempts = 0;
  #retryTimer;

  /** `url` may be a function (also async), asked anew before each attempt. */
  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#options = { ...DEFAULTS, ...options, reconnect: { ...DEFAULTS.reconnect, ...options.reconnect } };
  }

  get state() {
    return this.#state;
  }

  /** Starts connecting. Resolves once open; rejects if it ends as `kicked` or `closed` first. */
  connect() {
    return new Promise((resolve, reject) => {
      const settle = ({ detail: { state, error } }) => {
        if (state === "connecting" || state === "reconnecting") return;
        this.removeEventListener("state", settle);
        if (state === "open") resolve();
        else reject(error ?? new PitayaError("PIT-499", `connection ${state}`));
      };
      if (this.#state === "open") return resolve();
      this.addEventListener("state", settle);
      if (this.#state === "kicked" || this.#state === "closed") {
        this.#attempts = 0;
        this.#setState("connecting");
        this.#dial();
      }
    });
  }

  /** Ends the connection for good; open requests fail with `PIT-499`. */
  close() {
    this.#finish("closed");
  }

  /** Cuts a wait for the next reconnect short: call it when the network or the user came back. */
  retryNow() {
    if (this.#state !== "reconnecting" || this.#link) return;
    clearTimeout(this.#retryTimer);
    this.#dial();
  }

  /**
   * Leaves this connection for a new one, hook and all: for when a request's timeout leaves open
   * whether the server has done what it asked.
   */
  reconnect() {
    if (this.#link) this.#lose(this.#link, new PitayaError("PIT-499", "reconnecting"));
  }

  /** Calls `listener(body)` for every push on `route`; the function it returns stops that. */
  on(route, listener) {
    const listeners = this.#listeners.get(route) ?? new Set();
    this.#listeners.set(route, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Sends a request; resolves with the response's body, or rejects with a `PitayaError`. */
  request(route, body = {}, { timeout = this.#options.timeout } = {}) {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.#send(Message.REQUEST, id, route, body);
      const expire = () => {
        this.#pending.delete(id);
        reject(new PitayaError("PIT-504", "request timeout", { route }));
      };
      const timer = timeout > 0 ? setTimeout(expire, timeout) : undefined;
      this.#pending.set(id, { resolve, reject, timer });
    });
  }

  /** Sends a message that has no answer. Throws a `PitayaError` when there is no connection. */
  notify(route, body = {}) {
    this.#send(Message.NOTIFY, 0, route, body);
  }

  #send(type, id, route, body) {
    const link = this.#link;
    if (!link?.ready) throw new PitayaError("PIT-499", "not connected", { route });
    const bytes = link.json ? utf8Encoder.encode(JSON.stringify(body)) : body;
    link.socket.send(encodePacket(Packet.DATA, encodeMessage({ type, id, route, body: bytes }, link.codes)));
  }

  async #dial() {
    const link = {
      socket: null,
      /** True from the ack on: before it the server accepts no data. */
      ready: false,
      /** Bodies are JSON values; under any other serializer the application passes bytes. */
      json: true,
      codes: new Map(),
      routes: new Map(),
      heard: performance.now(),
      openedAt: 0,
      watchdog: undefined,
      /** Inflating is asynchronous: the queue keeps everything in the order of arrival. */
      inbound: Promise.resolve(),
    };
    this.#link = link;
    link.deadline = setTimeout(
      () => this.#lose(link, new PitayaError("PIT-504", "connect timeout")),
      this.#options.connectTimeout,
    );

    try {
      const url = typeof this.#url === "function" ? await this.#url() : this.#url;
      if (this.#link !== link) return;
      link.socket = new WebSocket(url);
    } catch (error) {
      this.#lose(link, error);
      return;
    }
    const { socket } = link;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(encodePacket(Packet.HANDSHAKE, this.#handshake()));
    socket.onmessage = ({ data }) => {
      link.heard = performance.now();
      this.#enqueue(link, () => this.#receive(link, new Uint8Array(data)));
    };
    // Behind whatever has already arrived: a kick is followed by the close at once.
    socket.onclose = () => this.#enqueue(link, () => this.#lose(link, new PitayaError("PIT-499", "connection lost")));
  }

  #enqueue(link, step) {
    link.inbound = link.inbound
      .then(() => (this.#link === link ? step() : undefined))
      .catch((error) => this.#lose(link, error));
  }

  #handshake() {
    const sys = { platform: "web", libVersion: "0.1.0", clientBuildNumber: "1", clientVersion: "0.1.0" };
    return utf8Encoder.encode(JSON.stringify({ sys, user: this.#options.user }));
  }

  async #receive(link, frame) {
    const { type, body } = decodePacket(frame);
    switch (type) {
      case Packet.HANDSHAKE:
        return this.#greet(link, await decodeHandshake(body));
      case Packet.HEARTBEAT:
        // Answering the server's own beat instead of keeping a timer: browsers slow timers of
        // hidden pages to one a minute, but not the arrival of messages.
        link.socket.send(encodePacket(Packet.HEARTBEAT));
        return;
      case Packet.KICK:
        this.#finish("kicked");
        this.dispatchEvent(new Event("kick"));
        return;
      case Packet.DATA:
        return this.#deliver(link, decodeMessage(body, link.routes));
      default:
        throw new ProtocolError("wrong packet type");
    }
  }

  #greet(link, { code, heartbeat, serializer, dict }) {
    if (this.#link !== link || link.ready) return;
    if (code !== 200) {
      this.#finish("closed", new PitayaError(`PIT-${code}`, "handshake refused"));
      return;
    }
    link.json = serializer === "json";
    for (const [route, code] of dict) {
      link.codes.set(route, code);
      link.routes.set(code, route);
    }
    clearTimeout(link.deadline);
    if (heartbeat > 0) {
      const interval = heartbeat * 1000;
      link.watchdog = setInterval(() => {
        if (performance.now() - link.heard > DEAD_AFTER_INTERVALS * interval) {
          this.#lose(link, new PitayaError("PIT-499", "server fell silent"));
        }
      }, interval);
    }
    link.socket.send(encodePacket(Packet.ACK));
    link.ready = true;
    // Not awaited: the hook's own responses arrive through the queue that calls this.
    this.#open(link);
  }

  async #open(link) {
    try {
      await this.#options.onopen?.(this);
    } catch (error) {
      this.#lose(link, error);
      return;
    }
    if (this.#link !== link) return;
    link.openedAt = performance.now();
    this.#setState("open");
  }

  async #deliver(link, message) {
    const bytes = message.compressed ? await inflate(message.body) : message.body;
    if (this.#link !== link) return;
    if (message.type === Message.PUSH) {
      const body = decodeBody(link, bytes);
      for (const listener of [...(this.#listeners.get(message.route) ?? [])]) {
        try {
          listener(body);
        } catch (error) {
          // One listener's mistake is neither the connection's nor the next listener's.
          (globalThis.reportError ?? console.error)(error);
        }
      }
    } else if (message.type === Message.RESPONSE) {
      const request = this.#pending.get(message.id);
      // An answer that comes after its timeout has nobody waiting.
      if (!request) return;
      this.#pending.delete(message.id);
      clearTimeout(request.timer);
      try {
        const body = decodeBody(link, bytes);
        if (!message.error) request.resolve(body);
        else if (link.json) request.reject(new PitayaError(body?.code ?? "PIT-000", body?.msg, body?.metadata));
        else request.reject(new PitayaError("PIT-000", "request failed", { body }));
      } catch (error) {
        request.reject(new PitayaError("PIT-000", error.message));
      }
    }
  }

  /** The connection failed, or ended without a word: try again after a wait. */
  #lose(link, error) {
    if (this.#link !== link) return;
    const { first, longest } = this.#options.reconnect;
    if (link.openedAt && performance.now() - link.openedAt >= this.#options.settled) this.#attempts = 0;
    // Half of the wait is random: clients that lost the same server do not return as one crowd.
    const ceiling = Math.min(longest, first * 2 ** this.#attempts++);
    const delay = ceiling / 2 + (Math.random() * ceiling) / 2;
    this.#drop(error);
    this.#retryTimer = setTimeout(() => this.#dial(), delay);
    this.#setState("reconnecting", error, delay);
  }

  #finish(state, error) {
    clearTimeout(this.#retryTimer);
    this.#drop(error ?? new PitayaError("PIT-499", `connection ${state}`));
    this.#setState(state, error);
  }

  #drop(error) {
    const link = this.#link;
    this.#link = null;
    if (link) {
      clearTimeout(link.deadline);
      clearInterval(link.watchdog);
      link.socket?.close();
    }
    const requests = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject, timer } of requests) {
      clearTimeout(timer);
      reject(new PitayaError("PIT-499", error.message));
    }
  }

  #setState(state, error, delay) {
    if (this.#state === state && state !== "reconnecting") return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, error, delay } }));
  }
}

function decodeBody(link, bytes) {
  if (!link.json) return bytes;
  return bytes.length ? JSON.parse(utf8Decoder.decode(bytes)) : undefined;
}
