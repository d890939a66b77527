/** Does something at once, and while it is wanted again and again at most every so often; the last time counts. */
export class Throttle {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOwed = false;

  constructor(
    private readonly run: () => void,
    private readonly ms: number,
  ) {}

  call(): void {
    if (this.#timer !== undefined) {
      this.#isOwed = true;
      return;
    }
    this.run();
    this.#timer = setTimeout(() => this.#pass(), this.ms);
  }

  /** Do now what is owed. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isOwed) this.run();
    this.#isOwed = false;
  }

  #pass(): void {
    this.#timer = undefined;
    if (!this.#isOwed) return;
    this.#isOwed = false;
    this.call();
  }
}
