// A race: several runs below each other, on one time axis, with one cursor and one player. It is a stage with as many
// charts as runs; what the stage does with a single recording, it does here with the clock of all of them. In the view
// of confusion, two of the runs are compared cell by cell in place of the lanes.

import { Clock } from "./clock.js";
import { CAPTION, Difference } from "./difference.js";
import { Lane } from "./lane.js";
import { remember } from "./address.js";
import Stage, { recordings } from "./stage.js";
import { textScale, themeOf } from "./theme.js";

const [ABOVE, BELOW] = [20, 34]; // pixels for the name of a mark, and for the time axis; as in lanes.css

const TEMPLATE = `
  <p class="verdict" aria-live="polite"></p>
  <div class="options">
    <div class="views" role="tablist" aria-label="Views"></div>
    <div class="units" role="group" aria-label="Time in"></div>
    <label class="smooth"><input type="checkbox"> Smooth</label>
  </div>
  <div class="lanes"></div>
  <div class="difference" hidden></div>
  <div class="player">
    <button type="button" class="play" aria-label="Play"></button>
    <input type="range" class="time" step="any" aria-label="Time">
    <output class="now"></output>
    <div class="pace">
      <select class="speed" aria-label="Speed"></select>
      <button type="button" class="live" hidden>Live</button>
    </div>
  </div>
  <p class="caption"></p>`;

export default class Lanes extends Stage {
  get template() {
    return TEMPLATE;
  }

  _build() {
    this.root.setAttribute("aria-label", "Race");
    this.clock = new Clock();
    this.lanes = new Map(); // by run
    this.difference = null; // made when its view is opened
  }

  get recording() {
    return this.clock;
  }

  // What Python sends: as for the stage, and {sentence, notYet}: the verdict over all, and what is said of a run before
  // it leaves its first guess. Each scene also has {brief, left, waits}; without a probe it has no message. `confusion`
  // says that no other view is offered.
  update(data) {
    this.dirty ||= data.sentence !== this.data?.sentence;
    if (data.confusion && !this.data) { // the room that it needs, before it is drawn
      this.root.classList.add("only");
      [this.part("lanes").hidden, this.part("difference").hidden] = [true, false];
    }
    return super.update(data);
  }

  async _once(Plotly) {
    const { root, data, clock } = this;
    this._line(data.scenes);
    const running = [...this.lanes.values()].filter((lane) => lane.recording?.length);
    root.dataset.started = running.length;
    if (running.length < (data.confusion ? 2 : 1)) return void (this.part("verdict").textContent = data.sentence);
    const theme = themeOf(root);
    const look = JSON.stringify([theme, this.view, this.unit, this.smooth, document.documentElement.className]);
    if (!this.dirty && look === this.look) return;
    if (look !== this.look) running.forEach((lane) => (lane.drawn = null));
    Object.assign(this, { dirty: false, look });
    clock.follow(running.map((lane) => lane.recording), data.sentence, running.length < data.scenes.length);

    const [{ recording: first }] = running;
    const views = first.views.filter(({ name }) => (name === "confusion" ? running.length > 1 : !data.confusion));
    const view = views.find(({ name }) => name === this.view) ?? views[0];
    this._tabs("views", views.map(({ name, tab }) => [name, tab]), view.name, (name) => {
      this.view = name;
      remember({ shown: name === views[0].name ? null : name });
      this._draw();
    });
    // Epochs are one axis only where all runs have the same number of batches in one.
    const perEpoch = new Set(running.map(({ recording }) => recording.steps_per_epoch));
    const alike = perEpoch.size === 1 && running.every(({ recording }) => "epoch" in recording.axes);
    const unit = alike ? this.unit : "step";
    this._tabs("units", alike ? [["epoch", "Epochs"], ["step", "Steps"]] : [["step", "Steps"]], unit, (other) => {
      this.unit = other;
      remember({ time: other === "epoch" ? null : other });
      this._draw();
    }, "aria-pressed");
    const confused = view.name === "confusion";
    this.part("caption").textContent = confused ? CAPTION : view.caption;
    this.part("lanes").hidden = confused;
    this.part("difference").hidden = !confused;
    this.part("smooth").style.visibility = confused ? "hidden" : "visible";

    const colors = (color, { dark, text }) => (color ? (dark ? data.palette[color] : color) : text);
    const ofLane = (lane) => lane.recording.views.find(({ name }) => name === view.name);
    const axis = running.map(({ recording }) => recording.axes[unit]).sort((a, b) => b.range[1] - a.range[1])[0];
    if (confused) {
      this.difference ??= new Difference(this.part("difference"), () => this._redraw());
      this.difference.draw([...this.lanes.values()], axis, theme);
    } else await this._drawLanes(Plotly, running, { view, unit, axis, colors, ofLane });
    this.shown = view;
    // The player's bar stands below its plot; all lanes have the same edges.
    this.curves = confused ? this.difference.curve : running[0].curves;
    this._timeline();
    if (this.moment !== null) this.player.take(clock.nearest(Number(this.moment)));
    this.moment = null;
    this.player.load(clock, { play: data.play, fresh: this.fresh });
    this.fresh = false;
    this.part("live").hidden = clock.ended;
    Object.assign(root.dataset, { ready: "", probes: clock.length, view: view.name, ended: clock.ended });
  }

