// In the index page, before Streamlit's own scripts: what has to be known before the first paint, and what belongs to the
// whole tab rather than to one page.
(() => {
  const root = document.documentElement;
  const kept = (store, name) => { // a browser may forbid storage inside a foreign frame
    try { return window[store].getItem(name); } catch { return null; }
  };

  // Where the server is. Otherwise Streamlit asks at every place that an address could mean, and gets a 404 at most of
  // them. Every page's address is one name below it, also behind a prefix.
  const base = new URL("./", location.href);
  window.__streamlit = { BACKEND_BASE_URL: base.href };

  // Room for the menu is kept unless there will be none (see shell.css).
  const asked = new URLSearchParams(location.search);
  root.classList.toggle("igbviz-embedded", asked.get("embed") === "true");
  for (const name of (asked.get("hide") ?? "").match(/[a-z]+/g) ?? []) root.classList.add(`igbviz-hide-${name}`);
  root.classList.toggle("igbviz-closed", kept("localStorage", "stSidebarCollapsed-") === "true");

  // What the style sheets have to know of the page, as classes of its root: see shell.css on `:has()`.
  const sections = document.getElementsByTagName("section"); // live collections, which cost nothing while nothing changes
  const keys = {
    presenting: "lesson-remote", title: "title", progress: "progress", race: "race-buttons", cure: "race-cure", offer: "race-offer",
  };
  const parts = Object.entries(keys).map(([told, key]) => [`igbviz-${told}`, document.getElementsByClassName(`st-key-${key}`)]);
  const tell = () => {
    const menu = [...sections].find(({ dataset }) => dataset.testid === "stSidebar");
    if (menu) root.classList.toggle("igbviz-closed", menu.dataset.collapsed === "true");
    for (const box of sections) { // Streamlit gives its box for files a name, and the role of something without one
      if (box.dataset.testid === "stFileUploaderDropzone") box.setAttribute("role", "group");
    }
    for (const [told, found] of parts) root.classList.toggle(told, found.length > 0);
  };
  const seen = { childList: true, subtree: true, attributes: true, attributeFilter: ["data-collapsed"] };
  new MutationObserver(tell).observe(root, seen);

  // What charts need is fetched early. Our modules are small: they come while Streamlit, which has drawn its empty frame
  // by then, waits for the server. plotly.js is 5 MB, and the browser does nothing else for a second when it starts: that
  // is after the heading is there, while the server makes what follows. js/plotly.js waits for this promise.
  const { plotly, modules } = document.currentScript.dataset;
  const early = (rel, address, options) =>
    document.head.append(Object.assign(document.createElement("link"), { rel, href: new URL(address, base).href }, options));
  const script = document.createElement("script");
  script.src = new URL(plotly, base).href;
  early("preload", plotly, { as: "script", fetchPriority: "low" });
  window.igbvizPlotly = new Promise((done, failed) => {
    script.onload = () => done(window.Plotly);
    script.onerror = () => {
      window.igbvizPlotly = undefined; // so that the next chart tries again
      failed(new Error(`plotly.js did not load from ${script.src}`));
    };
  });
  window.igbvizPlotly.catch(() => {}); // every chart that waits reports it
  window.igbvizPlotly.start = () => script.isConnected || document.head.append(script);
  const headings = document.getElementsByTagName("h1");
  const stages = [
    [() => document.querySelector("[data-testid=stApp]"), () => modules.split(" ").forEach((name) => early("modulepreload", name))],
    [() => headings.length, window.igbvizPlotly.start],
  ];
  new MutationObserver((_, observer) => {
    while (stages.length && stages[0][0]()) stages.shift()[1]();
    if (!stages.length) observer.disconnect();
  }).observe(root, { childList: true, subtree: true });

  // Projector view: nothing but the picture, larger. Charts hear the event and let their text grow.
  const PROJECTOR = "igbviz-projector";
  function project(on) {
    root.classList.toggle(PROJECTOR, on);
    try { sessionStorage.setItem(PROJECTOR, on ? "on" : "off"); } catch { /* then it lasts until the next load */ }
    window.dispatchEvent(new CustomEvent(PROJECTOR, { detail: on }));
  }
  root.classList.toggle(PROJECTOR, kept("sessionStorage", PROJECTOR) === "on");
  const TYPING = "textarea, select, [contenteditable=true], [role=combobox], input:not([type=range], [type=checkbox], [type=radio])";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest?.(TYPING)) return;
    const on = root.classList.contains(PROJECTOR);
    if (event.key === "p" || event.key === "P") project(!on);
    else if (event.key === "Escape" && on && !document.querySelector("[role=dialog]")) project(false);
  });
  document.addEventListener("DOMContentLoaded", () => { // without a keyboard, this is the way back
    const leave = document.body.appendChild(document.createElement("button"));
    Object.assign(leave, { type: "button", className: "igbviz-leave", textContent: "Leave projector view (P)" });
  });

  document.addEventListener("click", ({ target }) => {
    if (target.closest?.(".igbviz-project")) project(true);
    if (target.closest?.(".igbviz-leave")) project(false);
    // On a phone the menu covers the page. Streamlit shuts it when something beside it is pressed, but not when a link or
    // the button that starts a run was, so the page is pressed for them.
    if (target.closest?.("[data-testid=stSidebar] :is(a, [data-testid=stBaseButton-primary])")) {
      const press = new MouseEvent("mousedown", { bubbles: true });
      setTimeout(() => document.querySelector("[data-testid=stMain]")?.dispatchEvent(press));
    }
  });
})();
