// The chat page: shows what the server says and sends what the user types.
//
// Text from users only ever reaches the document through `textContent`, never as markup.
// The seat (name and room) lives in sessionStorage, so a reload or a lost connection returns to it.

import { PitayaClient } from "./pitaya.js";

const $ = (id) => document.getElementById(id);

const LABELS = {
  connecting: "Connecting…",
  open: "Connected",
  reconnecting: "Reconnecting…",
  kicked: "Removed",
  closed: "Offline",
};

/** Messages of one author within this time share one head line. */
const GROUP_MS = 3 * 60_000;
/** The page forgets the oldest lines above this, so that a long evening stays quick. */
const MAX_LINES = 500;
const ROOMS_EVERY_MS = 5000;
/**
 * After a lost connection the server may hold the old seat until it notices, so "name taken" is
 * then no final answer: these waits together outlast its heartbeat timeout.
 */
const SEAT_WAITS_MS = [300, 700, 1500, 2500, 4000, 6000, 8000, 10_000];

/** The seat to hold, `{ room, name }`, or null on the join form. */
let seat = savedSeat();
/** Whether the server confirmed the seat on this connection. */
let seated = false;
/** Whether the server may still hold this seat for a connection before this one, or before a reload. */
let mayBeHeld = seat !== null;
let seatTries = 0;
let seatTimer;
/** The newest server time shown; what a rejoin's history has beyond it is news. */
let newestAt = 0;
/** How long the echo of an own message may take before the page offers to send it again. */
const ECHO_MS = 8000;
/** Own messages that the server has not echoed yet, oldest first: `{ text, line, timer }`. */
let unconfirmed = [];
let unread = 0;

const client = new PitayaClient(socketUrl, { onopen: takeOpen });

// ---------------------------------------------------------------------------------------------
// Connection

/** The server says where its WebSocket listens; an address without host means this page's host. */
async function socketUrl() {
  const { ws } = await (await fetch("config.json", { cache: "no-store" })).json();
  return ws.replace(/^(wss?:\/\/)(?=[:/]|$)/, `$1${location.hostname}`);
}

async function takeOpen() {
  seated = false;
  seatTries = 0;
  clearTimeout(seatTimer);
  if (seat) await takeSeat();
}

async function takeSeat() {
  const wanted = seat;
  try {
    const joined = await client.request("chat.room.join", wanted);
    if (seat === wanted) enter(joined);
  } catch (error) {
    if (error.code === "PIT-499" || error.code === "PIT-504") {
      // No answer: perhaps seated, perhaps not. Only a new connection knows where it stands.
      mayBeHeld = true;
      throw error;
    }
    if (seat === wanted) refused(error);
  }
}

/** For requests outside of the hook, whose failure the client does not see. */
function startOver(error) {
  if (error.code === "PIT-504") client.reconnect();
}

client.addEventListener("state", ({ detail: { state } }) => {
  if (state !== "open") {
    seated = false;
    clearTimeout(seatTimer);
  }
  if (state === "kicked") notice("The server ended your session.", "Come back", connect);
  else if (state === "closed") notice("The server refused the connection.", "Try again", connect);
  else notice();
  showControls();
  if (state === "open") refreshRooms();
});

function connect() {
  // How it went shows through the state.
  client.connect().catch(() => {});
}

addEventListener("online", () => client.retryNow());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  client.retryNow();
  setUnread(0);
});

// ---------------------------------------------------------------------------------------------
// Joining and leaving

$("join-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("name").value.trim();
  const room = $("room").value.trim();
  showErrors({
    name: name ? "" : "Please pick a name.",
    room: room ? "" : "Please pick a room.",
  });
  if (!name || !room) return;
  clearTimeout(seatTimer);
  seat = { room, name };
  mayBeHeld = false;
  seatTries = 0;
  showControls();
  // While not connected the seat waits: the client takes it as soon as it is.
  if (client.state === "open") takeSeat().catch(startOver);
});

