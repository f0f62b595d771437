// Where in time the stage is: an index into the probes, fractional while it moves between two of them. Motion is even in
// log time, as the axis is. A recorded run begins again at its end until somebody takes the player; a live one follows.

const PASS = 14; // seconds from Init. to the end at speed 1
const REST = 2.5; // seconds at the end before it begins again

export class Player {
  constructor(show) {
    this.show = show; // called with every new index
    this.alive = () => true; // whether it is still on the page: motion ends with it
    this.rested = () => {}; // called with an index that somebody chose
    this.index = 0;
    this.speed = 1;
    this.playing = false;
    this.taken = false; // by the viewer, who then decides what happens
    this.following = false; // stays at the last probe of a run that grows
  }

  // The probes changed: another run, or more of the same.
  load(recording, { play = false, fresh = false } = {}) {
    this.recording = recording;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (fresh) {
      this.following = !recording.ended && !this.taken;
      if (!this.taken) this.index = play && !still ? 0 : this.last;
      if (play && !still && !this.taken && !this.following) return this.play();
    }
    this.go(this.following ? this.last : Math.min(this.index, this.last), { keep: true });
  }

  get last() {
    return Math.max(0, this.recording.length - 1);
  }

  go(index, { keep = false } = {}) {
    this.index = Math.min(Math.max(index, 0), this.last);
    if (!keep) {
      this.following = !this.recording.ended && this.index >= this.last;
      this.rested(this.index);
    }
    this.show(this.index);
  }

  // A link names a moment: somebody took the player there.
  take(index) {
    this.taken = true;
    this.index = index;
  }

  // A probe further or back, from between two probes to the next one.
  step(by) {
    this.pause();
    this.go(by > 0 ? Math.floor(this.index + 1e-6) + 1 : Math.ceil(this.index - 1e-6) - 1);
  }

  toggle() {
    this.taken = true;
    if (this.playing) this.pause();
    else this.play();
  }

  pause() {
    this.taken = true;
    if (this.playing) this.go(Math.round(this.index)); // at rest it shows what was measured
    this.playing = false;
    this.show(this.index);
  }

  play() {
    if (this.playing || this.last < 1) return;
    if (this.index >= this.last) this.index = 0;
    this.playing = true;
    this.following = false;
    let before = null;
    let rest = 0;
    const frame = (now) => {
      if (!this.playing || !this.alive()) return;
      // a frame may carry a time before the first call, and a hidden tab stands still
      const seconds = Math.min(Math.max((now - (before ?? now)) / 1000, 0), 0.1);
      before = now;
      if (this.index < this.last) {
        const { places } = this.recording;
        const rate = ((places[this.last] - places[0]) / PASS) * this.speed;
        this.go(this.recording.index(this.recording.place(this.index) + rate * seconds), { keep: true });
      } else if (!this.recording.ended || this.taken) {
        this.playing = false;
        this.go(this.last);
        return;
      } else if ((rest += seconds) > REST) {
        rest = 0;
        this.go(0, { keep: true });
      }
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    this.show(this.index);
  }
}
