"use strict";
// The picture of the members: a tile for each, by zone, with the details of the selected one.

const tiles = new Map(); // elements by node id
let selected = null; // the node id of the selected member

function showMembers(data) {
  const picture = $("picture");
  picture.classList.toggle("small", data.members.length > MAX_NAMED_MEMBERS);
  const zones = group(data.members);
  setChildren($("legend"), Object.entries(MARKS).map(([state, mark]) => {
    const number = count(data.health, state);
    const item = create("li", undefined, number ? { "data-state": state } : { class: "soft" });
    item.append(create("span", mark, { class: "mark", "aria-hidden": "true" }), ` ${number} ${state}`);
    return item;
  }));
  const names = [...zones.keys()].sort();
  for (const zone of picture.querySelectorAll(".zone")) if (!zones.has(zone.dataset.zone)) zone.remove();
  names.forEach((name, position) => placeZone(picture, name, zones.get(name), position, names.length > 1));
  const here = new Set(data.members.map((m) => m.id));
  for (const [id, tile] of tiles) if (!here.has(id)) { tile.remove(); tiles.delete(id); }
  if (!here.has(selected)) selected = data.members[0]?.id ?? null;
  for (const [id, tile] of tiles) setAttribute(tile, "tabindex", id === selected ? "0" : "-1");
  for (const [id, tile] of tiles) setAttribute(tile, "aria-selected", String(id === selected));
  showDetails(data.members.find((m) => m.id === selected));
  showMissing(data.members);
  const hidden = data.members_total - data.members.length;
  $("more-members").hidden = !hidden;
  setText($("more-members"), `and ${hidden} more, counted but not shown`);
}

function group(members) {
  const zones = new Map();
  for (const m of members) zones.set(m.zone ?? "", [...(zones.get(m.zone ?? "") ?? []), m]);
  return zones;
}

function placeZone(picture, name, members, position, titled) {
  let zone = [...picture.children].find((child) => child.dataset.zone === name);
  if (!zone) {
    zone = create("div", undefined, { role: "group", class: "zone" });
    zone.dataset.zone = name;
  }
  if (picture.children[position] !== zone) picture.insertBefore(zone, picture.children[position] ?? null);
  const title = name ? `zone ${name}` : "no zone";
  setAttribute(zone, "aria-label", plain(title));
  const heading = zone.querySelector("h3") ?? zone.insertBefore(create("h3", undefined, { "aria-hidden": "true" }), zone.firstChild);
  heading.hidden = !titled;
  setText(heading, `${title}: ${members.length}`);
  members.forEach((member, place) => {
    const tile = tileOf(member);
    if (zone.children[place + 1] !== tile) zone.insertBefore(tile, zone.children[place + 1] ?? null);
  });
}

function tileOf(member) {
  let tile = tiles.get(member.id);
  if (!tile) {
    tile = create("div", undefined, { role: "option", class: "member" });
    tile.append(create("span", "", { class: "mark" }), create("bdi", "", { class: "name" }), create("span", "", { class: "since" }));
    tile.addEventListener("click", () => select(member.id));
    tiles.set(member.id, tile);
  }
  const [mark, name, since] = tile.children;
  setAttribute(tile, "data-state", member.state);
  setText(mark, MARKS[member.state] ?? "?");
  setText(name, member.id + (member.is_self ? " (this node)" : ""));
  setText(since, `${member.state} ${duration(member.age)}`);
  const zone = member.zone ? `, zone ${member.zone}` : "";
  setAttribute(tile, "aria-label", plain(`${member.id}${member.is_self ? ", this node" : ""}, ${member.state}${zone}`));
  setAttribute(tile, "title", plain(`${member.id}: ${member.state} for ${duration(member.age)}`));
  return tile;
}

/** List the members that are not alive by name where each member is only a mark. */
function showMissing(members) {
  const missing = ["dead", "suspect"].map((state) => [state, members.filter((m) => m.state === state).map((m) => m.id)]);
  setChildren($("missing"), members.length <= MAX_NAMED_MEMBERS ? [] : missing.filter(([, ids]) => ids.length).map(([state, ids]) => {
    const more = ids.length > MAX_MISSING_NAMES ? ` and ${ids.length - MAX_MISSING_NAMES} more` : "";
    const line = create("p", `${capital(state)}: `);
    ids.slice(0, MAX_MISSING_NAMES).forEach((id, place) => line.append(place ? ", " : "", create("bdi", id)));
    line.append(more);
    return line;
  }));
}

function showDetails(member) {
  setFacts($("details"), member ? [
    ["member", member.id], ["state", `${member.state} for ${duration(member.age)}`], ["zone", member.zone ?? "–"],
    ["gossip", member.addr], ["API", member.api_addr ?? "–", statusPageOf(member)], ["started", started(member.generation)], ["incarnation", member.incarnation],
    ["spaces", member.spaces],
  ] : []);
}

/** Link to the status page of another member; text that is not an address is not a link. */
function statusPageOf({ api_addr: address, is_self: here }) {
  return !here && /^[\w.:[\]-]+$/.test(address ?? "") ? `http://${address}/cluster/` : null;
}

/** A generation is the start time in milliseconds, unless the clock was far behind. */
function started(generation) {
  const at = new Date(generation);
  return generation > 1e12 && generation < 1e13 ? `${at.toLocaleDateString()} ${timeOfDay(at)}` : generation;
}

function select(id) {
  selected = id;
  if (latest) showMembers(latest);
  tiles.get(id)?.focus();
}

$("picture").addEventListener("keydown", (event) => {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const order = [...$("picture").querySelectorAll(".member")];
  const place = order.indexOf(tiles.get(selected)) + steps[event.key];
  const tile = order[Math.min(Math.max(place, 0), order.length - 1)];
  select([...tiles].find(([, other]) => other === tile)?.[0] ?? selected);
});
