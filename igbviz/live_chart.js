// One mounted chart: {node, wanted, drawn, ...}. Streamlit calls the default export again at every change of data or theme.
const charts = new WeakMap();

// plotly.js is 5 MB: once per browser tab, whatever number of charts and pages.
function loadPlotly(address) {
  window.igbvizPlotly ??= new Promise((done, failed) => {
    // A page may live at /train and the app behind a prefix; the address of Streamlit's own script knows both.
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

// Puts shared arrays and texts back into the places that refer to them.
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

// What the viewer sees, zoom and hidden classes included, on an opaque background and sharp enough for a projector.
function download(node, format) {
  const { background } = themeOf(node);
  const name = (node.layout.title?.text || "chart").replace(/<[^>]*>/g, "").replace(/[^\p{L}\p{N}]+/gu, "-").toLowerCase();
  const figure = { data: node.data, layout: { ...node.layout, paper_bgcolor: background, plot_bgcolor: background } };
  const size = { width: node.clientWidth, height: node.clientHeight, scale: format === "png" ? 3 : 1 };
  return window.Plotly.downloadImage(figure, { format, filename: name, ...size });
}

// Made once: with a new configuration Plotly.react starts a new chart, and the zoom is gone.
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

async function draw(chart) {
  if (chart.busy) return; // the one who is drawing looks again when done
  chart.busy = true;
  try {
    const Plotly = await loadPlotly(chart.address);
    while (!chart.gone && chart.wanted !== chart.drawn) {
      if (chart.node._dragging) {
        await new Promise((later) => setTimeout(later, 100)); // do not pull the chart away under a zoom
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
  chart.node.on("plotly_click", ({ points: [point] }) => {
    chart.clicked?.({ x: point.x, y: point.y, name: point.data.name ?? "", point: point.pointIndex });
  });
}

export default function ({ data, parentElement, setTriggerValue }) {
  let chart = charts.get(parentElement);
  if (!chart) {
    const node = document.createElement("div");
    node.className = "igbviz-live-chart";
    node.setAttribute("role", "figure");
    parentElement.appendChild(node);
    chart = { node };
    charts.set(parentElement, chart);
  }
  chart.node.style.height = `${data.height}px`; // before plotly.js is there, so that the page does not jump
  chart.height = data.height;
  chart.address = data.plotly;
  chart.figure = data.figure;
  chart.clicked = data.clicks ? (value) => setTriggerValue("clicked", value) : undefined;
  chart.wanted = data.height + JSON.stringify(themeOf(chart.node)) + data.figure;
  draw(chart);

  return () => {
    chart.gone = true;
    chart.observer?.disconnect();
    window.Plotly?.purge(chart.node);
    chart.node.remove();
    charts.delete(parentElement);
  };
}
