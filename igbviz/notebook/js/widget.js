// The stage in a notebook. plotly.js, our modules and styles are in a model that all stages of a notebook share, see
// library.py, and are loaded once per page. Python writes messages into this widget's model; the kernel is asked for
// nothing but to stop a run, so the stage works while the kernel is busy with a training.

const STYLE = "igbviz-styles";
const THEMES = ["class", "data-jp-theme-name", "data-vscode-theme-id"]; // attributes that tell of another theme

function render({ model, el }) {
  const root = el.appendChild(document.createElement("div"));
  root.className = "igbviz-stage igbviz-notebook";
  const foot = el.appendChild(document.createElement("div"));
  foot.className = "igbviz-notebook-foot";
  foot.dataset.lmSuppressShortcuts = "true"; // JupyterLab leaves the keys of a focused button to it
  el.append(hiddenPicture(model.get("picture")));
  let stage = null;
  let gone = false;
  let taken = null; // what the stage has of `known`: given again, it would take the later probes away for a moment
  let turn = Promise.resolve(); // one update at a time, in the order of their arrival

  async function update() {
    const common = { play: model.get("play"), palette: model.get("palette"), plotly: "" };
    const known = model.get("known");
    const news = model.get("news");
    if (gone || !el.isConnected) return; // it is drawn when it is in sight
    if (known !== taken) await stage.update({ ...common, scenes: (taken = known) });
    if (!gone && news.some(({ message }) => message)) await stage.update({ ...common, scenes: news });
  }
  const soon = () => (turn = turn.then(update).catch(console.error));
  const state = () => showStates(foot, model);

  const dress = () => {
    if (!el.isConnected) return; // a notebook takes what is out of sight off its page, where it has no colors
    const look = dressed(root, el);
    for (const [name, value] of Object.entries(look)) foot.style.setProperty(name, value);
    if (stage?.data) stage._draw();
  };
  const observer = new MutationObserver(dress); // of JupyterLab's theme and of VS Code's
  observer.observe(document.body, { attributes: true, attributeFilter: THEMES });
  const sight = new ResizeObserver(() => {
    dress();
    if (stage) soon();
  });
  sight.observe(el);

  library(model).then(
    (Stage) => {
      if (gone) return;
      dress();
      stage = new Stage(root, () => {
        Stage.recordings.clear();
        stage.messages = {};
        taken = null;
        soon();
      });
      for (const name of ["runs", "options", "choice", "player"]) {
        root.querySelector(`.${name}`).dataset.lmSuppressShortcuts = "true";
      }
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
    sight.disconnect();
    stage?.leave();
    const plot = root.querySelector(".js-plotly-plot");
    if (plot) window.Plotly.purge(plot);
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
  if (!window.Plotly) await script(shared.get("plotly"));
  const addresses = {};
  for (const [name, text] of shared.get("modules")) {
    const linked = text.replace(/from "\.\/([\w.]+)"/g, (_, other) => `from "${addresses[other]}"`);
    addresses[name] = addressOf(linked);
  }
  const { default: Stage, recordings } = await import(addresses["stage.js"]);
  return Object.assign(Stage, { recordings });
}

const addressOf = (...texts) => URL.createObjectURL(new Blob(texts, { type: "text/javascript" }));

// Run a text as a script. Within a function it does not see RequireJS, of which a page may have one, and which would
// take plotly.js for a module of its own.
function script(text) {
  return new Promise((done, failed) => {
    const src = addressOf("(function (define, module, exports) {", text, "\n})();");
    const element = Object.assign(document.createElement("script"), { src });
    element.onload = done;
    element.onerror = () => failed(new Error("plotly.js was refused"));
    document.head.appendChild(element);
  });
}

// The still picture of a notebook that is opened later stands before the stage. It is not shown as long as this style
// is on the page, which is as long as the live stage is.
function hiddenPicture(id) {
  const style = document.createElement("style");
  style.textContent = `#${id}, .jp-OutputArea-child:has(#${id}) { display: none !important }`;
  return style;
}

// What each run is doing. A line stays the same element when its words change, so a button keeps the focus.
function showStates(foot, model) {
  const states = model.get("states");
  while (foot.children.length > states.length) foot.lastChild.remove();
  states.forEach(({ run, words, stoppable }, index) => {
    const line = foot.children[index] ?? foot.appendChild(lineOf(model));
    line.firstChild.textContent = words;
    const button = line.lastChild;
    if (button.hidden === stoppable) Object.assign(button, { disabled: false, textContent: "Stop" });
    Object.assign(button, { hidden: !stoppable, value: run });
  });
}

// Words, and a button that stops the run.
function lineOf(model) {
  const line = document.createElement("p");
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: "Stop", className: "igbviz-notebook-stop", hidden: true });
  button.addEventListener("click", () => {
    Object.assign(button, { disabled: true, textContent: "Stopping" });
    model.send({ stop: button.value });
  });
  line.append(document.createElement("span"), " ", button);
  return line;
}

// The colors and the font of the notebook, by the names that the stage has for them.
function dressed(root, el) {
  const { color, fontFamily } = getComputedStyle(el);
  const background = backgroundOf(el);
  const dark = brightness(background) < brightness(color);
  root.style.colorScheme = dark ? "dark" : "light";
  const look = {
    "--st-text-color": color,
    "--st-background-color": background,
    "--st-font": fontFamily,
    "--st-primary-color": dark ? "#2e77c2" : "#2f74c0",
  };
  for (const [name, value] of Object.entries(look)) root.style.setProperty(name, value);
  return look;
}

function backgroundOf(element) {
  for (let behind = element; behind; behind = behind.parentElement) {
    const { backgroundColor } = getComputedStyle(behind);
    if (!/^(transparent|rgba\(.*, 0\))$/.test(backgroundColor)) return backgroundColor;
  }
  return "rgb(255, 255, 255)";
}

function brightness(color) {
  const [red, green, blue] = color.match(/[\d.]+/g).map(Number);
  return 0.3 * red + 0.6 * green + 0.1 * blue;
}
