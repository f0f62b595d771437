// The stage: one run at a time on one large chart, the bars of its classes, and a player. Python sends probes; from then
// on everything happens here, so moving through time asks the server for nothing.

import { asked, forget, linkable, remember } from "./address.js";
import { Bars } from "./bars.js";
import { Confusion } from "./confusion.js";
import { Curves, IMAGE } from "./curves.js";
import { ImagePanel } from "./image_panel.js";
import { Player } from "./player.js";
import { loadPlotly } from "./plotly.js";
import { Recording } from "./recording.js";
import { Share } from "./share.js";
import { styled } from "./styles.js";
import { textScale, themeOf } from "./theme.js";

styled("stage");
styled("images");

const NARROW = 640; // pixels of width below which the panels are below each other
const SPEEDS = [0.5, 1, 2, 4];
export const recordings = new Map(); // by run: kept while the tab is open, so that returning to a page fetches new probes only
const TEMPLATE = `
  <div class="runs" role="tablist" aria-label="Runs"></div>
  <p class="verdict"></p>
  <div class="options">
    <div class="views" role="tablist" aria-label="Views"></div>
    <div class="units" role="group" aria-label="Time in"></div>
    <label class="smooth"><input type="checkbox"> Smooth</label>
    <div class="save"></div>
  </div>
  <div class="chart" role="img"></div>
  <div class="matrix" hidden></div>
  <div class="side">
    <div class="choice"><div class="panels" role="tablist" aria-label="Beside the chart" hidden></div><div class="filters" role="group" aria-label="Images shown" hidden></div></div>
    <p class="title">What it guesses</p><div class="bars"></div><div class="images" hidden></div>
  </div>
  <div class="player">
    <button type="button" class="play" aria-label="Play"></button>
    <input type="range" class="time" step="any" aria-label="Time">
    <output class="now"></output>
    <select class="speed" aria-label="Speed"></select>
    <button type="button" class="live" hidden>Live</button>
  </div>
  <p class="signs" hidden></p>
  <p class="caption"></p>`;
const PLAY = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2.5v11l9-5.5z"/></svg>`;
const PAUSE = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2.5h3v11H4zM9 2.5h3v11H9z"/></svg>`;

export default class Stage {
  constructor(root, tell) {
    this.root = root;
    this.ask = () => tell("lost", true); // for all probes, when some got lost
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", "Stage");
    this._fit();
    root.tabIndex = -1;
    root.innerHTML = this.template;
    const part = (name) => root.querySelector(`.${name}`);
    Object.assign(this, { run: null, view: asked("shown"), smooth: false, messages: {} });
    this.unit = asked("time") === "step" ? "step" : "epoch";
    this.moment = asked("at"); // a step, once
    this.part = part;
    this.player = new Player((index) => this._show(index));
    this.player.rested = (index) => remember({ at: index >= this.player.last ? null : this.recording.steps[index] });
    this.player.alive = () => root.isConnected;
    this._build();
    this._controls();
  }

  get template() {
    return TEMPLATE;
  }

  // What is drawn, above the player.
  _build() {
    const { part } = this;
    const onPoint = (line, { chosen } = {}) => {
      if (chosen !== undefined) this.bars.mark((this.chosen = chosen));
      this.curves.emphasize(line ?? this._chosenLine());
      this._show(this.player.index);
    };
    this.curves = new Curves(part("chart"), { onPoint, onClick: (probe) => this._go(probe), onZoom: () => this._zoomed() });
    this.bars = new Bars(part("bars"), { onPoint: (line, choice) => onPoint(this._ofClass(line), choice) });
    this.confusion = new Confusion(part("matrix"));
    this.panel = asked("panel") === "images" ? "images" : "bars";
    this.images = new ImagePanel(part("images"), part("filters"), part("signs"), { onImage: (image) => this._follow(image) });
    this.share = part("save") && new Share(part("save"), this);
  }

