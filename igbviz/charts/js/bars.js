// How the guesses are spread over the classes at the cursor: one row a class, turned so that the name has room. A row is
// a button: pointing at it or choosing it makes its line stand out, by keyboard, too.

import { cutOut } from "./images.js";
import { textScale } from "./theme.js";
import { starred, widthOf } from "./text.js";

const ONE_LINE = 10; // so many rows have room for names in two lines

export class Bars {
  constructor(holder, { onPoint }) {
    this.holder = holder;
    this.onPoint = onPoint;
  }

  draw(recording, colors, theme) {
    const { bars, classes, images } = recording;
    const { stacked, side } = this._places(bars.length);
    this.key = JSON.stringify([bars, theme, images?.labels, stacked, side, textScale()]);
    if (this.key === this.drawn) return;
    this.drawn = this.key;
    const seen = Boolean(images) && bars.some(({ thumbnail }) => thumbnail !== undefined);
    this.holder.replaceChildren(
      ...bars.map((bar, k) => {
        const row = document.createElement("button");
        row.type = "button";
        row.className = "row";
        row.setAttribute("aria-pressed", "false");
        row.innerHTML = `<span class="who"></span><span class="track"><i></i></span><span class="value"></span>`;
        row.querySelector(".who").textContent = starred(bar);
        row.title = bar.name;
        row.querySelector(".who").style.fontWeight = bar.strong ? 700 : 400;
        row.querySelector("i").style.background = colors(bar.color, theme);
        row.style.setProperty("--chance", `${100 / classes.length}%`);
        if (seen) row.prepend(picture(images, bar.thumbnail, side));
        const line = bars.length === classes.length ? k : null;
        row.addEventListener("pointerenter", () => this.onPoint(line));
        row.addEventListener("pointerleave", () => this.onPoint(null));
        row.addEventListener("focus", () => row.matches(":focus-visible") && this.onPoint(line));
        row.addEventListener("blur", () => this.onPoint(null));
        row.addEventListener("click", () => this._choose(k, line));
        return row;
      }),
    );
    const looks = { seen, stacked: seen && stacked, many: bars.length > ONE_LINE };
    for (const [look, is] of Object.entries(looks)) this.holder.classList.toggle(look, is);
    const { fontSize } = getComputedStyle(this.holder.firstElementChild ?? this.holder);
    const widths = bars.map((bar) => widthOf(starred(bar), `${bar.strong ? 700 : 400} ${fontSize} ${theme.font}`));
    this.holder.style.setProperty("--who", `${Math.ceil(Math.max(0, ...widths)) + 2}px`);
    this.parts = [...this.holder.children].map((row) => [row.querySelector("i"), row.querySelector(".value")]);
  }

  // Whether a row beside an image is high enough for its name above its bar, and the pixels of the image.
  _places(rows) {
    const narrow = this.holder.closest(".narrow") !== null;
    const high = this.holder.clientHeight / rows / textScale();
    const stacked = !narrow && high >= (rows > ONE_LINE ? 24 : 28);
    const side = stacked ? Math.min(44, high - 5) : narrow ? 22 : Math.max(12, Math.min(22, high - 2));
    return { stacked, side: Math.floor(side * textScale()) };
  }

  // A chosen class stays emphasized until it is chosen again.
  _choose(k, line) {
    this.onPoint(line, { chosen: this.chosen === k ? null : k });
  }

  mark(chosen) {
    this.chosen = chosen ?? null;
    [...this.holder.children].forEach((row, k) => row.setAttribute("aria-pressed", String(k === this.chosen)));
  }

  show(values) {
    values.forEach((value, k) => {
      const [bar, text] = this.parts[k] ?? [];
      if (!bar) return;
      bar.style.transform = `scaleX(${value})`;
      text.textContent = `${Math.round(100 * value)} %`;
    });
  }
}

// An image of the class, so that the name means something; for all other classes together an empty place.
function picture(images, image, side) {
  const thumb = document.createElement("span");
  thumb.className = "thumb";
  if (image === undefined) thumb.style.width = `${side}px`;
  else cutOut(thumb, images, image, side);
  return thumb;
}
