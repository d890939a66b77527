/** What a playground is doing, in a sentence beside its buttons. */

import type { JobStatus } from "../../lib/api";

/** Where the film of a training is. */
export interface Shown {
  readonly playing: boolean;
  readonly epoch: number;
  readonly lastEpoch: number;
}

/** null: nothing was submitted. */
export function saidOf(status: JobStatus | "sending" | null, { playing, epoch, lastEpoch }: Shown): string {
  switch (status) {
    case null: return "Press play: the network learns.";
    case "sending": return "Sending the job …";
    case "queued": return "Waiting for a free worker …";
    case "running": return playing ? "Training" : "Pausing …";
    case "paused": return "Paused";
    case "succeeded": return playing ? "Trained; showing what happened" : epoch < lastEpoch ? "Trained; step through what happened" : "Trained";
    case "cancelled": return "Cancelled";
    case "failed": return "The training failed: open the job to see why.";
  }
}
