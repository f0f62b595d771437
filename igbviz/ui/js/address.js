// What the viewer chose on the stage, in the address of the page, so that a link shows the same moment. Written without
// telling Streamlit, which would run the page again; read once, when the stage is made.

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

function write() {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(waiting)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  waiting = {};
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}
