/** Every view: its address, its title, its file. A view with an icon stands in the navigation, in this order. */

import CirclePlus from "@lucide/svelte/icons/circle-plus";
import Database from "@lucide/svelte/icons/database";
import GitCompare from "@lucide/svelte/icons/git-compare";
import GraduationCap from "@lucide/svelte/icons/graduation-cap";
import ListTree from "@lucide/svelte/icons/list-tree";
import Server from "@lucide/svelte/icons/server";
import Shapes from "@lucide/svelte/icons/shapes";
import SlidersVertical from "@lucide/svelte/icons/sliders-vertical";
import Users from "@lucide/svelte/icons/users";
import type { Route } from "./lib/router.svelte";

export const routes: readonly Route[] = [
  { path: "/jobs", title: "Jobs", icon: ListTree, view: () => import("./views/Jobs.svelte") },
  { path: "/jobs/:id", title: "Job", view: () => import("./views/Job.svelte") },
  { path: "/new", title: "New job", icon: CirclePlus, hint: "a network, its data, its training", once: true, view: () => import("./views/New.svelte") },
  { path: "/playground", title: "Playground", icon: Shapes, hint: "decision boundary, live", once: true, view: () => import("./views/Playground.svelte") },
  { path: "/lessons", title: "Lessons", icon: GraduationCap, hint: "twelve experiments", view: () => import("./views/Lessons.svelte") },
  { path: "/lessons/:name", title: "Lesson", view: () => import("./views/Lesson.svelte") },
  { path: "/compare", title: "Compare", icon: GitCompare, hint: "curves side by side", view: () => import("./views/Compare.svelte") },
  { path: "/sweeps", title: "Sweeps", icon: SlidersVertical, members: true, view: () => import("./views/Sweeps.svelte") },
  { path: "/sweeps/new", title: "New sweep", once: true, members: true, view: () => import("./views/NewSweep.svelte") },
  { path: "/sweeps/:id", title: "Sweep", view: () => import("./views/Sweep.svelte") },
  { path: "/datasets", title: "Data sets", icon: Database, hint: "upload a file", members: true, view: () => import("./views/Datasets.svelte") },
  { path: "/datasets/:id", title: "Data set", view: () => import("./views/Dataset.svelte") },
  { path: "/cluster", title: "Cluster", icon: Server, hint: "queue, workers, throughput", view: () => import("./views/Cluster.svelte") },
  { path: "/people", title: "People", icon: Users, hint: "users, projects, tokens, webhooks, quotas", members: true, view: () => import("./views/People.svelte") },
];

/** The views in which somebody may do something; a guest of a classroom has fewer. */
export function routesOf(isGuest: boolean): readonly Route[] {
  return routes.filter((route) => !(isGuest && route.members));
}
