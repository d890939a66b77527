/** What the state of a job means for the page. Every function is pure. */

import type { Job } from "./api";

/** A job's state in a word: one that its sweep stopped early was not trained to its end. */
export function stateOf(job: Pick<Job, "status" | "stop_reason">): string {
  return job.status === "succeeded" && job.stop_reason === "pruned" ? "pruned" : job.status;
}

/** Whether a job of this status has ended. */
export function hasEnded(status: string): boolean {
  return ["succeeded", "failed", "cancelled"].includes(status);
}

/** Whether the same job may succeed when it is tried again; jobs of a sweep are not. */
export function retriable(job: Pick<Job, "failure" | "sweep">): boolean {
  return job.failure?.retryable === true && !job.sweep;
}
