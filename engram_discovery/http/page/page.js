"use strict";
// Everything from the network is shown by textContent: as text, whatever it holds.

const MARKS = { alive: "●", suspect: "◐", dead: "✕", left: "○" };
const SYMBOLS = { healthy: "✓", degraded: "!", critical: "✕" };
const COLOURS = { healthy: "#1a7f37", degraded: "#8f6000", critical: "#cf222e" };
const HAPPENED = {
  joined: "joined", suspected: "is suspected", recovered: "recovered", died: "is dead",
  left: "left", updated: "metadata changed", conflict: "node id conflict", lost: "some events were lost",
};
const OUTCOMES = { joined: "was joined earlier", foreign: "rejected the handshake" };
const MOST_NAMED = 20; // names of members that are not alive, where each member is a mark
const FEW = 60; // members drawn with their names; more are drawn as small marks
const WINDOWS = [120, 300, 900]; // seconds that the history may show, the shortest that holds all of it
const $ = (id) => document.getElementById(id);
const tiles = new Map();
let chosen = null;
let paused = false;
let answered = 0; // when the node last answered, by this browser
let nodeTime = 0; // the same moment by the node's own clock
let before = null;

// --- writing ---------------------------------------------------------------------------------------------

/** Show characters that would be invisible, or would turn the text around, by their numbers. */
function plain(text) {
  const hidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu;
  return String(text).replace(hidden, (c) => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"));
}

function make(name, text, attributes = {}) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = plain(text);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function write(element, text) {
  const shown = plain(text);
  if (element.textContent !== shown) element.textContent = shown;
}

/** Replace the children of an element, unless they would read the same: a screen reader need not start again. */
function fill(element, children) {
  const now = document.createElement("div");
  now.append(...children);
  if (now.innerHTML !== element.innerHTML) element.replaceChildren(...now.childNodes);
}

function facts(list, pairs) {
  fill(list, pairs.map(([term, value, link]) => {
    const pair = make("div");
    const shown = make("dd");
    shown.append(link ? make("a", value, { href: link, rel: "noreferrer" }) : make("bdi", value));
    pair.append(make("dt", term), shown);
    return pair;
  }));
}

function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`;
}

const timeOfDay = (moment) => new Date(moment).toLocaleTimeString([], { hourCycle: "h23" });

/** Return the time of day, by the node's clock, so many seconds before its last answer. */
const clock = (age) => timeOfDay(Math.round((nodeTime - age * 1000) / 1000) * 1000);

// --- the parts of the page -------------------------------------------------------------------------------

function showBanner(data) {
  const health = data.health;
  $("banner").dataset.status = health.status;
  write($("symbol"), SYMBOLS[health.status] ?? "?");
  write($("status"), capital(health.status));
  const others = ["suspect", "dead", "left"].map((s) => [count(health, s), s]).filter(([n]) => n);
  const expected = health.expected_nodes ? `, ${health.expected_nodes} expected` : "";
  const parts = [`${health.alive_nodes} of ${health.total_nodes} members alive`, ...others.map((o) => o.join(" "))];
  write($("counts"), parts.join(", ") + expected);
  fill($("warnings"), warnings(data).map((text) => make("li", text)));
  facts($("facts"), [
    ["cluster", data.cluster], ["this node", data.node_id],
    ["ready", data.ready.ready ? "yes" : "no"], ["version", data.version],
  ]);
  document.title = `${SYMBOLS[health.status]} ${health.status} ${health.alive_nodes}/${health.total_nodes} · ` +
    `${plain(data.cluster)} · ${plain(data.node_id)}`;
  const dot = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" ` +
    `fill="${COLOURS[health.status]}"/></svg>`;
  $("icon").href = "data:image/svg+xml," + encodeURIComponent(dot);
}

/** List the plugins' health checks: the node's own checks repeat the section of sources. */
function otherChecks(data) {
  return Object.entries(data.health.checks ?? {}).filter(([, check]) => !check.own);
}

/** List what is wrong even if all members are alive. */
function warnings(data) {
  const failing = data.explanation.sources.filter((s) => s.outcome === "failed" && s.next_refresh_in !== null);
  const unseen = data.registrations.filter((r) => !["registered", "draining"].includes(r.state));
  const checks = otherChecks(data).filter(([, check]) => check.status !== "passing");
  return [
    ...failing.map((s) => `${s.name} fails: we go by its last answer`),
    ...unseen.map((r) => `${r.provider} does not list this node: ${r.state}`),
    ...checks.map(([name, check]) => `${name}: ${check.output || check.status}`),
    ...(data.ready.ready ? [] : [`not ready: ${data.ready.reason}`]),
  ];
}

