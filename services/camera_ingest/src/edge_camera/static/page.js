"use strict";
// State once a second; pictures one by one, each asked for when the last has come: a slow link or many cameras make the
// pictures fewer, never late, and no connection is held that another window needs.

const FASTEST_MS = 66, SLOWEST_MS = 1000, PATIENCE_MS = 4000, OLD_S = 2;
const cards = new Map();
const sinks = new Map();
let lostSince = null;
let lastEvent = null;

const byId = id => document.getElementById(id);
const part = (root, selector) => root.querySelector(selector);
const write = (element, value) => { if (element.textContent !== value) element.textContent = value; };
const copy = id => byId(id).content.cloneNode(true).firstElementChild;
const ask = (path, headers = {}) => fetch(path, {cache: "no-store", headers, signal: AbortSignal.timeout(PATIENCE_MS)});
const clock = date => date.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false});
const ms = value => value === null ? "–" : value.toFixed(value < 10 ? 1 : 0) + " ms";
const span = s => s < 90 ? Math.round(s) + " s" : s < 5400 ? Math.round(s / 60) + " min" : s < 172800 ? Math.round(s / 3600) + " h" : Math.round(s / 86400) + " days";
const size = bytes => bytes < 1024 ** 2 ? (bytes / 1024).toFixed(0) + " KiB" : (bytes / 1024 ** 2).toFixed(1) + " MiB";
const many = counts => Object.entries(counts).map(([label, n]) => label + " ×" + n).join(", ");

const KINDS = {ok: "ok", connecting: "wait"};
const WORDS = {
  stalled: "stalled: no frame comes", frozen: "frozen: the picture does not change", black: "black: nothing to be seen",
  blurred: "blurred or covered", down: "down: it cannot be read", connecting: "", ok: "",
};

function chip(element, word, kind) {
  write(element, word);
  element.className = element.className.replace(/ (ok|wait|bad)$/, "") + " " + kind;
}

// Pictures.

const seen = new IntersectionObserver(
  entries => entries.forEach(entry => { entry.target.inView = entry.isIntersecting; }), {rootMargin: "200px"});

function open(name) {
  const element = copy("camera");
  element.name = name;
  element.pace = 200;
  write(part(element, "h2"), name);
  part(element, "canvas").setAttribute("aria-label", "live picture of " + name);
  part(element, ".stream").href = "stream/" + encodeURIComponent(name);
  part(element, ".snapshot").href = "snapshot/" + encodeURIComponent(name) + ".jpg";
  cards.set(name, element);
  seen.observe(element);
  look(element);
  return element;
}

async function look(element) {
  let wait = 250;
  if (element.pictured && element.inView && lostSince === null && !document.hidden) {
    try { await picture(element); wait = element.pace; } catch { wait = SLOWEST_MS; }
  }
  if (cards.get(element.name) === element) setTimeout(look, wait, element);
}

async function picture(element) {
  const reply = await ask(part(element, ".snapshot").href, element.tag ? {"If-None-Match": element.tag} : {});
  if (!reply.ok) {
    element.pace = Math.min(SLOWEST_MS, element.pace * 1.25);
    return;
  }
  const bitmap = await createImageBitmap(await reply.blob());
  const canvas = part(element, "canvas");
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  element.tag = reply.headers.get("ETag");
  element.pace = Math.max(FASTEST_MS, element.pace * 0.8);
}

// State.

function show(camera) {
  const element = cards.get(camera.name) || open(camera.name);
  const answer = camera.answer_state, word = WORDS[camera.state] ?? camera.state;
  const bad = !(camera.state in KINDS) || (answer !== null && answer !== "ok");
  chip(part(element, ".state"), "camera " + camera.state, KINDS[camera.state] || "bad");
  // "ok" is the last answer's state; while none comes, it would say too much.
  const quiet = answer === "ok" && camera.age_ms === null;
  chip(part(element, ".answer"), answer === null ? "not asked yet" : quiet ? "" : "answers " + answer, answer === null ? "wait" : answer === "ok" ? "ok" : "bad");
  element.classList.toggle("bad", bad);
  element.classList.toggle("still", camera.state === "stalled" || camera.state === "down");
  element.pictured = camera.frame !== null;
  if (camera.frame) part(element, ".picture").style.aspectRatio = camera.frame.w + "/" + camera.frame.h;
  write(part(element, ".word"), word);
  write(part(element, ".old"), camera.frame === null ? "no picture yet" : camera.picture_age_s > OLD_S ? span(camera.picture_age_s) + " old" : "");
  write(part(element, ".fps"), camera.fps.toFixed(1));
  write(part(element, ".age"), ms(camera.age_ms));
  write(part(element, ".took"), ms(camera.inference_ms));
  write(part(element, ".objects"), answer === "ok" && !quiet ? String(camera.answers.length) : "?");
  const unanswered = answer === null || answer === "ok" ? "" : "no answer: " + (camera.detail || answer);
  write(part(element, ".why"), camera.reason ? camera.reason.replaceAll("_", " ") : unanswered);
  write(part(element, ".model"), camera.model + " " + (camera.model_version ?? "(version not known yet)") + (camera.track === "candidate" ? " · candidate" : ""));
  write(part(element, ".books"), books(camera.totals));
  return bad;
}

function books(totals) {
  const lost = many(Object.fromEntries(Object.entries(totals.lost).filter(([, n]) => n > 0)));
  return `${totals.captured} read = ${totals.replaced} replaced + ${totals.motion} without motion + ${totals.fps} over the fps limit + ${totals.sent} sent · ` +
    `${totals.answered} answered · lost: ${lost || "none"} · frame age p95 ${ms(totals.frame_age_ms.p95)}`;
}

