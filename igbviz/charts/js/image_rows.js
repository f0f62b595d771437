// Where the images stand in their panel: a row for every class and below them those with a wrong label, in tiles as
// large as there is room for. Pure: it gets the room in pixels and returns places.

const COLUMNS = 12;
const OWN = [COLUMNS, 6, 4, 3]; // images of a class in a row: few classes fill their room with several rows each
const DIVISIONS = OWN.flatMap((own) => Array.from({ length: 2 * COLUMNS - own + 1 }, (_, more) => [own, own + more]));
const MANY = 20; // with more classes than this, rows are not classes but simply full
const SMALLEST = 16; // pixels of a tile; with less room the grid scrolls
const LARGEST = 120; // pixels of a tile when only some images are shown
const SECTION = 7; // pixels above the wrongly labelled images
const BESIDE = 20; // pixels beside the letters of a name, and from it to the images

// facts: ImageFacts; heads: {title, color} of the classes; room: {width, height, nameOf}, with nameOf the width of a
// title; on a page that scrolls, the height is Infinity. Returns {size, left, width, height}, by image `places`
// [{x, y}] and `cells` [[row, column]], and for the rows with a name `names` [{title, color, filter, y}].
export function rowsOf(facts, heads, room) {
  let best = { size: 0 };
  for (const [own, columns] of Number.isFinite(room.height) ? DIVISIONS : DIVISIONS.slice(0, 1)) {
    const rows = rowsIn(facts, heads, own, columns);
    const longest = Math.max(0, ...rows.map(({ title }) => (title ? room.nameOf(title) + BESIDE : 0)));
    const named = Math.min(longest, 0.34 * room.width);
    const across = Math.max(1, ...rows.map(({ images }) => images.length));
    const section = rows.some((row) => row.section) ? SECTION : 0;
    const size = Math.floor(Math.min((room.width - named - 1) / across, (room.height - section) / rows.length));
    const left = Math.max(named, Math.min(room.width - across * size, named + 14));
    if (size > best.size) best = { size, rows, left, width: left + across * size };
  }
  return placed(best.size ? best : { ...best, rows: rowsIn(facts, heads, COLUMNS, COLUMNS), left: 0, width: room.width });
}

// Rows with so many images of a class, and so many wrongly labelled or of all classes together.
function rowsIn(facts, heads, own, columns) {
  const all = facts.labels.map((_, image) => image);
  const of = (k) => all.filter((image) => facts.given[image] < 0 && facts.labels[image] === k);
  const rows =
    heads.length > MANY
      ? chunks(heads.flatMap((_, k) => of(k)), columns).map((images) => ({ images }))
      : heads.flatMap((head, k) => withHead(chunks(of(k), own), { ...head, filter: String(k) }));
  const wrong = chunks(all.filter((image) => facts.given[image] >= 0), columns);
  const head = { title: "Wrong labels", color: "transparent", filter: "wrong", section: true };
  return [...rows, ...withHead(wrong, head)];
}

function placed({ size: fitting, rows, left, width }) {
  const size = Math.max(SMALLEST, fitting);
  const [names, places, cells] = [[], [], []];
  let y = 0;
  rows.forEach(({ images, section, ...head }, row) => {
    if (section) y += SECTION;
    if (head.title) names.push({ ...head, y });
    images.forEach((image, column) => {
      places[image] = { x: left + column * size, y };
      cells[image] = [row, column];
    });
    y += size;
  });
  return { size, left, width, height: y, names, places, cells };
}

// Only these images, larger, in the room of all.
export function enlarged({ left, width, height }, images) {
  const room = width - left;
  const across = images.map((_, k) => k + 1);
  const highOf = (columns) => Math.ceil(images.length / columns);
  const sizeOf = (columns) => Math.floor(Math.min(room / columns, height / highOf(columns), LARGEST));
  const columns = across.reduce((best, columns) => (sizeOf(columns) > sizeOf(best) ? columns : best), 1);
  const size = sizeOf(columns);
  const [places, cells] = [[], []];
  images.forEach((image, k) => {
    cells[image] = [Math.floor(k / columns), k % columns];
    places[image] = { x: left + cells[image][1] * size, y: cells[image][0] * size };
  });
  return { size, places, cells };
}

const chunks = (images, length) =>
  Array.from({ length: Math.ceil(images.length / length) }, (_, k) => images.slice(k * length, (k + 1) * length));

// The first of several rows has the name.
const withHead = (rows, head) => rows.map((images, k) => (k ? { images } : { images, ...head }));
