// One cell of the confusion matrices of two runs, over time. A probe counts until the next one, as in the matrices
// above, so the lines are stairs. The cursor and the dots move; the rest is drawn when the cell or the data change.

import { ofRuns } from "./diverging.js";
import { set, svg } from "./svg.js";
import { textScale } from "./theme.js";

const TOPS = [0.1, 0.25, 0.5, 1]; // where the axis of fractions may end

export class CellCurve {
  constructor(holder) {
    this.holder = holder;
    this.over = svg("svg", { class: "over", "aria-hidden": "true" }, holder);
  }

  // `cell`: its number in a row of the table; `axis`: the time axis of the longer run, see charts/stage.py.
  draw(recordings, cell, axis, theme) {
    const { clientWidth: width, clientHeight: height } = this.holder;
    if (!width) return;
    const size = 13 * textScale();
    Object.assign(this, { recordings, cell, axis, theme });
    this.area = { left: 3.2 * size, width: width - 5 * size, top: 0.7 * size, height: height - 3.6 * size };
    const { left, top } = this.area;
    const [right, bottom] = [left + this.area.width, top + this.area.height];
    const largest = Math.max(...recordings.flatMap(({ tables }) => tables.confusion.map((row) => row[cell])));
    this.top = TOPS.find((value) => value >= largest);
    this.over.replaceChildren();
    const line = (x1, y1, x2, y2, more) => svg("line", { x1, y1, x2, y2, stroke: theme.text, ...more }, this.over);
    const write = (text, x, y, anchor, more) => {
      const look = { fill: theme.text, "font-size": size, "text-anchor": anchor, ...more };
      svg("text", { x, y, ...look }, this.over).textContent = text;
    };
    for (const value of [0, this.top / 2, this.top]) {
      line(left, this.y(value), right, this.y(value), { opacity: value ? 0.13 : 0.5 });
      write(+value.toFixed(3), left - 0.5 * size, this.y(value) + 0.35 * size, "end");
    }
    for (const [place, label] of axis.ticks) {
      const x = left + this._from(place);
      if (x > right + 1) continue;
      line(x, bottom, x, bottom + 5, { opacity: 0.5 });
      write(label, x, bottom + 1.4 * size, "middle");
    }
    write(axis.title, (left + right) / 2, bottom + 2.6 * size, "middle", { opacity: 0.85 });
    this.cursor = line(0, top, 0, bottom, { class: "cursor" });
    this.dots = ofRuns(theme).map((color, k) => {
      const look = { fill: "none", stroke: color, "stroke-width": 2.5, "stroke-dasharray": k ? "6 3" : "none" };
      svg("path", { d: this._stairs(recordings[k]), ...look }, this.over);
      return svg("circle", { r: 5, fill: color, stroke: theme.background, "stroke-width": 1.5 }, this.over);
    });
    this.names = ["A", "B"].map((name, k) => {
      const halo = { stroke: theme.background, "stroke-width": 4, "paint-order": "stroke", "font-weight": 700 };
      const text = svg("text", { fill: ofRuns(theme)[k], "font-size": size, ...halo }, this.over);
      text.textContent = name;
      return text;
    });
  }

  // At this place in time, with the values of both runs there.
  show(place, values) {
    if (!this.dots || !this.area) return;
    const x = this.area.left + this.pixel(place);
    set(this.cursor, { x1: x, x2: x });
    const apart = this.y(values[0]) - this.y(values[1]); // below 0 where A is above B
    const size = 13 * textScale();
    values.forEach((value, k) => {
      const at = this.area.left + this.pixel(Math.min(place, this.recordings[k].places.at(-1)));
      set(this.dots[k], { cx: at, cy: this.y(value) });
      const away = Math.abs(apart) < size ? (k === (apart > 0 ? 0 : 1) ? 1.2 : -0.4) * size : 0.35 * size;
      set(this.names[k], { x: at + 8, y: this.y(value) + away });
    });
  }

  _stairs({ tables, places }) {
    const { left } = this.area;
    const points = tables.confusion.map((row, probe) => [left + this.pixel(places[probe]), this.y(row[this.cell])]);
    const [x, y] = points[0];
    return `M${x} ${y}${points.slice(1).map(([x, y]) => `H${x.toFixed(1)}V${y.toFixed(1)}`).join("")}`;
  }

  // From the left edge of the plot, as of the curves of a stage.
  pixel = (place) => this._from(place + this.axis.shift);
  y = (value) => this.area.top + this.area.height * (1 - value / this.top);

  _from(position) {
    const [low, high] = this.axis.range;
    return (this.area.width * (position - low)) / (high - low);
  }
}
