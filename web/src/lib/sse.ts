/**
 * Server-sent events (WHATWG HTML, section 9.2) by `fetch`: unlike EventSource it sees comments, so that a silent
 * connection is noticed, and statuses, so that it does not give up after a 503.
 */

import { ApiError, request } from "./api";

export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Cuts our server's stream (lines end with \n) into events; a comment is an event named "". */
export class EventParser {
  #rest = "";
  #id = "";

  /** The events that `text` completes. */
  *push(text: string): Generator<ServerEvent> {
    this.#rest += text;
    for (;;) {
      const end = this.#rest.indexOf("\n\n");
      if (end < 0) return;
      const block = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 2);
      yield this.#read(block);
    }
  }

  #read(block: string): ServerEvent {
    let event = "message";
    const data: string[] = [];
    for (const line of block.split("\n")) {
      const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === "id") this.#id = value;
      else if (field === "event") event = value;
      else if (field === "data") data.push(value);
    }
    return { id: this.#id, event: data.length > 0 ? event : "", data: data.join("\n") };
  }
}

export interface Follow {
  /** Id of the last event that is known: the stream begins after it. */
  readonly last?: string;
  /** Each event, in order; never twice, never with a gap. */
  readonly onEvent: (event: ServerEvent) => void;
  /** Whether the connection is there. */
  readonly onState?: (open: boolean) => void;
  /** The server's time, each time that the connection begins: the header `Date`. */
  readonly onDate?: (date: string | null) => void;
  /** The stream is not there at all (404, 401): nothing is tried again. */
  readonly onRefused?: (error: ApiError) => void;
  /** True once nothing more will come, such as after `end`. */
  readonly isOver?: () => boolean;
}

/** Longest silence that is no fault; the server sends a comment every 15 s. */
const SILENCE_MS = 40_000;
const WAITS_MS = [500, 1000, 2000, 4000, 8000];

/** Until somebody looks at this tab, or `signal` says that nobody waits any more. */
function seen(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    for (const [target, event] of [[document, "visibilitychange"], [signal, "abort"]] as const) {
      target.addEventListener(event, () => resolve(), { once: true });
    }
  });
}

/**
 * Follow the stream at `path` until the answer is called, or it is over; a lost connection comes back by itself.
 * A browser opens six connections to a server for all its tabs together: a tab that nobody sees holds none of them, and
 * goes on where it was when it is seen again.
 */
export function follow(path: string, { last = "", onEvent, onState, onDate, onRefused, isOver }: Follow): () => void {
  const stopped = new AbortController();
  let failures = 0;

  async function connect(): Promise<void> {
    const ended = new AbortController();
    const end = (): void => ended.abort();
    const headers = { Accept: "text/event-stream", ...(last === "" ? {} : { "Last-Event-ID": last }) };
    const signal = AbortSignal.any([stopped.signal, ended.signal]);
    document.addEventListener("visibilitychange", end, { signal });
    window.addEventListener("offline", end, { signal }); // or silence would have to say it, which takes long
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const answer = await request(path, { headers, signal, cache: "no-store" });
      if (answer.body === null) throw new Error("an answer without a body");
      onDate?.(answer.headers.get("Date"));
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      onState?.(true);
      timer = setTimeout(end, SILENCE_MS);
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(end, SILENCE_MS);
        failures = 0;
        for (const event of parser.push(value)) {
          if (event.id !== "") last = event.id;
          if (event.event !== "") onEvent(event);
        }
      }
    } finally {
      clearTimeout(timer);
      end();
    }
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted && !isOver?.()) {
      if (document.hidden) {
        await seen(stopped.signal);
        continue;
      }
      try {
        await connect();
      } catch (error) {
        if (stopped.signal.aborted) return;
        if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) {
          onRefused?.(error);
          return;
        }
      }
      if (stopped.signal.aborted || isOver?.()) return;
      if (document.hidden) continue;
      onState?.(false);
      const wait = WAITS_MS[Math.min(failures, WAITS_MS.length - 1)] ?? 0;
      failures += 1;
      await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
    }
  }

  void run();
  return () => stopped.abort();
}
