// One run of a race: who runs and how it stands, and beside that its chart. A strip shows all its guesses at once: one
// color while the network has one answer for everything.

import { Curves } from "./curves.js";
import { starred } from "./text.js";

const TEMPLATE = `
  <div class="runner">
    <p class="name"></p>
    <p class="fate"></p>
    <div class="strip" aria-hidden="true"></div>
    <p class="standing"></p>
  </div>
  <div class="chart" role="img"></div>`;

export class Lane {
  constructor(holder, handlers) {
    this.root = holder.appendChild(document.createElement("section"));
    this.root.className = "lane";
    this.root.innerHTML = TEMPLATE;
    this.part = (name) => this.root.querySelector(`.${name}`);
    this.curves = new Curves(this.part("chart"), handlers);
  }

  // What Python says of the run: {run, title, brief, left, waits}. `left`: the step at which it left its first guess.
  name(scene) {
    this.scene = scene;
    this.root.setAttribute("aria-label", scene.title);
    this.part("name").textContent = scene.title;
    this.part("name").title = scene.title; // it may be cut
    if (!this.recording?.length) this._tell(scene.waits);
  }

  async draw(Plotly, colors, { view, unit, smooth, ...lane }) {
    const { recording, curves, scene } = this;
    const key = JSON.stringify([view.name, unit, smooth, lane, recording.length, recording.steps.at(-1), recording.ended]);
    if (key === this.drawn) return;
    await curves.draw(Plotly, recording, view, unit, colors, smooth, lane);
    this.drawn = key;
    this.part("chart").setAttribute("aria-label", `${scene.title}: ${view.title}. ${recording.verdict}`);
    this.part("strip").replaceChildren(
      ...recording.bars.map((bar) => {
        const piece = document.createElement("i");
        piece.style.background = colors(bar.color, curves.theme);
        return piece;
      }),
    );
  }

  // At this place in time; `over`: there is nothing later to see.
  show(place, over, notYet) {
    const { recording, scene } = this;
    const index = recording.index(place);
    this.curves.show(index, place);
    const guesses = recording.at(recording.tables.bars ? "bars" : "guess_fraction", index);
    [...this.part("strip").children].forEach((piece, k) => (piece.style.flexGrow = guesses[k]));
    const step = recording.steps[Math.floor(index + 1e-6)];
    const hasLeft = scene.left !== null && step >= scene.left;
    this._tell(over || hasLeft ? scene.brief : notYet, hasLeft);
    const top = guesses.indexOf(Math.max(...guesses));
    this.part("standing").textContent = `${Math.round(100 * guesses[top])} % of its guesses: ${starred(recording.bars[top])}`;
  }

  _tell(words, hasLeft = false) {
    if (this.told === words) return;
    this.told = words;
    this.part("fate").textContent = words;
    this.root.classList.toggle("left", hasLeft);
  }
}
