"use strict";
// Helpers of the status page. Everything from the network is inserted by textContent: as text, whatever it holds.

const MARKS = { alive: "●", suspect: "◐", dead: "✕", left: "○" };
const SYMBOLS = { healthy: "✓", degraded: "!", critical: "✕" };
const COLOURS = { healthy: "#1a7f37", degraded: "#8f6000", critical: "#cf222e" };
const EVENTS = {
  joined: "joined", suspected: "suspected", recovered: "recovered", died: "declared dead",
  left: "left", updated: "metadata changed", conflict: "node id conflict", lost: "some events were lost",
};
const OUTCOMES = { joined: "joined earlier", foreign: "rejected the handshake" };
const MAX_MISSING_NAMES = 20; // names of members that are not alive, where members are drawn as small marks
const MAX_NAMED_MEMBERS = 60; // members drawn with their names; more are drawn as small marks
const MAX_HISTORY = [120, 300, 900]; // seconds that the history may show, the shortest that holds all of it
const $ = (id) => document.getElementById(id);

/** Show invisible and direction-changing characters as escapes. */
function plain(text) {
  const hidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu;
  return String(text).replace(hidden, (c) => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"));
}

function create(name, text, attributes = {}) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = plain(text);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function setText(element, text) {
  const shown = plain(text);
  if (element.textContent !== shown) element.textContent = shown;
}

function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** Replace the children of an element, unless the result is the same: a screen reader then keeps its place. */
function setChildren(element, children) {
  const now = document.createElement("div");
  now.append(...children);
  if (now.innerHTML !== element.innerHTML) element.replaceChildren(...now.childNodes);
}

function setFacts(list, pairs) {
  setChildren(list, pairs.map(([term, value, link]) => {
    const pair = create("div");
    const shown = create("dd");
    shown.append(link ? create("a", value, { href: link, rel: "noreferrer" }) : create("bdi", value));
    pair.append(create("dt", term), shown);
    return pair;
  }));
}

function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return s < 172800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} days`;
}

const timeOfDay = (moment) => new Date(moment).toLocaleTimeString([], { hourCycle: "h23" });

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
