// The chart: resident memory and traced heap over time, with the peak and the window.

const chartColors = {
  light: { rss: "#5f6b7a", heap: "#0b57d0", fill: "rgba(11,87,208,.14)", grid: "rgba(0,0,0,.09)", text: "#545b66", peak: "#b3261e", window: "rgba(122,92,0,.10)" },
  dark: { rss: "#9aa5b4", heap: "#8ab4f8", fill: "rgba(138,180,248,.18)", grid: "rgba(255,255,255,.10)", text: "#aeb6c2", peak: "#f28b82", window: "rgba(253,214,99,.12)" },
};
const margin = { left: 66, right: 14, top: 16, bottom: 20 }; // pixels

// chartPoints gives the series with times after the start of the capture, in milliseconds.
function chartPoints() {
  const { time, rss, heap } = data.series;
  let at = 0;
  return { time: time.map((step) => (at += step)), rss, heap };
}

// niceStep gives a round step that divides a range into at most n parts.
function niceStep(range, n, steps) {
  const least = range / n;
  if (steps) {
    const found = steps.find((step) => step >= least);
    if (found) return found;
  }
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((m) => m * power).find((step) => step >= least) ?? 10 * power;
}
const second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;
const timeSteps = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second,
  minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day,
];

class Chart {
  constructor(root, readout) {
    this.root = root;
    this.readout = readout;
    this.canvas = root.querySelector("canvas");
    this.cursor = root.querySelector(".cursor");
    this.points = chartPoints();
    this.theme = "light";
    this.at = -1;
    [this.from, this.until] = this.range();
    this.top = data.peak.bytes;
    for (const values of [this.points.rss, this.points.heap]) for (const bytes of values) this.top = Math.max(this.top, bytes);
    root.addEventListener("pointermove", (e) => this.point(this.nearest(e.offsetX)));
    root.addEventListener("pointerleave", () => this.point(-1));
    root.addEventListener("blur", () => this.point(-1));
    root.addEventListener("keydown", (e) => this.key(e));
    new ResizeObserver(() => this.draw()).observe(root);
  }

  setTheme(theme) {
    this.theme = theme;
    this.draw();
  }

  // range gives the time that is shown: the capture, or its window with some of what is around it.
  range() {
    const { time } = this.points;
    const whole = [Math.min(0, time[0]), Math.max(data.end - data.start, time[time.length - 1], 1)];
    if (!data.window) return whole;
    const from = data.window.from - data.start, until = data.window.until - data.start, around = (until - from) / 6 + 1;
    return [Math.max(from - around, whole[0]), Math.min(until + around, whole[1])];
  }

  x(ms) {
    return margin.left + ((ms - this.from) / (this.until - this.from)) * (this.width - margin.left - margin.right);
  }

  y(bytes) {
    return this.height - margin.bottom - (bytes / (this.top || 1)) * (this.height - margin.top - margin.bottom);
  }

