// Streamlit calls this at every change of the data or the theme. The stage itself is made of modules that the app serves,
// loaded once; while they load, the newest data wait.
const stages = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let stage = stages.get(parentElement);
  if (!stage) {
    const root = document.createElement("section");
    root.className = "igbviz-stage";
    root.setAttribute("aria-label", "Stage");
    parentElement.appendChild(root);
    const own = document.querySelector('script[src*="static/js/"]');
    const base = own ? new URL("../../", own.src) : document.baseURI; // a page may be at /Train and the app behind a prefix
    stage = { address: (path) => new URL(path, base).href };
    stage.loaded = import(stage.address(data.module)).then(
      (module) => (stage.made = new module.Stage(root, { ask: () => stage.ask() })),
      (error) => (root.textContent = `The stage did not load: ${error.message}`),
    );
    stages.set(parentElement, stage);
  }
  stage.data = { ...data, plotly: stage.address(data.plotly) };
  stage.ask = () => setTriggerValue("lost", true);
  stage.loaded.then(() => stage.made?.update(stage.data));
  return () => {
    if (parentElement.isConnected) return;
    stage.made?.leave();
    stages.delete(parentElement);
  };
}
