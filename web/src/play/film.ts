/**
 * The pictures of a training, in the order of their epochs. They may come several at once; the film shows them one after
 * another, at least ten a second, and faster when many wait, so that it never falls far behind the training.
 */

export interface Picture {
  readonly epoch: number;
}

const SLOWEST_MS = 100;

export class Film<P extends Picture> {
  readonly pictures: P[] = [];
  /** Index of the picture that is shown; -1 before the first. */
  at = -1;
  #shownAt = -Infinity;

  /** Add a picture; one of an epoch that is known is left out, as after a connection was lost. */
  add(picture: P): void {
    const last = this.pictures.at(-1);
    if (last === undefined || picture.epoch > last.epoch) this.pictures.push(picture);
  }

  get shown(): P | undefined {
    return this.pictures[this.at];
  }

  /** How many pictures wait to be shown. */
  get waiting(): number {
    return this.pictures.length - 1 - this.at;
  }

  /** At `now` (ms): go on to the next picture when it is its time; whether the picture changed. */
  tick(now: number): boolean {
    if (this.waiting === 0 || now - this.#shownAt < Math.min(SLOWEST_MS, 1000 / (3 * this.waiting))) return false;
    this.#shownAt = now;
    this.at += 1;
    return true;
  }

  /** The next picture at once; false when there is none. */
  step(): boolean {
    if (this.waiting === 0) return false;
    this.at += 1;
    return true;
  }

  /** The last picture whose epoch is not after `epoch`. */
  seek(epoch: number): void {
    const after = this.pictures.findIndex((picture) => picture.epoch > epoch);
    this.at = after < 0 ? this.pictures.length - 1 : Math.max(0, after - 1);
  }
}
