// The colors of two runs, A and B, and of all between: from -1, where only B has something, over the color of the page,
// where both have as much, to 1. Orange and blue can be told apart by every eye. As in charts/confusion/difference.py.

import { luminance } from "./theme.js";

const LIGHT = { page: [255, 255, 255], a: [186, 84, 0], b: [36, 80, 190] };
const DARK = { page: [23, 22, 20], a: [255, 158, 70], b: [122, 160, 250] };

const css = (color) => `rgb(${color.join(", ")})`;

function mixed({ page, a, b }, value) {
  const part = Math.abs(value) ** 0.7; // small differences are to be seen, too
  return css(page.map((from, i) => Math.round(from + part * ((value > 0 ? a : b)[i] - from))));
}

// The colors of the lines of A and B.
export const ofRuns = (theme) => [theme.dark ? DARK : LIGHT].flatMap(({ a, b }) => [css(a), css(b)]);

// A background for every percentage from -100 to 100, and the better of black and white for the number on it.
export function shades(theme) {
  const known = Array.from({ length: 201 }, (_, k) => {
    const background = mixed(theme.dark ? DARK : LIGHT, (k - 100) / 100);
    return { background, color: luminance(background) > 0.18 ? "#000000" : "#ffffff" };
  });
  return (percent) => known[percent + 100];
}

// The scale as a CSS gradient.
export function gradient(theme) {
  const colors = Array.from({ length: 21 }, (_, k) => mixed(theme.dark ? DARK : LIGHT, k / 10 - 1));
  return `linear-gradient(90deg, ${colors.join(", ")})`;
}
