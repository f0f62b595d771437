// One of the matrices of two runs: that of A, that of B, or A − B. All have fractions of the images of a class in
// their cells, as numbers where there is room, and otherwise for screen readers alone.

import { Confusion } from "./confusion.js";
import { shades } from "./diverging.js";
import { widthOf } from "./text.js";
import { textScale } from "./theme.js";

export class Matrix extends Confusion {
  // `sign`: the side of the color scale on which the values are, 1 for those of A, -1 for those of B, 0 for both.
  constructor(holder, sign) {
    super(holder);
    this.sign = sign;
  }

  get title() {
    return ""; // it stands above the table, in difference.js
  }

  get widest() {
    return ""; // numbers are left out where they do not fit
  }

  _fit(classes, theme) {
    const { column, font } = super._fit(classes, theme);
    const has = (text) => widthOf(this.sign ? text : `−${text}`, font) <= column - 4;
    this.full = has("0.00");
    const { classList } = this.holder.firstChild;
    classList.toggle("bare", !has(".00"));
    classList.toggle("tight", column < 11 * textScale()); // the columns of A − B are wider, in the same order
  }

  _written(percent) {
    if (!percent) return "";
    const text = (Math.abs(percent) / 100).toFixed(2);
    return (percent < 0 ? "−" : "") + (this.full ? text : text.replace(/^0|\.00$/, ""));
  }

  _shades(theme) {
    const shade = shades(theme);
    return (percent) => shade((this.sign || 1) * percent);
  }
}
