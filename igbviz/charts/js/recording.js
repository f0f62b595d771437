// The probes of a run that this browser tab has received. A message holds the probes from an index on, since a growing
// run sends what is new; a message that begins after the last known probe has been overtaken by one that got lost.

export class Recording {
  constructor(id) {
    this.id = id;
    this.steps = [];
    this.tables = {};
  }

  // Whether the message fits. If not, all probes have to be sent again.
  take(message) {
    if (message.fixed) {
      Object.assign(this, message.fixed);
      this.views.forEach((view) => (view.lines ??= this.lines));
    } else if (!this.views || message.start > this.steps.length) return false;
    const known = message.fixed ? 0 : message.start;
    this.steps = [...this.steps.slice(0, known), ...message.steps];
    for (const [name, text] of Object.entries(message.tables)) {
      const ofImages = name.startsWith("images_");
      const at = ofImages ? message.images_at : null;
      const rowsSent = at?.length ?? message.steps.length;
      const sent = name === "confusion" ? shares(text, this.sizes, rowsSent) : decoded(text, ofImages, rowsSent);
      const rows = at ? spread(sent, at, message.steps.length) : sent;
      this.tables[name] = [...(this.tables[name] ?? []).slice(0, known), ...rows];
    }
    this.verdict = message.verdict ?? "";
    this.ended = message.ended;
    this.places = this.steps.map((step) => (step > 0 ? Math.log10(step) : INIT));
    return true;
  }

  get length() {
    return this.steps.length;
  }

  // The index of the last probe that is not after this step.
  nearest(step) {
    return Math.max(0, this.steps.findLastIndex((other) => other <= step));
  }

  // The values of a table at a fractional index.
  at(name, index) {
    return between(this.tables[name], index);
  }

  // The place in log time of a fractional index, and back.
  place(index) {
    const left = Math.min(Math.floor(index), this.length - 1);
    const right = Math.min(left + 1, this.length - 1);
    return this.places[left] + (index - left) * (this.places[right] - this.places[left]);
  }

  index(place) {
    const right = this.places.findIndex((other) => other > place);
    if (right < 0) return this.length - 1;
    if (right === 0) return 0;
    return right - 1 + (place - this.places[right - 1]) / (this.places[right] - this.places[right - 1]);
  }
}

export const INIT = -0.5; // where Init. lies, in powers of ten of the step: half a decade before the first one

// The values at a fractional index: on the line between two probes.
export function between(rows, index) {
  const left = Math.min(Math.floor(index), rows.length - 1);
  const right = Math.min(left + 1, rows.length - 1);
  const part = index - left;
  return part ? rows[left].map((value, k) => value + part * (rows[right][k] - value)) : rows[left];
}

// Rows of numbers between 0 and 1, from base64 of one or two bytes each.
function decoded(text, isBytes, rows) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const values = isBytes ? bytes : new Uint16Array(bytes.buffer);
  const largest = isBytes ? 255 : 65535;
  const width = rows ? values.length / rows : 0;
  return Array.from({ length: rows }, (_, row) => Array.from(values.subarray(row * width, (row + 1) * width), (value) => value / largest));
}

// Confusion matrices as fractions of their rows, from base64 of counts in one, two or four bytes each, exactly.
function shares(text, sizes, rows) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const width = sizes.length ** 2;
  const Counts = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[bytes.length / (rows * width)] ?? Uint8Array;
  const counts = new Counts(bytes.buffer);
  return Array.from({ length: rows }, (_, row) =>
    Array.from(counts.subarray(row * width, (row + 1) * width), (count, k) => count / sizes[Math.floor(k / sizes.length)]),
  );
}

// Of the images, a long run's first message has the rows of some probes only; each stays until the next one.
function spread(rows, at, probes) {
  return Array.from({ length: probes }, (_, probe) => rows[at.findLastIndex((other) => other <= probe)]);
}

// A weighted mean over neighbouring probes: a bell 0.08 decades wide, so that it is as smooth early as late. Init. stays.
export function smoothed(rows, places, width = 0.08) {
  return rows.map((row, i) => {
    if (places[i] === INIT) return row;
    const sum = row.map(() => 0);
    let total = 0;
    for (let j = 0; j < rows.length; j++) {
      const distance = (places[j] - places[i]) / width;
      if (places[j] === INIT || Math.abs(distance) > 3) continue;
      const weight = Math.exp((-distance * distance) / 2);
      total += weight;
      rows[j].forEach((value, k) => (sum[k] += weight * value));
    }
    return sum.map((value) => value / total);
  });
}
