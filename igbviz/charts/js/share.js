// The menu "Share" of the stage: its picture as PNG, SVG, GIF or film, and a link to it. A menu as any other: arrows
// move, Escape closes it, and the keyboard returns to its button.

import { linkWith, linkable } from "./address.js";
import { Film, filmType } from "./film.js";
import { showLink } from "./link.js";
import { download } from "./picture.js";
import { styled } from "./styles.js";

styled("share");

// Where our server makes GIFs and codes; null on a page of a script that runs without it.
const server = import.meta.url.includes("/assets/") ? new URL("../../../share/", import.meta.url) : null;
const NOTE = 6000; // milliseconds for which a sentence stays

export class Share {
  constructor(holder, stage) {
    Object.assign(this, { holder, stage });
    holder.innerHTML = `<button type="button" class="open" aria-haspopup="menu" aria-expanded="false">Share</button>
      <div class="menu" role="menu" aria-label="Share" hidden></div><p class="note" role="status" hidden></p>`;
    [this.button, this.menu, this.note] = holder.children;
    this.items = [
      ...(linkable ? [this._item("Link", () => this._link())] : []),
      this._item("PNG", () => this._picture("png"), true),
      this._item("SVG", () => this._picture("svg"), true),
      ...(server ? [this._item("GIF", () => this._gif(), true)] : []),
      ...(filmType() ? [this._item("Film", () => this._film(), true)] : []),
    ];
    this.menu.append(...this.items);
    this.offer(false); // until there is a picture
    this.button.addEventListener("click", () => this._open(this.menu.hidden));
    holder.addEventListener("keydown", (event) => this._key(event));
    holder.addEventListener("focusout", ({ relatedTarget }) => {
      if (!holder.contains(relatedTarget)) this._open(false);
    });
  }

  // A table of numbers has no picture, but a link.
  offer(isChart) {
    for (const item of this.items) item.hidden = item.dataset.chart === "true" && !isChart;
  }

  leave() {
    this.film?.stop();
  }

  _item(title, act, ofChart = false) {
    const item = document.createElement("button");
    Object.assign(item, { type: "button", role: "menuitem", tabIndex: -1, textContent: title });
    item.dataset.chart = ofChart;
    item.addEventListener("click", () => {
      this._open(false);
      this.button.focus({ preventScroll: true });
      act();
    });
    return item;
  }

  _open(open) {
    this.menu.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
  }

  _key(event) {
    const shown = this.items.filter((item) => !item.hidden);
    const at = shown.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? -1 : at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Escape" && !this.menu.hidden) {
      this._open(false);
      this.button.focus();
    } else if (to !== undefined && (at >= 0 || document.activeElement === this.button)) {
      this._open(true);
      shown.at(to % shown.length).focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  _say(sentence, lasting = false) {
    clearTimeout(this.timer);
    this.note.textContent = sentence;
    this.note.hidden = !sentence;
    if (sentence && !lasting) this.timer = setTimeout(() => this._say(""), NOTE);
  }

  // Exactly this view: the run, the moment, what is shown, in which unit.
  _link() {
    const { stage } = this;
    const { recording, shown, player } = stage;
    const [first] = stage.data.scenes;
    const choices = {
      on: stage.run === first.run ? null : stage.run,
      shown: shown && shown !== recording.views[0] ? shown.name : null,
      time: stage.unit === "epoch" ? null : stage.unit,
      at: recording?.length ? recording.steps[Math.floor(player.index + 1e-6)] : null,
    };
    const link = linkWith(choices);
    const code = server && new URL(`qr.svg?link=${encodeURIComponent(link)}`, server).href;
    showLink(stage.root, { link, frame: linkWith(choices, { embed: true }), code, back: this.button });
  }

  _picture(format) {
    if (this.stage.curves.ends) download(window.Plotly, this.stage.curves, format);
  }

  async _gif() {
    const { run, shown, unit, curves } = this.stage;
    const query = new URLSearchParams({ view: shown.name, unit, dark: curves.theme.dark });
    this._say("Making the GIF. This takes a few seconds.", true);
    try {
      const answer = await fetch(new URL(`${run}.gif?${query}`, server));
      if (!answer.ok) return this._say(await answer.text());
      saved(await answer.blob(), `${run}-${shown.name}.gif`);
      this._say("The GIF is among your downloads.");
    } catch (error) {
      this._say(`The GIF did not arrive: ${error.message}`);
    }
  }

  async _film() {
    if (this.film) return;
    const { stage } = this;
    this._say("");
    this.film = new Film(stage, this.holder);
    try {
      const film = await this.film.record();
      if (film.size) saved(film, `${stage.run}-${stage.shown.name}.${film.type.includes("mp4") ? "mp4" : "webm"}`);
      this._say(film.size ? "The film is among your downloads." : "Nothing was recorded.");
    } catch (error) {
      this._say(`The film cannot be recorded: ${error.message}`);
    } finally {
      this.film = null;
    }
  }
}

function saved(blob, name) {
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
