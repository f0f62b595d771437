// plotly.js is 5 MB, so it is loaded once per browser tab for all charts and pages.
export function loadPlotly(address) {
  window.igbvizPlotly?.start?.(); // shell.js waits for a heading with it; a page may have none
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
