// The images as tiles on one canvas, cut out of one sprite: a frame in the color of the guess, the image as strong as
// the loss pulls it, grey where the loss ignores it, and a sign where it is pushed the wrong way or a wrong label is
// learned. Two hundred tiles take a millisecond, so they are drawn anew in every frame.

const FAINTEST = 0.22; // opacity of an image that is hardly pulled
const sprites = new Map(); // by address: {color, grey}, kept while the tab is open

export class Tiles {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
  }

  // places: [{x, y}] of the tiles, `size` pixels wide, in a canvas of width x height. Drawn in pixels of the screen.
  lay(places, size, width, height) {
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this, { places, size, ratio });
    Object.assign(this.canvas, { width: Math.ceil(width * ratio), height: Math.ceil(height * ratio) });
    Object.assign(this.canvas.style, { width: `${width}px`, height: `${height}px` });
  }

  async load({ sprite }) {
    if (!sprites.has(sprite)) sprites.set(sprite, loaded(sprite));
    this.sprite = await sprites.get(sprite);
  }

  // facts: ImageFacts; colors: of the classes; shown: which images the filter lets through; marked: those with a ring.
  show(facts, index, { colors, theme, shown, marked }) {
    const { pen, canvas, places, ratio, sprite } = this;
    if (!sprite || !places) return;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingQuality = "high";
    const side = Math.round(this.size * ratio);
    const gap = Math.max(1, Math.round(Math.min(side * 0.05, 3 * ratio)));
    const thick = Math.max(2, Math.round(Math.min(side * 0.085, 5 * ratio)));
    const thin = Math.max(1, Math.round(ratio));
    const [tileWidth, tileHeight] = facts.tile;
    const longest = Math.max(tileWidth, tileHeight);
    facts.labels.forEach((_, image) => {
      const place = places[image];
      if (!place) return;
      const [x, y] = [Math.round(place.x * ratio), Math.round(place.y * ratio)];
      if (!shown[image]) {
        pen.globalAlpha = 0.3;
        pen.fillStyle = theme.border;
        pen.fillRect(x + side / 2 - thin, y + side / 2 - thin, 2 * thin, 2 * thin);
        return;
      }
      const { guess, pull, ignored, pushed, locked } = facts.at(image, index);
      const frame = ignored ? thin : thick;
      const inner = side - 2 * (gap + frame);
      const [column, row] = [image % facts.columns, Math.floor(image / facts.columns)];
      const from = [column * tileWidth, row * tileHeight, tileWidth, tileHeight];
      const [wide, high] = [(inner * tileWidth) / longest, (inner * tileHeight) / longest];
      const into = [x + (side - wide) / 2, y + (side - high) / 2, wide, high];
      pen.globalAlpha = ignored ? 1 : FAINTEST + (1 - FAINTEST) * Math.abs(pull);
      pen.drawImage(ignored ? sprite.grey : sprite.color, ...from, ...into);
      pen.globalAlpha = 1;
      pen.strokeStyle = colors[guess];
      pen.lineWidth = frame;
      pen.strokeRect(x + gap + frame / 2, y + gap + frame / 2, side - 2 * gap - frame, side - 2 * gap - frame);
      const radius = Math.max(5.5, Math.min(0.23 * side, 13 * ratio));
      if (pushed) sign(pen, ARROW, x + radius, y + side - radius, radius, theme);
      if (locked) sign(pen, LOCK, x + side - radius, y + side - radius, radius, theme);
    });
    pen.strokeStyle = theme.text; // a ring around the frame, which stays visible
    const ring = (pen.lineWidth = Math.max(2 * ratio, 1.5 * gap));
    for (const { x, y } of marked.flatMap((image) => places[image] ?? [])) {
      pen.strokeRect(Math.round(x * ratio) + ring / 2, Math.round(y * ratio) + ring / 2, side - ring, side - ring);
    }
  }
}

// The sprite, and a copy without color or contrast. A picture that cannot be loaded leaves the frames.
async function loaded(address) {
  const color = new Image();
  color.src = address;
  try {
    await color.decode();
  } catch {
    return null;
  }
  const grey = Object.assign(document.createElement("canvas"), { width: color.width, height: color.height });
  const pen = grey.getContext("2d");
  pen.drawImage(color, 0, 0);
  pen.globalCompositeOperation = "saturation";
  pen.fillStyle = "#808080";
  pen.fillRect(0, 0, grey.width, grey.height);
  pen.globalCompositeOperation = "source-over";
  pen.globalAlpha = 0.8;
  pen.fillStyle = "#8f939c";
  pen.fillRect(0, 0, grey.width, grey.height);
  return { color, grey };
}

// The signs, drawn in a square of 16 with its middle at 0. The legend shows them, too.
export const ARROW = "M-1.7 -5H1.7V0.2H5L0 5.6L-5 0.2H-1.7Z";
const BODY = "M-4.5 -0.8H-3.4V-2.2A3.4 3.4 0 0 1 3.4 -2.2V-0.8H4.5V5.5H-4.5Z";
export const LOCK = `${BODY}M-1.7 -0.8H1.7V-2.2A1.7 1.7 0 0 0 -1.7 -2.2Z`;
const paths = new Map();

// A sign on a disc around (x, y).
function sign(pen, shape, x, y, radius, theme) {
  if (!paths.has(shape)) paths.set(shape, new Path2D(shape));
  pen.setTransform(radius / 8, 0, 0, radius / 8, x, y);
  pen.fillStyle = theme.background;
  pen.beginPath();
  pen.arc(0, 0, 8.4, 0, 2 * Math.PI);
  pen.fill();
  pen.fillStyle = theme.text;
  pen.fill(paths.get(shape));
  pen.setTransform(1, 0, 0, 1, 0, 0);
}

// An image as the background of an element at most `side` pixels wide and high.
export function cutOut(element, { sprite, tile, columns }, image, side) {
  const [column, row] = [image % columns, Math.floor(image / columns)];
  const [width, height] = tile.map((length) => (side * length) / Math.max(...tile));
  Object.assign(element.style, {
    width: `${width}px`,
    height: `${height}px`,
    backgroundImage: `url("${sprite}")`,
    backgroundSize: `${columns * width}px auto`,
    backgroundPosition: `${-column * width}px ${-row * height}px`,
  });
}