  // What Python sends: {scenes: [{run, title, message}], play, plotly, palette}; `message` is JSON, see charts/stage.py.
  async update(data) {
    this.data = data;
    for (const { run, message } of data.scenes) {
      if (message === undefined || this.messages[run] === message) continue; // a lane without a probe has none
      const known = recordings.get(run) ?? new Recording(run);
      if (!known.take(JSON.parse(message))) return this.ask();
      recordings.set(run, known);
      this.messages[run] = message;
      this.dirty = true;
    }
    if (!data.scenes.some(({ run }) => run === this.run)) {
      this._choose((data.scenes.find(({ run }) => run === asked("on")) ?? data.scenes[0]).run);
    }
    await this._draw();
  }

  // The line of a class, in a view that has one for each.
  _ofClass(k) {
    return this.shown?.lines === this.recording?.lines ? k : null;
  }

  _chosenLine() {
    return this._ofClass(this.chosen ?? null);
  }

  _zoomed() {
    this._timeline();
    this._show(this.player.index);
  }

  get recording() {
    return recordings.get(this.run);
  }

  _choose(run) {
    this.run = run;
    this.chosen = null;
    this.dirty = this.fresh = true;
  }

  // Plotly draws asynchronously; the newest state is drawn before this ends, and drawings never overlap.
  async _draw() {
    if (this.busy) return void (this.again = true);
    this.busy = true;
    try {
      const Plotly = await loadPlotly(this.data.plotly);
      do {
        this.again = false;
        await this._once(Plotly);
      } while (this.again);
    } catch (error) {
      console.error(error);
      this.part("verdict").textContent = `The stage cannot be drawn: ${error.message}`;
    } finally {
      this.busy = false;
    }
  }

  async _once(Plotly) {
    const { recording, root, data } = this;
    if (!root.isConnected) return; // a notebook takes what is out of sight off its page
    const theme = themeOf(root);
    const look = JSON.stringify([theme, this.run, this.view, this.unit, this.smooth, document.documentElement.className]);
    root.classList.toggle("several", data.scenes.length > 1);
    this._tabs("runs", data.scenes.map(({ run, title }) => [run, title]), this.run, (run) => {
      this._choose(run);
      remember({ on: run === data.scenes[0].run ? null : run });
      this._draw();
    });
    if (!recording?.length) {
      this.part("verdict").textContent = "Waiting for the first probe.";
      return;
    }
    if (!this.dirty && look === this.look) return;
    Object.assign(this, { dirty: false, look });
    const view = recording.views.find(({ name }) => name === this.view) ?? recording.views[0];
    this._tabs("views", recording.views.map(({ name, tab }) => [name, tab]), view.name, (name) => {
      this.view = name;
      remember({ shown: name === recording.views[0].name ? null : name });
      this._draw();
    });
    const units = [["epoch", "Epochs"], ["step", "Steps"]].filter(([unit]) => unit in recording.axes); // or unknown
    const unit = this.unit in recording.axes ? this.unit : "step";
    this._tabs("units", units, unit, (unit) => {
      this.unit = unit;
      remember({ time: unit === "epoch" ? null : unit });
      this._draw();
    }, "aria-pressed");
    this.part("caption").textContent = recording.origin ? `${recording.origin} ${view.caption}` : view.caption;
    this._panels();
    const matrix = view.name === "confusion";
    if (this.shown !== view) {
      this.shown = view;
      this.curves.pointed = this._chosenLine();
    }
    this.part("matrix").hidden = !matrix;
    this.part("chart").hidden = matrix;
    this.share?.offer(!matrix);
    for (const name of ["units", "smooth"]) this.part(name).style.visibility = matrix ? "hidden" : "visible";
    const colors = (color, { dark, text }) => (color ? (dark ? data.palette[color] : color) : text);
    this.bars.draw(recording, colors, theme);
    this.bars.mark(this.chosen);
    if (matrix) this.confusion.draw(recording, theme);
    else await this.curves.draw(Plotly, recording, view, unit, colors, this.smooth);
    if (this.images.open) this.images.draw(recording, colors, theme);
    this.part("chart").setAttribute("aria-label", `${view.title}. ${recording.verdict}`);
    this._timeline();
    if (this.moment !== null) this.player.take(recording.nearest(Number(this.moment)));
    this.moment = null;
    this.player.load(recording, { play: data.play, fresh: this.fresh });
    this.fresh = false;
    this.part("live").hidden = recording.ended;
    Object.assign(root.dataset, { ready: "", run: this.run, probes: recording.length, view: view.name });
    root.dataset.updates = String(Number(root.dataset.updates ?? 0) + 1);
  }

