"use strict";
// The sections of the status page beside the members: each function shows one from the body of /cluster/status.

let latest = null; // the last body that was shown
let nodeTime = 0; // when the node sent it, by the node's own clock

/** Return the time of day, by the node's clock, a number of seconds before the last body. */
const nodeTimeOf = (age) => timeOfDay(Math.round((nodeTime - age * 1000) / 1000) * 1000);

function showBanner(data) {
  const health = data.health;
  $("banner").dataset.status = health.status;
  setText($("symbol"), SYMBOLS[health.status] ?? "?");
  setText($("status"), capital(health.status));
  const others = ["suspect", "dead", "left"].map((s) => [count(health, s), s]).filter(([n]) => n);
  const expected = health.expected_nodes ? `, ${health.expected_nodes} expected` : "";
  const parts = [`${health.alive_nodes} of ${health.total_nodes} members alive`, ...others.map((o) => o.join(" "))];
  setText($("counts"), parts.join(", ") + expected);
  setChildren($("warnings"), warnings(data).map((text) => create("li", text)));
  setFacts($("facts"), [
    ["cluster", data.cluster], ["this node", data.node_id],
    ["ready", data.ready.ready ? "yes" : "no"], ["version", data.version],
  ]);
  document.title = `${SYMBOLS[health.status]} ${health.status} ${health.alive_nodes}/${health.total_nodes} · ` +
    `${plain(data.cluster)} · ${plain(data.node_id)}`;
  const dot = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" ` +
    `fill="${COLOURS[health.status]}"/></svg>`;
  $("icon").href = "data:image/svg+xml," + encodeURIComponent(dot);
}

/** List the plugins' health checks: the node's own checks repeat the section of discovery. */
function otherChecks(data) {
  return Object.entries(data.health.checks ?? {}).filter(([, check]) => !check.own);
}

/** List what is wrong even if all members are alive. */
function warnings(data) {
  const failed = data.explanation.sources.filter((s) => s.outcome === "failed" && s.next_refresh_in !== null);
  const unregistered = data.registrations.filter((r) => !["registered", "draining"].includes(r.state));
  const checks = otherChecks(data).filter(([, check]) => check.status !== "passing");
  return [
    ...failed.map((s) => `${s.name} fails: its last-known-good endpoints are used`),
    ...unregistered.map((r) => `${r.provider}: this node is not registered (${r.state})`),
    ...checks.map(([name, check]) => `${name}: ${check.output || check.status}`),
    ...(data.ready.ready ? [] : [`not ready: ${data.ready.reason}`]),
  ];
}

/** Count the members of a state: dead_nodes of the health report includes those that left. */
const count = (health, state) => health[`${state}_nodes`] - (state === "dead" ? health.left_nodes : 0);

function showExplanation(explanation) {
  const [first, ...rest] = explanation.sentences;
  setText($("headline"), capital(first) + ".");
  setChildren($("words"), rest.map((sentence) => create("li", sentence)));
}

function showHistory({ span: longest, samples }) {
  const length = MAX_HISTORY.find((seconds) => seconds > (samples[0]?.age ?? 0)) ?? longest;
  const most = Math.max(1, ...samples.map((m) => m.alive + m.suspect + m.dead + m.left));
  const rectangles = [];
  samples.forEach((sample, position) => {
    const from = Math.max(0, 1 - sample.age / length) * 900;
    const to = position + 1 < samples.length ? Math.max(0, 1 - samples[position + 1].age / length) * 900 : 900;
    let below = 0;
    for (const state of ["alive", "suspect", "dead", "left"]) {
      const height = (sample[state] / most) * 150;
      const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const place = { class: state, x: from, y: 150 - below - height, width: Math.max(0, to - from), height };
      for (const [key, value] of Object.entries(place)) box.setAttribute(key, value);
      if (height && to > from) rectangles.push(box);
      below += height;
    }
  });
  $("history").replaceChildren(...rectangles);
  setText($("history-title"), `The last ${length / 60} minutes`);
  setText($("scale"), `Members by state, in the colours above; full height: ${most} members.`);
  setChildren($("axis"), [3, 2, 1].map((part) => create("span", `${duration((length * part) / 3)} ago`)).concat(create("span", "now")));
  setText($("history-words"), historyText(samples));
}

