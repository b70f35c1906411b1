// The page: its controls, and what they make of the model, the graph and the chart.

const state = {
  view: data.views.findIndex((view) => view.name === "peak"),
  metric: "bytes", thread: -1, inverted: false, upright: false, hideImports: false, query: "",
};
state.view = Math.max(state.view, 0);

const viewTitles = { peak: "Peak", leaks: "Leaks", temporary: "Temporary", total: "Total" };
const incomplete = document.querySelector("header .warning") !== null;
const viewTexts = {
  peak: () => `alive at the high-water mark${data.peak.time === null ? "" : `, ${durationText(data.peak.time - data.start)} after the start`}`,
  leaks: () => (data.window ? "made in the window and alive at its end" : incomplete ? "alive where the capture stops" : "alive at the end, never freed"),
  temporary: () => `freed again with at most ${countText(data.threshold).replace("allocation", "other allocation")} of its thread between`,
  total: () => (data.window ? "all that was allocated in the window" : "all that was allocated, freed or not"),
};
const emptyTexts = {
  peak: "Nothing was alive at the high-water mark.",
  leaks: "Nothing was alive at the end: all that was allocated was freed.",
  temporary: "No allocation was temporary.",
  total: "Nothing was allocated.",
};
const placeTitles = {
  project: "project", "site-packages": "site-packages", stdlib: "standard library", frozen: "frozen modules", unknown: "elsewhere",
};

const graph = new Graph({
  canvas: document.querySelector("#rows canvas"), scroller: byId("scroller"), rows: byId("rows"),
  on: { zoom: showReset, focus: showStatus, hover: showTip },
});
const chart = data.series.time.length > 0 ? new Chart(byId("chart"), document.querySelector("#memory .readout")) : null;
byId("memory").hidden = chart === null;
document.querySelector("#memory .window").hidden = data.window === null;

// fill replaces what an element holds by texts and elements.
const fill = (element, ...parts) => element.replaceChildren(...parts);
function make(tag, properties, ...parts) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...parts);
  return element;
}

const currentView = () => data.views[state.view];

// render makes the scene of the state and shows it.
function render() {
  const scene = makeScene({ ...state, view: currentView() });
  graph.setScene(scene);
  showControls();
  showAbout(scene);
  showEmpty(scene);
  showThreads();
  search(false);
  keepState();
}

function showControls() {
  for (const input of document.querySelectorAll("#views input")) input.checked = Number(input.value) === state.view;
  for (const input of document.querySelectorAll("#metrics input")) input.checked = input.value === state.metric;
  byId("inverted").ariaPressed = String(state.inverted);
  byId("upright").ariaPressed = String(state.upright);
  byId("imports").ariaPressed = String(state.hideImports);
}

function showAbout(scene) {
  const { name } = currentView();
  const text = document.querySelector("#about .text");
  const value = make("strong", {}, bytesText(scene.bytes[0]));
  fill(text, value, ` in ${countText(scene.count[0])}, ${viewTexts[name]()}.`);
  if (scene.cut) text.append(" The stacks are too deep to invert in full: the outermost callers are left out.");
  showLegend(scene);
}

// showLegend gives each place's share of what frames hold themselves.
function showLegend({ stacks, metric }) {
  const sums = new Map(), { tree } = stacks, { own, sum } = stacks[metric];
  for (let node = 1; node < own.length; node++) {
    if (own[node] === 0) continue;
    const place = placeOf(tree.frame[node]);
    sums.set(place, (sums.get(place) ?? 0) + own[node]);
  }
  const items = [...sums].sort((a, b) => b[1] - a[1]).map(([place, value]) => {
    const swatch = make("i", { className: "swatch" });
    swatch.style.background = placeColor(place, theme());
    return make("span", { title: "share of what was allocated in its own code" }, swatch, `${placeTitles[place]} ${shareText(value, sum[0])}`);
  });
  fill(byId("legend"), ...items);
}

function showEmpty(scene) {
  const empty = byId("empty"), nothing = !(scene.value[0] > 0);
  empty.hidden = !nothing;
  byId("scroller").inert = nothing;
  if (!nothing) return;
  const none = data.samples.node.length === 0;
  const unknown = scene.bytes[0] === 0 && scene.count[0] > 0;
  let detail = incomplete ? "The capture is incomplete; see above." : "";
  if (!none && state.thread >= 0) detail = "Other threads may have more: choose All threads.";
  if (unknown) detail = `There are ${countText(scene.count[0])} of 0 bytes: choose Allocations.`;
  fill(empty, make("strong", {}, none ? "The capture has no allocations." : emptyTexts[currentView().name]), make("span", {}, detail));
}

const threadName = ({ name, id }) => (name && id ? `${name} (${id})` : name || id);

