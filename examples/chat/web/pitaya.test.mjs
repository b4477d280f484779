// Run with `node --test` in this folder. The bytes are those that Go Pitaya writes.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import {
  decodeHandshake,
  decodeMessage,
  decodePacket,
  encodeMessage,
  encodePacket,
  inflate,
  Message,
  Packet,
  PitayaClient,
  ProtocolError,
} from "./pitaya.js";

const bytes = (hex) => new Uint8Array(Buffer.from(hex.replace(/[^0-9a-f]/g, ""), "hex"));
const hex = (array) => Buffer.from(array).toString("hex");
const text = (string) => new TextEncoder().encode(string);
const string = (array) => new TextDecoder().decode(array);

// ---------------------------------------------------------------------------------------------
// Packets

const HANDSHAKE_200 = `{"code":200,"sys":{"dict":{},"heartbeat":30,"serializer":"json"}}`;

const PACKETS = [
  ["handshake ack", Packet.ACK, "", "02000000"],
  ["heartbeat", Packet.HEARTBEAT, "", "03000000"],
  ["kick", Packet.KICK, "", "05000000"],
  [
    "handshake response",
    Packet.HANDSHAKE,
    HANDSHAKE_200,
    "01000041" +
      "7b22636f6465223a3230302c22737973223a7b2264696374223a7b7d2c22686561727462656174223a33302c2273657269616c697a6572223a226a736f6e227d7d",
  ],
  [
    "handshake request",
    Packet.HANDSHAKE,
    `{"sys":{"type":"js-websocket","version":"0.0.1","rsa":{}}}`,
    "0100003a" +
      "7b22737973223a7b2274797065223a226a732d776562736f636b6574222c2276657273696f6e223a22302e302e31222c22727361223a7b7d7d7d",
  ],
];

for (const [name, type, body, wire] of PACKETS) {
  test(`packet both ways: ${name}`, () => {
    assert.equal(hex(encodePacket(type, text(body))), wire);
    const packet = decodePacket(bytes(wire));
    assert.equal(packet.type, type);
    assert.equal(string(packet.body), body);
  });
}

for (const length of [255, 256, 65_535, 65_536]) {
  test(`packet both ways: body of ${length} bytes`, () => {
    const wire = encodePacket(Packet.DATA, new Uint8Array(length).fill(0x5a));
    assert.equal(hex(wire.subarray(0, 4)), `04${length.toString(16).padStart(6, "0")}`);
    assert.equal(decodePacket(wire).body.length, length);
  });
}

const BAD_PACKETS = [
  ["nothing", "", /invalid header/],
  ["half a header", "040000", /invalid header/],
  ["type 0", "00000000", /wrong packet type/],
  ["type 6", "06000000", /wrong packet type/],
  ["body shorter than its header says", "0400000204", /length/],
  ["body longer than its header says", "03000000ff", /length/],
  ["two packets in one message", "0300000003000000", /length/],
];

for (const [name, wire, message] of BAD_PACKETS) {
  test(`packet refused: ${name}`, () => {
    assert.throws(() => decodePacket(bytes(wire)), { name: "ProtocolError", message });
  });
}

test("packet not encoded: wrong type, or a body that 24 bits cannot count", () => {
  assert.throws(() => encodePacket(0), ProtocolError);
  assert.throws(() => encodePacket(6), ProtocolError);
  assert.throws(() => encodePacket(Packet.DATA, new Uint8Array(2 ** 24)), ProtocolError);
});

// ---------------------------------------------------------------------------------------------
// Messages

const DICTIONARY = [
  ["a", 1],
  ["onMessage", 1],
  ["room.room.entry", 300],
  ["onLast", 65_535],
];
const codesOf = (...routes) => new Map(DICTIONARY.filter(([route]) => routes.includes(route)));
const invert = (codes) => new Map([...codes].map(([route, code]) => [code, route]));

const NOT_FOUND = `{"code":"PIT-404","msg":"pitaya/handler: connector.foo.bar not found"}`;

