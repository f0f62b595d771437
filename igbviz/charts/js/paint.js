// Parts of the page on a canvas, as they look at this moment: texts, bars, and a drawing in SVG of a few simple shapes.
// The canvas has the coordinates of the window.

// The text of an element, or another one in its place: broken into lines where it is wider, at the middle of its height.
export function paintText(context, element, text = element.textContent) {
  const style = getComputedStyle(element);
  const { left, right, top, height, width } = element.getBoundingClientRect();
  if (!width || !height || !text) return;
  context.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.fillStyle = style.color;
  context.textBaseline = "middle";
  context.textAlign = style.textAlign === "right" ? "right" : "left";
  const lines = broken(text, width + 1, (part) => context.measureText(part).width);
  const step = 1.2 * parseFloat(style.fontSize);
  const first = top + height / 2 - ((lines.length - 1) * step) / 2;
  lines.forEach((line, k) => context.fillText(line, context.textAlign === "right" ? right : left, first + k * step));
  context.textAlign = "left";
}

function broken(text, width, measure) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && measure(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

export function paintBars(context, holder) {
  for (const row of holder.children) {
    const [who, track, value] = ["who", "track", "value"].map((name) => row.querySelector(`.${name}`));
    const bar = track.firstElementChild;
    const box = track.getBoundingClientRect();
    const chance = (parseFloat(getComputedStyle(row).getPropertyValue("--chance")) / 100) * box.width;
    context.fillStyle = getComputedStyle(track).borderLeftColor;
    for (const x of [0, chance]) context.fillRect(box.left + x, box.top, 1, box.height);
    const filled = bar.getBoundingClientRect();
    context.fillStyle = getComputedStyle(bar).backgroundColor;
    context.fillRect(filled.left, filled.top, filled.width, filled.height);
    paintText(context, who);
    paintText(context, value);
  }
}

// How each shape is painted, from its attributes; color, width and opacity come from its style.
const SHAPES = {
  rect: (context, at) => context.fillRect(at("x"), at("y"), at("width"), at("height")),
  line: (context, at) => context.stroke(new Path2D(`M${at("x1")} ${at("y1")}L${at("x2")} ${at("y2")}`)),
  path: (context, _, shape) => context.stroke(new Path2D(shape.getAttribute("d"))),
  circle(context, at) {
    const path = new Path2D();
    path.arc(at("cx"), at("cy"), at("r"), 0, 2 * Math.PI);
    context.fill(path);
    context.stroke(path);
  },
  text(context, at, shape) {
    const { fontWeight, fontSize, fontFamily } = getComputedStyle(shape);
    context.font = `${fontWeight} ${fontSize} ${fontFamily}`;
    context.textBaseline = "alphabetic";
    context.strokeText(shape.textContent, at("x"), at("y")); // its rim is behind it
    context.fillText(shape.textContent, at("x"), at("y"));
  },
};

export function paintDrawing(context, drawing) {
  const { left, top } = drawing.getBoundingClientRect();
  context.save();
  context.translate(left, top);
  context.lineJoin = "round";
  for (const shape of drawing.querySelectorAll(Object.keys(SHAPES).join())) {
    const style = getComputedStyle(shape);
    if (style.visibility === "hidden") continue;
    const around = shape.parentNode === drawing ? 1 : Number(getComputedStyle(shape.parentNode).opacity);
    context.globalAlpha = Number(style.opacity) * around;
    Object.assign(context, { fillStyle: style.fill, strokeStyle: style.stroke });
    context.lineWidth = parseFloat(style.strokeWidth);
    context.save();
    const { parentNode: frame } = shape; // the line of an image stands in a frame of its own
    if (frame !== drawing && frame.tagName === "svg") context.translate(Number(frame.getAttribute("x")), Number(frame.getAttribute("y")));
    SHAPES[shape.tagName](context, (name) => Number(shape.getAttribute(name)), shape);
    context.restore();
  }
  context.restore();
}
