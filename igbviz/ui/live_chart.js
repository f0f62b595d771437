// Mounted charts: {node, wanted, drawn, ...} by element. Streamlit calls the default export at every change of data or theme.
const charts = new WeakMap();

// ---- plotly.js ----

// plotly.js is 5 MB, so it is loaded once per browser tab for all charts and pages.
function loadPlotly(address) {
  window.igbvizPlotly ??= new Promise((done, failed) => {
    // A page may be at /train and the app behind a prefix; the address of Streamlit's own script contains both.
    const own = document.querySelector('script[src*="static/js/"]');
    const script = document.createElement("script");
    script.src = new URL(address, own ? new URL("../../", own.src) : document.baseURI).href;
    script.onload = () => done(window.Plotly);
    script.onerror = () => {
      window.igbvizPlotly = undefined;
      failed(new Error(`plotly.js did not load from ${script.src}`));
    };
    document.head.appendChild(script);
  });
  return window.igbvizPlotly;
}

// ---- Figures as they come from the server ----

// Replace references by the shared arrays and texts.
function resolved(value, shared) {
  if (Array.isArray(value)) return value.map((inner) => resolved(inner, shared));
  if (value === null || typeof value !== "object") return value;
  if ("$shared" in value) return typeof shared[value.$shared] === "string" ? shared[value.$shared] : { ...shared[value.$shared] };
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, resolved(inner, shared)]));
}

// ---- The look of a figure on the page where it stands: pure functions of the figure, the theme and the room ----

// What the figure has to match. Streamlit declares the colour scheme on its page, so that CSS's light-dark() follows it, too.
function themeOf(node) {
  const style = getComputedStyle(node);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    dark: style.colorScheme === "dark",
    text: read("--st-text-color", style.color),
    background: read("--st-background-color", "#ffffff"),
    border: read("--st-border-color", "#808490"),
    font: read("--st-font", style.fontFamily),
  };
}

// A figure comes as JSON in the colours of a light page. `palette` maps each of them, "#3e5af8" and the opening of its shades,
// "rgba(62,90,248,", to those of a dark page: igbviz/charts/colors.py defines it and does the same for files.
function inScheme(json, palette, dark) {
  return dark ? json.replace(/#[0-9a-f]{6}|rgba\(\d+,\d+,\d+,/g, (color) => palette[color] ?? color) : json;
}

// In the projector view, with a class on the root of the page, everything drawn is larger: the smallest text, 13 pixels, becomes
// 20.8 on a screen of 1920 x 1080.
function enlargement() {
  const projector = document.documentElement.classList.contains("igbviz-projector");
  return projector ? Math.min(2.5, Math.max(1.25, window.innerWidth / 1200)) : 1;
}

// All lengths in pixels `factor` times as large: texts, strokes, dashes, marks, margins and shifts. Data and fractions stay.
const LENGTHS = /^(standoff|[xy]shift|ticklen|tickwidth|zerolinewidth|arrowwidth|thickness|a[xy])$/;
const SIDES = /^[tblr]$/;
function enlarged(value, factor, key = "", owner = "") {
  if (factor === 1) return value;
  if (typeof value === "number") {
    const isLength =
      LENGTHS.test(key) ||
      (key === "size" && /font$|^marker$|^pattern$/.test(owner)) ||
      (key === "width" && owner === "line") ||
      (SIDES.test(key) && /^(margin|pad)$/.test(owner));
    return isLength ? value * factor : value;
  }
  if (typeof value === "string") {
    const isStyle = key === "dash" || value.includes("font-size");
    return isStyle ? value.replace(/([\d.]+)px/g, (_, length) => `${length * factor}px`) : value;
  }
  if (Array.isArray(value)) return value.map((inner) => enlarged(inner, factor, key, owner));
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, enlarged(inner, factor, name, key || owner)]));
}

const plainText = (text) => text.replace(/<[^>]*>/g, "");
const textWidth = (text, size) => 0.54 * size * plainText(text).length; // a little more than letters have on average

