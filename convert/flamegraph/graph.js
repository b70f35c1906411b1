// The graph: draws a scene on one canvas as large as what can be seen of it, and finds
// frames under the pointer. Nothing is kept or laid out for a node that is not drawn.

const rowHeight = 20;
const minWidth = 0.5; // pixels; what is narrower is not drawn, nor what it called
const maxRowsHeight = 8e6; // pixels; browsers lay out no more
const zoomTime = 180; // milliseconds

const calm = matchMedia("(prefers-reduced-motion: reduce)");

// Fills by place: hue, saturation and lightness, in light and in dark.
const placeColors = {
  project: { light: [20, 92, 75], dark: [18, 58, 38] },
  "site-packages": { light: [212, 78, 79], dark: [213, 45, 38] },
  stdlib: { light: [152, 42, 74], dark: [158, 34, 31] },
  frozen: { light: [220, 8, 84], dark: [220, 6, 33] },
  unknown: { light: [43, 90, 76], dark: [41, 48, 32] },
};
const palettes = {
  light: {
    text: "#16181d", faint: "rgba(22,24,29,.66)", root: "hsl(220 10% 90%)", match: "hsl(328 88% 66%)", matchText: "#16181d",
    focus: "#0b57d0", hover: "rgba(0,0,0,.55)",
  },
  dark: {
    text: "#f1f3f7", faint: "rgba(241,243,247,.68)", root: "hsl(220 8% 26%)", match: "hsl(328 78% 48%)", matchText: "#ffffff",
    focus: "#a8c7fa", hover: "rgba(255,255,255,.7)",
  },
};

// placeColor gives the fill of a place, shifted a little: from -1 to 1 each.
function placeColor(place, theme, hueShift = 0, lightShift = 0) {
  const [hue, saturation, lightness] = (placeColors[place] ?? placeColors.unknown)[theme];
  return `hsl(${hue + hueShift * 9} ${saturation}% ${lightness + lightShift * 4}%)`;
}

// spread gives a number from -1 to 1 for a text, always the same.
function spread(text) {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  return ((hash >>> 8) % 201) / 100 - 1;
}

// frameColor shifts the hue by the package and the lightness by the module, so that the frames
// of one look alike and neighbours differ.
function frameColor(frame, theme) {
  const module = moduleOf(frame);
  return placeColor(placeOf(frame), theme, spread(module.split(".", 1)[0]), spread(module));
}

class Graph {
  // on has the functions zoom, focus(node) and hover(node, event); -1 is no node.
  constructor({ canvas, scroller, rows, on }) {
    Object.assign(this, { canvas, scroller, rows, on });
    this.context = canvas.getContext("2d", { alpha: false });
    this.scene = null;
    this.zoomed = 0;
    this.focused = -1;
    this.hovered = -1;
    this.matches = null;
    this.upright = false; // a flame graph, growing up; else an icicle graph
    this.shown = { start: 0, width: 1 }; // the part of the root that is on the canvas
    this.widths = new Map(); // of texts, in pixels
    this.setTheme("light", "#ffffff");
    scroller.addEventListener("scroll", () => this.redraw());
    new ResizeObserver(() => this.resize()).observe(scroller);
    canvas.addEventListener("pointermove", (e) => this.hover(this.find(e), e));
    canvas.addEventListener("pointerleave", (e) => this.hover(-1, e));
    canvas.addEventListener("click", (e) => this.click(this.find(e)));
  }

  setTheme(theme, background) {
    this.theme = theme;
    this.background = background;
    this.palette = palettes[theme];
    this.colors = new Array(frameCount);
    this.redraw();
  }

  // setScene shows a scene. If it has the nodes of the one before, zoom and focus stay, or go
  // to the nearest caller that has a value.
  setScene(scene) {
    const same = this.scene !== null && this.scene.parent === scene.parent;
    const near = (node) => {
      if (!same || node < 0) return -1;
      while (node > 0 && scene.value[node] === 0) node = scene.parent[node];
      return node;
    };
    const { focused, zoomed } = this;
    this.scene = scene;
    this.hover(-1);
    this.zoom(Math.max(near(zoomed), 0), false);
    this.focus(near(focused), false);
  }

  setUpright(upright) {
    this.upright = upright;
    this.resize();
    this.scrollToZoomed();
  }

  setMatches(matches) {
    this.matches = matches;
    this.redraw();
  }