/** Count as the picture does: members that left are not dead. */
const count = (health, state) => health[`${state}_nodes`] - (state === "dead" ? health.left_nodes : 0);

function showWords(explanation) {
  const [first, ...rest] = explanation.sentences;
  write($("headline"), capital(first) + ".");
  fill($("words"), rest.map((sentence) => make("li", sentence)));
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function showMembers(data) {
  const picture = $("picture");
  picture.classList.toggle("small", data.members.length > FEW);
  const zones = group(data.members);
  fill($("legend"), Object.entries(MARKS).map(([state, mark]) => {
    const number = count(data.health, state);
    const item = make("li", undefined, number ? { "data-state": state } : { class: "soft" });
    item.append(make("span", mark, { class: "mark", "aria-hidden": "true" }), ` ${number} ${state}`);
    return item;
  }));
  const names = [...zones.keys()].sort();
  for (const zone of picture.querySelectorAll(".zone")) if (!zones.has(zone.dataset.zone)) zone.remove();
  names.forEach((name, position) => placeZone(picture, name, zones.get(name), position, names.length > 1));
  const here = new Set(data.members.map((m) => m.id));
  for (const [id, tile] of tiles) if (!here.has(id)) { tile.remove(); tiles.delete(id); }
  if (!here.has(chosen)) chosen = data.members[0]?.id ?? null;
  for (const [id, tile] of tiles) setAttribute(tile, "tabindex", id === chosen ? "0" : "-1");
  for (const [id, tile] of tiles) setAttribute(tile, "aria-selected", String(id === chosen));
  showDetails(data.members.find((m) => m.id === chosen));
  nameMissing(data.members);
  const hidden = data.members_total - data.members.length;
  $("more-members").hidden = !hidden;
  write($("more-members"), `and ${hidden} more, counted but not drawn`);
}

function group(members) {
  const zones = new Map();
  for (const m of members) zones.set(m.zone ?? "", [...(zones.get(m.zone ?? "") ?? []), m]);
  return zones;
}

function placeZone(picture, name, members, position, titled) {
  let zone = [...picture.children].find((child) => child.dataset.zone === name);
  if (!zone) {
    zone = make("div", undefined, { role: "group", class: "zone" });
    zone.dataset.zone = name;
  }
  if (picture.children[position] !== zone) picture.insertBefore(zone, picture.children[position] ?? null);
  const title = name ? `zone ${name}` : "no zone";
  setAttribute(zone, "aria-label", plain(title));
  const heading = zone.querySelector("h3") ?? zone.insertBefore(make("h3", undefined, { "aria-hidden": "true" }), zone.firstChild);
  heading.hidden = !titled;
  write(heading, `${title}: ${members.length}`);
  members.forEach((member, place) => {
    const tile = tileOf(member);
    if (zone.children[place + 1] !== tile) zone.insertBefore(tile, zone.children[place + 1] ?? null);
  });
}

function tileOf(member) {
  let tile = tiles.get(member.id);
  if (!tile) {
    tile = make("div", undefined, { role: "option", class: "member" });
    tile.append(make("span", "", { class: "mark" }), make("bdi", "", { class: "name" }), make("span", "", { class: "since" }));
    tile.addEventListener("click", () => choose(member.id));
    tiles.set(member.id, tile);
  }
  const [mark, name, since] = tile.children;
  setAttribute(tile, "data-state", member.state);
  write(mark, MARKS[member.state] ?? "?");
  write(name, member.id + (member.is_self ? " (this node)" : ""));
  write(since, `${member.state} ${span(member.age)}`);
  const zone = member.zone ? `, zone ${member.zone}` : "";
  setAttribute(tile, "aria-label", plain(`${member.id}${member.is_self ? ", this node" : ""}, ${member.state}${zone}`));
  setAttribute(tile, "title", plain(`${member.id}: ${member.state} for ${span(member.age)}`));
  return tile;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** List the members that are not alive where each member is only a mark. */
function nameMissing(members) {
  const missing = ["dead", "suspect"].map((state) => [state, members.filter((m) => m.state === state).map((m) => m.id)]);
  fill($("missing"), members.length <= FEW ? [] : missing.filter(([, ids]) => ids.length).map(([state, ids]) => {
    const more = ids.length > MOST_NAMED ? ` and ${ids.length - MOST_NAMED} more` : "";
    const line = make("p", `${capital(state)}: `);
    ids.slice(0, MOST_NAMED).forEach((id, place) => line.append(place ? ", " : "", make("bdi", id)));
    line.append(more);
    return line;
  }));
}

function showDetails(member) {
  facts($("details"), member ? [
    ["member", member.id], ["state", `${member.state} for ${span(member.age)}`], ["zone", member.zone ?? "–"],
    ["gossip", member.addr], ["API", member.api_addr ?? "–", pageOf(member)], ["started", started(member.generation)], ["incarnation", member.incarnation],
    ["spaces", member.spaces],
  ] : []);
}

/** Link to the status page of another member; text that is not an address is not a link. */
function pageOf({ api_addr: address, is_self: here }) {
  return !here && /^[\w.:[\]-]+$/.test(address ?? "") ? `http://${address}/cluster/` : null;
}

/** A generation is the start time in milliseconds, unless the clock was far behind. */
function started(generation) {
  const at = new Date(generation);
  return generation > 1e12 && generation < 1e13 ? `${at.toLocaleDateString()} ${timeOfDay(at)}` : generation;
}

function choose(id) {
  chosen = id;
  if (before) showMembers(before);
  tiles.get(id)?.focus();
}

$("picture").addEventListener("keydown", (event) => {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const order = [...$("picture").querySelectorAll(".member")];
  const place = order.indexOf(tiles.get(chosen)) + steps[event.key];
  const tile = order[Math.min(Math.max(place, 0), order.length - 1)];
  choose([...tiles].find(([, other]) => other === tile)?.[0] ?? chosen);
});

function showHistory({ span: longest, samples }) {
  const length = WINDOWS.find((seconds) => seconds > (samples[0]?.age ?? 0)) ?? longest;
  const most = Math.max(1, ...samples.map((m) => m.alive + m.suspect + m.dead + m.left));
  const rectangles = [];
  samples.forEach((moment, position) => {
    const from = Math.max(0, 1 - moment.age / length) * 900;
    const to = position + 1 < samples.length ? Math.max(0, 1 - samples[position + 1].age / length) * 900 : 900;
    let below = 0;
    for (const state of ["alive", "suspect", "dead", "left"]) {
      const height = (moment[state] / most) * 150;
      const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const place = { class: state, x: from, y: 150 - below - height, width: Math.max(0, to - from), height };
      for (const [key, value] of Object.entries(place)) box.setAttribute(key, value);
      if (height && to > from) rectangles.push(box);
      below += height;
    }
  });
  $("history").replaceChildren(...rectangles);
  write($("history-title"), `The last ${length / 60} minutes`);
  write($("scale"), `Members by state, as coloured above; the full height is ${most}.`);
  fill($("axis"), [3, 2, 1].map((part) => make("span", `${span((length * part) / 3)} ago`)).concat(make("span", "now")));
  write($("history-words"), inWords(samples));
}

/** Describe the history in a sentence: the status, and its last changes. */
function inWords(samples) {
  const changes = samples.filter((m, i) => i === 0 || m.status !== samples[i - 1].status);
  if (!changes.length) return "No sample yet.";
  const last = changes[changes.length - 1];
  const earlier = changes.slice(-4, -1).map((m, i, list) => {
    const end = (list[i + 1] ?? last).age;
    return `${m.status} for ${span(m.age - end)} from ${clock(m.age)}`;
  });
  return `${capital(last.status)} since ${clock(last.age)}` + (earlier.length ? `; before: ${earlier.join(", ")}.` : ".");
}

function card(title, verdict, kind, lines) {
  const item = make("li");
  item.append(make("strong", title), make("span", verdict, { class: kind }));
  for (const line of lines.filter(Boolean)) item.append(make("p", line, { class: "soft" }));
  return item;
}

function showSources({ sources, not_joined: known }) {
  const kinds = { found: "good", empty: "fair", failed: "bad", pending: "fair" };
  const cards = sources.map((s) => card(s.name, s.outcome, kinds[s.outcome], [
    `${s.count} endpoints` + (s.stale_for === null ? "" : `, kept from ${span(s.age ?? s.stale_for)} ago`) + (s.complete ? "" : ", incomplete"),
    s.error && `failing for ${span(s.stale_for ?? 0)}: ${s.error_kind}: ${s.error}`,
    s.detail,
    s.circuit_open && "circuit breaker open: the plugin crashed or timed out repeatedly",
    s.watching ? "watching" : s.next_refresh_in === null ? "idle: an earlier source suffices" : `next refresh in ${span(s.next_refresh_in)}`,
  ]));
  fill($("sources"), cards.length ? cards : [make("li", "None.", { class: "soft" })]);
  const missing = known.filter((m) => m.outcome !== "self");
  fill($("not-joined"), missing.length ? [
    make("h3", "Not joined"),
    ...missing.map((m) => make("p", `${m.endpoint} ${OUTCOMES[m.outcome] ?? m.outcome ?? "not contacted yet"}${m.detail ? `: ${m.detail}` : ""}`, { class: "soft" })),
  ] : []);
}

function showRegistrations(data) {
  const kinds = { registered: "good", lost: "bad", superseded: "bad", draining: "fair", pending: "fair", unverified: "fair" };
  const cards = data.registrations.map((r) => card(r.provider, r.state, kinds[r.state], [
    `for ${span(r.age)}`,
    r.lease_left !== null && `${span(r.lease_left)} of the lease left`,
    `renewals: ${r.renewals}, registered again: ${r.repairs}`,
    r.error,
  ]));
  fill($("registrations"), cards.length ? cards : [make("li", "None: no provider in use registers nodes.", { class: "soft" })]);
  const results = otherChecks(data);
  const colours = { passing: "good", warning: "fair", critical: "bad" };
  fill($("checks"), results.length ? [make("h3", "Checks"), ...results.map(([name, c]) => {
    const line = make("p");
    line.append(make("strong", name), " ", make("span", c.status, { class: colours[c.status] }), ` ${plain(c.output)}`);
    return line;
  })] : []);
}

function showMemberEvents(member_events) {
  fill($("member_events"), member_events.length ? member_events.map((h) => {
    const item = make("li");
    const what = make("span");
    if (h.node_id) what.append(make("bdi", h.node_id), " ");
    what.append(HAPPENED[h.kind] ?? plain(h.kind));
    item.append(make("time", clock(h.age)), what);
    return item;
  }) : [make("li", "No events yet.")]);
}

/** Announce only the changes to a screen reader. */
function announce(data) {
  const news = [];
  if (before && before.health.status !== data.health.status) news.push(`The cluster is ${data.health.status}.`);
  const states = new Map(before?.members.map((m) => [m.id, m.state]));
  for (const m of before ? data.members.slice(0, FEW) : []) {
    if (states.get(m.id) !== m.state) news.push(`${m.id} is ${m.state}.`);
  }
  if (news.length) write($("announcer"), news.join(" "));
}

// --- life ------------------------------------------------------------------------------------------------

function show(data) {
  if (data.mode === "single-node") {
    write($("status"), "single node");
    write($("counts"), "Single node: cluster.enabled is false.");
    document.querySelector("main").hidden = true;
    return;
  }
  nodeTime = Date.parse(data.time);
  announce(data);
  showBanner(data);
  showWords(data.explanation);
  showMembers(data);
  showHistory(data.history);
  showSources(data.explanation);
  showRegistrations(data);
  showMemberEvents(data.member_events);
  before = data;
}

async function ask() {
  const answer = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  show(await answer.json());
  answered = Date.now();
}

function tellAge(error) {
  const lost = Boolean(error) && !paused;
  document.body.classList.toggle("outdated", lost);
  $("lost").hidden = !lost;
  const since = answered ? `Below is its state at ${timeOfDay(answered)}.` : "";
  if (lost && before) {
    $("banner").dataset.status = "unknown";
    write($("symbol"), "?");
    write($("status"), "Unknown");
    document.title = `? no answer · ${plain(before.cluster)} · ${plain(before.node_id)}`;
  }
  if (lost) write($("lost"), `This node does not answer. ${since} Trying again every few seconds.`);
  write($("updated"), answered ? `Updated ${timeOfDay(answered)}` : "");
}

async function live() {
  let error = null;
  if (!paused && !document.hidden) await ask().catch((e) => { error = e; });
  if (!paused && !document.hidden) tellAge(error);
  setTimeout(live, (before?.members.length ?? 0) > FEW ? 3000 : 1000);
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  setAttribute($("pause"), "aria-pressed", String(paused));
  write($("pause"), paused ? "Resume" : "Pause");
});
live();