const { REQUEST, NOTIFY, RESPONSE, PUSH } = Message;
const MESSAGES = [
  ["request", { type: REQUEST, id: 1, route: "room.room.entry", body: "{}" }, [], "00 01 0f 726f6f6d2e726f6f6d2e656e747279 7b7d"],
  ["request without body", { type: REQUEST, id: 2, route: "connector.docs.docs" }, [], "00 02 13 636f6e6e6563746f722e646f63732e646f6373"],
  ["request by code", { type: REQUEST, id: 1, route: "room.room.entry", body: "{}" }, ["room.room.entry"], "01 01 012c 7b7d"],
  ["request id 0", { type: REQUEST, id: 0, route: "a" }, [], "00000161"],
  ["request id 0 by code", { type: REQUEST, id: 0, route: "a" }, ["a"], "01000001"],
  ["notify", { type: NOTIFY, route: "room.message", body: `{"a":1}` }, [], "02 0c 726f6f6d2e6d657373616765 7b2261223a317d"],
  ["notify without body", { type: NOTIFY, route: "a" }, [], "020161"],
  ["notify by code", { type: NOTIFY, route: "a" }, ["a"], "030001"],
  ["response", { type: RESPONSE, id: 1, body: `{"result":"ok"}` }, [], "04 01 7b22726573756c74223a226f6b227d"],
  ["response without body", { type: RESPONSE, id: 1 }, [], "04 01"],
  ["response id 0", { type: RESPONSE, id: 0 }, [], "0400"],
  ["response id 129", { type: RESPONSE, id: 129 }, [], "04 8101"],
  ["response id 300", { type: RESPONSE, id: 300 }, [], "04 ac02"],
  ["response id 2^32-1", { type: RESPONSE, id: 2 ** 32 - 1 }, [], "04 ffffffff0f"],
  ["response id 2^64-1", { type: RESPONSE, id: 2n ** 64n - 1n }, [], "04 ffffffffffffffffff01"],
  ["error response", { type: RESPONSE, id: 0, error: true, body: "\x01" }, [], "240001"],
  [
    "error response PIT-404",
    { type: RESPONSE, id: 3, error: true, body: NOT_FOUND },
    [],
    "24 03 7b22636f6465223a225049542d343034222c226d7367223a227069746179612f68616e646c65723a20636f6e6e6563746f722e666f6f2e626172206e6f7420666f756e64227d",
  ],
  ["push", { type: PUSH, route: "onMessage", body: `{"content":"hi"}` }, [], "06 09 6f6e4d657373616765 7b22636f6e74656e74223a226869227d"],
  ["push by code", { type: PUSH, route: "onMessage", body: `{"content":"hi"}` }, ["onMessage"], "07 0001 7b22636f6e74656e74223a226869227d"],
  ["push by the largest code", { type: PUSH, route: "onLast" }, ["onLast"], "07 ffff"],
];

for (const [name, message, listed, wire] of MESSAGES) {
  test(`message both ways: ${name}`, () => {
    const codes = codesOf(...listed);
    const whole = { id: 0, route: "", error: false, compressed: false, ...message, body: text(message.body ?? "") };
    assert.equal(hex(encodeMessage(whole, codes)), hex(bytes(wire)));
    const decoded = decodeMessage(bytes(wire), invert(codes));
    assert.deepEqual({ ...decoded, body: hex(decoded.body) }, { ...whole, body: hex(whole.body) });
  });
}

test("message: over-long ids are read, and 64 bits are all that counts", () => {
  assert.equal(decodeMessage(bytes("04818000")).id, 1);
  assert.equal(decodeMessage(bytes("04 80808080808080808002")).id, 0);
});

test("message: reserved flag bits are ignored", () => {
  assert.equal(decodeMessage(bytes("c60161")).route, "a");
});

test("message not encoded: a route that one length byte cannot count", () => {
  assert.throws(() => encodeMessage({ type: NOTIFY, route: "é".repeat(128) }), ProtocolError);
  assert.equal(encodeMessage({ type: NOTIFY, route: "a".repeat(255) }).length, 257);
});

const BAD_MESSAGES = [
  ["one byte", "00", /invalid message/],
  ["types 4 and 7", "0800", /wrong message type/],
  ["types 4 and 7", "0e00", /wrong message type/],
  ["request that ends with its id", "0001", /invalid message/],
  ["id without end", "0080", /invalid message/],
  ["route runs past the end", "0205", /invalid message/],
  ["half a code", "010100", /invalid message/],
  ["code that nobody announced", "01010009", /not found in dictionary/],
];

for (const [name, wire, message] of BAD_MESSAGES) {
  test(`message refused: ${name} (${wire})`, () => {
    assert.throws(() => decodeMessage(bytes(wire)), { name: "ProtocolError", message });
  });
}

