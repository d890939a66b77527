/** A job of the playground while it trains: its state, its curve, and the film of its boundary. */

import { api, ask, PREFIX, type ApiError, type JobStatus } from "../lib/api";
import { Latest } from "../lib/latest";
import { asApiError } from "../lib/resource.svelte";
import { follow, type ServerEvent } from "../lib/sse";
import { hasEnded } from "../lib/states";
import { Film, type Picture } from "./film";
import { bytesOf } from "./network";
import type { Frame } from "./points";

/** What the network answers on a grid, after an epoch. */
export interface Boundary extends Picture {
  readonly side: number;
  readonly frame: Frame;
  /** Row 0 is at the bottom. Of two classes: -1 for the first, to 1 for the second; of more: the class. */
  readonly values: Float32Array;
  /** The network's numbers, when the service sent them. */
  readonly weights: Float32Array | null;
}

/** The data of `event: boundary`: `BoundaryFrame` of spec/pictures.py. */
interface BoundaryFrame {
  readonly epoch: number;
  readonly across: readonly [number, number];
  readonly up: readonly [number, number];
  readonly kind: "probability" | "class" | "number";
  readonly size: number;
  readonly low: number;
  readonly high: number;
  readonly values: string;
  readonly weights?: string;
}

type Row = Readonly<Record<string, number | null>>;

export class Training {
  id = $state<string | null>(null);
  /** It was submitted before, and nobody has let it go on since. */
  adopted = false;
  /** The job's state; null: nothing was submitted. */
  status = $state<JobStatus | "sending" | null>(null);
  /** Why it waits, failed or cannot begin. */
  error = $state.raw<ApiError | null>(null);
  /** Changes with the curve. */
  version = $state(0);
  /** ms from the click to the first picture, or to the first point of the curve when there are no pictures. */
  firstMs = $state<number | null>(null);
  readonly film = new Film<Boundary>();
  /** One row per epoch. */
  readonly rows: Row[] = [];
  #clickedAt = 0;
  #stop: () => void = () => undefined;
  #painted = 0;
  #left = false;
  /** Pause and Play: before the job is known, too. */
  readonly #wish = new Latest<"pause" | "resume">(
    (what) => this.#control(this.id ?? "", what),
    () => this.id !== null && this.active,
  );
  /** The stream has sent all: also of a job that has ended, it sends the curve first. */
  over = $state(false);

  get ended(): boolean {
    return this.status !== null && hasEnded(this.status);
  }

  /** The last epoch that is known at this moment; `version` says when to ask again. */
  get lastEpoch(): number {
    return Math.max(this.film.pictures.at(-1)?.epoch ?? 0, this.rows.at(-1)?.["epoch"] ?? 0);
  }

  get active(): boolean {
    return this.status !== null && !this.ended;
  }

  /** Submit the job and follow it; the answer is its id, or null when it was refused. */
  async start(body: Record<string, unknown>): Promise<string | null> {
    this.#clickedAt = performance.now();
    this.status = "sending";
    this.#wish.drop();
    this.error = null;
    try {
      const job = await ask(api.POST("/api/v1/jobs", { body: body as never }));
      if (this.status !== "sending") {
        void this.#control(job.id, "cancel"); // left before the answer came
        return null;
      }
      this.id = job.id;
      this.status = job.status;
      this.#follow(job.id);
      void this.#wish.go();
      return job.id;
    } catch (error) {
      this.status = null;
      this.error = asApiError(error);
      return null;
    }
  }

  /** Follow a job that was submitted before. */
  async adopt(id: string): Promise<void> {
    this.adopted = true;
    try {
      const job = await ask(api.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: id } } }));
      this.id = id;
      this.status = job.status;
      if (job.status === "succeeded") await this.#last(id, job.progress.epoch);
      if (this.#left) return;
      this.#follow(id);
      void this.#wish.go();
    } catch (error) {
      this.adopted = false;
      this.error = asApiError(error);
    }
  }

  /** The picture of a job that has ended: those of earlier epochs are kept nowhere. */
  async #last(id: string, epoch: number): Promise<void> {
    const path = { job_id: id, name: "boundary" };
    const found = await ask(api.GET("/api/v1/jobs/{job_id}/pictures/{name}.json", { params: { path } }));
    if (found.picture !== "boundary") return;
    const [left = 0, right = 1] = found.across;
    const [bottom = 0, top = 1] = found.up;
    const scaled = found.kind === "probability" ? (value: number): number => 2 * value - 1 : (value: number): number => value;
    const values = Float32Array.from(found.values.flat(), scaled);
    this.film.add({ epoch, side: found.values.length, frame: { left, right, bottom, top }, values, weights: null });
    this.#changed();
  }

  /** Stop following; a job that goes on is cancelled when `cancel` says so. */
  leave(cancel: boolean): void {
    this.#left = true;
    this.#stop();
    cancelAnimationFrame(this.#painted);
    if (cancel && this.active && this.id !== null) void this.#control(this.id, "cancel");
    this.status = null;
  }

  pause(): Promise<void> {
    return this.#wish.want("pause");
  }

  resume(): Promise<void> {
    this.adopted = false;
    return this.#wish.want("resume"); // of a job that still runs, it withdraws the request to pause
  }

  async #control(id: string, what: "cancel" | "pause" | "resume"): Promise<void> {
    try {
      const path = { params: { path: { job_id: id } } };
      if (what === "cancel") await ask(api.POST("/api/v1/jobs/{job_id}/cancel", path));
      else if (what === "pause") await ask(api.POST("/api/v1/jobs/{job_id}/pause", path));
      else await ask(api.POST("/api/v1/jobs/{job_id}/resume", path));
    } catch (error) {
      const fault = asApiError(error);
      if (fault.status !== 409) this.error = fault; // 409: it ended a moment before
    }
  }

  #follow(id: string): void {
    this.#stop = follow(`${PREFIX}/jobs/${id}/stream`, {
      onEvent: (event) => this.#take(event),
      onRefused: (error) => (this.error = error),
      isOver: () => this.over,
    });
  }

  #take({ event, data }: ServerEvent): void {
    const said = JSON.parse(data) as unknown;
    if (event === "epoch") {
      const row = said as Row;
      while ((this.rows.at(-1)?.["epoch"] ?? 0) >= (row["epoch"] ?? 0) && this.rows.length > 0) this.rows.pop();
      this.rows.push(row);
      this.#changed();
    } else if (event === "boundary") {
      this.film.add(boundaryOf(said as BoundaryFrame));
      this.#changed();
    } else if (event === "state") this.status = (said as { to_status: JobStatus }).to_status;
    else if (event === "end") {
      this.status = (said as { status: JobStatus }).status;
      this.over = true;
      this.#changed();
    }
  }

  /** Many events of one moment are one change. */
  #changed(): void {
    if (this.firstMs === null && this.#clickedAt > 0) this.firstMs = performance.now() - this.#clickedAt;
    cancelAnimationFrame(this.#painted);
    this.#painted = requestAnimationFrame(() => (this.version += 1));
  }
}

export function boundaryOf(sent: BoundaryFrame): Boundary {
  const [left, right] = sent.across;
  const [bottom, top] = sent.up;
  const value = (byte: number): number => sent.low + ((sent.high - sent.low) * byte) / 255;
  return {
    epoch: sent.epoch,
    side: sent.size,
    frame: { left, right, bottom, top },
    values: Float32Array.from(bytesOf(sent.values), sent.kind === "probability" ? (byte) => 2 * value(byte) - 1 : value),
    weights: sent.weights === undefined || sent.weights === "" ? null : new Float32Array(bytesOf(sent.weights).buffer),
  };
}
