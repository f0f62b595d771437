// The panel of the images beside the chart: filters, a row of images for every class, and what is true of the image
// pointed at. The pictures are one canvas; above it lies a see-through button for every image, so that a mouse, a
// keyboard and a screen reader find them.

import { asked, remember } from "./address.js";
import { ImageFacts } from "./image_facts.js";
import { enlarged, rowsOf } from "./image_rows.js";
import { ARROW, LOCK, Tiles, cutOut } from "./images.js";
import { starred, widthOf } from "./text.js";
import { textScale } from "./theme.js";

const FILTERS = { all: "All", never: "Never heard", memorised: "Memorised" };
const MEANING = {
  all: "All images.",
  never: "Images whose label the loss has pulled up at no probe so far: it ignored them or pushed them away.",
  memorised: "Images whose wrong label the network has learned.",
};
const sign = (shape) => `<svg viewBox="-8 -8 16 16" aria-hidden="true"><path d="${shape}"/></svg>`;
const LEGEND = {
  frame: '<i class="frame"></i>frame: the guess',
  faint: '<i class="faint"></i>faint: pulled weakly by the loss',
  ignored: '<i class="grey"></i>grey: ignored by the loss',
  pushed: `${sign(ARROW)}pushed the wrong way`,
  wrong: `${sign(LOCK)}its wrong label is learned`,
};

export class ImagePanel {
  // onImage is called with {name, values} of the image whose line the chart shows, or null.
  constructor(holder, filters, legend, { onImage }) {
    Object.assign(this, { holder, filters, legend, onImage, pointed: null, filter: asked("images") ?? "all" });
    this.kept = /^\d+$/.test(asked("image") ?? "") ? Number(asked("image")) - 1 : null;
    holder.innerHTML = `<div class="grid" role="group" aria-label="Images"><canvas role="img"></canvas></div>
      <div class="told"><span class="thumb" hidden></span><p class="said"></p></div>`;
    const part = (name) => holder.querySelector(name);
    Object.assign(this, { grid: part(".grid"), canvas: part("canvas"), said: part(".said"), thumb: part(".thumb") });
    this.tiles = new Tiles(this.canvas);
    this._listen();
  }

  // What is fixed until the run, its probes or the room change.
  draw(recording, colors, theme) {
    const { bars, classes, images } = recording;
    this.facts = new ImageFacts(recording);
    this.theme = theme;
    this._explain();
    const barOf = (name, k) => (bars.length === classes.length ? bars[k] : bars.find((bar) => bar.name === name));
    this.lines = classes.map((name, k) => barOf(name, k) ?? { name, color: null });
    this.colors = this.lines.map((line) => colors(line.color, theme));
    if (this.kept >= this.facts.count) this.kept = null;
    if (!this._allowed(this.filter)) this.filter = "all";
    const { clientWidth, clientHeight } = this.grid;
    const room = [clientWidth, clientHeight, textScale(), window.devicePixelRatio];
    const key = JSON.stringify([recording.id, images.labels, theme, ...room]);
    if (key !== this.drawn) this._build();
    this.drawn = key;
    this.tiles.load(images).then(() => this._paint());
    this._follow();
  }

  // The legend has only what these images may show.
  _explain() {
    const { pull, wrong } = this.facts;
    const may = { ignored: pull.includes(0), pushed: pull.some((value) => value < 0), wrong: wrong > 0 };
    const said = Object.keys(LEGEND).filter((entry) => may[entry] ?? true);
    this.legend.innerHTML = said.map((entry) => `<span>${LEGEND[entry]}</span>`).join("");
  }

  _allowed(filter) {
    if (filter in FILTERS || filter === "wrong") return this.facts.wrong || !["memorised", "wrong"].includes(filter);
    return this.facts.classes[filter] !== undefined;
  }