function enter(joined) {
  const returning = document.body.dataset.view === "chat";
  seated = true;
  mayBeHeld = true;
  seatTries = 0;
  remember("sessionStorage", "seat", seat);
  remember("localStorage", "name", seat.name);
  showErrors({});
  showMembers(joined.members);
  if (!returning) forgetConversation();
  showHistory(joined.history);
  showView("chat");
  showControls();
  scrollDown();
  if (!returning && matchMedia("(hover: hover)").matches) $("text").focus();
}

function refused(error) {
  if (mayBeHeld && error.code === "CHAT-400" && seatTries < SEAT_WAITS_MS.length) {
    const wait = SEAT_WAITS_MS[seatTries++];
    seatTimer = setTimeout(() => {
      if (seat && !seated && client.state === "open") takeSeat().catch(startOver);
    }, wait);
    showControls();
    return;
  }
  const { name, room } = seat;
  stand();
  $("name").value = name;
  $("room").value = room;
  const fields = { name: "", room: "", form: "" };
  for (const [key, text] of Object.entries(error.metadata)) {
    if (key in fields) fields[key] = text;
  }
  if (!fields.name && !fields.room) fields[error.code === "CHAT-400" ? "name" : "form"] = error.message;
  showErrors(fields);
  $(fields.room && !fields.name ? "room" : "name").focus();
}

/** Gives up the seat and shows the join form. */
function stand() {
  seat = null;
  seated = false;
  mayBeHeld = false;
  clearTimeout(seatTimer);
  remember("sessionStorage", "seat", null);
  forgetConversation();
  showMembers([]);
  showPeople(false);
  showView("join");
  showControls();
  refreshRooms();
}

$("leave").addEventListener("click", async () => {
  const wasOpen = client.state === "open";
  stand();
  // The server also frees a seat whose connection ends.
  if (wasOpen) await client.request("chat.room.leave").catch(startOver);
  refreshRooms();
});

async function refreshRooms() {
  if (document.hidden || seat || client.state !== "open") return;
  try {
    const { rooms } = await client.request("chat.room.rooms");
    $("rooms-block").hidden = rooms.length === 0;
    // Only when something changed: a finger may be on its way to one of them.
    const text = JSON.stringify(rooms);
    if ($("rooms").dataset.shown === text) return;
    $("rooms").dataset.shown = text;
    $("rooms").replaceChildren(...rooms.map(roomChip));
    markRoom();
  } catch {
    // The list is a convenience: the next round brings it.
  }
}

setInterval(refreshRooms, ROOMS_EVERY_MS);

function roomChip({ name, members: count }) {
  const button = make("button", "chip", make("span", "", name), make("span", "count", String(count)));
  button.type = "button";
  button.dataset.room = name;
  button.setAttribute("aria-label", `${name}, ${people(count)}`);
  button.addEventListener("click", () => {
    $("room").value = name;
    markRoom();
    if (!$("name").value.trim()) $("name").focus();
  });
  return make("li", "", button);
}

function markRoom() {
  for (const chip of $("rooms").querySelectorAll("button")) {
    chip.setAttribute("aria-pressed", String(chip.dataset.room === $("room").value.trim()));
  }
}

$("room").addEventListener("input", markRoom);

// ---------------------------------------------------------------------------------------------
// Conversation

client.on("onMessage", (message) => {
  if (!seated) return;
  hear(message);
  if (document.hidden && message.from !== seat.name) setUnread(unread + 1);
});

client.on("onJoin", ({ name, members }) => {
  if (!seated) return;
  showMembers(members);
  if (name !== seat.name) addLine(make("li", "event", `${name} joined`));
});

client.on("onLeave", ({ name, members }) => {
  if (!seated) return;
  showMembers(members);
  if (name !== seat.name) addLine(make("li", "event", `${name} left`));
});

$("say-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text || !seated) return;
  say(text);
  $("text").value = "";
  fitText();
  showControls();
  $("text").focus();
});

function say(text) {
  const line = messageLine({ from: seat.name, text, at: Date.now() });
  line.classList.add("pending");
  const message = { text, line, timer: undefined };
  message.timer = setTimeout(() => fail(message), ECHO_MS);
  unconfirmed.push(message);
  addLine(line);
  scrollDown();
  try {
    client.notify("chat.room.say", { text });
  } catch {
    // The connection went a moment ago: the rejoin finds it missing and offers to send it again.
  }
}

