// The panel of the images beside the chart: filters, a row of images for every class, and what is true of the image
// pointed at. The pictures are one canvas; above it lies a see-through button for every image, so that a mouse, a
// keyboard and a screen reader find them.

import { asked, remember } from "./address.js";
import { ImageFacts } from "./image_facts.js";
import { ARROW, LOCK, Tiles, cutOut } from "./images.js";
import { starred, widthOf } from "./text.js";
import { textScale } from "./theme.js";

const FILTERS = { all: "All", never: "Never heard", memorised: "Memorised" };
const MEANING = {
  all: "All images.",
  never: "Images whose label the loss has pulled up at no probe so far: it ignored them or pushed them the wrong way.",
  memorised: "Images whose wrong label the network has learned.",
};
const COLUMNS = 12;
const MANY = 20; // with more classes than this, rows are not classes but simply full
const SMALLEST = 16; // pixels of a tile; with less room the grid scrolls
const SECTION = 7; // pixels above the wrongly labelled images
const LEGEND = `
  <span><i class="frame"></i>frame: the guess</span>
  <span><i class="faint"></i>faint: pulled weakly</span>
  <span><i class="grey"></i>grey: ignored by the loss</span>
  <span><svg viewBox="-8 -8 16 16" aria-hidden="true"><path d="${ARROW}"/></svg>pushed the wrong way</span>
  <span><svg viewBox="-8 -8 16 16" aria-hidden="true"><path d="${LOCK}"/></svg>its wrong label is learned</span>`;

export class ImagePanel {
  // onImage is called with {name, values} of the image whose line the chart shows, or null.
  constructor(holder, filters, legend, { onImage }) {
    Object.assign(this, { holder, filters, legend, onImage, pointed: null, filter: asked("images") ?? "all" });
    this.kept = /^\d+$/.test(asked("image") ?? "") ? Number(asked("image")) - 1 : null;
    legend.innerHTML = LEGEND;
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
    const lineOf = (name, k) => (bars.length === classes.length ? bars[k] : bars.find((bar) => bar.name === name));
    this.theme = theme;
    this.lines = classes.map((name, k) => lineOf(name, k) ?? { name, color: null });
    this.colors = this.lines.map((line) => colors(line.color, theme));
    if (this.kept >= this.facts.count) this.kept = null;
    if (!this._allowed(this.filter)) this.filter = "all";
    const { clientWidth, clientHeight } = this.grid;
    const key = JSON.stringify([recording.id, images.labels, theme, clientWidth, clientHeight, textScale(), window.devicePixelRatio]);
    if (key !== this.drawn) this._build();
    this.drawn = key;
    this.tiles.load(images).then(() => this._paint());
    this._follow();
  }

  _allowed(filter) {
    if (filter in FILTERS || filter === "wrong") return this.facts.wrong || !["memorised", "wrong"].includes(filter);
    return this.facts.classes[filter] !== undefined;
  }

  // Rows of images: one for every class, and below them those with a wrong label, in so many columns.
  _rows(columns) {
    const { facts } = this;
    const all = facts.labels.map((_, image) => image);
    const of = (k) => all.filter((image) => facts.given[image] < 0 && facts.labels[image] === k);
    const many = facts.classes.length > MANY;
    const rows = many
      ? chunks(facts.classes.flatMap((_, k) => of(k)), 2 * COLUMNS).map((images) => ({ images }))
      : this.lines.flatMap((line, k) => named(chunks(of(k), COLUMNS), { title: starred(line), color: this.colors[k], filter: String(k) }));
    const wrong = chunks(all.filter((image) => facts.given[image] >= 0), columns);
    return [...rows, ...named(wrong, { title: "Wrong labels", color: "transparent", filter: "wrong", section: true })];
  }

  // Where everything stands: tiles as large as there is room for. Of the wrongly labelled, a row may hold some more.
  _room() {
    const { grid, theme } = this;
    const font = `600 ${getComputedStyle(grid).fontSize} ${theme.font}`;
    const width = grid.clientWidth;
    const narrow = this.holder.closest(".narrow") !== null;
    let best = { size: 0 };
    for (let columns = COLUMNS; columns <= 2 * COLUMNS; columns++) {
      const rows = this._rows(columns);
      const names = Math.min(Math.max(0, ...rows.map(({ title }) => (title ? widthOf(title, font) + 20 : 0))), 0.34 * width);
      const across = Math.max(1, ...rows.map(({ images }) => images.length));
      const section = rows.some((row) => row.section) ? SECTION : 0;
      const high = narrow ? Infinity : (grid.clientHeight - section) / rows.length;
      const size = Math.max(SMALLEST, Math.floor(Math.min((width - names - 1) / across, high)));
      if (size > best.size) best = { size, rows, across, left: Math.max(names, Math.min(width - across * size, names + 14)) };
    }
    return { ...best, narrow };
  }

