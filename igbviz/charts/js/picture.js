// A file of the chart as it stands: what lies above the plot on the page (names, dots) becomes part of the figure.

import { save } from "./download.js";
import { layout } from "./labels.js";
import { literal, shortened } from "./text.js";

export function download(Plotly, curves, format) {
  const { plot, ends, area, size, theme, recording, view, shownAt } = curves;
  const { xaxis } = plot._fullLayout;
  const x = xaxis.p2r(shownAt - area.left);
  const names = layout(ends, { gap: 1.25 * size, low: area.top + 4, high: area.top + area.height - 4 }).map((name) => ({
    x,
    y: plot._fullLayout.yaxis.p2r(name.y - area.top),
    ax: 26,
    ay: name.at - name.y,
    text: bold(literal(shortened(name.text, curves.room, curves.font(name.strong))), name.strong),
    xanchor: "left",
    showarrow: true,
    arrowhead: 0,
    arrowwidth: 1,
    arrowcolor: name.color ?? theme.text,
    font: { size, color: name.color ?? theme.text },
  }));
  const dots = ends.map(({ value, color }) => ({
    type: "scatter", mode: "markers", x: [x], y: [value], marker: { color, size: 8 }, cliponaxis: false, showlegend: false, hoverinfo: "skip",
  }));
  const image = curves.dot ? [imageLine(curves)] : [];
  const words = { text: literal(`${view.title}. ${recording.verdict}`), xref: "paper", yref: "paper", x: 0, y: 1, yanchor: "bottom", xanchor: "left", yshift: 22, showarrow: false, font: { size: size + 2 } };
  const figure = {
    data: [...plot.data, ...image, ...dots],
    layout: {
      ...plot.layout,
      margin: { ...plot.layout.margin, t: plot.layout.margin.t + 34 },
      annotations: [...plot.layout.annotations, ...names, words],
    },
  };
  const filename = `${recording.id}-${view.name}`;
  const { clientWidth: width, clientHeight: height } = plot;
  return save(Plotly, figure, { format, filename, width, height: height + 34, background: theme.background });
}

// The line of one image, which on the page lies above the plot, too.
const imageLine = ({ plot, image, theme }) => ({ ...plot.data[0], y: image.values, line: { color: theme.text, width: 3 } });

const bold = (text, strong) => (strong ? `<b>${text}</b>` : text);
