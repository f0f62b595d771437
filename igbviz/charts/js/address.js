// What the viewer chose on the stage, in the address of the page, so that a link shows the same moment. Written without
// telling Streamlit, which would run the page again; read once, when the stage is made.

export const linkable = true; // a notebook has no address of its own
export const asked = (name) => new URLSearchParams(location.search).get(name);

let waiting = {};
let timer = null;

// Null removes a name. Written when the viewer has come to rest: browsers allow few changes of the address a second.
export function remember(choices) {
  Object.assign(waiting, choices);
  clearTimeout(timer);
  timer = setTimeout(write, 400);
}

// What waits belongs to a page that is being left.
export function forget() {
  clearTimeout(timer);
  waiting = {};
}

// A link to this page with these choices; `embed` for a frame on another page.
export function linkWith(choices, { embed = false } = {}) {
  return changed({ ...waiting, ...choices, embed: embed ? "true" : null, embed_options: null }).href;
}

function write() {
  const url = changed(waiting);
  waiting = {};
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}

function changed(choices) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(choices)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url;
}