// showThreads lists the threads with their share of the view, the largest first.
function showThreads() {
  const select = byId("thread"), column = currentView()[state.metric];
  const sums = new Float64Array(data.threads.length);
  data.samples.thread.forEach((thread, i) => (sums[thread] += column[i]));
  const whole = sums.reduce((a, b) => a + b, 0);
  const order = [...sums.keys()].sort((a, b) => sums[b] - sums[a] || a - b);
  fill(select, make("option", { value: -1 }, "All threads"), ...order.map((thread) =>
    make("option", { value: thread }, `${threadName(data.threads[thread])}, ${shareText(sums[thread], whole)}`)));
  select.value = state.thread;
  select.closest("label").hidden = data.threads.length < 2;
}

function showReset() {
  byId("reset").hidden = graph.zoomed === 0;
}

// describe gives what there is to say of a node, as pairs of a name and a text.
function describe(node) {
  const { bytes, count, ownBytes, ownCount, value, metric } = graph.scene;
  const share = (of) => shareText(of[node], of[0]);
  const pairs = [
    ["Bytes", `${bytesText(bytes[node])}, ${share(bytes)}`],
    ["Allocations", `${numberText(count[node])}, ${share(count)}`],
  ];
  if (ownBytes !== null && node > 0) pairs.push(["In its own code", `${bytesText(ownBytes[node])}, ${countText(ownCount[node])}`]);
  if (graph.zoomed > 0 && graph.zoomed !== node && graph.isBelow(node, graph.zoomed)) {
    pairs.push(["Of the zoomed frame", shareText(value[node], value[graph.zoomed])]);
  }
  return { title: node === 0 ? "All" : functionOf(graph.scene.frame[node]), pairs, metric };
}

function showStatus(node) {
  const status = byId("status");
  if (node < 0) {
    fill(status, make("span", { className: "hint" }, "Click a frame to zoom, or walk with the arrow keys. Press ? for all keys."));
    return;
  }
  const frame = graph.scene.frame[node], { title, pairs } = describe(node);
  const where = node === 0 ? [] : [make("bdi", { className: "where" }, sourceOf(frame))];
  fill(status, make("strong", {}, make("bdi", {}, title)), ...where, ...pairs.map(([name, text]) => make("span", {}, `${name}: ${text}`)));
}

function showTip(node, event) {
  const tip = byId("tip");
  tip.hidden = node < 0 || !event || event.pointerType === "touch";
  if (tip.hidden) return;
  const { title, pairs } = describe(node), frame = graph.scene.frame[node];
  const where = node === 0 ? [] : [
    make("p", { className: "module" }, make("bdi", {}, moduleOf(frame)), ` \u00b7 ${placeTitles[placeOf(frame)]}`),
    make("p", { className: "where" }, make("bdi", {}, sourceOf(frame))),
  ];
  const rows = pairs.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text)));
  fill(tip, make("p", { className: "name" }, make("bdi", {}, title)), ...where, make("dl", {}, ...rows));
  const { clientX: x, clientY: y } = event, gap = 14;
  const left = x + gap + tip.offsetWidth > innerWidth ? x - gap - tip.offsetWidth : x + gap;
  const top = y + gap + tip.offsetHeight > innerHeight ? y - gap - tip.offsetHeight : y + gap;
  tip.style.left = `${Math.max(left, 4)}px`;
  tip.style.top = `${Math.max(top, 4)}px`;
}

// Search.

let found = [], at = -1; // outermost matching nodes, the largest first, and the one that was gone to

function search(keep = true) {
  const input = byId("search"), matched = byId("matched"), { scene } = graph;
  state.query = input.value;
  input.setCustomValidity("");
  let matches;
  try {
    matches = matchFrames(state.query);
  } catch (error) {
    input.setCustomValidity(error.message);
    fill(matched, "not a regular expression");
    graph.setMatches(null);
    found = [];
    return;
  }
  graph.setMatches(matches);
  found = matches ? outermost(scene, matches) : [];
  at = -1;
  if (!matches) fill(matched);
  else if (found.length === 0) fill(matched, "no match");
  else {
    const sum = sumMatches(scene, matches), { value, metric } = scene;
    fill(matched, make("strong", {}, shareText(sum, value[0])), ` ${valueText(metric, sum)}`);
    matched.title = `in stacks with one of ${numberText(matches.reduce((a, b) => a + b, 0))} matching frames`;
  }
  if (keep) keepState();
}

function outermost({ parent, frame, value }, matches) {
  const covered = new Uint8Array(parent.length), nodes = [];
  for (let node = 1; node < parent.length; node++) {
    const match = matches[frame[node]];
    if (match && !covered[parent[node]] && value[node] > 0) nodes.push(node);
    covered[node] = covered[parent[node]] | match;
  }
  return nodes.sort((a, b) => value[b] - value[a] || a - b);
}

function nextMatch(by) {
  if (found.length === 0) return;
  at = at < 0 && by < 0 ? found.length - 1 : (at + by + found.length) % found.length;
  graph.focus(found[at]);
}