  // nearest gives the point nearest to an x, or -1 if there is none.
  nearest(x) {
    const { time } = this.points, ms = this.from + ((x - margin.left) / (this.width - margin.left - margin.right)) * (this.until - this.from);
    let best = -1;
    for (let i = 0; i < time.length; i++) if (best < 0 || Math.abs(time[i] - ms) < Math.abs(time[best] - ms)) best = i;
    return best;
  }

  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key], n = this.points.time.length;
    if (!by || n === 0) return;
    event.preventDefault();
    event.stopPropagation();
    const step = Math.max(Math.round(n / 200), 1);
    this.point(this.at < 0 ? 0 : Math.min(Math.max(this.at + by * step, 0), n - 1));
  }

  point(i) {
    this.at = i;
    this.cursor.hidden = i < 0;
    if (i < 0) {
      this.readout.textContent = this.summary();
      return;
    }
    const { time, rss, heap } = this.points;
    this.cursor.style.left = `${this.x(time[i])}px`;
    this.readout.textContent = `${durationText(time[i])} after the start: resident ${bytesText(rss[i])}, heap ${bytesText(heap[i])}`;
  }

  summary() {
    const { stride } = data.series;
    return stride > 1 ? `each point is the maximum of ${numberText(stride)} memory records` : "";
  }

  draw() {
    const { canvas, root } = this, ratio = devicePixelRatio || 1;
    this.width = root.clientWidth;
    this.height = root.clientHeight;
    if (this.width === 0) return;
    canvas.width = Math.round(this.width * ratio);
    canvas.height = Math.round(this.height * ratio);
    const c = canvas.getContext("2d");
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    c.font = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
    const colors = chartColors[this.theme];
    this.drawWindow(c, colors);
    this.drawGrid(c, colors);
    this.drawSeries(c, colors);
    this.drawPeak(c, colors);
    this.point(this.at);
  }

  drawWindow(c, colors) {
    if (!data.window) return;
    const from = this.x(data.window.from - data.start), until = this.x(data.window.until - data.start);
    c.fillStyle = colors.window;
    c.fillRect(from, margin.top, Math.max(until - from, 1), this.height - margin.top - margin.bottom);
    c.strokeStyle = colors.text;
    c.setLineDash([1, 2]);
    for (const x of [from, until]) this.line(c, x, margin.top, x, this.height - margin.bottom);
    c.setLineDash([]);
  }

  line(c, x0, y0, x1, y1) {
    c.beginPath();
    c.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
    c.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
    c.stroke();
  }

  drawGrid(c, colors) {
    c.strokeStyle = colors.grid;
    c.fillStyle = colors.text;
    c.lineWidth = 1;
    c.textAlign = "right";
    c.textBaseline = "middle";
    const bytes = niceStep(this.top || 1, 4);
    for (let i = 0; i * bytes <= this.top; i++) {
      this.line(c, margin.left, this.y(i * bytes), this.width - margin.right, this.y(i * bytes));
      c.fillText(bytesText(i * bytes).replace(/\.?0*(?=\u202f[kMGTPE])/, ""), margin.left - 8, this.y(i * bytes));
    }
    c.textAlign = "center";
    c.textBaseline = "top";
    const room = Math.max((this.width - margin.left - margin.right) / 90, 1), times = niceStep(this.until - this.from, room, timeSteps);
    for (let i = Math.ceil(this.from / times); i * times <= this.until; i++) {
      const x = this.x(i * times);
      if (x < this.width - 20) c.fillText(i === 0 ? "0" : durationText(i * times), x, this.height - margin.bottom + 6);
    }
  }

  drawSeries(c, colors) {
    const { time, rss, heap } = this.points, n = time.length;
    if (n === 0) return;
    const path = (values) => {
      c.beginPath();
      for (let i = 0; i < n; i++) c.lineTo(this.x(time[i]), this.y(values[i]));
      if (n === 1) c.lineTo(this.x(time[0]) + 2, this.y(values[0]));
    };
    c.lineJoin = "round";
    c.lineWidth = 1.5;
    path(heap);
    c.strokeStyle = colors.heap;
    c.stroke();
    c.lineTo(this.x(time[n - 1]), this.y(0));
    c.lineTo(this.x(time[0]), this.y(0));
    c.fillStyle = colors.fill;
    c.fill();
    path(rss);
    c.strokeStyle = colors.rss;
    c.stroke();
  }

  drawPeak(c, colors) {
    if (data.peak.time === null) return;
    const x = this.x(data.peak.time - data.start), y = this.y(data.peak.bytes);
    c.strokeStyle = c.fillStyle = colors.peak;
    c.setLineDash([3, 3]);
    c.lineWidth = 1;
    this.line(c, x, margin.top, x, this.height - margin.bottom);
    c.setLineDash([]);
    c.beginPath();
    c.arc(x, y, 3, 0, 2 * Math.PI);
    c.fill();
    const text = `peak ${bytesText(data.peak.bytes)}`, width = c.measureText(text).width;
    c.textAlign = "left";
    c.textBaseline = "bottom";
    c.fillText(text, Math.min(Math.max(x - width / 2, margin.left), this.width - margin.right - width), margin.top - 3);
  }
}