test("message: no bytes at all make the decoders fail in any other way", () => {
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647);
  for (let round = 0; round < 20_000; round++) {
    const input = Uint8Array.from({ length: random() % 12 }, () => random() % 256);
    for (const decode of [decodePacket, decodeMessage]) {
      try {
        decode(input);
      } catch (error) {
        assert.ok(error instanceof ProtocolError, `${hex(input)}: ${error}`);
      }
    }
  }
});

const COMPRESSED = [
  ["made by Go", "14 01 789c4a241200020000ffff36eb0f29", "a".repeat(40)],
  ["an error made by Go", "34 00 789c4aca49240601020000ffff33ff0f64", "bla".repeat(13)],
  ["made by zlib", "10 01 03 612e62 789cab5672492c4954b2aa56ca4bcc4d55b2520a201228d5d6020037f712cc", `{"Data":{"name":"${"P".repeat(40)}"}}`],
];

for (const [name, wire, body] of COMPRESSED) {
  test(`compressed body: ${name}`, async () => {
    const message = decodeMessage(bytes(wire));
    assert.equal(message.compressed, true);
    assert.equal(string(await inflate(message.body)), body);
  });
}

test("compressed body refused: not zlib, cut short, or growing without end", async () => {
  await assert.rejects(inflate(bytes("010203")));
  await assert.rejects(inflate(bytes("789c4a2412")));
  const { deflateSync } = await import("node:zlib");
  await assert.rejects(inflate(deflateSync(Buffer.alloc(2 ** 24 + 1))), ProtocolError);
});

test("handshake: plain, and compressed by Go", async () => {
  assert.deepEqual(await decodeHandshake(text(HANDSHAKE_200)), { code: 200, heartbeat: 30, serializer: "json", dict: [] });
  const deflated =
    "789c1cc8410ac2400c85e1bbbcf5205177b9838788ed434774024936b5ccdda56efe1fbe1d8baf845e441a724be88eb52f75dcc78d99f620f4dc10ee9fd33f1c151bf42a321b9eb4a83bad0e684846b777ff32a078a50fccf90b0000ffff56e520f4";
  assert.deepEqual((await decodeHandshake(bytes(deflated))).dict, [["onMessage", 1], ["room.room.entry", 300]]);
  await assert.rejects(decodeHandshake(text("{")), ProtocolError);
});

// ---------------------------------------------------------------------------------------------
// Client

/** Stands in for the browser's WebSocket; the test plays the server. */
class FakeSocket {
  static all = [];

  static get last() {
    return FakeSocket.all.at(-1);
  }

  sent = [];
  closed = false;

  constructor(url) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  send(packet) {
    this.sent.push(packet);
  }

  close() {
    this.closed = true;
  }

  /** The packets sent since the last call. */
  take() {
    return this.sent.splice(0).map(decodePacket);
  }

  /** The one message sent since the last call. */
  takeMessage(routes) {
    const packets = this.take();
    assert.deepEqual(packets.map(({ type }) => type), [Packet.DATA]);
    const message = decodeMessage(packets[0].body, routes);
    return { ...message, body: JSON.parse(string(message.body)) };
  }

  async receive(packet) {
    this.onmessage({ data: packet.slice().buffer });
    await settle();
  }

  async respond(id, body, error = false) {
    await this.receive(encodePacket(Packet.DATA, encodeMessage({ type: RESPONSE, id, error, body: text(JSON.stringify(body)) })));
  }

  async push(route, body, codes) {
    await this.receive(encodePacket(Packet.DATA, encodeMessage({ type: PUSH, route, body: text(JSON.stringify(body)) }, codes)));
  }

  async drop() {
    this.onclose();
    await settle();
  }

  /** Plays the handshake up to the client's ack. */
  async greet({ code = 200, ...sys } = {}) {
    this.onopen();
    const [{ type, body }] = this.take();
    assert.equal(type, Packet.HANDSHAKE);
    const answer = { code, sys: { dict: {}, heartbeat: 10, serializer: "json", ...sys } };
    await this.receive(encodePacket(Packet.HANDSHAKE, text(JSON.stringify(answer))));
    if (code === 200) assert.deepEqual(this.sent.splice(0, 1).map(hex), ["02000000"]);
    return JSON.parse(string(body));
  }
}

/** Lets every promise that can settle without a timer do so. */
async function settle() {
  for (let i = 0; i < 3; i++) await turn();
}

