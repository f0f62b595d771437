// Two runs of a race as confusion matrices at one moment, A, B and A − B, and one cell of them over time: the one
// pointed at, else the chosen one, else the one in which the runs ever differ most. Time is the number of steps: each
// matrix is the last probe of its run at or before the cursor.

import { asked, remember } from "./address.js";
import { CellCurve } from "./cell_curve.js";
import { gradient } from "./diverging.js";
import { Matrix } from "./matrix.js";

export const CAPTION =
  "Rows: true class; columns: guess; in fractions of the images of the true class. Orange: A has more; blue: B " +
  "has more. Both runs at the same step: the last probe of each at or before the cursor. Click on a cell to keep its " +
  "curve.";
const TEMPLATE = `
  <div class="three">
    <section class="one"><p class="who"></p><div class="values"></div></section>
    <section class="one"><p class="who"></p><div class="values"></div></section>
    <section class="minus">
      <div class="who">A − B <span class="scale"><span>−1, B more</span><i></i><span>A more, 1</span></span></div>
      <div class="values"></div>
    </section>
  </div>
  <p class="most"></p>
  <div class="lane cell">
    <div class="runner"><p class="name"></p><p class="of"></p><p class="of"></p><p class="standing"></p></div>
    <div class="chart" role="img"></div>
  </div>
  <div class="tip" aria-hidden="true" hidden></div>`;
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Rounded as in the cells, which have whole percentages: 0.105 is 0.11, not 0.10.
const fraction = (value) => (Math.round(100 * value) / 100).toFixed(2);

export class Difference {
  chosen = null; // by a click or a key
  pointed = null; // by the mouse or the keyboard
  stop = null; // the cell that the keyboard was on
  under = 2; // the matrix that is pointed at

  // onPair() is called when the viewer has chosen other runs.
  constructor(root, onPair) {
    this.root = root;
    this.onPair = onPair;
    root.innerHTML = TEMPLATE;
    const holders = [...root.querySelectorAll(".values")];
    this.matrices = holders.map((holder, k) => new Matrix(holder, [1, -1, 0][k]));
    this.grid = holders[2];
    this.tip = root.querySelector(".tip");
    this.curve = new CellCurve(root.querySelector(".chart"));
    this.pair = asked("pair")?.match(/^(\d+)-(\d+)$/)?.slice(1).map((lane) => lane - 1) ?? [0, 1];
    this.linked = asked("cell")?.match(/^(\d+)-(\d+)$/)?.slice(1).map(Number);
    this._listen(holders);
  }

  // `lanes`: all, of which two or more have a probe; `axis` as in charts/stage.py.
  draw(lanes, axis, theme) {
    const started = lanes.flatMap(({ recording }, lane) => (recording?.length ? [lane] : []));
    const [a, b] = this.pair;
    if (a === b || !started.includes(a) || !started.includes(b)) this.pair = started.slice(0, 2);
    this.runs = this.pair.map((lane) => lanes[lane]);
    const recordings = this.runs.map(({ recording }) => recording);
    this.classes = recordings[0].classes;
    if (this.linked) {
      const [row, column] = this.linked;
      if (row < this.classes.length && column < this.classes.length) this.chosen = row * this.classes.length + column;
      this.linked = null;
    }
    Object.assign(this, { axis, theme, recordings, at: [] });
    this.root.style.setProperty("--classes", this.classes.length);
    this.root.classList.toggle("dense", this.classes.length > 12);
    this._name(lanes, started);
    const { classes } = this;
    this.matrices.forEach((matrix) => matrix.draw({ classes }, theme));
    ["A", "B", "A minus B"].forEach((name, k) => {
      const runs = k < 2 ? `: ${this.runs[k].scene.title}` : "";
      this.matrices[k].holder.firstChild.setAttribute("aria-label", `${name}${runs}. Rows: true class, columns: guess`);
    });
    this.root.querySelector(".scale i").style.background = gradient(theme);
    this._makeGrid();
    this.widest = this._everWidest();
    this._draw();
  }

