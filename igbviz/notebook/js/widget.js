// The stage in a notebook. plotly.js, our modules and styles are in a model that all stages of a notebook share, see
// library.py, and are loaded once per page. Python writes messages into this widget's model; the kernel is asked for
// nothing but to stop a run, so the stage works while the kernel is busy with a training.

const STYLE = "igbviz-styles";

function render({ model, el }) {
  const root = el.appendChild(document.createElement("div"));
  root.className = "igbviz-stage igbviz-notebook";
  const foot = el.appendChild(document.createElement("div"));
  foot.className = "igbviz-notebook-foot";
  hidePicture(model.get("picture"));
  let stage = null;
  let gone = false;
  let turn = Promise.resolve(); // one update at a time, in the order of their arrival

  async function update() {
    const common = { play: model.get("play"), palette: model.get("palette"), plotly: "" };
    const known = model.get("known");
    const news = model.get("news");
    if (gone) return;
    await stage.update({ ...common, scenes: known });
    if (!gone && news.some(({ message }) => message)) await stage.update({ ...common, scenes: news });
  }
  const soon = () => (turn = turn.then(update).catch(console.error));
  const state = () => foot.replaceChildren(...model.get("states").map((entry) => stateOf(entry, model)));

  const dress = () => {
    dressed(root, el);
    for (const name of ["--st-text-color", "--st-background-color", "--st-font"]) foot.style.setProperty(name, root.style.getPropertyValue(name));
    if (stage?.data) stage._draw();
  };
  const observer = new MutationObserver(dress); // of JupyterLab's theme and of VS Code's
  observer.observe(document.body, { attributes: true, attributeFilter: ["class", "data-jp-theme-name", "data-vscode-theme-id"] });

  library(model).then(
    (Stage) => {
      if (gone) return;
      dress();
      stage = new Stage(root, () => {
        Stage.recordings.clear();
        stage.messages = {};
        soon();
      });
      model.on("change:known", soon);
      model.on("change:news", soon);
      model.on("change:states", state);
      soon();
      state();
    },
    (error) => (root.textContent = `The stage did not load: ${error.message}`),
  );
  return () => {
    gone = true;
    observer.disconnect();
    stage?.leave();
    for (const name of ["known", "news"]) model.off(`change:${name}`, soon);
    model.off("change:states", state);
  };
}

export default { render };

// The class Stage. The modules import each other by relative names, which become the addresses of their texts here.
function library(model) {
  window.igbvizLibrary ??= load(model).catch((error) => {
    window.igbvizLibrary = undefined;
    throw error;
  });
  return window.igbvizLibrary;
}

async function load(model) {
  const shared = await model.widget_manager.get_model(model.get("library").replace("IPY_MODEL_", ""));
  if (!document.getElementById(STYLE)) {
    const style = document.head.appendChild(document.createElement("style"));
    style.id = STYLE;
    style.textContent = shared.get("styles");
  }
  if (!window.Plotly) await script(addressOf(shared.get("plotly")));
  const addresses = {};
  for (const [name, text] of shared.get("modules")) {
    const linked = text.replace(/from "\.\/([\w.]+)"/g, (_, other) => `from "${addresses[other]}"`);
    addresses[name] = addressOf(linked);
  }
  const { default: Stage, recordings } = await import(addresses["stage.js"]);
  return Object.assign(Stage, { recordings });
}

const addressOf = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));

function script(address) {
  return new Promise((done, failed) => {
    const { define } = window; // RequireJS of the classic notebook would take plotly.js for one of its modules
    window.define = undefined;
    const element = Object.assign(document.createElement("script"), { src: address });
    element.onload = () => done((window.define = define));
    element.onerror = () => failed(new Error("plotly.js was refused"));
    document.head.appendChild(element);
  });
}

// The still picture of a notebook that is opened later stands before the stage; beside the live one it is not shown.
function hidePicture(id) {
  if (document.getElementById(`${id}-hidden`)) return;
  const style = document.head.appendChild(document.createElement("style"));
  style.id = `${id}-hidden`;
  style.textContent = `#${id}, .jp-OutputArea-child:has(#${id}) { display: none }`;
}

// What a run is doing, and a button that stops it.
function stateOf({ run, words, stoppable }, model) {
  const line = document.createElement("p");
  line.append(words);
  if (stoppable) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: "Stop", className: "igbviz-notebook-stop" });
    button.addEventListener("click", () => {
      Object.assign(button, { disabled: true, textContent: "Stopping" });
      model.send({ stop: run });
    });
    line.append(" ", button);
  }
  return line;
}

// The colors and the font of the notebook, by the names that the stage has for them.
function dressed(root, el) {
  const { color, fontFamily } = getComputedStyle(el);
  let behind = el;
  while (behind.parentElement && /^(transparent|rgba\(.*, 0\))$/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
  const found = getComputedStyle(behind).backgroundColor;
  const background = /^(transparent|rgba\(.*, 0\))$/.test(found) ? "rgb(255, 255, 255)" : found;
  const dark = brightness(background) < brightness(color);
  root.style.colorScheme = dark ? "dark" : "light";
  const names = { "text-color": color, "background-color": background, "font": fontFamily, "primary-color": dark ? "#2e77c2" : "#2f74c0" };
  for (const [name, value] of Object.entries(names)) root.style.setProperty(`--st-${name}`, value);
}

function brightness(color) {
  const [red, green, blue] = color.match(/[\d.]+/g).map(Number);
  return 0.3 * red + 0.6 * green + 0.1 * blue;
}
