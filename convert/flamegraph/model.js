"use strict";
// The model: from the embedded data to a scene, which is a tree with the sums of one view.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

const frameCount = data.frames.function.length;
const functionOf = (frame) => data.strings[data.frames.function[frame]];
const fileOf = (frame) => data.strings[data.files.name[data.frames.file[frame]]];
const moduleOf = (frame) => data.strings[data.files.module[data.frames.file[frame]]];
const placeOf = (frame) => data.places[data.files.place[data.frames.file[frame]]];
const lineOf = (frame) => data.frames.line[frame];

// sourceOf names a frame's file and line, as far as they are known.
function sourceOf(frame) {
  const file = fileOf(frame), line = lineOf(frame);
  return line > 0 ? `${file}:${line}` : file;
}

// A tree is a list of nodes, each after its parent; node 0 is the root. `of` tells for each
// node of the embedded tree (and its root) which node stands for it here.

// wholeTree decodes the embedded tree.
function wholeTree() {
  const { up, frame } = data.nodes;
  const parent = new Int32Array(up.length + 1), frames = new Int32Array(up.length + 1).fill(-1);
  const of = Int32Array.from(parent, (_, node) => node);
  for (let node = 1, at = 0; node < parent.length; at = node++) {
    for (let levels = up[node - 1]; levels > 0; levels--) at = parent[at];
    parent[node] = at;
    frames[node] = frame[node - 1];
  }
  return { parent, frame: frames, of };
}

// without leaves frames out; what they called belongs to their callers then.
function without(tree, hidden) {
  const parent = [0], frame = [-1], known = new Map();
  const of = new Int32Array(tree.parent.length);
  for (let node = 1; node < of.length; node++) {
    const caller = of[tree.parent[node]], f = tree.frame[node];
    if (hidden[f]) {
      of[node] = caller;
      continue;
    }
    const key = caller * frameCount + f;
    let own = known.get(key);
    if (own === undefined) {
      own = parent.length;
      known.set(key, own);
      parent.push(caller);
      frame.push(f);
    }
    of[node] = own;
  }
  return { parent: Int32Array.from(parent), frame: Int32Array.from(frame), of };
}

// importFrames marks the frames of Python's import system.
function importFrames() {
  return Uint8Array.from({ length: frameCount }, (_, f) => fileOf(f).startsWith("<frozen importlib"));
}

// weigh gives what each node holds itself and with all below it. A negative thread is all.
function weigh(tree, column, thread) {
  const own = new Float64Array(tree.parent.length);
  const { node, thread: threads } = data.samples;
  for (let i = 0; i < node.length; i++) {
    if (thread < 0 || threads[i] === thread) own[tree.of[node[i]]] += column[i];
  }
  const sum = own.slice();
  for (let i = sum.length - 1; i > 0; i--) sum[tree.parent[i]] += sum[i];
  return { own, sum };
}

// Inverting costs a step for each frame of each stack. Beyond these it stops, level by
// level, and says so: hostile captures have stacks of any depth.
const maxSteps = 2e7, maxInverted = 4e6;

// invert makes a tree that begins with the frames that allocated, callers below them.
function invert(tree, bytes, count) {
  const parent = [0], frame = [-1], sums = { bytes: [bytes.sum[0]], count: [count.sum[0]] };
  let at = []; // [node of tree, its stack's own node, node of the new tree]
  for (let node = 1; node < tree.parent.length; node++) {
    if (bytes.own[node] > 0 || count.own[node] > 0) at.push([node, node, 0]);
  }
  let steps = 0;
  const known = new Map();
  for (; at.length > 0 && steps < maxSteps && parent.length < maxInverted; steps += at.length) {
    known.clear(); // nodes of one level have their parents on the level before
    for (const entry of at) {
      const [node, leaf, callee] = entry, key = callee * frameCount + tree.frame[node];
      let own = known.get(key);
      if (own === undefined) {
        own = parent.length;
        known.set(key, own);
        parent.push(callee);
        frame.push(tree.frame[node]);
        sums.bytes.push(0);
        sums.count.push(0);
      }
      sums.bytes[own] += bytes.own[leaf];
      sums.count[own] += count.own[leaf];
      entry[0] = tree.parent[node];
      entry[2] = own;
    }
    at = at.filter((entry) => entry[0] !== 0);
  }
  return {
    parent: Int32Array.from(parent), frame: Int32Array.from(frame), cut: at.length > 0,
    bytes: Float64Array.from(sums.bytes), count: Float64Array.from(sums.count),
  };
}

const trees = { all: wholeTree(), noImports: null };