  // The bars of the classes or, where a run has some, its images.
  _panels() {
    const { recording, root } = this;
    const entries = recording.images ? [["bars", "Bars"], ["images", "Images"]] : [["bars", "Bars"]];
    const open = Boolean(recording.images) && this.panel === "images";
    this._tabs("panels", entries, open ? "images" : "bars", (panel) => {
      this.panel = panel;
      this.dirty = true; // the chart gets another width
      remember({ panel: panel === "bars" ? null : panel });
      this._draw();
    });
    this.part("title").hidden = entries.length > 1;
    this.part("bars").hidden = open;
    this.images.turn(open);
    root.classList.toggle("pictured", open);
    this.curves.guests = open ? recording.images.labels.length : 0;
  }

  // The line of an image in the chart: all others recede.
  _follow(image) {
    this.curves.follow(image);
    this.curves.emphasize(image ? IMAGE : this._chosenLine());
    if (this.player.recording) this._show(this.player.index);
  }

  // The time bar has the geometry of the plot above it: its thumb stands under the cursor.
  _timeline() {
    const { places } = this.recording;
    const time = this.part("time");
    time.min = places[0];
    time.max = Math.max(places.at(-1), places[0] + 0.01);
    const { area } = this.curves;
    if (!area || this.root.classList.contains("narrow")) return void this.root.style.removeProperty("--left");
    const [low, high] = [places[0], places.at(-1)].map(this.curves.pixel);
    this.root.style.setProperty("--left", `${Math.max(36 * textScale(), area.left + Math.max(0, low) - 8)}px`);
    this.root.style.setProperty("--width", `${Math.max(60, Math.min(high, area.width) - Math.max(0, low) + 16)}px`);
  }

  _show(index) {
    const { recording, root, shown, player } = this;
    if (!recording?.length || !shown) return;
    if (shown.name === "confusion") this.confusion.show(recording.at("confusion", index));
    else this.curves.show(index);
    this.bars.show(recording.at(recording.tables.bars ? "bars" : "guess_fraction", index));
    this.images.show(index, !player.playing);
    this._say(index);
  }

  // The moment in words, and on the player.
  _say(index) {
    const { recording, root, player } = this;
    // What is said of the last probe is not true of an earlier one.
    const early = index < player.last ? (recording.ended && !recording.lacks ? "In the end: " : "So far: ") : "";
    if (this.said !== early + recording.verdict) this.part("verdict").textContent = this.said = early + recording.verdict;
    const probe = Math.floor(index + 1e-6);
    const step = recording.steps[probe];
    const words = step ? `step ${step.toLocaleString("en")}` : "Init.";
    const time = this.part("time");
    time.value = recording.place(index);
    time.style.setProperty("--done", `${(100 * (time.value - time.min)) / (time.max - time.min)}%`);
    if (this.words !== words) {
      this.words = words;
      this.part("now").textContent = words;
      time.setAttribute("aria-valuetext", words);
    }
    if (this.wasPlaying !== player.playing) {
      this.wasPlaying = player.playing;
      const play = this.part("play");
      play.innerHTML = player.playing ? PAUSE : PLAY;
      play.setAttribute("aria-label", player.playing ? "Pause" : "Play");
      root.dataset.playing = String(player.playing);
    }
    this.part("live").setAttribute("aria-pressed", String(player.following));
    root.dataset.probe = probe;
  }

  _go(probe) {
    this.player.pause();
    this.player.go(probe);
  }

