// A dialog with a link, a line to paste into another page, and a code for the cameras of a class.

const HERE_ONLY = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;
const OPENING = "--server.address 0.0.0.0";
const TEMPLATE = `
  <h2 id="igbviz-link">Link to this view</h2>
  <p class="local" hidden>Nobody else can open this link, since it leads to the machine of whoever opens it. To open the
    app to a class, start it with <code>${OPENING}</code> and visit it at this machine's address in the network.</p>
  <div class="row"><label>Link <input readonly></label><button type="button">Copy</button></div>
  <div class="row"><label>For a page of your own <input readonly></label><button type="button">Copy</button></div>
  <img class="code" alt="QR code of the link" width="220" height="220" hidden>
  <p class="said" role="status"></p>
  <form method="dialog"><button>Close</button></form>`;

// `frame` is the address for a frame, `code` that of the QR code or null; the keyboard returns to `back`.
export function showLink(root, { link, frame, code, back }) {
  const dialog = root.appendChild(document.createElement("dialog"));
  dialog.className = "link";
  dialog.setAttribute("role", "dialog");
  dialog.setAttribute("aria-labelledby", "igbviz-link");
  dialog.innerHTML = TEMPLATE;
  const look = `width="800" height="500" style="border: 0" title="igbviz"`;
  const line = `<iframe src="${frame.replaceAll("&", "&amp;")}" ${look}></iframe>`;
  const said = dialog.querySelector(".said");
  [link, line].forEach((text, row) => {
    const field = dialog.querySelectorAll("input")[row];
    field.value = text;
    field.addEventListener("focus", () => field.select());
    dialog.querySelectorAll(".row button")[row].addEventListener("click", async () => {
      said.textContent = (await copied(field)) ? "Copied." : "Press Ctrl+C to copy what is selected.";
    });
  });
  dialog.querySelector(".local").hidden = !HERE_ONLY.test(location.hostname);
  const picture = dialog.querySelector("img");
  picture.addEventListener("load", () => (picture.hidden = false)); // a link may be too long for a code
  if (code) picture.src = code;
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close()); // beside it
  dialog.addEventListener("close", () => {
    dialog.remove();
    back.focus();
  });
  dialog.showModal();
}

// Browsers have a clipboard for pages from https and from this machine only; elsewhere the selection is copied.
async function copied(field) {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