let clients;

beforeEach(() => {
  FakeSocket.all = [];
  clients = [];
  globalThis.WebSocket = FakeSocket;
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
});

afterEach(() => {
  for (const client of clients) client.close();
  mock.timers.reset();
  mock.restoreAll();
});

/** A client and the list of states it went through. */
function start(options) {
  const states = [];
  const client = new PitayaClient("ws://game:1", options);
  client.addEventListener("state", ({ detail }) => states.push(detail.state));
  const opened = client.connect();
  opened.catch(() => {});
  clients.push(client);
  return { client, states, opened };
}

async function startOpen(options, sys) {
  const started = start(options);
  await settle();
  await FakeSocket.last.greet(sys);
  return { ...started, socket: FakeSocket.last };
}

test("client: handshake, ack, open", async () => {
  const { client, states, opened } = start({ user: { token: "t" } });
  await settle();
  assert.equal(FakeSocket.last.url, "ws://game:1");
  const { sys, user } = await FakeSocket.last.greet();
  await opened;
  assert.deepEqual(user, { token: "t" });
  // The server refuses a handshake in which one of these is no text.
  for (const key of ["platform", "libVersion", "clientBuildNumber", "clientVersion"]) assert.equal(typeof sys[key], "string");
  assert.equal(client.state, "open");
  assert.deepEqual(states, ["connecting", "open"]);
});

test("client: a refused handshake ends as closed, without another attempt", async () => {
  const { states, opened } = start();
  await settle();
  await FakeSocket.last.greet({ code: 400 });
  await assert.rejects(opened, { code: "PIT-400" });
  mock.timers.tick(60_000);
  await settle();
  assert.equal(FakeSocket.all.length, 1);
  assert.deepEqual(states, ["connecting", "closed"]);
});

test("client: responses find their requests in any order", async () => {
  const { client, socket } = await startOpen();
  const first = client.request("chat.room.join", { name: "Ada" });
  assert.deepEqual(socket.takeMessage().body, { name: "Ada" });
  const second = client.request("chat.room.rooms");
  const { id, route, type, body } = socket.takeMessage();
  assert.deepEqual([id, route, type, body], [2, "chat.room.rooms", REQUEST, {}]);
  await socket.respond(2, { rooms: [] });
  await socket.respond(1, { members: ["Ada"] });
  assert.deepEqual(await second, { rooms: [] });
  assert.deepEqual(await first, { members: ["Ada"] });
});

test("client: an empty response body is undefined", async () => {
  const { client, socket } = await startOpen();
  const answer = client.request("a");
  await socket.receive(bytes("04000002 0401"));
  assert.equal(await answer, undefined);
});

test("client: the error bit rejects with code, message and metadata", async () => {
  const { client, socket } = await startOpen();
  const refused = client.request("chat.room.join");
  const check = assert.rejects(refused, { name: "PitayaError", code: "PIT-400", message: "bad name", metadata: { name: "is empty" } });
  await socket.respond(1, { code: "PIT-400", msg: "bad name", metadata: { name: "is empty" } }, true);
  await check;
});

test("client: an answer that is not JSON fails its request and nothing else", async () => {
  const { client, socket } = await startOpen();
  const check = assert.rejects(client.request("a"), { code: "PIT-000" });
  await socket.receive(encodePacket(Packet.DATA, encodeMessage({ type: RESPONSE, id: 1, body: text("{") })));
  await check;
  assert.equal(client.state, "open");
});

test("client: a request times out, and its late answer is nobody's", async () => {
  const { client, socket } = await startOpen();
  const check = assert.rejects(client.request("slow", {}, { timeout: 100 }), { code: "PIT-504", metadata: { route: "slow" } });
  mock.timers.tick(100);
  await check;
  await socket.respond(1, {});
  assert.equal(client.state, "open");
});

test("client: the dictionary is used both ways", async () => {
  const dict = { onMessage: 1, "chat.room.say": 7 };
  const { client, socket } = await startOpen({}, { dict });
  client.notify("chat.room.say", { text: "hi" });
  assert.equal(hex(socket.take()[0].body), `030007${hex(text(`{"text":"hi"}`))}`);
  const heard = [];
  client.on("onMessage", (body) => heard.push(body));
  await socket.push("onMessage", { text: "yo" }, new Map(Object.entries(dict)));
  assert.deepEqual(heard, [{ text: "yo" }]);
});

