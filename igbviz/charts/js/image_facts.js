// What is true of the images of a run at a probe: what each is guessed as, how hard the loss pulls its label up, and
// the same in words. Pure: it knows nothing of the page. Its label is the wrong one, where it was given one.

export class ImageFacts {
  constructor({ images, classes, tables, steps }) {
    Object.assign(this, images, { classes, steps });
    this.roots = tables.images_p; // of p: the square is p itself
    this.guesses = tables.images_guess.map((row) => row.map((value) => Math.round(255 * value)));
    this.count = this.labels.length;
    this.wrong = this.given.filter((label) => label >= 0).length;
    // the first probe at which the loss pulled the label up; Infinity for an image that it never did
    this.heard = this.labels.map((_, image) => {
      const first = this.roots.findIndex((row) => this._pull(row[image]) > 0);
      return first < 0 ? Infinity : first;
    });
  }

  _pull(root) {
    return this.pull[Math.round(255 * root)] ?? 0;
  }

  // Of an image at a fractional index: p moves between two probes, a guess is what the last one found.
  at(image, index) {
    const left = Math.floor(index + 1e-6);
    const right = Math.min(left + 1, this.roots.length - 1);
    const [from, to] = [this.roots[left][image], this.roots[right][image]];
    const root = from + Math.max(0, index - left) * (to - from);
    const pull = this._pull(root);
    const guess = this.guesses[left][image];
    return {
      p: root * root,
      pull,
      guess,
      ignored: pull === 0,
      pushed: pull < 0, // the wrong way
      locked: this.given[image] >= 0 && guess === this.given[image], // its wrong label is learned
    };
  }

  // p of an image at all probes.
  history(image) {
    return this.roots.map((row) => row[image] ** 2);
  }

  // Whether a filter lets an image through: "all", "never", "memorised", "wrong", or the number of a class.
  passes(filter, image, index) {
    const wrong = this.given[image] >= 0;
    if (filter === "never") return this.heard[image] > index + 1e-6;
    if (filter === "memorised") return this.at(image, index).locked;
    if (filter === "wrong") return wrong;
    return filter === "all" || (!wrong && String(this.labels[image]) === filter);
  }

  through(filter, index) {
    return this.labels.map((_, image) => image).filter((image) => this.passes(filter, image, index));
  }

  // Whether a filter lets the same images through at every probe, and not all of them.
  fixed(filter) {
    return !["all", "never", "memorised"].includes(filter);
  }

  name(image) {
    return `Image ${image + 1}: ${this.classes[this.labels[image]]}`;
  }

  // "Pullover, guessed Bag since step 12, p = 0.03, ignored by this loss."
  sentence(image, index) {
    const { p, pull, guess, ignored, pushed, locked } = this.at(image, index);
    const wrong = this.given[image];
    return [
      this.classes[this.labels[image]],
      ...(wrong >= 0 ? [`wrongly labelled ${this.classes[wrong]}`] : []),
      `guessed ${this.classes[guess]} since ${this._since(image, Math.floor(index + 1e-6))}`,
      `p ${written(p)}${wrong >= 0 ? " of the wrong label" : ""}`,
      pushed ? "pushed the wrong way" : ignored ? "ignored by this loss" : pulled(Math.round(100 * pull)),
      ...(locked ? ["its wrong label is learned"] : []),
    ].join(", ").concat(".");
  }

  // When the run of equal guesses that includes this probe began.
  _since(image, probe) {
    const guess = this.guesses[probe][image];
    let first = probe;
    while (first > 0 && this.guesses[first - 1][image] === guess) first--;
    return this.steps[first] ? `step ${this.steps[first].toLocaleString("en")}` : "Init.";
  }

  // All images in a sentence, for those who cannot see them.
  summary(index) {
    const now = this.labels.map((_, image) => this.at(image, index));
    const right = now.filter(({ guess }, image) => this.given[image] < 0 && guess === this.labels[image]).length;
    const of = (kind) => now.filter((one) => one[kind]).length;
    const clauses = [`${right} of ${this.count - this.wrong} images are guessed as their class`];
    clauses.push(`${of("ignored")} ${this.wrong ? `of all ${this.count} ` : ""}are ignored by the loss`);
    if (of("pushed")) clauses.push(`${of("pushed")} are pushed the wrong way`);
    if (this.wrong) clauses.push(`${of("locked")} of ${this.wrong} wrong labels are learned`);
    return `${clauses.join(", ")}.`;
  }
}

const pulled = (percent) => (percent < 100 ? `pulled at ${percent} % of full strength` : "pulled at full strength");
const written = (p) => (p < 0.0005 ? "under 0.001" : `= ${p.toFixed(p < 0.0095 ? 3 : 2)}`);
