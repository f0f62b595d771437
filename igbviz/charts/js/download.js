// Charts as files: as shown, with zoom and hidden classes, on an opaque background and at three times the resolution.

import { themeOf } from "./theme.js";

export function save(Plotly, { data, layout }, { background, ...size }) {
  const figure = { data, layout: { ...layout, paper_bgcolor: background, plot_bgcolor: background } };
  return Plotly.downloadImage(figure, { ...size, scale: size.format === "png" ? 3 : 1 });
}

// The configuration of a chart, with two buttons in its tool bar. Made once: with a new object Plotly.react starts a new
// chart and resets the zoom.
let settings;

export function configuration(Plotly) {
  const button = (format, icon) => ({
    name: `igbviz-${format}`,
    title: `Download as ${format.toUpperCase()}`,
    icon,
    click: (node) => {
      const { clientWidth: width, clientHeight: height } = node;
      const { background } = themeOf(node);
      save(Plotly, node, { format, filename: filename(node.layout), width, height, background });
    },
  });
  settings ??= {
    displaylogo: false,
    showSendToCloud: false,
    responsive: false, // only follows the window; chart.js watches the column
    modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
    modeBarButtonsToAdd: [button("png", Plotly.Icons.camera), button("svg", Plotly.Icons.disk)],
  };
  return settings;
}

function filename({ title, meta }) {
  const name = title?.text || meta?.name || "chart";
  return name.replace(/<[^>]*>/g, "").replace(/[^\p{L}\p{N}]+/gu, "-").toLowerCase();
}