test("client: pushes reach every listener of their route in order of arrival, compressed or not", async () => {
  const { client, socket } = await startOpen();
  const reported = mock.method(console, "error", () => {});
  globalThis.reportError = undefined;
  const heard = [];
  client.on("a", () => {
    throw new Error("a listener's mistake");
  });
  const off = client.on("a", (body) => heard.push(body));
  client.on("b", () => assert.fail("not its route"));
  const { deflateSync } = await import("node:zlib");
  const long = deflateSync(JSON.stringify("long"));
  // Not awaited in between: inflating the first must not let the second overtake.
  socket.onmessage({ data: encodePacket(Packet.DATA, encodeMessage({ type: PUSH, route: "a", compressed: true, body: long })).buffer });
  const second = client.request("wait");
  socket.onmessage({ data: encodePacket(Packet.DATA, encodeMessage({ type: PUSH, route: "a", body: text(`"short"`) })).buffer });
  socket.onmessage({ data: encodePacket(Packet.DATA, encodeMessage({ type: RESPONSE, id: 1, body: text("1") })).buffer });
  await second;
  assert.deepEqual(heard, ["long", "short"]);
  assert.equal(reported.mock.callCount(), 2);
  off();
  await socket.push("a", "late");
  assert.deepEqual(heard, ["long", "short"]);
});

test("client: under another serializer bodies stay bytes", async () => {
  const { client, socket } = await startOpen({}, { serializer: "protobuf" });
  const answer = client.request("a", bytes("0801"));
  assert.equal(hex(socket.take()[0].body), "00010161" + "0801");
  await socket.receive(encodePacket(Packet.DATA, encodeMessage({ type: RESPONSE, id: 1, body: bytes("0802") })));
  assert.equal(hex(await answer), "0802");
});

test("client: answers each heartbeat of the server", async () => {
  const { socket } = await startOpen();
  await socket.receive(encodePacket(Packet.HEARTBEAT));
  assert.deepEqual(socket.sent.map(hex), ["03000000"]);
});

test("client: a server that falls silent is left for another attempt", async () => {
  let now = 0;
  mock.method(performance, "now", () => now);
  const { client, socket, states } = await startOpen({}, { heartbeat: 10 });
  const pass = (ms) => {
    now += ms;
    mock.timers.tick(ms);
  };
  pass(10_000);
  await socket.receive(encodePacket(Packet.HEARTBEAT));
  pass(10_000);
  pass(10_000);
  assert.equal(client.state, "open");
  pass(10_000);
  assert.equal(client.state, "reconnecting");
  assert.equal(socket.closed, true);
  assert.deepEqual(states, ["connecting", "open", "reconnecting"]);
});

test("client: reconnects after a loss, runs its hook again, and fails what was in flight", async () => {
  const hook = mock.fn((client) => client.request("chat.room.join"));
  const { client, states, socket } = await startOpen({ onopen: hook });
  // Open only once the hook has its answer.
  assert.deepEqual(states, ["connecting"]);
  await socket.respond(1, {});
  assert.deepEqual(states, ["connecting", "open"]);

  const inFlight = assert.rejects(client.request("a"), { code: "PIT-499" });
  await socket.drop();
  await inFlight;
  await assert.rejects(client.request("a"), { code: "PIT-499" });
  assert.throws(() => client.notify("a"), { code: "PIT-499" });

  mock.timers.tick(400);
  await settle();
  assert.equal(FakeSocket.all.length, 2);
  await FakeSocket.last.greet();
  const { id, route } = FakeSocket.last.takeMessage();
  assert.equal(route, "chat.room.join");
  await FakeSocket.last.respond(id, {});
  assert.deepEqual(states, ["connecting", "open", "reconnecting", "open"]);
  assert.equal(hook.mock.callCount(), 2);
});

test("client: waits double up to the longest, half of each random", async () => {
  const { client } = start({ reconnect: { first: 100, longest: 1000 } });
  const waits = [];
  client.addEventListener("state", ({ detail: { delay } }) => waits.push(delay));
  for (const random of [0, 1, 0, 1, 0, 1]) {
    mock.method(Math, "random", () => random);
    await settle();
    await FakeSocket.last.drop();
    mock.timers.tick(waits.at(-1));
  }
  assert.deepEqual(waits, [50, 200, 200, 800, 500, 1000]);
  await settle();
  assert.equal(FakeSocket.all.length, 7);
});

