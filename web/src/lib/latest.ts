/** Requests one after another: of those that are wanted while one is on its way, only the last is sent. */
export class Latest<T> {
  #wanted: T | null = null;
  #sending = false;

  /** `send` never rejects; `isReady` says whether there is anything to send it to. */
  constructor(
    private readonly send: (what: T) => Promise<void>,
    private readonly isReady: () => boolean,
  ) {}

  want(what: T): Promise<void> {
    this.#wanted = what;
    return this.go();
  }

  /** Forget what was wanted and is not sent yet. */
  drop(): void {
    this.#wanted = null;
  }

  /** Send what was wanted before it could be sent. */
  async go(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#wanted !== null && this.isReady()) {
      const what = this.#wanted;
      this.#wanted = null;
      await this.send(what);
    }
    this.#sending = false;
  }
}
