// How wide a text will be, and what of it fits. Class names may be long, and nothing on the stage is cut without a sign.

const ruler = document.createElement("canvas").getContext("2d");

// In pixels; `font` as in CSS, "700 13px sans-serif".
export function widthOf(text, font) {
  ruler.font = font;
  return ruler.measureText(text).width;
}

// The text, or as much of its beginning as there is room for, with its star.
export function shortened(text, room, font) {
  if (widthOf(text, font) <= room) return text;
  const end = text.endsWith(STAR) ? `…${STAR}` : "…";
  let length = text.length - end.length;
  while (length > 1 && widthOf(text.slice(0, length).trimEnd() + end, font) > room) length--;
  return text.slice(0, length).trimEnd() + end;
}

// The text as plotly shows it unchanged: <b>, &amp; and %{x} are markup to plotly.
export const literal = (text) => text.replace(/[&<>]/g, (letter) => `&#${letter.charCodeAt(0)};`).replaceAll("%{", "%&#123;");

const STAR = " ★";

// How the class that the untrained network guesses is written.
export const starred = ({ name, strong }) => (strong ? name + STAR : name);
