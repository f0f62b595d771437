// A figure as it comes from Python, made ready for this page: its JSON read, in the colors and the size of the page.

// The JSON is in the colors of a light page. `palette` maps each of them, "#3e5af8" and the opening of its shades,
// "rgba(62,90,248,", to those of a dark page: igbviz/charts/colors.py defines it and does the same for files.
export function figureOf(json, { palette, dark, scale }) {
  const colored = dark ? json.replace(/#[0-9a-f]{6}|rgba\(\d+,\d+,\d+,/g, (color) => palette[color] ?? color) : json;
  const { data, layout, shared } = JSON.parse(colored);
  return enlarged(resolved({ data, layout }, shared), scale);
}

// Arrays and texts that occur several times are sent once, in "shared", and replaced by {"$shared": index}.
function resolved(value, shared) {
  if (Array.isArray(value)) return value.map((inner) => resolved(inner, shared));
  if (value === null || typeof value !== "object") return value;
  if ("$shared" in value) {
    const found = shared[value.$shared];
    return typeof found === "string" ? found : { ...found };
  }
  return mapped(value, (inner) => resolved(inner, shared));
}

// All lengths in pixels `scale` times as large: texts, strokes, dashes, marks, margins and shifts. Data and fractions stay.
const LENGTHS = /^(standoff|[xy]shift|ticklen|tickwidth|zerolinewidth|arrowwidth|thickness|a[xy])$/;
const SIDES = /^[tblr]$/;

function enlarged(value, scale, key = "", owner = "") {
  if (scale === 1) return value;
  if (typeof value === "number") return isLength(key, owner) ? value * scale : value;
  if (typeof value === "string") {
    const isStyle = key === "dash" || value.includes("font-size");
    return isStyle ? value.replace(/([\d.]+)px/g, (_, length) => `${length * scale}px`) : value;
  }
  if (Array.isArray(value)) return value.map((inner) => enlarged(inner, scale, key, owner));
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return mapped(value, (inner, name) => enlarged(inner, scale, name, key || owner));
}

function isLength(key, owner) {
  return (
    LENGTHS.test(key) ||
    (key === "size" && /font$|^marker$|^pattern$/.test(owner)) ||
    (key === "width" && owner === "line") ||
    (SIDES.test(key) && /^(margin|pad)$/.test(owner))
  );
}

// An object with the same names and other values.
const mapped = (object, change) =>
  Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value, name)]));