// The tick labels that have room side by side, the others empty. Only where a figure asks for upright labels (tickangle 0).
function roomyTicks(axis, length, size) {
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
function staggered(axis, length, size) {
  const { ticktext, tickangle, range } = axis;
  if (tickangle !== undefined || !Array.isArray(ticktext) || !range) return axis;
  const place = length / (range[1] - range[0]);
  const rows = Math.min(4, Math.ceil(Math.max(0, ...ticktext.map((text) => textWidth(text, size) + 0.4 * size)) / place));
  return { ...axis, tickangle: 0, ticktext: ticktext.map((text, index) => "<br>".repeat(index % Math.max(1, rows)) + text) };
}

// The values above bars that have room side by side: first the largest.
function roomyValues(trace, { xaxis, margin, font }, width) {
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
function clearOfToolbar(layout, width) {
  const { title, margin } = layout;
  if (!title?.text || !margin) return layout;
  const longest = Math.max(...title.text.split("<br>").map((line) => textWidth(line, title.font?.size ?? 18)));
  if (margin.l + longest < width - TOOLBAR.width) return layout;
  const pad = { ...title.pad, t: (title.pad?.t ?? 0) + TOOLBAR.height };
  return { ...layout, title: { ...title, pad }, margin: { ...margin, t: margin.t + TOOLBAR.height } };
}

// Text over a line has a rim in the colour of the page, so that nothing strikes it through.
const halo = (background) => [[1, 1], [-1, 1], [1, -1], [-1, -1]].map(([x, y]) => `${x}px ${y}px 2px ${background}`).join(", ");

// On a phone the rows of a legend would take the room of the plot, where the lines have their names at their ends.
const NARROW = 480;

// The layout for a theme and a width.
function dressed(layout, theme, width) {
  const size = layout.font?.size ?? 14;
  const own = { color: theme.text, family: theme.font };
  const looks = {
    ...layout,
    font: { ...layout.font, ...own, shadow: halo(theme.background) },
    hoverlabel: { bgcolor: theme.background, bordercolor: theme.border, font: { size, shadow: "none", ...own }, ...layout.hoverlabel },
    modebar: { bgcolor: theme.background, color: "#808490", activecolor: theme.text, ...layout.modebar },
  };
  if (!width) return { ...looks, autosize: true }; // hidden: drawn again when it gets its width
  const inner = width - (layout.margin?.l ?? 0) - (layout.margin?.r ?? 0);
  for (const name of Object.keys(looks).filter((key) => /^xaxis\d*$/.test(key))) {
    const { domain: [from, to] = [0, 1], tickfont } = looks[name];
    const fit = looks[name].type === "log" ? roomyTicks : staggered;
    looks[name] = fit(looks[name], inner * (to - from), tickfont?.size ?? size);
  }
  if (layout.meta?.named && width < NARROW) looks.showlegend = false;
  return { ...clearOfToolbar(looks, width), width };
}

// ---- Downloads and the tool bar ----

// Download the chart as shown, with zoom and hidden classes, on an opaque background and at three times the resolution.
function download(node, format) {
  const { background } = themeOf(node);
  const name = (node.layout.title?.text || node.layout.meta?.name || "chart").replace(/<[^>]*>/g, "").replace(/[^\p{L}\p{N}]+/gu, "-").toLowerCase();
  const figure = { data: node.data, layout: { ...node.layout, paper_bgcolor: background, plot_bgcolor: background } };
  const size = { width: node.clientWidth, height: node.clientHeight, scale: format === "png" ? 3 : 1 };
  return window.Plotly.downloadImage(figure, { format, filename: name, ...size });
}

// Created once: with a new configuration object Plotly.react starts a new chart and resets the zoom.
let settings;
function configuration(Plotly) {
  const button = (format, icon) => ({
    name: `igbviz-${format}`,
    title: `Download as ${format.toUpperCase()}`,
    icon,
    click: (node) => download(node, format),
  });
  settings ??= {
    displaylogo: false,
    showSendToCloud: false,
    responsive: false, // only follows the window; the observer below follows the column
    modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
    modeBarButtonsToAdd: [button("png", Plotly.Icons.camera), button("svg", Plotly.Icons.disk)],
  };
  return settings;
}

// ---- One hover for all panels ----

// In a figure with meta.linked, mark the hovered point in all other panels: its x by a vertical line, its legend group by a dot and
// its value. Plotly's own unified hover would show a box for every line of every panel.
function linked(node, { x, xaxis: own, yaxis: ownY, fullData: { legendgroup: group } }) {
  const make = (name, attributes, parent) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    return parent.appendChild(element);
  };
  node.querySelector(":scope > .igbviz-linked")?.remove();
  const place = "position:absolute;inset:0;width:100%;height:100%;pointer-events:none;overflow:hidden";
  const layer = make("svg", { class: "igbviz-linked", "aria-hidden": "true", style: place }, node);
  const { text, background } = themeOf(node);
  for (const { xaxis, yaxis } of Object.values(node._fullLayout._plots)) {
    const left = xaxis.d2p(x);
    if (!(left >= 0 && left <= xaxis._length)) continue; // outside of the zoomed range
    const vertical = { x1: xaxis._offset + left, x2: xaxis._offset + left, y1: yaxis._offset, y2: yaxis._offset + yaxis._length };
    make("line", { ...vertical, stroke: text, "stroke-width": 1, opacity: 0.6 }, layer);
    for (const trace of node._fullData) {
      const here = trace.visible === true && trace.xaxis === xaxis._id && trace.yaxis === yaxis._id && trace.legendgroup === group;
      if (!here || trace.hoverinfo === "skip" || trace.mode !== "lines") continue;
      const away = Array.from(trace.x, (other) => Math.abs(xaxis.d2p(other) - left));
      const nearest = away.indexOf(Math.min(...away));
      if (!(away[nearest] < xaxis._length / 20) || !Number.isFinite(trace.y[nearest])) continue; // this run ends earlier
      const at = { cx: xaxis._offset + xaxis.d2p(trace.x[nearest]), cy: yaxis._offset + yaxis.d2p(trace.y[nearest]) };
      make("circle", { ...at, r: 4, fill: trace.line.color, stroke: background, "stroke-width": 1.5 }, layer);
      if (xaxis._id === own._id && yaxis._id === ownY._id) continue; // has Plotly's own label
      const side = left < 0.85 * xaxis._length ? 1 : -1;
      const look = `font:${13 * enlargement()}px ${node._fullLayout.font.family};paint-order:stroke;stroke:${background};stroke-width:4px;fill:${text}`;
      const anchor = side > 0 ? "start" : "end";
      make("text", { x: at.cx + 8 * side, y: at.cy + 4, "text-anchor": anchor, style: look }, layer).textContent = trace.y[nearest].toFixed(2);
    }
  }
}

// ---- The chart: drawn when it comes, and again when the figure, the theme, the room or the view changes ----

async function draw(chart) {
  if (chart.busy) return; // the running call draws the newest figure before it ends
  chart.busy = true;
  try {
    const Plotly = await loadPlotly(chart.address);
    while (!chart.gone && chart.wanted !== chart.drawn) {
      if (chart.node._dragging) {
        await new Promise((later) => setTimeout(later, 100)); // do not redraw while the viewer drags a zoom box
        continue;
      }
      const { wanted, node } = chart;
      const theme = themeOf(node);
      const factor = enlargement();
      const spec = JSON.parse(inScheme(chart.figure, chart.palette, theme.dark));
      const { data, layout } = enlarged(resolved({ data: spec.data, layout: spec.layout }, spec.shared), factor);
      const meta = layout.meta ?? {};
      const look = { ...dressed(layout, theme, node.clientWidth), height: chart.height * factor };
      const traces = data.map((trace) => roomyValues(trace, look, node.clientWidth));
      await Plotly.react(node, traces, look, configuration(Plotly));
      if (chart.gone) return;
      if (!chart.drawn) listen(chart);
      chart.drawn = wanted;
      node.setAttribute("aria-label", meta.words ?? layout.title?.text ?? "chart");
      node.dataset.points = String(Math.max(0, ...node._fullData.map((trace) => trace.x?.length ?? 0)));
      node.dataset.step = String(meta.step ?? "");
      node.dataset.draws = String(Number(node.dataset.draws ?? 0) + 1);
    }
  } catch (error) {
    console.error(error);
    if (!chart.drawn) chart.node.textContent = `The chart cannot be drawn: ${error.message}`;
  } finally {
    chart.busy = false;
  }
}

// Draw the chart if anything that it depends on has changed.
function show(chart) {
  const { node, height, figure } = chart;
  const factor = enlargement();
  node.style.height = `${height * factor}px`; // set before plotly.js has loaded, so that the page does not jump
  chart.wanted = JSON.stringify([height, node.clientWidth, factor, themeOf(node)]) + figure;
  draw(chart);
}

function listen(chart) {
  const again = () => show(chart);
  chart.observer = new ResizeObserver(() => chart.node.clientWidth && again());
  chart.observer.observe(chart.node);
  window.addEventListener("igbviz-projector", again);
  chart.deaf = () => {
    chart.observer.disconnect();
    window.removeEventListener("igbviz-projector", again);
  };
  const isLinked = () => chart.node.layout.meta?.linked;
  chart.node.on("plotly_hover", ({ points: [point] }) => isLinked() && linked(chart.node, point));
  chart.node.on("plotly_unhover", () => chart.node.querySelector(":scope > .igbviz-linked")?.remove());
  chart.node.on("plotly_click", ({ points: [point] }) => {
    chart.clicked?.({ x: point.x, y: point.y, name: point.data.name ?? "", point: point.pointIndex });
  });
}

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data.figure) {
    loadPlotly(data.plotly).catch(console.error); // preload without a figure
    return;
  }
  let chart = charts.get(parentElement);
  if (!chart) {
    const node = document.createElement("div");
    node.className = "igbviz-live-chart";
    node.setAttribute("role", "figure");
    parentElement.appendChild(node);
    chart = { node };
    charts.set(parentElement, chart);
  }
  chart.height = data.height;
  chart.address = data.plotly;
  chart.palette = data.palette;
  chart.figure = data.figure;
  chart.clicked = data.clicks ? (value) => setTriggerValue("clicked", value) : undefined;
  show(chart);

  // Streamlit also calls this when a newer update overtakes this one, so purge only when the element has left the page.
  return () => {
    if (parentElement.isConnected) return;
    chart.gone = true;
    chart.deaf?.();
    window.Plotly?.purge(chart.node);
    charts.delete(parentElement);
  };
}