  // At this place in time.
  show(place) {
    this.place = place;
    const at = this.recordings.map((recording) => Math.floor(recording.index(place) + 1e-6));
    if (at.join() !== this.at.join()) {
      this.at = at;
      this.now = at.map((probe, k) => this.recordings[k].tables.confusion[probe]);
      const minus = this.now[0].map((value, cell) => value - this.now[1][cell]);
      [...this.now, minus].forEach((values, k) => this.matrices[k].show(values));
      this.root.querySelector(".most").textContent = this._most(minus);
      this.root.dataset.steps = this._steps().join();
    }
    this._tell();
  }

  get cell() {
    return this.pointed ?? this.chosen ?? this.widest;
  }

  // 'Shirt guessed as Pullover: 0.42 in A, 0.10 in B'
  said(cell) {
    const [a, b] = this.now.map((values) => fraction(values[cell]));
    return `${this._named(cell)}: ${a} in A, ${b} in B`;
  }

  _named(cell) {
    const count = this.classes.length;
    const [row, column] = [Math.floor(cell / count), cell % count];
    return `${this.classes[row]} guessed ${row === column ? "right" : `as ${this.classes[column]}`}`;
  }

  _steps() {
    return this.at.map((probe, k) => this.recordings[k].steps[probe]);
  }

  // The sentence on the moment; as in trajectory/confusion.py.
  _most(minus) {
    const [a, b] = this._steps();
    const largest = minus.reduce((best, value, cell) => (Math.abs(value) > Math.abs(minus[best]) ? cell : best), 0);
    const named = (step) => (step ? `step ${step.toLocaleString("en")}` : "Init.");
    const when = a === b ? `At ${named(a)}` : `With A at ${named(a)} and B at ${named(b)}`;
    if (!minus[largest]) return `${when}, both guess the same.`;
    return `${when}, they differ most in ${this.said(largest)}.`;
  }

  // The cell in which the runs differ most at any of the probes of A.
  _everWidest() {
    const [a, b] = this.recordings;
    let [best, cell] = [0, 0];
    a.steps.forEach((step, probe) => {
      const other = b.tables.confusion[b.nearest(step)];
      a.tables.confusion[probe].forEach((value, k) => {
        if (Math.abs(value - other[k]) > best) [best, cell] = [Math.abs(value - other[k]), k];
      });
    });
    return cell;
  }

  // Who A and B are: of more than two runs, the viewer chooses.
  _name(lanes, started) {
    const key = JSON.stringify([this.pair, started, lanes.map(({ scene }) => scene.title)]);
    if (key === this.named) return;
    this.named = key;
    [...this.root.querySelectorAll(".one .who")].forEach((who, k) => {
      const letter = "AB"[k];
      if (started.length < 3) return void (who.textContent = `${letter}: ${this.runs[k].scene.title}`);
      const select = document.createElement("select");
      select.setAttribute("aria-label", `Run ${letter}`);
      select.append(...started.map((lane) => new Option(lanes[lane].scene.title, lane, false, lane === this.pair[k])));
      select.addEventListener("change", () => {
        const [old, other] = [this.pair[k], this.pair[1 - k]];
        this.pair[k] = Number(select.value);
        if (this.pair[k] === other) this.pair[1 - k] = old; // they change places
        remember({ pair: this.pair.join() === "0,1" ? null : this.pair.map((lane) => lane + 1).join("-") });
        this.onPair();
      });
      who.replaceChildren(`${letter}: `, select);
    });
  }