$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("say-form").requestSubmit();
});

$("text").addEventListener("input", () => {
  fitText();
  showControls();
});

function fitText() {
  const text = $("text");
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + 2}px`;
}

/** One message from the server: a new line, or the echo of one that is already shown. */
function hear({ from, text, at }) {
  newestAt = Math.max(newestAt, at);
  const own = from === seat.name ? unconfirmed.find((message) => message.text === text) : undefined;
  if (!own) {
    addLine(messageLine({ from, text, at }));
    return;
  }
  forget(own);
  own.line.classList.remove("pending", "failed");
  own.line.querySelector(".retry")?.remove();
  own.line.dataset.at = at;
}

/** Shows what was said while this page was away, and settles what it said itself just before. */
function showHistory(history) {
  history.filter(({ at }) => at > newestAt).forEach(hear);
  unconfirmed.forEach(fail);
}

function forget(message) {
  clearTimeout(message.timer);
  unconfirmed = unconfirmed.filter((other) => other !== message);
}

function fail(message) {
  clearTimeout(message.timer);
  const { text, line } = message;
  if (line.classList.contains("failed")) return;
  line.classList.replace("pending", "failed");
  const retry = make("button", "retry", "Not confirmed. Send again");
  retry.type = "button";
  retry.addEventListener("click", () => {
    if (!seated) return;
    forget(message);
    line.remove();
    say(text);
  });
  line.append(retry);
}

function messageLine({ from, text, at }) {
  const mine = from === seat.name;
  const last = $("messages").lastElementChild;
  const follows = last?.dataset.from === from && at - Number(last.dataset.at) < GROUP_MS;
  const time = make("time", "", clock.format(at));
  time.dateTime = new Date(at).toISOString();
  const who = make("p", "who", make("b", "", from), time);
  const line = make("li", "message", avatar(from), who, make("p", "text", text));
  line.classList.toggle("mine", mine);
  line.classList.toggle("follows", follows);
  line.dataset.from = from;
  line.dataset.at = at;
  line.style.setProperty("--hue", hue(from));
  return line;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });

function addLine(line) {
  $("messages").append(line);
  while ($("messages").childElementCount > MAX_LINES) $("messages").firstElementChild.remove();
  $("empty").hidden = true;
  if (atEnd) scrollDown();
  else $("newer").hidden = false;
}

function forgetConversation() {
  $("messages").replaceChildren();
  $("empty").hidden = false;
  $("newer").hidden = true;
  newestAt = 0;
  unconfirmed.forEach(forget);
  setUnread(0);
}

/** Whether the newest line is in view; only then does the conversation follow new ones. */
let atEnd = true;

function scrollDown() {
  const box = $("scroll");
  box.scrollTop = box.scrollHeight;
  atEnd = true;
  $("newer").hidden = true;
}

$("newer").addEventListener("click", scrollDown);
$("scroll").addEventListener("scroll", ({ target: box }) => {
  atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  if (atEnd) $("newer").hidden = true;
}, { passive: true });

// A keyboard, a longer draft or a notice takes room: the newest line stays above it.
new ResizeObserver(() => {
  if (atEnd) scrollDown();
}).observe($("scroll"));

// ---------------------------------------------------------------------------------------------
// Frame

function showView(view) {
  document.body.dataset.view = view;
  $("join-view").hidden = view !== "join";
  $("chat-view").hidden = view !== "chat";
  $("title").textContent = view === "chat" ? seat.room : "Pitaya chat";
  history.replaceState(null, "", view === "chat" ? `#${encodeURIComponent(seat.room)}` : location.pathname);
  showTitle();
}

/** Everything that depends on the connection and the seat, in one place. */
function showControls() {
  const { state } = client;
  const waiting = seat !== null && !seated;
  const rejoining = waiting && state === "open" && document.body.dataset.view === "chat";
  $("status").dataset.state = rejoining ? "reconnecting" : state;
  $("status").firstElementChild.textContent = rejoining ? "Rejoining…" : LABELS[state];
  $("text").placeholder = seated ? "Message" : "Waiting for the connection…";
  $("send").disabled = !seated || !$("text").value.trim();
  $("join").disabled = waiting && state === "open" && seatTries === 0;
  $("join").textContent = waiting ? (state === "open" ? "Joining…" : LABELS[state]) : "Join";
}