// Colours.

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");

function showTheme() {
  const name = theme();
  byId("theme").textContent = name === "dark" ? "Light" : "Dark";
  graph.setTheme(name, getComputedStyle(byId("graph")).backgroundColor);
  chart?.setTheme(name);
  if (graph.scene) showLegend(graph.scene);
}

// stored and store keep a choice where the browser lets a page do so.
function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // the choice holds for this time
  }
}

// The address holds what is shown, so that it can be kept and sent.

function keepState() {
  const hash = new URLSearchParams();
  if (currentView().name !== "peak") hash.set("view", currentView().name);
  if (state.metric !== "bytes") hash.set("measure", state.metric);
  if (state.thread >= 0) hash.set("thread", data.threads[state.thread].id);
  for (const flag of ["inverted", "upright", "hideImports"]) if (state[flag]) hash.set(flag, "1");
  if (state.query !== "") hash.set("search", state.query);
  try {
    history.replaceState(null, "", `#${hash}`);
  } catch {
    // not everywhere may a file change its address
  }
}

function takeState() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const view = data.views.findIndex((v) => v.name === hash.get("view"));
  if (view >= 0) state.view = view;
  if (hash.get("measure") === "count") state.metric = "count";
  if (hash.has("thread")) state.thread = data.threads.findIndex((t) => t.id === hash.get("thread"));
  for (const flag of ["inverted", "upright", "hideImports"]) state[flag] = hash.has(flag);
  byId("search").value = hash.get("search") ?? "";
}

// What the controls do.

function choose(change) {
  Object.assign(state, change);
  render();
}

const actions = {
  "/": () => byId("search").select(),
  "?": () => byId("keys").showModal(),
  n: () => nextMatch(1),
  N: () => nextMatch(-1),
  ArrowUp: () => walk(state.upright ? "callee" : "caller"),
  ArrowDown: () => walk(state.upright ? "caller" : "callee"),
  ArrowLeft: () => walk("left"),
  ArrowRight: () => walk("right"),
  Enter: () => graph.focused >= 0 && graph.zoom(graph.focused),
  Backspace: () => graph.zoom(graph.scene.parent[graph.zoomed]),
  0: () => graph.zoom(0),
  b: () => choose({ metric: "bytes" }),
  a: () => choose({ metric: "count" }),
  t: () => byId("thread").focus(),
  v: () => choose({ inverted: !state.inverted }),
  i: toggleUpright,
  m: () => choose({ hideImports: !state.hideImports }),
  d: toggleTheme,
  Escape: escape,
};
data.views.forEach((_, view) => (actions[view + 1] = () => choose({ view })));

function walk(direction) {
  if (graph.scene.value[0] > 0) graph.focus(graph.step(graph.focused, direction));
}

function toggleUpright() {
  state.upright = !state.upright;
  graph.setUpright(state.upright);
  showControls();
  keepState();
}

function toggleTheme() {
  document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
  store("memvault.theme", theme());
  showTheme();
}

function escape() {
  const input = byId("search");
  if (input.value !== "") {
    input.value = "";
    search();
  } else if (graph.zoomed !== 0) graph.zoom(0);
  else graph.focus(-1);
}

function onKey(event) {
  const { key, target } = event, action = Object.hasOwn(actions, key) ? actions[key] : undefined;
  if (!action || event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  if (target.matches("input[type=search]")) {
    if (key === "Enter") nextMatch(event.shiftKey ? -1 : 1);
    if (key === "Escape") {
      escape();
      target.blur();
    }
    return;
  }
  if (target.matches("select") || (target.matches("input") && key.startsWith("Arrow")) || (target.matches("button") && key === "Enter")) return;
  event.preventDefault();
  action();
}

function listen() {
  byId("views").append(...data.views.map((view, i) => make("label", { title: `${viewTexts[view.name]()} (${i + 1})` },
    make("input", { type: "radio", name: "view", value: i }), make("span", {}, viewTitles[view.name]))));
  byId("views").addEventListener("change", (e) => choose({ view: Number(e.target.value) }));
  byId("metrics").addEventListener("change", (e) => choose({ metric: e.target.value }));
  byId("thread").addEventListener("change", (e) => choose({ thread: Number(e.target.value) }));
  byId("inverted").addEventListener("click", actions.v);
  byId("upright").addEventListener("click", actions.i);
  byId("imports").addEventListener("click", actions.m);
  byId("reset").addEventListener("click", actions[0]);
  byId("theme").addEventListener("click", actions.d);
  byId("help").addEventListener("click", actions["?"]);
  byId("search").addEventListener("input", () => search());
  byId("controls").addEventListener("submit", (e) => e.preventDefault());
  document.addEventListener("keydown", onKey);
  dark.addEventListener("change", showTheme);
}

const chosen = stored("memvault.theme");
if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
takeState();
listen();
showTheme();
graph.upright = state.upright;
render();
