// The confusion matrix at the cursor, as a table that a screen reader can read. Every row sums to 100 %. What is written
// in a cell, and its color, can be another matter: see matrix.js.

import { shades } from "./diverging.js";
import { widthOf } from "./text.js";
import { textScale } from "./theme.js";

export class Confusion {
  constructor(holder) {
    this.holder = holder;
  }

  get title() {
    return `<caption>Rows: true class. Columns: guess. Percent of the row.</caption>`;
  }

  // The text that has to fit into every cell.
  get widest() {
    return "100";
  }

  draw(recording, theme) {
    const { classes, id } = recording;
    const key = JSON.stringify([id, classes, theme, this.holder.clientWidth, textScale()]);
    if (key === this.drawn) return;
    this.drawn = key;
    const head = classes.map((name) => `<th scope="col"><span>${escaped(name)}</span></th>`).join("");
    const rows = classes.map((name) => `<tr><th scope="row">${escaped(name)}</th>${"<td></td>".repeat(classes.length)}</tr>`).join("");
    this.holder.innerHTML = `<table><colgroup><col><col span="${classes.length}"></colgroup>${this.title}<thead><tr><td></td>${head}</tr></thead><tbody>${rows}</tbody></table>`;
    this._fit(classes, theme);
    this.cells = [...this.holder.querySelectorAll("tbody td")];
    this.shade = this._shades(theme);
    this.now = [];
  }

  // The names of the rows get the room that they need, up to a third; those of narrow columns are turned.
  _fit(classes, theme) {
    const table = this.holder.firstChild;
    const width = this.holder.clientWidth;
    const font = `${getComputedStyle(table).fontSize} ${theme.font}`;
    const names = Math.min(Math.max(...classes.map((name) => widthOf(name, font))) + 12, width / 3);
    const column = Math.max((width - names) / classes.length, widthOf(this.widest, font) + 6);
    table.querySelector("col").style.width = `${names}px`;
    table.style.minWidth = `${names + column * classes.length}px`;
    const words = classes.flatMap((name) => name.split(/[ -]/));
    table.classList.toggle("turned", Math.max(...words.map((word) => widthOf(word, font))) > column - 2);
    return { column, font };
  }

  show(values) {
    values.forEach((value, k) => {
      const percent = Math.sign(value) * Math.round(100 * Math.abs(value)); // −0.105 as 0.105
      if (this.now[k] === percent || !this.cells[k]) return;
      this.now[k] = percent;
      this.cells[k].textContent = this._written(percent);
      Object.assign(this.cells[k].style, this.shade(percent));
    });
  }

  _written(percent) {
    return percent || "";
  }

  // A function from a percentage to the colors of its cell.
  _shades(theme) {
    const shade = shades(theme); // the half of it that goes from the color of the page to blue
    return (percent) => shade(-percent);
  }
}

const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
