// One hover for all panels of a figure with meta.linked: the hovered point is marked in all other panels, its x by a
// vertical line, its legend group by a dot and its value. Plotly's own unified hover would show a box for every line of
// every panel.

import { svg } from "./svg.js";
import { textScale, themeOf } from "./theme.js";

const PLACE = "position:absolute;inset:0;width:100%;height:100%;pointer-events:none;overflow:hidden";

export function link(node) {
  node.on("plotly_hover", ({ points: [point] }) => node.layout.meta?.linked && mark(node, point));
  node.on("plotly_unhover", () => unmark(node));
}

const unmark = (node) => node.querySelector(":scope > .igbviz-linked")?.remove();

function mark(node, { x, xaxis: own, yaxis: ownY, fullData: { legendgroup: group } }) {
  unmark(node);
  const layer = svg("svg", { class: "igbviz-linked", "aria-hidden": "true", style: PLACE }, node);
  const { text, background } = themeOf(node);
  const { family } = node._fullLayout.font;
  const look = `font:${13 * textScale()}px ${family};paint-order:stroke;stroke:${background};stroke-width:4px;fill:${text}`;
  for (const { xaxis, yaxis } of Object.values(node._fullLayout._plots)) {
    const left = xaxis.d2p(x);
    if (!(left >= 0 && left <= xaxis._length)) continue; // outside of the zoomed range
    const at = xaxis._offset + left;
    const vertical = { x1: at, x2: at, y1: yaxis._offset, y2: yaxis._offset + yaxis._length };
    svg("line", { ...vertical, stroke: text, "stroke-width": 1, opacity: 0.6 }, layer);
    const isHovered = xaxis._id === own._id && yaxis._id === ownY._id; // has Plotly's own label
    for (const trace of node._fullData) {
      const here = trace.visible === true && trace.xaxis === xaxis._id && trace.yaxis === yaxis._id;
      if (!here || trace.legendgroup !== group || trace.hoverinfo === "skip" || trace.mode !== "lines") continue;
      const nearest = nearestPoint(trace, xaxis, left);
      if (nearest === null) continue; // this run ends earlier
      const value = trace.y[nearest];
      const [cx, cy] = [xaxis._offset + xaxis.d2p(trace.x[nearest]), yaxis._offset + yaxis.d2p(value)];
      svg("circle", { cx, cy, r: 4, fill: trace.line.color, stroke: background, "stroke-width": 1.5 }, layer);
      if (isHovered) continue;
      const [side, anchor] = left < 0.85 * xaxis._length ? [1, "start"] : [-1, "end"];
      const place = { x: cx + 8 * side, y: cy + 4, "text-anchor": anchor, style: look };
      svg("text", place, layer).textContent = value.toFixed(2);
    }
  }
}

// The index of the point of a line that lies at this pixel of its axis, or null.
function nearestPoint(trace, xaxis, left) {
  const away = Array.from(trace.x, (other) => Math.abs(xaxis.d2p(other) - left));
  const nearest = away.indexOf(Math.min(...away));
  return away[nearest] < xaxis._length / 20 && Number.isFinite(trace.y[nearest]) ? nearest : null;
}