test("client: a connection that lived starts the waits over, one that died at once does not", async () => {
  let now = 1;
  mock.method(performance, "now", () => now);
  mock.method(Math, "random", () => 1);
  const { client } = start({ reconnect: { first: 100, longest: 1000 }, settled: 5000 });
  const waits = [];
  client.addEventListener("state", ({ detail: { delay } }) => delay && waits.push(delay));
  for (const lived of [10, 10, 5000]) {
    await settle();
    await FakeSocket.last.greet();
    now += lived;
    await FakeSocket.last.drop();
    mock.timers.tick(1000);
  }
  assert.deepEqual(waits, [100, 200, 100]);
});

test("client: retryNow cuts the wait short, once", async () => {
  const { client } = start();
  await settle();
  await FakeSocket.last.drop();
  client.retryNow();
  client.retryNow();
  await settle();
  mock.timers.tick(5000);
  await settle();
  assert.equal(FakeSocket.all.length, 2);
});

test("client: reconnect leaves the connection, and does nothing while there is none", async () => {
  const { client, socket, states } = await startOpen();
  client.reconnect();
  client.reconnect();
  assert.equal(socket.closed, true);
  assert.deepEqual(states, ["connecting", "open", "reconnecting"]);
  client.close();
  client.reconnect();
  mock.timers.tick(60_000);
  await settle();
  assert.equal(FakeSocket.all.length, 1);
});

test("client: a connection that takes too long is given up for the next", async () => {
  const { client, states } = start({ connectTimeout: 1000 });
  await settle();
  mock.timers.tick(1000);
  assert.equal(FakeSocket.last.closed, true);
  assert.equal(client.state, "reconnecting");
  assert.deepEqual(states, ["connecting", "reconnecting"]);
});

test("client: a hook that fails drops the connection and tries again", async () => {
  const { socket, states } = await startOpen({ onopen: () => Promise.reject(new Error("no seat")) });
  assert.equal(socket.closed, true);
  assert.deepEqual(states, ["connecting", "reconnecting"]);
});

test("client: a kick is delivered, is final, and precedes the close behind it", async () => {
  const { client, socket, states } = await startOpen();
  let kicks = 0;
  client.addEventListener("kick", () => kicks++);
  socket.onmessage({ data: encodePacket(Packet.KICK).buffer });
  socket.onclose();
  await settle();
  mock.timers.tick(60_000);
  await settle();
  assert.equal(kicks, 1);
  assert.deepEqual(states, ["connecting", "open", "kicked"]);
  assert.equal(FakeSocket.all.length, 1);
  // Coming back takes a decision.
  client.connect().catch(() => {});
  await settle();
  assert.equal(FakeSocket.all.length, 2);
});

test("client: close is final and fails what was in flight", async () => {
  const { client, socket, states } = await startOpen();
  const inFlight = assert.rejects(client.request("a"), { code: "PIT-499" });
  client.close();
  await inFlight;
  mock.timers.tick(60_000);
  await settle();
  assert.equal(socket.closed, true);
  assert.deepEqual(states, ["connecting", "open", "closed"]);
  assert.equal(FakeSocket.all.length, 1);
});

test("client: close while the address is still being asked for opens nothing", async () => {
  let answer;
  const client = new PitayaClient(() => new Promise((resolve) => (answer = resolve)));
  clients.push(client);
  const opened = assert.rejects(client.connect(), { code: "PIT-499" });
  client.close();
  answer("ws://game:1");
  await opened;
  await settle();
  assert.equal(FakeSocket.all.length, 0);
});

const BAD_SERVERS = [
  ["an unknown packet type", "09000000"],
  ["an ack", "02000000"],
  ["two packets in one message", "0300000003000000"],
  ["a push with an unknown code", "04000003 070009"],
  ["a body that does not inflate", "04000005 1400010203"],
  ["an endless id", "04000002 0480"],
];

for (const [name, wire] of BAD_SERVERS) {
  test(`client: ${name} ends the connection, and another follows`, async () => {
    const { client, socket } = await startOpen();
    const lost = new Promise((resolve) => client.addEventListener("state", resolve, { once: true }));
    socket.receive(bytes(wire));
    await lost;
    assert.equal(socket.closed, true);
    assert.equal(client.state, "reconnecting");
  });
}
