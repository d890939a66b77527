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
import { account } from "./lib/account.svelte";
import type { Route } from "./lib/router.svelte";

export const routes: readonly Route[] = [
  { path: "/jobs", title: "Jobs", icon: ListTree, view: () => import("./views/Jobs.svelte") },
  { path: "/jobs/:id", title: "Job", view: () => import("./views/Job.svelte") },
  { path: "/new", title: "New job", icon: CirclePlus, needs: "train", hint: "a network, its data, its training", once: true, view: () => import("./views/New.svelte") },
  { path: "/playground", title: "Playground", icon: Shapes, needs: "train", hint: "decision boundary, live", once: true, view: () => import("./views/Playground.svelte") },
  { path: "/lessons", title: "Lessons", icon: GraduationCap, needs: "train", hint: "twelve experiments", view: () => import("./views/Lessons.svelte") },
  { path: "/lessons/:name", title: "Lesson", needs: "train", view: () => import("./views/Lesson.svelte") },
  { path: "/compare", title: "Compare", icon: GitCompare, hint: "curves side by side", view: () => import("./views/Compare.svelte") },
  { path: "/sweeps", title: "Sweeps", icon: SlidersVertical, needs: "browse", view: () => import("./views/Sweeps.svelte") },
  { path: "/sweeps/new", title: "New sweep", once: true, needs: "change", view: () => import("./views/NewSweep.svelte") },
  { path: "/sweeps/:id", title: "Sweep", view: () => import("./views/Sweep.svelte") },
  { path: "/datasets", title: "Data sets", icon: Database, hint: "upload a file", needs: "browse", view: () => import("./views/Datasets.svelte") },
  { path: "/datasets/:id", title: "Data set", view: () => import("./views/Dataset.svelte") },
  { path: "/cluster", title: "Cluster", icon: Server, hint: "queue, workers, throughput", view: () => import("./views/Cluster.svelte") },
  { path: "/people", title: "People", icon: Users, hint: "users, projects, tokens, webhooks, quotas", needs: "browse", view: () => import("./views/People.svelte") },
];

/** Whether whoever is signed in has something to do in a view. */
export function isOpen({ needs }: Route): boolean {
  return needs === undefined || account.may(needs);
}
