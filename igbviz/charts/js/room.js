// Which texts of a chart have room beside each other. Pure functions: each takes a part of a figure and the pixels there
// are, and returns the part with labels left out or moved.

const plainText = (text) => text.replace(/<[^>]*>/g, "");
const textWidth = (text, size) => 0.54 * size * plainText(text).length; // a little more than letters have on average

// The tick labels that have room side by side, the others empty. Only where a figure asks for upright labels (tickangle 0).
export function roomyTicks(axis, length, size) {
  const { tickvals, ticktext, tickangle, range, type } = axis;
  if (tickangle !== 0 || !Array.isArray(ticktext) || !Array.isArray(tickvals) || !range) return axis;
  const onAxis = type === "log" ? Math.log10 : Number;
  const spans = ticktext.map((text, index) => {
    const middle = (length * (onAxis(tickvals[index]) - range[0])) / (range[1] - range[0]);
    const half = textWidth(text, size) / 2 + 0.25 * size;
    return [middle - half, middle + half];
  });
  const last = spans.length - 1; // the end is always named
  let edge = -Infinity;
  const named = ticktext.map((text, index) => {
    const [left, right] = spans[index];
    if (index < last && (left < edge || right > spans[last][0])) return "";
    edge = right;
    return text;
  });
  return { ...axis, ticktext: named };
}

// Names below bars stand upright in as many rows as they need, each lower than its neighbor on the left.
export function staggered(axis, length, size) {
  const { ticktext, tickangle, range } = axis;
  if (tickangle !== undefined || !Array.isArray(ticktext) || !range) return axis;
  const place = length / (range[1] - range[0]);
  const widest = Math.max(0, ...ticktext.map((text) => textWidth(text, size) + 0.4 * size));
  const rows = Math.max(1, Math.min(4, Math.ceil(widest / place)));
  return { ...axis, tickangle: 0, ticktext: ticktext.map((text, index) => "<br>".repeat(index % rows) + text) };
}

// The values above bars that have room side by side: first the largest.
export function roomyValues(trace, { xaxis, margin, font }, width) {
  if (trace.type !== "bar" || !Array.isArray(trace.text) || !xaxis.range || !width) return trace;
  const size = trace.textfont?.size ?? font.size;
  const place = (width - margin.l - margin.r) / (xaxis.range[1] - xaxis.range[0]);
  const kept = [];
  for (const [index, text] of [...trace.text.entries()].sort(([, one], [, other]) => Number(other) - Number(one))) {
    if (kept.every((other) => Math.abs(other - index) * place > textWidth(text, size))) kept.push(index);
  }
  const shown = trace.text.map((text, index) => (kept.includes(index) ? text : ""));
  return { ...trace, text: shown, constraintext: "none", textfont: { size, ...trace.textfont } };
}

// A title that would reach under the tool bar gets a row of its own below it.
const TOOLBAR = { width: 180, height: 28 }; // pixels

export function clearOfToolbar(layout, width) {
  const { title, margin } = layout;
  if (!title?.text || !margin) return layout;
  const longest = Math.max(...title.text.split("<br>").map((line) => textWidth(line, title.font?.size ?? 18)));
  if (margin.l + longest < width - TOOLBAR.width) return layout;
  const pad = { ...title.pad, t: (title.pad?.t ?? 0) + TOOLBAR.height };
  return { ...layout, title: { ...title, pad }, margin: { ...margin, t: margin.t + TOOLBAR.height } };
}