  // A row of tabs, of which one is chosen; the arrow keys move between them, as in any tab list.
  _tabs(place, entries, chosen, choose, state = "aria-selected") {
    const holder = this.part(place);
    const key = JSON.stringify([entries, chosen]);
    if (holder.dataset.key === key) return;
    const focused = holder.contains(document.activeElement);
    holder.dataset.key = key;
    holder.hidden = entries.length < 2;
    holder.replaceChildren(
      ...entries.map(([name, title]) => {
        const tab = document.createElement("button");
        tab.type = "button";
        tab.textContent = title;
        tab.dataset.name = name;
        if (state === "aria-selected") tab.setAttribute("role", "tab");
        tab.setAttribute(state, String(name === chosen));
        tab.tabIndex = name === chosen || state !== "aria-selected" ? 0 : -1;
        tab.addEventListener("click", (event) => {
          if (event.detail) tab.blur(); // a mouse leaves the keys to the player; a keyboard stays in the row
          choose(name);
        });
        return tab;
      }),
    );
    if (focused) holder.querySelector(`[${state}=true]`)?.focus();
    holder.onkeydown = (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by || state !== "aria-selected") return;
      const names = entries.map(([name]) => name);
      choose(names[(names.indexOf(chosen) + by + names.length) % names.length]);
      event.preventDefault();
      event.stopPropagation();
    };
  }

  _controls() {
    const { player, part } = this;
    part("play").addEventListener("click", () => player.toggle());
    part("time").addEventListener("input", (event) => {
      const index = this.recording.index(Number(event.target.value)); // pausing moves the bar to where it was
      this._go(Math.round(index));
    });
    part("live").addEventListener("click", () => {
      player.pause();
      player.go(player.last);
    });
    part("speed").append(...SPEEDS.map((speed) => new Option(`${speed}×`, speed, speed === 1, speed === 1)));
    part("speed").addEventListener("change", (event) => (player.speed = Number(event.target.value)));
    part("smooth").querySelector("input").addEventListener("change", (event) => {
      this.smooth = event.target.checked;
      this._draw();
    });
    this.keys = (event) => this._key(event);
    document.addEventListener("keydown", this.keys, true);
    this.projector = () => {
      this._fit();
      this._draw();
    };
    window.addEventListener("igbviz-projector", this.projector);
    this.observer = new ResizeObserver(() => this._resized());
    this.observer.observe(this.root);
    // In a frame the chart has the height that the rest leaves. A race has no chart yet: its lanes come with the runs.
    if (part("chart")) this.observer.observe(part("chart"));
  }

  _fit() {
    this.root.classList.toggle("narrow", this.root.clientWidth < NARROW);
    this.root.style.setProperty("--scale", textScale());
  }

  _resized() {
    this._fit();
    const shown = this.part(this.part("chart").hidden ? "matrix" : "chart");
    const size = `${shown.className} ${shown.clientWidth}x${shown.clientHeight}`;
    if (!this.data || size === this.size) return;
    this.size = size;
    this.dirty = true;
    this._draw();
  }

  // Space plays and pauses, arrows step by a probe: anywhere on the page, except where the key has a meaning already.
  _key(event) {
    if (!this.root.isConnected || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { target } = event;
    const time = target === this.part("time");
    const page = linkable && (target === document.body || target.id === "stMain"); // else the page is not ours
    const free = page || target === this.root || time;
    if (!free || (asked("presenter") === "1" && event.key !== " " && !time)) return; // there the arrows turn pages
    const act = { " ": () => this.player.toggle(), ArrowRight: () => this.player.step(1), ArrowLeft: () => this.player.step(-1) }[event.key];
    const jump = time && { Home: () => this._go(0), End: () => this._go(this.player.last) }[event.key];
    if (!act && !jump) return;
    (act || jump)();
    event.preventDefault();
    event.stopPropagation();
  }

  leave() {
    forget();
    this.share?.leave();
    this.player.playing = false;
    this.observer.disconnect();
    document.removeEventListener("keydown", this.keys, true);
    window.removeEventListener("igbviz-projector", this.projector);
  }
}