  zoom(node, animate = true) {
    const { start, value } = this.scene;
    const from = this.shown, to = { start: start[node], width: value[node] || 1 };
    this.zoomed = node;
    this.animation = animate && !calm.matches ? { from, to, begun: performance.now() } : null;
    if (!this.animation) this.shown = to;
    this.resize();
    this.scrollToZoomed();
    this.on.zoom();
  }

  // scrollToZoomed keeps room for what the zoomed frame called.
  scrollToZoomed() {
    const { scroller, scene } = this;
    if (!scene) return;
    const depth = scene.depth[this.zoomed], room = scroller.clientHeight;
    const callers = Math.max(Math.min(3, Math.floor(room / rowHeight) - 2), 0);
    const above = (depth - callers) * rowHeight;
    if (this.upright) {
      const bottom = scroller.scrollHeight - room;
      scroller.scrollTop = depth * rowHeight < room / 2 ? bottom : bottom - above;
    } else {
      scroller.scrollTop = depth * rowHeight < room / 2 ? 0 : above;
    }
  }

  focus(node, scroll = true) {
    this.focused = node;
    if (node >= 0 && scroll) {
      if (!this.isBelow(node, this.zoomed) && !this.isBelow(this.zoomed, node)) this.zoom(0);
      const y = this.top(this.scene.depth[node]);
      if (y < 0) this.scroller.scrollTop += y;
      if (y + rowHeight > this.height) this.scroller.scrollTop += y + rowHeight - this.height;
    }
    this.on.focus(node);
    this.redraw();
  }

  isBelow(node, ancestor) {
    const { depth, parent } = this.scene;
    while (depth[node] > depth[ancestor]) node = parent[node];
    return node === ancestor;
  }

  // step gives the node one frame away: into "callee" or "caller", or to the "left" or "right".
  step(node, direction) {
    const { parent, first, children, slot } = this.scene;
    if (node < 0) return this.zoomed;
    if (direction === "caller") return parent[node];
    if (direction === "callee") return first[node] < first[node + 1] ? children[first[node]] : node;
    const by = direction === "right" ? 1 : -1;
    for (let n = node, levels = 0; n > 0; n = parent[n], levels++) {
      const at = slot[n] + by, caller = parent[n];
      if (at < first[caller] || at >= first[caller + 1]) continue;
      n = children[at];
      for (; levels > 0 && first[n] < first[n + 1]; levels--) n = children[by > 0 ? first[n] : first[n + 1] - 1];
      return n;
    }
    return node;
  }

  click(node) {
    this.canvas.focus({ preventScroll: true });
    if (node < 0) return;
    this.focus(node, false);
    this.zoom(node);
  }

  hover(node, event) {
    if (node !== this.hovered) {
      this.hovered = node;
      this.redraw();
    }
    this.on.hover(node, event);
  }

  // top gives the y of the row of a depth on the canvas.
  top(depth) {
    const y = this.upright ? this.rowsHeight - (depth + 1) * rowHeight : depth * rowHeight;
    return y - this.scroller.scrollTop;
  }

  // find gives the node under the pointer, or -1.
  find({ offsetX: x, offsetY: y }) {
    const { scene, shown } = this;
    if (!scene || !(scene.value[0] > 0)) return -1;
    const { first, children, start, value } = scene;
    const fromTop = y + this.scroller.scrollTop;
    const depth = Math.floor((this.upright ? this.rowsHeight - fromTop : fromTop) / rowHeight);
    const at = shown.start + (x / this.width) * shown.width;
    let node = 0;
    for (let d = 0; d < depth; d++) {
      let low = first[node], high = first[node + 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (start[children[middle]] + value[children[middle]] <= at) low = middle + 1;
        else high = middle;
      }
      if (low === first[node + 1]) return -1;
      node = children[low];
    }
    return depth < 0 ? -1 : node;
  }

  resize() {
    const { scroller, canvas, scene } = this;
    this.width = scroller.clientWidth;
    this.height = scroller.clientHeight;
    const depth = scene ? scene.depth[this.zoomed] + scene.height[this.zoomed] + 1 : 0;
    this.rowsHeight = Math.max(Math.min(depth * rowHeight, maxRowsHeight), this.height);
    this.rows.style.height = `${this.rowsHeight}px`;
    canvas.style.height = `${this.height}px`;
    this.redraw();
  }

  redraw() {
    this.pending ??= requestAnimationFrame((now) => {
      this.pending = null;
      if (!this.scene || this.width === 0) return;
      this.animate(now);
      this.draw();
    });
  }

