// What Streamlit calls at every change of the data or the theme. It repeats this text in every message, so the part of the
// page itself is a class in modules that the app serves, loaded once; while they load, the newest data wait.
const mounts = new WeakMap(); // by element: Streamlit keeps it while the part is on the page

export default function ({ data, parentElement, setTriggerValue }) {
  const own = document.querySelector('script[src*="static/js/"]');
  const base = own ? new URL("../../", own.src) : document.baseURI; // a page may be at /Train and the app behind a prefix
  const address = (path) => new URL(path, base).href;
  let mount = mounts.get(parentElement);
  if (!mount) {
    mount = { root: parentElement.appendChild(document.createElement("div")) };
    mount.root.className = data.name ?? "";
    mounts.set(parentElement, mount);
  }
  const { root } = mount;
  if (!mount.part && data.height) { // room, so that the page does not jump
    root.style.height = `${data.height}px`;
    parentElement.closest(".stElementContainer")?.classList.add("igbviz-grows");
  }
  mount.data = { ...data, plotly: address(data.plotly) };
  mount.tell = setTriggerValue;
  mount.loaded ??= import(address(data.module)).then(
    (module) => {
      if (mount.left) return;
      root.textContent = "";
      mount.part = new module.default(root, (name, value) => mount.tell(name, value));
    },
    (error) => {
      root.textContent = `This part of the page did not load: ${error.message}`;
      mount.loaded = null; // the next update tries again
    },
  );
  mount.loaded.then(() => mount.part?.update(mount.data));

  // Streamlit also calls this when a newer update overtakes this one, while the element is still on the page.
  return () => {
    if (parentElement.isConnected) return;
    mount.left = true;
    mount.part?.leave();
    mounts.delete(parentElement);
  };
}