/** Describe the history in a sentence: the status, and its last changes. */
function historyText(samples) {
  const changes = samples.filter((m, i) => i === 0 || m.status !== samples[i - 1].status);
  if (!changes.length) return "No samples yet.";
  const last = changes[changes.length - 1];
  const earlier = changes.slice(-4, -1).map((m, i, list) => {
    const end = (list[i + 1] ?? last).age;
    return `${m.status} for ${duration(m.age - end)} from ${nodeTimeOf(m.age)}`;
  });
  return `${capital(last.status)} since ${nodeTimeOf(last.age)}` + (earlier.length ? `; before: ${earlier.join(", ")}.` : ".");
}

function card(title, status, kind, lines) {
  const item = create("li");
  item.append(create("strong", title), create("span", status, { class: kind }));
  for (const line of lines.filter(Boolean)) item.append(create("p", line, { class: "soft" }));
  return item;
}

function showDiscovery({ sources, not_joined: known }) {
  const kinds = { found: "good", empty: "fair", failed: "bad", pending: "fair" };
  const cards = sources.map((s) => card(s.name, s.outcome, kinds[s.outcome], [
    `${s.count} endpoints` + (s.stale_for === null ? "" : `, kept from ${duration(s.age ?? s.stale_for)} ago`) + (s.complete ? "" : ", incomplete"),
    s.error && `failed for ${duration(s.stale_for ?? 0)}: ${s.error_kind}: ${s.error}`,
    s.detail,
    s.circuit_open && "circuit breaker open: the plugin crashed or timed out repeatedly",
    s.watching ? "watching" : s.next_refresh_in === null ? "idle: an earlier provider suffices" : `next refresh in ${duration(s.next_refresh_in)}`,
  ]));
  setChildren($("sources"), cards.length ? cards : [create("li", "None.", { class: "soft" })]);
  const missing = known.filter((m) => m.outcome !== "self");
  setChildren($("not-joined"), missing.length ? [
    create("h3", "Not joined"),
    ...missing.map((m) => create("p", `${m.endpoint} ${OUTCOMES[m.outcome] ?? m.outcome ?? "not contacted yet"}${m.detail ? `: ${m.detail}` : ""}`, { class: "soft" })),
  ] : []);
}

function showRegistrations(data) {
  const kinds = { registered: "good", lost: "bad", superseded: "bad", draining: "fair", pending: "fair", unverified: "fair" };
  const cards = data.registrations.map((r) => card(r.provider, r.state, kinds[r.state], [
    `for ${duration(r.age)}`,
    r.lease_left !== null && `lease expires in ${duration(r.lease_left)}`,
    `renewals: ${r.renewals}, re-registered: ${r.repairs}`,
    r.error,
  ]));
  setChildren($("registrations"), cards.length ? cards : [create("li", "None: no selected provider registers nodes.", { class: "soft" })]);
  const results = otherChecks(data);
  const colours = { passing: "good", warning: "fair", critical: "bad" };
  setChildren($("checks"), results.length ? [create("h3", "Checks"), ...results.map(([name, c]) => {
    const line = create("p");
    line.append(create("strong", name), " ", create("span", c.status, { class: colours[c.status] }), ` ${plain(c.output)}`);
    return line;
  })] : []);
}

function showMemberEvents(events) {
  setChildren($("member-events"), events.length ? events.map((e) => {
    const item = create("li");
    const text = create("span");
    if (e.node_id) text.append(create("bdi", e.node_id), " ");
    text.append(EVENTS[e.kind] ?? plain(e.kind));
    item.append(create("time", nodeTimeOf(e.age)), text);
    return item;
  }) : [create("li", "No events yet.")]);
}

/** Announce changes to a screen reader, and nothing else. */
function announce(data) {
  const news = [];
  if (latest && latest.health.status !== data.health.status) news.push(`The cluster is ${data.health.status}.`);
  const states = new Map(latest?.members.map((m) => [m.id, m.state]));
  for (const m of latest ? data.members.slice(0, MAX_NAMED_MEMBERS) : []) {
    if (states.get(m.id) !== m.state) news.push(`${m.id} is ${m.state}.`);
  }
  if (news.length) setText($("announcer"), news.join(" "));
}
