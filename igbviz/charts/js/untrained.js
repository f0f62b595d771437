// The untrained network beside the form, where the stage will stand: its logits as curves, its guesses as bars.
// Python says which preview; its picture is fetched, and until it comes the one before stays, faded. So nothing
// flickers while somebody slides, and one curve turns into the next.

import { Bars } from "./bars.js";
import { set, svg } from "./svg.js";
import { starred } from "./text.js";
import { textScale, themeOf } from "./theme.js";

const PLACE = new URL("../../../previews/", import.meta.url); // beside assets/<version>/js/
const NARROW = 640; // pixels, as on the stage
const FADE_AFTER = 120; // milliseconds: a picture that comes sooner replaces the old one at once
const SAY_AFTER = 1000; // from here on the old sentence gives way, too
const TRIES = 15; // requests of several seconds each
const WAITING = "Looking at the untrained network …";
const GIVEN_UP = "No look at the untrained network now: the worker is busy. Change a setting to try again.";
const TEMPLATE = `
  <p class="verdict" aria-live="polite"></p>
  <div class="options"><span class="what"></span><button type="button" class="close" aria-label="Close">×</button></div>
  <div class="chart" role="img">
    <svg class="over" aria-hidden="true"><g class="axis"></g><g class="curves"></g></svg>
  </div>
  <div class="side"><p class="title">What it guesses</p><div class="bars"></div></div>
  <div class="player"></div>
  <p class="caption"></p>`;

export default class Untrained {
  constructor(root) {
    this.root = root;
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", "The untrained network");
    root.innerHTML = TEMPLATE;
    this.part = (name) => root.querySelector(`.${name}`);
    this.bars = new Bars(this.part("bars"), { onPoint: (k) => this._emphasize(k) });
    root.classList.toggle("narrow", (root.clientWidth || innerWidth) < NARROW); // before anything is painted
    this.part("verdict").textContent = WAITING;
    this.part("close").addEventListener("click", () => root.classList.add("closed")); // until the next choice
    this.observer = new ResizeObserver(() => this._draw());
    this.observer.observe(root);
    this.projector = () => this._draw();
    window.addEventListener("igbviz-projector", this.projector);
  }

  // What Python sends: {key, palette, name}. Streamlit calls this at a change of the theme, too.
  async update(data) {
    this.data = data;
    this.root.classList.toggle("small", data.name.includes("small"));
    if (data.key === this.key) return this._draw();
    this.key = data.key;
    this.root.classList.remove("closed");
    this.request?.abort(); // the choice before is of no interest now
    const request = (this.request = new AbortController());
    clearTimeout(this.fade);
    clearTimeout(this.say);
    this.fade = setTimeout(() => this.root.classList.add("waiting"), FADE_AFTER);
    this.say = setTimeout(() => this._say(WAITING), SAY_AFTER);
    try {
      const scene = await fetched(data.key, request.signal);
      if (request !== this.request) return;
      this.scene = scene ?? { problem: GIVEN_UP };
      this._draw();
      this.root.dataset.ready = data.key;
    } catch (error) {
      if (error.name === "AbortError" || request !== this.request) return;
      this.scene = { problem: `The untrained network cannot be shown: ${error.message}` };
      this._draw();
    } finally {
      if (request === this.request) this._stopWaiting();
    }
  }

  _stopWaiting() {
    clearTimeout(this.fade);
    clearTimeout(this.say);
    this.root.classList.remove("waiting");
  }

  _say(text) {
    if (this.part("verdict").textContent !== text) this.part("verdict").textContent = text;
  }