function showErrors({ name = "", room = "", form = "" }) {
  $("name-error").textContent = name;
  $("name").setAttribute("aria-invalid", String(name !== ""));
  $("room-error").textContent = room;
  $("room").setAttribute("aria-invalid", String(room !== ""));
  $("join-error").textContent = form;
  $("join-error").hidden = form === "";
}

function notice(text = "", action = "", run = undefined) {
  $("notice").hidden = text === "";
  $("notice-text").textContent = text;
  $("notice-action").textContent = action;
  $("notice-action").onclick = run;
}

function showMembers(names) {
  const sorted = [...names].sort((a, b) => a.localeCompare(b));
  $("people-count").textContent = String(sorted.length);
  $("people-toggle").setAttribute("aria-label", `${people(sorted.length)} in this room`);
  $("people-title").textContent = people(sorted.length);
  $("members").replaceChildren(
    ...sorted.map((name) => {
      const line = make("li", "", avatar(name), make("span", "nick", name));
      if (name === seat?.name) line.append(make("span", "you", "you"));
      return line;
    }),
  );
}

function showPeople(shown) {
  $("people").classList.toggle("shown", shown);
  $("shade").hidden = !shown;
  $("people-toggle").setAttribute("aria-expanded", String(shown));
}

$("people-toggle").addEventListener("click", () => showPeople(!$("people").classList.contains("shown")));
$("shade").addEventListener("click", () => showPeople(false));
addEventListener("keydown", ({ key }) => {
  if (key === "Escape") showPeople(false);
});

$("invite").addEventListener("click", async () => {
  const url = location.href;
  try {
    if (navigator.share && matchMedia("(hover: none)").matches) {
      await navigator.share({ title: "Pitaya chat", url });
    } else {
      await navigator.clipboard.writeText(url);
      addLine(make("li", "event", "Invitation link copied"));
    }
  } catch {
    // The user thought better of it: the address bar has the link as well.
  }
});
// Browsers offer neither to a page without https, unless it is on this machine.
$("invite").hidden = !navigator.share && !navigator.clipboard;

function setUnread(count) {
  unread = count;
  showTitle();
}

function showTitle() {
  const place = seated || seat ? `${seat.room} · Pitaya chat` : "Pitaya chat";
  document.title = unread ? `(${unread}) ${place}` : place;
}

// Some browsers lay the keyboard over the page instead of shrinking it.
visualViewport?.addEventListener("resize", () => {
  document.documentElement.style.setProperty("--app-height", `${visualViewport.height}px`);
  scrollTo(0, 0);
});

// ---------------------------------------------------------------------------------------------
// Small help

/** An element with a class and children; strings become text, never markup. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function avatar(name) {
  const element = make("span", "avatar", [...name][0]?.toUpperCase() ?? "?");
  element.style.setProperty("--hue", hue(name));
  element.setAttribute("aria-hidden", "true");
  return element;
}

/** A colour that everybody sees the same for one name. */
function hue(name) {
  let hash = 7;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 3600;
  return hash % 360;
}

function people(count) {
  return count === 1 ? "1 person" : `${count} people`;
}

/** What a storage holds under a key; null where nothing is, or where the browser forbids it. */
function recall(storage, key) {
  try {
    return JSON.parse(globalThis[storage].getItem(key));
  } catch {
    return null;
  }
}

function remember(storage, key, value) {
  try {
    if (value === null) globalThis[storage].removeItem(key);
    else globalThis[storage].setItem(key, JSON.stringify(value));
  } catch {
    // Without storage a reload starts at the join form.
  }
}

function savedSeat() {
  const { room, name } = recall("sessionStorage", "seat") ?? {};
  return typeof room === "string" && typeof name === "string" ? { room, name } : null;
}

function invitedRoom() {
  try {
    return decodeURIComponent(location.hash.slice(1)).slice(0, 32);
  } catch {
    return "";
  }
}

$("name").value = seat?.name ?? recall("localStorage", "name") ?? "";
$("room").value = seat?.room ?? (invitedRoom() || "lobby");
showControls();
connect();
