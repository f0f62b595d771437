// Mounted charts: {node, wanted, drawn, ...} by element. Streamlit calls the default export at every change of data or theme.
const charts = new WeakMap();

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

// Replace references by the shared arrays and texts.
function resolved(value, shared) {
  if (Array.isArray(value)) return value.map((inner) => resolved(inner, shared));
  if (value === null || typeof value !== "object") return value;
  if ("$shared" in value) return typeof shared[value.$shared] === "string" ? shared[value.$shared] : { ...shared[value.$shared] };
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, resolved(inner, shared)]));
}

function themeOf(node) {
  const style = getComputedStyle(node);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: read("--st-text-color", style.color),
    background: read("--st-background-color", "#ffffff"),
    border: read("--st-border-color", "#808490"),
    font: read("--st-font", style.fontFamily),
  };
}

function dressed(layout, theme) {
  return {
    ...layout,
    autosize: true,
    font: { ...layout.font, color: theme.text, family: theme.font },
    hoverlabel: { bgcolor: theme.background, bordercolor: theme.border, font: { color: theme.text, family: theme.font }, ...layout.hoverlabel },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: "rgba(128,132,144,0.7)", activecolor: theme.text, ...layout.modebar },
  };
}

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
      const look = `font:13px ${node._fullLayout.font.family};paint-order:stroke;stroke:${background};stroke-width:4px;fill:${text}`;
      const anchor = side > 0 ? "start" : "end";
      make("text", { x: at.cx + 8 * side, y: at.cy + 4, "text-anchor": anchor, style: look }, layer).textContent = trace.y[nearest].toFixed(2);
    }
  }
}

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
      const spec = JSON.parse(chart.figure);
      const { data, layout } = resolved({ data: spec.data, layout: spec.layout }, spec.shared);
      const meta = layout.meta ?? {};
      await Plotly.react(node, data, { ...dressed(layout, themeOf(node)), height: chart.height }, configuration(Plotly));
      if (chart.gone) return;
      if (!chart.drawn) listen(chart, Plotly);
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

function listen(chart, Plotly) {
  chart.observer = new ResizeObserver(() => {
    if (chart.node.clientWidth && chart.node.clientWidth !== chart.width) Plotly.Plots.resize(chart.node);
    chart.width = chart.node.clientWidth;
  });
  chart.width = chart.node.clientWidth;
  chart.observer.observe(chart.node);
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
  chart.node.style.height = `${data.height}px`; // set before plotly.js has loaded, so that the page does not jump
  chart.height = data.height;
  chart.address = data.plotly;
  chart.figure = data.figure;
  chart.clicked = data.clicks ? (value) => setTriggerValue("clicked", value) : undefined;
  chart.wanted = data.height + JSON.stringify(themeOf(chart.node)) + data.figure;
  draw(chart);

  // Streamlit also calls this when a newer update overtakes this one, so purge only when the element has left the page.
  return () => {
    if (parentElement.isConnected) return;
    chart.gone = true;
    chart.observer?.disconnect();
    window.Plotly?.purge(chart.node);
    charts.delete(parentElement);
  };
}
