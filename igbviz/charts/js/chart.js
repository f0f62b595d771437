// A live chart: drawn when it comes, and again in place when the figure, the theme, the room or the view changes, so that
// the viewer's zoom and hidden classes stay. Python sends it with igbviz/ui/live_chart.py.

import { configuration } from "./download.js";
import { figureOf } from "./figure.js";
import { link } from "./linked.js";
import { dressed } from "./look.js";
import { loadPlotly } from "./plotly.js";
import { textScale, themeOf } from "./theme.js";

export default class Chart {
  constructor(node, tell) {
    this.node = node;
    this.tell = tell; // tell(name, value) sends something to Python
    this.again = () => this.show();
  }

  // What Python sends: {figure, height, clicks, plotly, palette}; `figure` is JSON. Without one, plotly.js is only loaded.
  update(data) {
    if (!data.figure) return void loadPlotly(data.plotly).catch(console.error);
    this.data = data;
    this.node.setAttribute("role", "figure");
    this.show();
  }

  // Draw the chart if anything that it depends on has changed.
  show() {
    const { node, data } = this;
    const scale = textScale();
    node.style.height = `${data.height * scale}px`;
    this.wanted = JSON.stringify([data.height, node.clientWidth, scale, themeOf(node)]) + data.figure;
    this._draw();
  }

  async _draw() {
    if (this.busy) return; // the running call draws the newest figure before it ends
    this.busy = true;
    try {
      const Plotly = await loadPlotly(this.data.plotly);
      while (!this.left && this.wanted !== this.drawn) {
        if (this.node._dragging) await later(100); // do not redraw while the viewer drags a zoom box
        else await this._once(Plotly);
      }
    } catch (error) {
      console.error(error);
      if (!this.drawn) this.node.textContent = `The chart cannot be drawn: ${error.message}`;
    } finally {
      this.busy = false;
    }
  }

  async _once(Plotly) {
    const { node, data, wanted } = this;
    const [theme, scale] = [themeOf(node), textScale()];
    const figure = figureOf(data.figure, { palette: data.palette, dark: theme.dark, scale });
    const { data: traces, layout } = dressed(figure, theme, node.clientWidth, data.height * scale);
    await Plotly.react(node, traces, layout, configuration(Plotly));
    if (this.left) return;
    if (!this.drawn) this._listen();
    this.drawn = wanted;
    node.setAttribute("aria-label", layout.meta?.words ?? layout.title?.text ?? "chart");
    Object.assign(node.dataset, {
      points: Math.max(0, ...node._fullData.map((trace) => trace.x?.length ?? 0)),
      step: layout.meta?.step ?? "",
      draws: Number(node.dataset.draws ?? 0) + 1,
    });
  }

  _listen() {
    const { node } = this;
    this.observer = new ResizeObserver(() => node.clientWidth && this.show());
    this.observer.observe(node);
    window.addEventListener("igbviz-projector", this.again);
    link(node);
    node.on("plotly_click", ({ points: [{ x, y, data, pointIndex }] }) => {
      if (this.data.clicks) this.tell("clicked", { x, y, name: data.name ?? "", point: pointIndex });
    });
  }

  leave() {
    this.left = true;
    this.observer?.disconnect();
    window.removeEventListener("igbviz-projector", this.again);
    window.Plotly?.purge(this.node);
  }
}

const later = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