  // The curve of the cell that is shown, and its frame in the matrices.
  _draw() {
    const { cell } = this;
    this.curve.draw(this.recordings, cell, this.axis, this.theme);
    this.matrices.forEach(({ cells }) => cells.forEach((one, k) => one.classList.toggle("here", k === cell)));
    this.matrices[2].cells.forEach((one, k) => {
      one.tabIndex = k === (this.stop ?? this.chosen ?? this.widest) ? 0 : -1;
      one.setAttribute("aria-selected", String(k === this.chosen));
    });
    this.root.dataset.cell = cell;
    const part = (name) => this.root.querySelector(`.cell ${name}`);
    part(".name").textContent = this._named(cell);
    part(".name").title = this._named(cell); // it may be cut
    const isWidest = this.pointed === null && this.chosen === null;
    part(".standing").textContent = isWidest ? "where they ever differ most" : "";
    part(".chart").setAttribute("aria-label", `${this._named(cell)}, over time in A and B`);
  }

  _tell() {
    const { cell } = this;
    this.curve.show(this.place, this.now.map((values) => values[cell]));
    [...this.root.querySelectorAll(".cell .of")].forEach((line, k) => {
      line.textContent = `${fraction(this.now[k][cell])} in ${"AB"[k]}`;
    });
    this._label();
  }

  // The matrix A − B is a grid: one stop of the tab key, in which the arrow keys move.
  _makeGrid() {
    const table = this.grid.firstChild;
    if (table.getAttribute("role") === "grid") return;
    table.setAttribute("role", "grid");
    table.querySelectorAll("tbody td").forEach((cell) => cell.setAttribute("role", "gridcell"));
  }

  _listen(holders) {
    holders.forEach((holder, k) => {
      const numberOf = ({ target }) => {
        const cell = this.matrices[k].cells?.indexOf(target.closest("tbody td")) ?? -1;
        return cell < 0 ? null : cell;
      };
      holder.addEventListener("mouseover", (event) => this._point(numberOf(event), k));
      holder.addEventListener("mouseleave", () => this._point(this._focused()));
      holder.addEventListener("click", (event) => this._choose(numberOf(event)));
    });
    this.grid.addEventListener("focusin", () => this._point((this.stop = this._focused())));
    this.grid.addEventListener("focusout", () => this._point(null));
    this.grid.addEventListener("keydown", (event) => this._key(event));
  }

  _focused() {
    const cell = this.matrices[2].cells?.indexOf(document.activeElement) ?? -1;
    return cell < 0 ? null : cell;
  }

  _point(cell, matrix = 2) {
    if (cell === this.pointed && matrix === this.under) return;
    this.pointed = cell;
    this.under = matrix;
    this._draw();
    this._tell();
  }

  // Both values below the cell that is pointed at.
  _label() {
    const { tip, pointed, root } = this;
    tip.hidden = pointed === null;
    if (tip.hidden) return;
    this.matrices[2].cells[pointed].setAttribute("aria-label", this.said(pointed));
    tip.textContent = this.said(pointed);
    const [cell, whole] = [this.matrices[this.under].cells[pointed], root].map((part) => part.getBoundingClientRect());
    const left = Math.min(cell.left - whole.left, whole.width - tip.offsetWidth);
    Object.assign(tip.style, { left: `${Math.max(0, left)}px`, top: `${cell.bottom - whole.top + 5}px` });
  }

  _choose(cell) {
    if (cell === null) return;
    this.chosen = cell === this.chosen ? null : cell;
    this._remember();
  }

  _remember() {
    const count = this.classes.length;
    remember({ cell: this.chosen === null ? null : `${Math.floor(this.chosen / count)}-${this.chosen % count}` });
    this._draw();
    this._tell();
  }

  _key(event) {
    const cell = this._focused();
    if (cell === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const count = this.classes.length;
    const [row, column] = [Math.floor(cell / count), cell % count];
    const within = (index) => Math.min(Math.max(index, 0), count - 1);
    if (ARROWS[event.key]) {
      const [down, right] = ARROWS[event.key];
      this.matrices[2].cells[within(row + down) * count + within(column + right)].focus();
    } else if (event.key === "Home") this.matrices[2].cells[row * count].focus();
    else if (event.key === "End") this.matrices[2].cells[row * count + count - 1].focus();
    else if (event.key === "Enter" || event.key === " ") this._choose(cell);
    else if (event.key === "Escape" && this.chosen !== null) this._choose(this.chosen);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
