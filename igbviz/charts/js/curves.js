// The large chart. Plotly draws axes and lines, once per change of the data; all that moves lies above it in one SVG:
// the cursor, a dot on every line, the names beside them, and a veil over the future. That costs a millisecond a frame,
// where a redraw by Plotly costs thirty.

import { layout } from "./labels.js";
import { textScale, themeOf } from "./theme.js";
import { between, smoothed } from "./recording.js";
import { set, svg } from "./svg.js";
import { shortened, starred, widthOf } from "./text.js";

const BESIDE = 24; // pixels from a line to its name
export const IMAGE = -1; // the number of the line of one image

export class Curves {
  constructor(holder, { onPoint, onClick, onZoom }) {
    this.holder = holder;
    this.plot = holder.appendChild(document.createElement("div"));
    this.plot.className = "plot";
    this.over = svg("svg", { class: "over", "aria-hidden": "true" }, holder);
    this.frame = svg("svg", { overflow: "hidden" }, this.over); // as large as the plot: a line leaves it in a zoom
    this.path = svg("path", { class: "image", fill: "none", "stroke-width": 3 }, this.frame);
    this.veil = svg("rect", { class: "veil" }, this.over);
    this.cursor = svg("line", { class: "cursor" }, this.over);
    this.moving = svg("g", {}, this.over);
    this.tip = holder.appendChild(document.createElement("div"));
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.onPoint = onPoint; // called with the line pointed at, or null
    this.onZoom = onZoom; // called when the viewer has changed the range of an axis
    this._listen(onClick);
  }