  animate(now) {
    if (!this.animation) return;
    const { from, to, begun } = this.animation;
    const t = Math.min(Math.max((now - begun) / zoomTime, 0), 1), eased = 1 - (1 - t) ** 3;
    this.shown = {
      start: from.start + (to.start - from.start) * eased,
      width: from.width + (to.width - from.width) * eased,
    };
    if (t === 1) this.animation = null;
    else this.redraw();
  }

  draw() {
    const { canvas, context: c, width, height, scene, shown } = this;
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.fillStyle = this.background;
    c.fillRect(0, 0, width, height);
    c.font = '12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
    c.textBaseline = "middle";
    c.direction = "ltr";
    const { value, first, children, start, depth } = scene;
    const scale = width / shown.width;
    const edges = []; // by depth: up to where the row is drawn
    const stack = value[0] > 0 ? [0] : [];
    while (stack.length > 0) {
      const node = stack.pop(), d = depth[node], y = this.top(d);
      const x = (start[node] - shown.start) * scale, w = value[node] * scale;
      if (x + w <= 0 || x >= width || x + w <= (edges[d] ?? -1)) continue;
      const inView = y > -rowHeight && y < height;
      const thin = w < minWidth;
      if (inView) this.box(node, Math.max(x, 0), y, thin ? minWidth : Math.min(x + w, width) - Math.max(x, 0));
      if (thin) edges[d] = x + minWidth;
      if (thin || (this.upright ? y <= -rowHeight : y >= height)) continue;
      for (let i = first[node + 1] - 1; i >= first[node]; i--) stack.push(children[i]);
    }
    performance.mark("drawn");
  }

  // box draws a frame, cut to the canvas.
  box(node, x, y, w) {
    const { context: c, palette, scene, matches } = this;
    const frame = scene.frame[node], matched = matches !== null && node > 0 && matches[frame] === 1;
    const context = scene.depth[node] < scene.depth[this.zoomed];
    c.globalAlpha = matches !== null && !matched ? 0.38 : context ? 0.6 : 1;
    if (node === 0) c.fillStyle = palette.root;
    else c.fillStyle = matched ? palette.match : (this.colors[frame] ??= frameColor(frame, this.theme));
    c.fillRect(x, y, w > 2 ? w - 1 : w, rowHeight - 1);
    c.globalAlpha = matches !== null && !matched ? 0.6 : 1;
    if (w > 28) this.label(node, x + 5, y + rowHeight / 2, w - 11, matched);
    c.globalAlpha = 1;
    if (node === this.focused || node === this.hovered) {
      const line = node === this.focused ? 2 : 1;
      c.strokeStyle = node === this.focused ? palette.focus : palette.hover;
      c.lineWidth = line;
      c.strokeRect(x + line / 2, y + line / 2, Math.max(w - 1 - line, 1), rowHeight - 1 - line);
    }
  }

  // label writes the name, then where it is and its share as far as there is room.
  label(node, x, y, room, matched) {
    const { context: c, palette, scene } = this;
    const { value, metric, frame } = scene, f = frame[node];
    const name = node === 0 ? `All: ${valueText(metric, value[0])}` : functionOf(f);
    c.fillStyle = matched ? palette.matchText : palette.text;
    c.fillText(this.fit(name, room), x, y);
    if (node === 0) return;
    c.fillStyle = matched ? palette.matchText : palette.faint;
    let left = room - this.widthOf(name) - 10;
    const share = shareText(value[node], value[0]), shareWidth = this.widthOf(share);
    if (left > shareWidth + 40) {
      c.fillText(share, x + room - shareWidth, y);
      left -= shareWidth + 10;
    }
    const where = lineOf(f) > 0 ? `${moduleOf(f)}:${lineOf(f)}` : moduleOf(f);
    if (left > 30) c.fillText(this.fit(where, left), x + this.widthOf(name) + 10, y);
  }

  widthOf(text) {
    let width = this.widths.get(text);
    if (width === undefined) {
      width = this.context.measureText(text).width;
      this.widths.set(text, width);
    }
    return width;
  }

  // fit cuts a text to a width in pixels.
  fit(text, room) {
    const width = this.widthOf(text);
    if (width <= room) return text;
    const { context: c } = this;
    let n = Math.min(Math.floor((text.length * room) / width) + 1, text.length);
    while (n > 0 && c.measureText(`${text.slice(0, n)}\u2026`).width > room) n--;
    if (/[\ud800-\udbff]/.test(text[n - 1] ?? "")) n--; // half a character
    return n > 0 ? `${text.slice(0, n)}\u2026` : "";
  }
}