  _draw() {
    const { root, scene } = this;
    root.classList.toggle("narrow", root.clientWidth < NARROW);
    root.style.setProperty("--scale", textScale());
    if (!scene || !root.clientWidth) return;
    root.classList.toggle("empty", Boolean(scene.problem));
    this._say(scene.problem ?? scene.sentence);
    if (scene.problem) return;
    const theme = themeOf(root);
    const colors = (color, { dark, text }) => (color ? (dark ? this.data.palette[color] : color) : text);
    this.bars.draw({ bars: scene.bars, classes: { length: scene.classes } }, colors, theme);
    this.bars.show(scene.values);
    const drawn = `${scene.title} · ${scene.images.toLocaleString("en")} images`;
    this.part("what").textContent = root.classList.contains("small") ? "Your new settings" : drawn;
    this.part("caption").textContent = scene.caption;
    this.part("chart").setAttribute("aria-label", `${scene.title}. ${scene.sentence}`);
    this._curves(scene, (color) => colors(color, theme), theme);
  }

  _curves({ curves, bars, ticks, axis }, colored, theme) {
    const { clientWidth: width, clientHeight: height } = this.part("chart");
    const tight = this.root.classList.contains("small");
    const size = 13 * textScale(); // of text
    const [left, right, top, bottom] = [12, width - 12, 1.7 * size, height - (tight ? 4 : 3.4 * size)];
    const across = (x) => left + x * (right - left);
    const up = (y) => bottom - y * (bottom - top);
    const groups = this._groups(curves.length);
    curves.forEach(({ points, centre, color, strong }, k) => {
      const [area, mean, who] = groups[k].children;
      const paint = colored(color);
      const outline = points.map(([x, y]) => `${across(x).toFixed(1)} ${up(y).toFixed(1)}`).join("L");
      const [opacity, thickness] = strong ? [0.25, 3.5] : [0.08, 1.5];
      set(area, { d: `M${outline}`, fill: paint, stroke: paint, "fill-opacity": opacity, "stroke-width": thickness });
      const peak = strong ? top : up(Math.max(...points.map(([, y]) => y)));
      set(mean, { x1: 0, x2: 0, y1: bottom, y2: peak, stroke: paint, "stroke-width": thickness });
      const x = across(centre);
      mean.style.transform = who.style.transform = `translateX(${x.toFixed(1)}px)`;
      const anchor = x > width - 70 ? "end" : x < 70 ? "start" : "middle";
      set(who, { y: top - size / 2, fill: paint, "text-anchor": anchor, "font-size": 1.1 * size, "font-weight": 700 });
      who.textContent = strong ? starred(bars[k]) : "";
    });
    const holder = this.part("axis");
    holder.replaceChildren();
    svg("line", { x1: left, x2: right, y1: bottom, y2: bottom, stroke: theme.border }, holder);
    if (tight) return;
    for (const [x, label, row] of [...ticks.map((tick) => [...tick, 1.4]), [0.5, axis, 2.8]]) {
      const place = { x: across(x), y: bottom + row * size, "text-anchor": "middle", "font-size": size };
      svg("text", { ...place, fill: theme.text }, holder).textContent = label;
    }
  }

  // One group of elements a class, kept from network to network.
  _groups(count) {
    const holder = this.part("curves");
    while (holder.childElementCount > count) holder.lastElementChild.remove();
    while (holder.childElementCount < count) {
      const group = svg("g", {}, holder);
      svg("path", { class: "area" }, group);
      svg("line", { class: "mean" }, group);
      svg("text", { class: "who" }, group);
    }
    return holder.children;
  }

  // A class that is pointed at among the bars stands out among the curves.
  _emphasize(k) {
    [...this.part("curves").children].forEach((group, i) => (group.style.opacity = k === null || k === i ? 1 : 0.2));
  }

  leave() {
    this.request?.abort();
    this._stopWaiting();
    this.observer.disconnect();
    window.removeEventListener("igbviz-projector", this.projector);
  }
}

// The picture, as soon as a worker has answered; null when nobody answers.
async function fetched(key, signal) {
  for (let tries = 0; tries < TRIES; tries++) {
    const answer = await fetch(new URL(key, PLACE), { signal });
    if (answer.status === 200) return answer.json();
    if (answer.status !== 202) throw new Error(`the server said ${answer.status}`);
  }
  return null;
}
