// The stage as a film: while it plays once from Init. to the end, every frame is painted on a canvas, which the
// browser records. Plotly's axes and lines are one picture; what moves is read from the page, so the film shows what is
// seen.

import { paintBars, paintDrawing, paintText } from "./paint.js";
import { themeOf } from "./theme.js";

// The best first: mp4 opens everywhere.
const TYPES = ["video/mp4;codecs=avc1.640028", "video/mp4", "video/webm;codecs=vp9", "video/webm"];
const PASS = 8; // seconds from Init. to the end
const REST = 2; // seconds at the end
const WIDTH = 1600; // pixels, about
const MARGIN = 12; // pixels of the window, around the stage
const BITS = 5_000_000; // a second

// What this browser can record; undefined where it cannot.
export const filmType = () =>
  "MediaRecorder" in window && "captureStream" in HTMLCanvasElement.prototype
    ? TYPES.find((type) => MediaRecorder.isTypeSupported(type))
    : undefined;

export class Film {
  constructor(stage, holder) {
    this.stage = stage;
    this.shown = holder.appendChild(document.createElement("div"));
    this.shown.className = "recording";
    this.shown.innerHTML = `<span>Recording</span><progress max="1" value="0" aria-label="Recording"></progress>
      <button type="button">Stop</button>`;
    this.shown.querySelector("button").addEventListener("click", () => this.stop());
  }

  // The film, as a blob. Stopped early, it holds what was recorded until then.
  async record() {
    const { stage } = this;
    const before = stage.player.index;
    stage.player.pause();
    stage.root.classList.add("filming"); // the pointer highlights nothing
    stage.curves.emphasize(stage._chosenLine());
    try {
      await this._prepare();
      const parts = [];
      const options = { mimeType: filmType(), videoBitsPerSecond: BITS };
      const recorder = new MediaRecorder(this.canvas.captureStream(), options);
      recorder.ondataavailable = ({ data }) => parts.push(data);
      const ended = new Promise((done, failed) => {
        recorder.onstop = done;
        recorder.onerror = ({ error }) => failed(error);
      });
      recorder.start();
      await this._play();
      recorder.stop();
      await ended;
      return new Blob(parts, { type: recorder.mimeType });
    } finally {
      this.shown.remove();
      stage.root.classList.remove("filming");
      stage.player.go(before, { keep: true });
    }
  }

  stop() {
    this.stopped = true;
  }

  // The canvas, and the picture of what stands still.
  async _prepare() {
    const { part, root, curves } = this.stage;
    const box = part("verdict").getBoundingClientRect();
    const bottom = Math.max(...["player", "side"].map((name) => part(name).getBoundingClientRect().bottom));
    this.theme = themeOf(root);
    this.scale = WIDTH / (box.width + 2 * MARGIN);
    this.canvas = document.createElement("canvas");
    const even = (length) => 2 * Math.round((length * this.scale) / 2); // as some codecs demand
    const sides = { width: box.width + 2 * MARGIN, height: bottom - box.top + 2 * MARGIN };
    Object.assign(this.canvas, { width: even(sides.width), height: even(sides.height) });
    this.context = this.canvas.getContext("2d");
    const { plot } = curves;
    const size = { width: plot.clientWidth, height: plot.clientHeight, scale: this.scale };
    this.still = new Image();
    this.still.src = await window.Plotly.toImage({ data: plot.data, layout: plot.layout }, { format: "png", ...size });
    await this.still.decode();
    this._paint();
  }

  _play() {
    const { player, recording, root } = this.stage;
    const { places, length } = recording;
    const progress = this.shown.querySelector("progress");
    let seconds = 0;
    let last = null;
    return new Promise((done) => {
      const frame = (now) => {
        if (this.stopped || !root.isConnected || seconds > PASS + REST) return void done();
        seconds += Math.min(Math.max(now - (last ?? now), 0) / 1000, 0.5); // a hidden tab stands still
        last = now;
        const place = places[0] + Math.min(1, seconds / PASS) * (places.at(-1) - places[0]);
        player.go(Math.min(recording.index(place), length - 1), { keep: true });
        this._paint();
        progress.value = seconds / (PASS + REST);
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
  }

  _paint() {
    const { context, theme, scale, canvas, stage } = this;
    const { part, curves, data, run, shown } = stage;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = theme.background;
    context.fillRect(0, 0, canvas.width, canvas.height);
    const { left, top } = part("verdict").getBoundingClientRect();
    context.setTransform(scale, 0, 0, scale, (MARGIN - left) * scale, (MARGIN - top) * scale); // pixels of the window
    paintText(context, part("verdict"));
    const { title } = data.scenes.find((scene) => scene.run === run);
    paintText(context, part("options"), `${title} · ${shown.title}`);
    const { x, y, width, height } = curves.plot.getBoundingClientRect();
    context.drawImage(this.still, x, y, width, height);
    paintDrawing(context, curves.over);
    paintText(context, part("side").querySelector(".title"));
    paintBars(context, part("bars"));
    paintText(context, part("now"));
  }
}