function cameras(found) {
  const bad = found.filter(show).length;
  const names = new Set(found.map(camera => camera.name));
  for (const [name, element] of cards) if (!names.has(name)) { cards.delete(name); seen.unobserve(element); element.remove(); }
  found.forEach((camera, i) => {
    const list = byId("cameras");
    if (list.children[i] !== cards.get(camera.name)) list.insertBefore(cards.get(camera.name), list.children[i] ?? null);
  });
  chip(byId("count"), `${found.length} camera${found.length === 1 ? "" : "s"}, ${bad ? bad + " in trouble" : "all well"}`, bad ? "bad" : "ok");
  document.title = (bad ? `(${bad}) ` : "") + "edge-camera";
}

// Events.

function what(event) {
  if (event.kind === "summary") return `${event.summary.answered} of ${event.summary.sent} answered in ${Math.round(event.summary.window_s)} s: ` + (many(event.summary.answers) || (event.summary.answered ? "nothing seen" : "not known"));
  if (event.config) return `config ${event.config.outcome}: ${event.config.detail}`;
  if (event.kind === "state") return "camera " + event.camera_state + (event.state === "no_frame" ? ": it gives no frames" : "");
  if (event.kind === "alert") return `${event.alert.rule}: ${event.alert.label} (${event.alert.score.toFixed(2)})`;
  if (event.state !== "ok") return "not known: the frame was not answered";
  return event.answers.map(a => `${a.label} (${a.score.toFixed(2)})`).join(", ") || "nothing seen";
}

function row(event) {
  const line = document.createElement("tr");
  [clock(new Date(event.captured_at)), event.camera, event.kind, event.state, event.age_ms === null ? "" : ms(event.age_ms), what(event)]
    .forEach(value => { line.insertCell().textContent = value; });
  line.cells[4].className = "num";
  if (event.state !== "ok") line.cells[3].className = "badword";
  if (event.kind === "alert") line.cells[2].className = "badword";
  return line;
}

function events(found) {
  byId("no-events").hidden = found.length > 0;
  // Left alone while nothing is new, so that a row can be marked and copied.
  if (found.length === 0 || found[0].id === lastEvent) return;
  lastEvent = found[0].id;
  byId("events").replaceChildren(...found.map(row));
}

// Delivery.

function spool(found) {
  const bar = byId("spool-bar"), word = byId("spool-word");
  bar.hidden = found === null;
  write(byId("spool-fill"), found === null ? "none" : `${size(found.bytes)} of ${size(found.max_bytes)}`);
  if (found === null) { write(word, "What a sink does not take is lost."); word.className = ""; return; }
  const percent = Math.min(100, 100 * found.bytes / found.max_bytes);
  bar.className = "bar " + (percent > 90 ? "bad" : percent > 60 ? "wait" : "ok");
  bar.setAttribute("aria-valuenow", percent.toFixed(0));
  part(bar, "i").style.width = percent + "%";
  const said = [found.oldest_s > 0 ? `the oldest event has waited for ${span(found.oldest_s)}` : "every event has been delivered"];
  if (found.lost) said.push(`${found.lost} lost`);
  if (!found.writable) said.push("the disk takes nothing");
  write(word, said.join(" · "));
  word.className = found.lost || !found.writable ? "bad" : "";
}

function sink(found) {
  const known = sinks.get(found.name), element = known ? known.element : copy("sink");
  // What it did last: a sink that took an event after it failed is well again.
  let bad = known ? known.bad : found.ok === 0 && found.failed > 0;
  if (known && found.failed + found.dropped > known.failed + known.dropped) bad = true;
  else if (known && found.ok > known.ok) bad = false;
  sinks.set(found.name, {...found, bad, element});
  write(part(element, "b"), found.name);
  chip(part(element, ".chip"), bad ? "fails" : "ok", bad ? "bad" : "ok");
  write(part(element, ".counts"), `${found.ok} delivered · ${found.failed} failed tries · ${found.dropped} dropped` + (found.waiting === null ? "" : ` · ${found.waiting} waiting`));
  return element;
}

function deliveries(found) {
  spool(found.spool);
  byId("no-sinks").hidden = found.sinks.length > 0;
  const list = byId("sinks");
  found.sinks.map(sink).forEach((element, i) => { if (list.children[i] !== element) list.insertBefore(element, list.children[i] ?? null); });
}

// The connection.

function lose() {
  lostSince ??= new Date();
  byId("lost").hidden = false;
  write(byId("lost"), `No answer from edge-camera since ${clock(lostSince)}. What is shown is old; trying again.`);
  document.title = "(!) edge-camera";
  chip(byId("count"), "not known", "bad");
  // Nobody should take the last picture for the present one.
  for (const element of cards.values()) {
    element.classList.add("bad", "still");
    chip(part(element, ".state"), "camera not known", "bad");
    chip(part(element, ".answer"), "", "bad");
    write(part(element, ".word"), "not known: no connection");
    write(part(element, ".old"), "");
    [".fps", ".age", ".took", ".objects"].forEach(figure => write(part(element, figure), "?"));
  }
}

function render(status) {
  lostSince = null;
  byId("lost").hidden = true;
  write(byId("gateway"), status.gateway);
  cameras(status.cameras);
  events(status.events);
  deliveries(status.deliveries);
}

async function poll() {
  let status = null;
  try { status = await (await ask("status")).json(); } catch { lose(); }
  try {
    if (status !== null) render(status);
  } finally {
    setTimeout(poll, 1000);
  }
}
poll();
