/** Every view: its address, its title, its file. A view with an icon stands in the navigation, in this order. */

import CirclePlus from "@lucide/svelte/icons/circle-plus";
import Database from "@lucide/svelte/icons/database";
import ListTree from "@lucide/svelte/icons/list-tree";
import Server from "@lucide/svelte/icons/server";
import type { Route } from "./lib/router.svelte";

export const routes: readonly Route[] = [
  { path: "/jobs", title: "Jobs", icon: ListTree, view: () => import("./views/Jobs.svelte") },
  { path: "/jobs/:id", title: "Job", view: () => import("./views/Job.svelte") },
  { path: "/new", title: "New job", icon: CirclePlus, hint: "a network, its data, its training", view: () => import("./views/New.svelte") },
  { path: "/datasets", title: "Data sets", icon: Database, hint: "upload a file", view: () => import("./views/Datasets.svelte") },
  { path: "/datasets/:id", title: "Data set", view: () => import("./views/Dataset.svelte") },
  { path: "/cluster", title: "Cluster", icon: Server, hint: "queue, workers, throughput", view: () => import("./views/Cluster.svelte") },
];
