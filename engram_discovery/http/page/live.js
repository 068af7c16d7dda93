"use strict";
// The polling loop of the status page: fetch /cluster/status, show it, repeat.

let paused = false;
let updatedAt = 0; // when the last body arrived, by this browser's clock

function show(data) {
  if (data.mode === "single-node") {
    setText($("status"), "Single node");
    setText($("counts"), "No cluster: cluster.enabled is false.");
    document.querySelector("main").hidden = true;
    return;
  }
  nodeTime = Date.parse(data.time);
  announce(data);
  showBanner(data);
  showExplanation(data.explanation);
  showMembers(data);
  showHistory(data.history);
  showDiscovery(data.explanation);
  showRegistrations(data);
  showMemberEvents(data.member_events);
  latest = data;
}

async function update() {
  const response = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  show(await response.json());
  updatedAt = Date.now();
}

function showConnection(error) {
  const lost = Boolean(error) && !paused;
  document.body.classList.toggle("outdated", lost);
  $("lost").hidden = !lost;
  const shown = updatedAt ? `The data below is from ${timeOfDay(updatedAt)}.` : "";
  if (lost && latest) {
    $("banner").dataset.status = "unknown";
    setText($("symbol"), "?");
    setText($("status"), "Unknown");
    document.title = `? no answer · ${plain(latest.cluster)} · ${plain(latest.node_id)}`;
  }
  if (lost) setText($("lost"), `This node does not answer. ${shown} Retrying every few seconds.`);
  setText($("updated"), updatedAt ? `Updated ${timeOfDay(updatedAt)}` : "");
}

async function poll() {
  let error = null;
  if (!paused && !document.hidden) await update().catch((e) => { error = e; });
  if (!paused && !document.hidden) showConnection(error);
  setTimeout(poll, (latest?.members.length ?? 0) > MAX_NAMED_MEMBERS ? 3000 : 1000);
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  setAttribute($("pause"), "aria-pressed", String(paused));
  setText($("pause"), paused ? "Resume" : "Pause");
});
poll();