  _build() {
    const { grid, facts } = this;
    const narrow = this.holder.closest(".narrow") !== null;
    const font = `600 ${getComputedStyle(grid).fontSize} ${this.theme.font}`;
    const height = narrow ? Infinity : grid.clientHeight;
    const heads = this.lines.map((line, k) => ({ title: starred(line), color: this.colors[k] }));
    const rows = rowsOf(facts, heads, { width: grid.clientWidth, height, nameOf: (title) => widthOf(title, font) });
    const chosen = facts.fixed(this.filter) ? facts.through(this.filter, 0) : null;
    const { size, places, cells } = chosen ? enlarged(rows, chosen) : rows;
    this.cells = cells;
    const parts = rows.names.map((name) => this._name(name, rows.left, rows.size));
    this.buttons = facts.labels.map((_, image) => this._tile(image, places[image], size));
    parts.push(...[...this.buttons].sort((a, b) => this._order(a) - this._order(b)));
    const focused = grid.contains(document.activeElement) ? document.activeElement.dataset : {};
    grid.replaceChildren(this.canvas, ...parts);
    grid.classList.toggle("scrolls", rows.height > grid.clientHeight + 1 && !narrow);
    grid.style.minHeight = narrow ? `${rows.height}px` : "";
    this.tiles.lay(places, size, rows.width, rows.height);
    this.shown = [];
    this.pictured = null;
    const stop = [Number(focused.image ?? NaN), this.kept, cells.findIndex(Boolean)].find((image) => cells[image]);
    this._rove(stop, focused.image !== undefined);
    if (focused.filter) parts.find(({ dataset }) => dataset.filter === focused.filter)?.focus();
  }

  _order = (button) => {
    const [row, column] = this.cells[button.dataset.image] ?? [0, 0];
    return 1000 * row + column;
  };

  _name({ title, color, filter, y }, width, height) {
    const name = document.createElement("button");
    Object.assign(name, { type: "button", className: "name", title: `Show these only: ${title}` });
    name.innerHTML = "<i></i><span></span>";
    name.firstChild.style.background = color;
    name.lastChild.textContent = title;
    name.dataset.filter = filter;
    Object.assign(name.style, { top: `${y + 1}px`, width: `${width - 4}px`, height: `${height - 2}px` });
    name.addEventListener("click", (event) => {
      if (event.detail) name.blur();
      this._choose(this.filter === filter ? "all" : filter);
    });
    return name;
  }

  _tile(image, place, size) {
    const tile = document.createElement("button");
    Object.assign(tile, { type: "button", className: "tile", tabIndex: -1 });
    tile.dataset.image = image;
    tile.setAttribute("aria-label", this.facts.name(image));
    tile.hidden = !place;
    const square = { width: `${size}px`, height: `${size}px` };
    if (place) Object.assign(tile.style, { left: `${place.x}px`, top: `${place.y}px`, ...square });
    return tile;
  }

  // One image is reached by Tab, the others by the arrow keys.
  _rove(image, focus) {
    const before = this.buttons[this.stop];
    if (before) before.tabIndex = -1;
    this.stop = image;
    if (!this.buttons[image]) return;
    this.buttons[image].tabIndex = 0;
    if (focus) this.buttons[image].focus();
  }

  _listen() {
    const imageOf = (event) => (event.target.dataset.image === undefined ? null : Number(event.target.dataset.image));
    this.grid.addEventListener("pointerover", (event) => this._point(imageOf(event)));
    this.grid.addEventListener("pointerleave", () => this._point(null));
    this.grid.addEventListener("focusin", (event) => {
      if (event.target.matches(":focus-visible")) this._point(imageOf(event));
    });
    this.grid.addEventListener("focusout", () => this._point(null));
    this.grid.addEventListener("click", (event) => {
      const image = imageOf(event);
      if (image === null) return;
      if (event.detail) event.target.blur(); // a mouse leaves the keys to the player
      this.kept = this.kept === image ? null : image;
      this.pointed = event.detail ? this.pointed : image;
      this._rove(image, false);
      remember({ image: this.kept === null ? null : this.kept + 1 });
      this._follow();
      this._paint();
    });
    this.grid.addEventListener("keydown", (event) => {
      const image = imageOf(event);
      const by = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
      if (image === null || !by) return;
      event.preventDefault();
      event.stopPropagation();
      const next = this._beside(image, by);
      if (next !== null) this._rove(next, true);
    });
  }

  // The nearest shown image in this direction: in the same row, or in the next row that has one.
  _beside(image, [down, right]) {
    const { cells, facts } = this;
    const [row, column] = cells[image];
    const ahead = facts.labels
      .map((_, other) => ({ other, cell: cells[other] }))
      .filter(({ other, cell }) => cell && this.shown[other])
      .map(({ other, cell }) => [other, (cell[0] - row) * (down || 1), (cell[1] - column) * (right || 1)])
      .filter(([, rows, columns]) => (down ? rows > 0 : rows === 0 && columns > 0));
    ahead.sort(([, ...a], [, ...b]) => a[0] - b[0] || Math.abs(a[1]) - Math.abs(b[1]));
    return ahead[0]?.[0] ?? null;
  }

