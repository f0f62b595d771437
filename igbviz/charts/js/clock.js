// The time of several runs side by side: every step at which one of them was probed, as far as all of them have come. For
// the player it is a recording like any other.

import { INIT, Recording } from "./recording.js";

export class Clock extends Recording {
  // A run that goes on holds the clock at its newest probe; one that has ended, early or late, does not. Some runs may not
  // have started: `lacks` says so, since then nothing is said of the end.
  follow(recordings, verdict, lacks = false) {
    const going = recordings.filter((recording) => !recording.ended);
    const furthest = Math.max(...recordings.map((recording) => recording.steps.at(-1)));
    const now = going.length ? Math.min(...going.map((recording) => recording.steps.at(-1))) : furthest;
    const steps = new Set(recordings.flatMap((recording) => recording.steps));
    this.steps = [...steps].filter((step) => step <= now).sort((a, b) => a - b);
    this.places = this.steps.map((step) => (step > 0 ? Math.log10(step) : INIT));
    Object.assign(this, { ended: !going.length, verdict, lacks });
  }
}
