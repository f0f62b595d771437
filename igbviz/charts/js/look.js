// What a figure gets from the page where it stands: the colors and the font of the theme, and texts that have room.

import { clearOfToolbar, roomyTicks, roomyValues, staggered } from "./room.js";

// On a phone the rows of a legend would take the room of the plot, where the lines have their names at their ends.
const NARROW = 480;

// The figure for a theme, a width and a height in pixels; width 0 while it is hidden.
export function dressed({ data, layout }, theme, width, height) {
  const looks = { ...themed(layout, theme), height };
  if (!width) return { data, layout: { ...looks, autosize: true } }; // drawn again when it gets its width
  const inner = width - (layout.margin?.l ?? 0) - (layout.margin?.r ?? 0);
  for (const name of Object.keys(looks).filter((key) => /^xaxis\d*$/.test(key))) {
    const { domain: [from, to] = [0, 1], tickfont, type } = looks[name];
    const fit = type === "log" ? roomyTicks : staggered;
    looks[name] = fit(looks[name], inner * (to - from), tickfont?.size ?? layout.font?.size ?? 14);
  }
  if (layout.meta?.named && width < NARROW) looks.showlegend = false;
  const fitting = { ...clearOfToolbar(looks, width), width };
  return { data: data.map((trace) => roomyValues(trace, fitting, width)), layout: fitting };
}

function themed(layout, theme) {
  const own = { color: theme.text, family: theme.font };
  const label = { size: layout.font?.size ?? 14, shadow: "none", ...own };
  return {
    ...layout,
    font: { ...layout.font, ...own, shadow: halo(theme.background) },
    hoverlabel: { bgcolor: theme.background, bordercolor: theme.border, font: label, ...layout.hoverlabel },
    modebar: { bgcolor: theme.background, color: "#808490", activecolor: theme.text, ...layout.modebar },
  };
}

// Text over a line has a rim in the color of the page, so that nothing strikes it through.
const halo = (background) =>
  [[1, 1], [-1, 1], [1, -1], [-1, -1]].map(([x, y]) => `${x}px ${y}px 2px ${background}`).join(", ");