  async _drawLanes(Plotly, running, { view, unit, axis, colors, ofLane }) {
    const room = Math.max(...running.map((lane) => lane.curves.measure(lane.recording, ofLane(lane))));
    const [top, lowest] = [running[0], running.at(-1)];
    for (const lane of this.lanes.values()) {
      lane.root.classList.toggle("top", lane === top);
      lane.root.classList.toggle("lowest", lane === lowest);
    }
    const rows = Math.max(...running.map(({ recording }) => (axis.first_epoch !== null) + (recording.marks.length > 0)));
    this.root.style.setProperty("--rows", rows);
    for (const lane of running) {
      const above = lane === top ? rows * ABOVE * textScale() : 0;
      const below = lane === lowest ? BELOW * textScale() : 0;
      await lane.draw(Plotly, colors, { view: ofLane(lane), unit, smooth: this.smooth, axis, room, above, below });
    }
  }

  _redraw() {
    this.dirty = true;
    this._draw();
  }

  // One lane for each run, in the order that Python says.
  _line(scenes) {
    const holder = this.part("lanes");
    this.root.style.setProperty("--count", scenes.length);
    for (const scene of scenes) {
      if (!this.lanes.has(scene.run)) {
        const lane = new Lane(holder, {
          onPoint: (line) => this._point(line),
          onClick: (probe) => this._go(Math.round(this.clock.index(lane.recording.places[probe]))),
          onZoom: () => {},
        });
        this.lanes.set(scene.run, lane);
      }
      const lane = this.lanes.get(scene.run);
      lane.recording = recordings.get(scene.run);
      lane.name(scene);
    }
  }

  // A class stands out in all lanes.
  _point(line) {
    for (const { curves, recording } of this.lanes.values()) if (recording?.length && curves.dots) curves.emphasize(line);
    this._show(this.player.index);
  }

  _show(index) {
    const { clock, data, player, lanes } = this;
    if (!clock.length || !this.shown) return;
    const place = clock.place(index);
    if (this.shown.name === "confusion") {
      this.difference.show(place);
      return void this._say(index);
    }
    for (const lane of lanes.values()) if (lane.drawn) lane.show(place, index >= player.last, data.notYet);
    this._say(index);
  }

  _resized() {
    this._fit();
    const size = [...this.root.querySelectorAll(".chart")].map((chart) => `${chart.clientWidth}x${chart.clientHeight}`).join();
    if (!this.data || size === this.size) return;
    this.size = size;
    for (const lane of this.lanes.values()) lane.drawn = null;
    this._redraw();
  }
}