  _choose(filter) {
    const again = this.facts.fixed(filter) || this.facts.fixed(this.filter); // the tiles change their places
    this.filter = filter;
    if (again) this._build();
    remember({ images: filter === "all" ? null : filter });
    this._paint();
  }

  _point(image) {
    if (image === this.pointed) return;
    this.pointed = image;
    this._follow();
    this._paint();
  }

  get image() {
    return this.pointed ?? this.kept;
  }

  // The chart draws the line of this image, if the panel is open.
  _follow() {
    const { image, facts } = this;
    const following = this.open && image !== null;
    if (following) this.onImage({ name: facts.name(image), values: facts.history(image) });
    else if (this.following) this.onImage(null);
    this.following = following;
  }

  // Whether the panel is shown.
  turn(open) {
    this.holder.hidden = this.filters.hidden = this.legend.hidden = !open;
    this.open = open;
    if (!open && this.facts) this._follow();
  }

  // At a fractional index. `resting`: the player has stopped, so a screen reader may be told.
  show(index, resting) {
    Object.assign(this, { index, resting });
    if (this.open) this._paint();
  }

  _paint() {
    const { facts, index, image, holder } = this;
    if (!this.open || index === undefined || !facts) return;
    const shown = facts.labels.map((_, other) => facts.passes(this.filter, other, index));
    shown.forEach((is, other) => {
      if (!this.buttons[other] || is === this.shown[other]) return;
      this.buttons[other].classList.toggle("out", !is);
      this.buttons[other].setAttribute("aria-disabled", String(!is));
    });
    this.shown = shown;
    const marked = [...new Set([this.kept, this.pointed])].filter((other) => other !== null && shown[other]);
    this.tiles.show(facts, index, { colors: this.colors, theme: this.theme, shown, marked });
    this._buttons();
    const words = image === null ? facts.summary(index) : facts.sentence(image, index);
    if (words !== this.words) this.said.textContent = this.words = words;
    const named = this.canvas.hasAttribute("aria-label"); // not yet, where the stage begins by playing
    if (this.resting || !named) this.canvas.setAttribute("aria-label", facts.summary(index));
    this._portrait(image);
    const told = { filter: this.filter, image: "", guess: "", p: "" };
    if (image !== null) {
      const { guess, p } = facts.at(image, index);
      Object.assign(told, { image: image + 1, guess: facts.classes[guess], p: p.toFixed(4) });
    }
    Object.assign(holder.dataset, told);
  }

  _portrait(image) {
    const key = `${image} ${this.kept}`;
    if (this.pictured === key) return;
    this.pictured = key;
    this.thumb.hidden = image === null;
    if (image !== null) cutOut(this.thumb, this.facts, image, Math.round(40 * textScale()));
    this.buttons.forEach((button, other) => button.setAttribute("aria-pressed", String(other === this.kept)));
    this.buttons[image]?.setAttribute("aria-description", this.words);
  }

  // The filters, with the number of images behind each.
  _buttons() {
    const { facts, index, filters, grid } = this;
    const offered = Object.keys(FILTERS).filter((filter) => this._allowed(filter));
    if (filters.children.length !== offered.length) {
      filters.replaceChildren(
        ...offered.map((filter) => {
          const button = document.createElement("button");
          Object.assign(button, { type: "button", title: MEANING[filter] });
          button.dataset.filter = filter;
          button.addEventListener("click", (event) => {
            if (event.detail) button.blur();
            this._choose(filter);
          });
          return button;
        }),
      );
    }
    for (const button of [...filters.children, ...grid.querySelectorAll(".name")]) {
      const { filter } = button.dataset;
      const pressed = String(filter === this.filter);
      if (button.getAttribute("aria-pressed") !== pressed) button.setAttribute("aria-pressed", pressed);
      if (!(filter in FILTERS)) continue;
      const text = filter === "all" ? FILTERS.all : `${FILTERS[filter]} ${facts.through(filter, index).length}`;
      if (button.textContent !== text) button.textContent = text;
    }
  }
}