  _build() {
    const { grid, facts } = this;
    const { size, rows, across, left, narrow } = this._room();
    this.cells = Array(facts.count);
    const places = Array(facts.count);
    const parts = [];
    let y = 0;
    rows.forEach((row, r) => {
      if (row.section) y += SECTION;
      if (row.title) parts.push(this._name(row, y, left, size));
      row.images.forEach((image, column) => {
        this.cells[image] = [r, column];
        places[image] = { x: left + column * size, y };
      });
      y += size;
    });
    this.buttons = places.map((place, image) => this._tile(image, place, size));
    parts.push(...[...this.buttons].sort((a, b) => this._order(a) - this._order(b)));
    const focused = grid.contains(document.activeElement) ? document.activeElement.dataset.image : undefined;
    grid.replaceChildren(this.canvas, ...parts);
    grid.classList.toggle("scrolls", !narrow && y > grid.clientHeight + 1);
    grid.style.minHeight = narrow ? `${y}px` : "";
    this.tiles.lay(places, size, left + across * size, y);
    this._rove(Number(focused ?? this.kept ?? this._first()), focused !== undefined);
    this.shown = [];
  }

  _order = (button) => 1000 * this.cells[button.dataset.image][0] + this.cells[button.dataset.image][1];
  _first = () => this.cells.findIndex(([row, column]) => !row && !column);

  _name({ title, color, filter }, y, width, height) {
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

  _tile(image, { x, y }, size) {
    const tile = document.createElement("button");
    Object.assign(tile, { type: "button", className: "tile", tabIndex: -1 });
    tile.dataset.image = image;
    tile.setAttribute("aria-label", this.facts.name(image));
    Object.assign(tile.style, { left: `${x}px`, top: `${y}px`, width: `${size}px`, height: `${size}px` });
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
    this.grid.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && this._point(imageOf(event)));
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
    const [row, column] = this.cells[image];
    const ahead = this.cells
      .map(([r, c], other) => ({ other, rows: down * (r - row), columns: down ? Math.abs(c - column) : right * (c - column), same: r === row }))
      .filter(({ other, rows, columns, same }) => this.shown[other] && (down ? rows > 0 : same && columns > 0));
    ahead.sort((a, b) => a.rows - b.rows || a.columns - b.columns);
    return ahead[0]?.other ?? null;
  }

  _choose(filter) {
    this.filter = filter;
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
    if (following || this.following) this.onImage(following ? { name: facts.name(image), values: facts.history(image) } : null);
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
      if (is === this.shown[other]) return;
      this.buttons[other].classList.toggle("out", !is);
      this.buttons[other].setAttribute("aria-disabled", String(!is));
    });
    this.shown = shown;
    const marked = [...new Set([this.kept, this.pointed])].filter((other) => other !== null && shown[other]);
    this.tiles.show(facts, index, { colors: this.colors, theme: this.theme, shown, marked });
    this._buttons();
    const words = image === null ? facts.summary(index) : facts.sentence(image, index);
    if (words !== this.words) this.said.textContent = this.words = words;
    if (this.resting) this.canvas.setAttribute("aria-label", facts.summary(index));
    this._portrait(image);
    const now = image === null ? null : facts.at(image, index);
    Object.assign(holder.dataset, { filter: this.filter, image: image ?? "", guess: now ? facts.classes[now.guess] : "", p: now ? now.p.toFixed(4) : "" });
  }

  _portrait(image) {
    if (this.pictured === `${image} ${this.drawn}`) return;
    this.pictured = `${image} ${this.drawn}`;
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
      const text = filter === "all" ? FILTERS.all : `${FILTERS[filter]} ${facts.passing(filter, index)}`;
      if (button.textContent !== text) button.textContent = text;
    }
  }
}

const chunks = (images, length) => Array.from({ length: Math.ceil(images.length / length) }, (_, k) => images.slice(k * length, (k + 1) * length));

// The first of several rows has the name.
const named = (rows, name) => rows.map((images, k) => (k ? { images } : { images, ...name }));
