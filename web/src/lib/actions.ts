/** What can be done with jobs, each with its message; used by the table, by a job's own view and by suggestions. */

import { api, ask, type Job, type Spec } from "./api";
import { plural } from "./format";
import { address } from "./router.svelte";
import { toasts } from "./toasts.svelte";

/** The name of a job for a sentence. */
export function called(job: Pick<Job, "name" | "id">): string {
  return job.name ?? `job ${job.id.slice(-8)}`;
}

/** Cancel, pause, resume or retry; the job as it is then. */
export function control(job: Pick<Job, "name" | "id">, what: "cancel" | "pause" | "resume" | "retry"): Promise<Job | undefined> {
  return toasts.guard(async () => {
    const path = { params: { path: { job_id: job.id } } };
    const asked =
      what === "cancel" ? api.POST("/api/v1/jobs/{job_id}/cancel", path)
      : what === "pause" ? api.POST("/api/v1/jobs/{job_id}/pause", path)
      : what === "resume" ? api.POST("/api/v1/jobs/{job_id}/resume", path)
      : api.POST("/api/v1/jobs/{job_id}/retry", path);
    const after = await ask(asked);
    const done = { cancel: "Cancelled", pause: "Paused", resume: "Queued again", retry: "Queued again" }[what];
    const soon = { cancel: "Stopping", pause: "Pausing", resume: "Queued again", retry: "Queued again" }[what];
    toasts.say(`${after.status === "running" ? soon : done}: ${called(job)}`);
    return after;
  });
}

export function cancelMany(ids: readonly string[]): Promise<void> {
  return toasts.guard(async () => {
    const done = await ask(api.POST("/api/v1/jobs/cancel", { body: { ids: [...ids] } }));
    toasts.say(`${plural(done.cancelled, "job")} cancelled, ${done.stopping} stopping, ${done.skipped} had ended.`);
  }) as Promise<void>;
}

/** An action that a second click does not begin again while the first is on its way; its answer is undefined then. */
export function once<A extends readonly unknown[], T>(run: (...given: A) => Promise<T>): (...given: A) => Promise<T | undefined> {
  let busy = false;
  return async (...given) => {
    if (busy) return undefined;
    busy = true;
    try {
      return await run(...given);
    } finally {
      busy = false;
    }
  };
}

/** Submit a spec and open the new job; `before` is the job that it is to be better than. */
export const submit = once((spec: Spec | Record<string, unknown>, before?: string) =>
  toasts.guard(async () => {
    const job = await ask(api.POST("/api/v1/jobs", { body: spec as never }));
    for (const warning of job.warnings ?? []) toasts.say(warning);
    address.go(`/jobs/${job.id}`, { before });
    return job;
  }),
);

/** Save text as a file. */
export function download(name: string, text: string, type = "text/plain"): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Put text on the clipboard. A page that came by plain http has none: there it is copied from a field. */
export async function toClipboard(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const before = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  (document.querySelector("[role=dialog]") ?? document.body).append(field); // a dialog keeps the focus inside
  field.focus({ preventScroll: true });
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  if (!copied) throw new Error("The browser does not let the page copy: select the text, and copy it by Ctrl C.");
}

/** Copy text; a message says so. */
export function copy(text: string, what: string): Promise<void> {
  return toasts.guard(async () => {
    await toClipboard(text);
    toasts.say(`${what} copied.`);
  }) as Promise<void>;
}