// makeScene gives what the graph draws: a tree, sums by node, and where each node begins.
// `stacks` is the same upright, which searches count with.
function makeScene({ view, metric, thread, inverted, hideImports }) {
  if (hideImports) trees.noImports ??= without(trees.all, importFrames());
  const tree = hideImports ? trees.noImports : trees.all;
  const bytes = weigh(tree, view.bytes, thread), count = weigh(tree, view.count, thread);
  const stacks = { tree, bytes, count };
  let scene = {
    parent: tree.parent, frame: tree.frame, cut: false, stacks, bytes: bytes.sum, count: count.sum,
    ownBytes: bytes.own, ownCount: count.own,
  };
  if (inverted) scene = { ...invert(tree, bytes, count), stacks, ownBytes: null, ownCount: null };
  return layOut(scene, metric);
}

// layOut sorts siblings, the largest first, and places each node in units of the metric.
function layOut(scene, metric) {
  const value = scene[metric], n = value.length, { parent } = scene;
  const bySize = new Uint32Array(n).map((_, i) => i).sort((a, b) => value[b] - value[a] || a - b);
  const first = new Int32Array(n + 1); // children of node i: children[first[i]..first[i+1]]
  for (let i = 1; i < n; i++) if (value[i] > 0) first[parent[i] + 1]++;
  for (let i = 0; i < n; i++) first[i + 1] += first[i];
  const fill = first.slice(), children = new Int32Array(first[n]), slot = new Int32Array(n);
  for (const node of bySize) {
    if (node === 0 || value[node] === 0) continue;
    slot[node] = fill[parent[node]]++;
    children[slot[node]] = node;
  }

  const start = new Float64Array(n), depth = new Int32Array(n), height = new Int32Array(n);
  for (let node = 0; node < n; node++) {
    let x = start[node];
    for (let i = first[node]; i < first[node + 1]; i++) {
      const child = children[i];
      start[child] = x;
      depth[child] = depth[node] + 1;
      x += value[child];
    }
  }
  for (let node = n - 1; node > 0; node--) {
    if (value[node] > 0) height[parent[node]] = Math.max(height[parent[node]], height[node] + 1);
  }
  return { ...scene, metric, value, first, children, slot, start, depth, height };
}

// matchFrames marks the frames that a query finds in function, module, file and line: all of
// its text, or a regular expression between slashes. It is null for no query, and
// throws for a wrong expression.
function matchFrames(query) {
  query = query.trim();
  if (query === "") return null;
  const expression = /^\/(.+)\/$/.exec(query);
  const wanted = query.toLowerCase();
  const pattern = expression && new RegExp(expression[1], "iu");
  return Uint8Array.from({ length: frameCount }, (_, f) => {
    const texts = [`${moduleOf(f)}.${functionOf(f)}`, sourceOf(f)];
    return texts.some((text) => (pattern ? pattern.test(text) : text.toLowerCase().includes(wanted)));
  });
}

// sumMatches adds up the stacks in which a match stands, each once.
function sumMatches({ stacks, metric }, matches) {
  const { parent, frame } = stacks.tree, { own } = stacks[metric];
  const hit = new Uint8Array(parent.length);
  let sum = 0;
  for (let node = 1; node < hit.length; node++) {
    hit[node] = hit[parent[node]] | matches[frame[node]];
    if (hit[node]) sum += own[node];
  }
  return sum;
}

// Texts of numbers, in the SI units that Memray uses.
function bytesText(n) {
  if (n < 1000) return `${n}\u202fB`;
  let unit = 0;
  for (n /= 1000; n >= 999.9995 && unit < 5; unit++) n /= 1000;
  return `${n.toFixed(3)}\u202f${"kMGTPE"[unit]}B`;
}
const numberText = (n) => n.toLocaleString("en-US");
const countText = (n) => `${numberText(n)} allocation${n === 1 ? "" : "s"}`;
const valueText = (metric, n) => (metric === "bytes" ? bytesText(n) : countText(n));
const shareText = (part, whole) => {
  const percent = whole > 0 ? (100 * part) / whole : 0;
  return `${percent > 0 && percent < 0.01 ? "<0.01" : percent.toFixed(percent < 1 ? 2 : 1)}\u202f%`;
};

// durationText gives milliseconds as 1.5 s, 2:05 or 1:02:05.
function durationText(ms) {
  const sign = ms < 0 ? "-" : "", s = Math.abs(ms) / 1000;
  if (s < 60) return `${sign}${+s.toFixed(3)}\u202fs`;
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  const minutes = Math.floor(s / 60);
  return sign + (minutes < 60 ? `${minutes}:${two(s % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(s % 60)}`);
}
