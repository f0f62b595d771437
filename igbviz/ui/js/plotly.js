// plotly.js is 5 MB, so it is loaded once per browser tab for all charts and pages.
export function loadPlotly(address) {
  window.igbvizPlotly ??= window.Plotly
    ? Promise.resolve(window.Plotly)
    : new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = address;
        script.onload = () => done(window.Plotly);
        script.onerror = () => {
          window.igbvizPlotly = undefined;
          failed(new Error(`plotly.js did not load from ${script.src}`));
        };
        document.head.appendChild(script);
      });
  return window.igbvizPlotly;
}

// The address of what the server offers, seen from the app: a page may be at /Train and the app behind a prefix, and the
// address of Streamlit's own script contains both.
export function fromApp(address) {
  const own = document.querySelector('script[src*="static/js/"]');
  return new URL(address, own ? new URL("../../", own.src) : document.baseURI).href;
}
