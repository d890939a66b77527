/** Where the jobs of a configuration are seen: one by itself, several beside each other. */

import { COMPARED } from "../../lib/groups";
import { href } from "../../lib/router.svelte";

export function runs(jobs: readonly string[]): string {
  return jobs.length === 1 ? href(`/jobs/${jobs[0] ?? ""}`) : href("/compare", { ids: jobs.slice(0, COMPARED).join(",") });
}
