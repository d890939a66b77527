/** Every view: its address, its title, its file. A view with an icon stands in the navigation, in this order. */

import ListTree from "@lucide/svelte/icons/list-tree";
import type { Route } from "./lib/router.svelte";

export const routes: readonly Route[] = [
  { path: "/jobs", title: "Jobs", icon: ListTree, view: () => import("./views/Jobs.svelte") },
  { path: "/jobs/:id", title: "Job", view: () => import("./views/Job.svelte") },
];