  // Several charts below each other share one time axis: `lane` then says {axis, room, above, below}: the pixels
  // for names are the same for all, so that their plots have the same edges; those above the first one are for the names of
  // marks, those below the last one for the labels of the axis.
  async draw(Plotly, recording, view, unit, colors, smooth, lane = null) {
    Object.assign(this, { Plotly, unit, axis: lane?.axis ?? recording.axes[unit] });
    this.measure(recording, view);
    const { theme, axis, holder, size } = this;
    const rows = recording.tables[view.name];
    this.rows = smooth ? smoothed(rows, recording.places) : rows;
    this.colors = view.lines.map((line) => colors(line.color, theme));
    const x = recording.places.map((place) => place + axis.shift);
    const scale = textScale();
    const data = view.lines.map((line, k) => ({
      type: "scatter",
      mode: "lines",
      x,
      y: this.rows.map((row) => row[k]),
      name: line.name,
      line: { color: this.colors[k], width: line.width * Math.sqrt(scale), dash: line.dash },
      hoverinfo: "skip",
      showlegend: false,
    }));
    const grid = { gridcolor: faint(theme, 0.13), zeroline: false, tickfont: { size }, linecolor: faint(theme, 0.5), tickcolor: faint(theme, 0.5), ticks: "outside" };
    const quiet = { type: "line", yref: "paper", y0: 0, y1: 1, layer: "below", line: { color: faint(theme, 0.45), width: 1.5 } };
    const shapes = [
      { ...quiet, type: "rect", x0: axis.range[0], x1: axis.ticks[0][0] + 0.25, fillcolor: faint(theme, 0.06), line: { width: 0 } },
    ];
    const notes = [];
    const mark = (place, text, dash, row) => {
      shapes.push({ ...quiet, x0: place, x1: place, line: { ...quiet.line, dash } });
      if (lane && !lane.above) return;
      notes.push({ x: place, y: 1, yref: "paper", yanchor: "bottom", yshift: row * 1.2 * size, text, showarrow: false, font: { size: size - 0.5 * scale } });
    };
    const { steps_per_epoch: perEpoch, marks } = recording;
    if (axis.first_epoch !== null) mark(axis.first_epoch + axis.shift, "epoch 1", "dash", 0);
    for (const [epoch, text] of marks) mark(Math.log10(epoch * perEpoch) + axis.shift, text, "solid", axis.first_epoch !== null ? 1 : 0);
    const chance = view.chance === false ? null : 1 / recording.classes.length;
    if (chance) {
      shapes.push({ ...quiet, xref: "paper", x0: 0, x1: 1, yref: "y", y0: chance, y1: chance, line: { ...quiet.line, dash: "dot" } });
      if (chance > 0.04) notes.push({ xref: "paper", x: 0, xanchor: "right", xshift: -9, y: chance, text: "1/K", showarrow: false, font: { size: size - 0.5 * scale } });
    }
    const narrow = holder.clientWidth < 600;
    this.room = lane?.room ?? this._roomForNames();
    const above = notes.some((note) => note.yref === "paper") ? (1 + (marks.length && axis.first_epoch !== null ? 1 : 0)) * 1.3 * size : 8;
    const ticks = thinned(axis.ticks, (holder.clientWidth - this.room - 70 * scale) / (axis.range[1] - axis.range[0]), size);
    const below = !lane || lane.below > 0;
    const [top, bottom] = lane ? [8 + lane.above, 8 + lane.below] : [above + 4, 42 * scale];
    const layoutOf = {
      autosize: true,
      height: holder.clientHeight,
      margin: { l: (narrow ? 46 : 56) * scale, r: this.room + BESIDE, t: top, b: bottom },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: theme.text, family: theme.font, size },
      xaxis: {
        ...grid,
        range: axis.range,
        tickvals: ticks.map(([place]) => place),
        ticktext: ticks.map(([, label]) => label),
        showticklabels: below,
        fixedrange: Boolean(lane),
        minor: { tickvals: axis.minor, ticks: "outside", ticklen: 3, tickcolor: faint(theme, 0.5) },
        tickangle: 0,
        showline: true,
        title: below ? { text: axis.title, standoff: 4, font: { size } } : undefined,
      },
      yaxis: { ...grid, fixedrange: Boolean(lane), range: [-0.02, 1.02], tickvals: lane ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1], title: narrow || lane ? undefined : { text: view.axis, standoff: 4, font: { size } } },
      shapes,
      annotations: notes,
      dragmode: lane ? false : "zoom",
      hovermode: false,
      uirevision: `${recording.id}/${unit}`,
    };
    await Plotly.react(this.plot, data, layoutOf, (this.settings ??= { displayModeBar: false, displaylogo: false, responsive: false }));
    if (!this.zooms) this.plot.on("plotly_relayout", () => this.onZoom());
    this.zooms = true;
    this.place();
    this.emphasize(this.pointed ?? null);
  }

  // Reads the look of the page; the pixels that the names need.
  measure(recording, view) {
    const size = (this.holder.clientWidth < 600 ? 12.5 : 13) * textScale();
    Object.assign(this, { recording, view, size, theme: themeOf(this.holder) });
    return this._roomForNames();
  }

  // Pixels for the names beside the lines: what the longest one needs, as long as the plot stays large.
  _roomForNames() {
    const narrow = this.holder.clientWidth < 600;
    const widths = this.view.lines.map((line) => widthOf(starred(line), this.font(true)));
    const shared = widthOf(`${this.view.lines.length} ${this._plural()} at 0.99`, this.font(false));
    if (this.guests && !narrow) widths.push(...this.recording.classes.map((name) => widthOf(`Image ${this.guests}: ${name}`, this.font(true))));
    const most = (narrow ? 0.36 : 0.22) * this.holder.clientWidth;
    return Math.min(Math.max(shared, ...widths) + 2, Math.max(most, shared + 2));
  }

  font = (strong) => `${strong ? 700 : 400} ${this.size}px ${this.theme.font}`;

  // What the lines are when several share a name. Many classes are drawn as a few lines of their distribution.
  _plural() {
    if (this.view.name === "wrong_labels") return "parts";
    return this.view.lines.length === this.recording.classes.length ? "classes" : "lines";
  }

  // What depends on the size of the plot.
  place() {
    const { xaxis, yaxis } = this.plot._fullLayout;
    this.area = { left: xaxis._offset, width: xaxis._length, top: yaxis._offset, height: yaxis._length };
    set(this.over, { width: this.holder.clientWidth, height: this.holder.clientHeight });
    this.moving.replaceChildren();
    this.dots = this.colors.map((color, k) =>
      svg("circle", { r: (this.view.lines[k].strong ? 5.5 : 4) * Math.sqrt(textScale()), fill: color, stroke: this.theme.background, "stroke-width": 1.5 }, this.moving),
    );
    this.names = svg("g", { class: "names" }, this.moving);
    this._trace();
  }

  // The p of one image over time, above the lines of the classes; null removes it.
  follow(image) {
    this.image = image;
    if (this.area && this.view) this._trace();
  }

  _trace() {
    const { image, area, recording, theme } = this;
    this.dot?.remove();
    this.dot = null;
    if (!image || image.values.length !== recording.length) return void this.path.setAttribute("d", "");
    const { left, top, width, height } = area;
    set(this.frame, { x: left, y: top - 3, width: width + 3, height: height + 6 });
    const points = image.values.map((value, probe) => `${(this.x(recording.places[probe]) - left).toFixed(1)} ${(this.y(value) - top + 3).toFixed(1)}`);
    set(this.path, { d: `M${points.join("L")}`, stroke: theme.text });
    this.dot = svg("circle", { r: 5.5, fill: theme.text, stroke: theme.background, "stroke-width": 1.5 }, this.moving);
  }

  x = (place) => this.area.left + this.plot._fullLayout.xaxis.d2p(place + this.axis.shift);
  pixel = (place) => this.plot._fullLayout.xaxis.r2p(place + this.axis.shift); // from the left edge of the plot
  y = (value) => this.area.top + this.plot._fullLayout.yaxis.d2p(value);

  // Everything that moves, at a fractional index. `place`: where in time the cursor stands, if not there.
  show(index, place = this.recording?.place(index)) {
    if (!this.area || !this.recording?.length) return;
    const { left, width, top, height } = this.area;
    const end = left + width;
    const inside = (at) => Math.min(Math.max(this.x(at), left), end);
    const now = inside(place);
    set(this.cursor, { x1: now, x2: now, y1: top, y2: top + height, stroke: this.theme.text });
    set(this.veil, { x: now, y: top - 2, width: Math.max(0, end - now + 3), height: height + 3, fill: this.theme.background });
    const x = inside(this.recording.place(index)); // a run that has ended before the others stays where it ended
    this.shownAt = x;
    const values = between(this.rows, index);
    const ends = values.map((value, k) => {
      const y = this.y(value);
      const visible = y >= top - 1 && y <= top + height + 1;
      set(this.dots[k], { cx: x, cy: y, visibility: visible ? "visible" : "hidden" });
      const { strong } = this.view.lines[k];
      return { name: starred(this.view.lines[k]), y, value, color: this.colors[k], strong: strong || k === this.pointed, plural: this._plural(), line: k, visible };
    });
    if (this.dot) ends.push(this._endOf(this.image, index, x, top, height));
    this.ends = ends.filter((end) => end.visible);
    this._name(this.ends, x, top, height);
  }

  _endOf({ name, values }, index, x, top, height) {
    const [value] = between(values.map((p) => [p]), index);
    const y = this.y(value);
    const visible = y >= top - 1 && y <= top + height + 1;
    set(this.dot, { cx: x, cy: y, visibility: visible ? "visible" : "hidden" });
    const called = this.holder.clientWidth < 600 ? name.split(":")[0] : name; // on a phone "Image 37" has room
    return { name: called, y, value, color: this.theme.text, strong: true, line: IMAGE, visible };
  }

  _name(ends, x, top, height) {
    this.names.replaceChildren();
    const half = this.size / 2;
    for (const name of layout(ends, { gap: 1.25 * this.size, low: top + half - 4, high: top + height - half + 2 })) {
      const color = name.color ?? this.theme.text;
      const pale = this.pointed != null && !name.members.some((end) => end.line === this.pointed);
      const group = svg("g", { class: "name", opacity: pale ? 0.35 : 1 }, this.names);
      svg("path", { d: `M${x + 7} ${name.y}H${x + 10}L${x + 19} ${name.at}H${x + BESIDE - 3}`, fill: "none", stroke: color, "stroke-width": 1, opacity: 0.8 }, group);
      const font = this.font(name.strong);
      const look = `font:${font};stroke:${this.theme.background}`;
      const text = svg("text", { x: x + BESIDE, y: name.at + 0.35 * this.size, fill: color, style: look }, group);
      text.textContent = shortened(name.text, this.room, font);
      if (name.members.length > 1) {
        text.style.pointerEvents = "auto";
        text.addEventListener("pointerenter", () => this._unfold(name, x));
        text.addEventListener("pointerleave", () => (this.tip.hidden = true));
      }
    }
  }

  // The names behind "8 classes at 0".
  _unfold(name, x) {
    this.tip.replaceChildren(
      ...name.members.map((end) => {
        const row = document.createElement("div");
        row.textContent = `${end.name}  ${end.value.toFixed(2)}`;
        row.style.color = end.color;
        return row;
      }),
    );
    this._tipAt(x + BESIDE, Math.max(0, name.at - 20 * name.members.length));
  }

  _tipAt(x, y) {
    this.tip.hidden = false;
    this.tip.style.left = `${Math.max(0, Math.min(x, this.holder.clientWidth - this.tip.offsetWidth - 2))}px`;
    this.tip.style.top = `${Math.max(0, Math.min(y, this.holder.clientHeight - this.tip.offsetHeight))}px`;
  }

  // One line stands out and the others recede. Plotly's own paths are touched: a redraw would take 30 ms.
  emphasize(k) {
    this.pointed = k;
    this.plot.querySelectorAll(".scatterlayer .trace").forEach((trace, i) => {
      const strong = k === null ? this.view.lines[i]?.strong : i === k;
      trace.style.opacity = k === null ? (strong ? 1 : 0.8) : strong ? 1 : 0.2;
    });
    this.dots?.forEach((dot, i) => (dot.style.opacity = k === null || i === k ? 1 : 0.3));
  }

  _listen(onClick) {
    let pressed = null;
    this.holder.addEventListener("pointerdown", (event) => (pressed = [event.clientX, event.clientY]));
    this.holder.addEventListener("pointerup", (event) => {
      const moved = pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]);
      const here = this._locate(event);
      if (moved !== null && moved < 4 && here) onClick(here.probe);
      pressed = null;
    });
    this.holder.addEventListener("pointermove", (event) => {
      if (event.buttons || event.pointerType === "touch" || event.target.closest?.(".name")) return;
      const here = this._locate(event);
      const near = here && here.distance < 26 ? here : null;
      this.onPoint(near ? near.line : null);
      if (!near) return void (this.tip.hidden = true);
      const step = this.recording.steps[near.probe];
      this.tip.textContent = `${this.view.lines[near.line].name}  ${near.value.toFixed(3)}  ${step ? `step ${step.toLocaleString("en")}` : "Init."}`;
      this._tipAt(near.x + 12, near.y - 34);
    });
    this.holder.addEventListener("pointerleave", () => {
      this.tip.hidden = true;
      this.onPoint(null);
    });
  }

  // The probe and the line nearest to the pointer; null outside of the plot.
  _locate(event) {
    if (!this.area || !this.recording?.length) return null;
    const box = this.holder.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const { left, width, top, height } = this.area;
    if (px < left - 8 || px > left + width + 8 || py < top || py > top + height) return null;
    const probe = nearest(this.recording.places.map((place) => Math.abs(this.x(place) - px)));
    const ys = this.rows[probe].map((value) => this.y(value));
    const line = nearest(ys.map((y) => Math.abs(y - py)));
    return { probe, line, value: this.rows[probe][line], x: this.x(this.recording.places[probe]), y: ys[line], distance: Math.abs(ys[line] - py) };
  }
}

const nearest = (distances) => distances.indexOf(Math.min(...distances));

// Ticks whose labels have room, from the right end; Init. stays.
function thinned(ticks, pixelsPerDecade, size) {
  const kept = [];
  let free = Infinity;
  for (const [place, label] of [...ticks].reverse()) {
    const half = (label.length * size * 0.6) / 2 + 3;
    const x = place * pixelsPerDecade;
    const first = place === ticks[0][0];
    if (x + half > free && !first) continue;
    while (first && kept.length && x + half > kept[0].left) kept.shift();
    kept.unshift({ tick: [place, label], left: x - half });
    free = x - half;
  }
  return kept.map(({ tick }) => tick);
}

// The color of the text, mostly see-through: for what stands behind the lines.
function faint(theme, opacity) {
  return theme.dark ? `rgba(237,235,232,${opacity})` : `rgba(49,51,63,${opacity})`;
}
