/** The address: `#/PATH?QUERY` holds the whole state of a view, so that a link, a reload and Back show the same. */

import type { Component } from "svelte";
import { routes } from "../routes";
import type { Right } from "./account.svelte";
import { Throttle } from "./throttle";

/** What may be set in the query; null, undefined, "", false and [] remove the name. */
export type Value = string | number | boolean | readonly string[] | null | undefined;

/** Safari refuses more than 100 changes of the address in 10 s; a slider that is dragged makes 60 a second. */
const WRITE_MS = 200;

/** A view: the file that shows it is loaded when it is first opened. */
export interface Route {
  /** `/jobs/:id`: the view gets `params.id`. */
  readonly path: string;
  /** Title of the window and of the navigation. */
  readonly title: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a view takes {params: Params}, or nothing
  readonly view: () => Promise<{ default: Component<any> }>;
  /** In the navigation; without it, reached by links only. */
  readonly icon?: Component<{ size?: number; "aria-hidden"?: boolean }>;
  /** It reads its query once: a link to it that is followed in it opens it anew. */
  readonly once?: true;
  /** Without this right there is nothing to do there. */
  readonly needs?: Right;
  /** A word more for the command palette. */
  readonly hint?: string;
}

export type Params = Readonly<Record<string, string>>;

/** The parameters of `path` when it fits `pattern`, such as `/jobs/:id`; else null. */
export function match(pattern: string, path: string): Params | null {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const value = given[i] ?? "";
    if (part.startsWith(":")) {
      if (value === "") return null;
      params[part.slice(1)] = decode(value);
    } else if (part !== value) return null;
  }
  return params;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody typed a lone %
  }
}

/** `#/jobs?state=running` as path and query. */
export function parse(hash: string): { path: string; query: URLSearchParams } {
  const [path = "", query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  return { path: path.replace(/\/+$/, "") || "/jobs", query: new URLSearchParams(query) };
}

/** A link to a view: `href("/jobs", {state: ["running", "queued"]})`. */
export function href(path: string, query: Readonly<Record<string, Value>> = {}): string {
  const text = merged(new URLSearchParams(), query).toString();
  return `#${path}${text === "" ? "" : `?${text}`}`;
}

/** The query with changes; names that are not mentioned stay. */
export function merged(query: URLSearchParams, changes: Readonly<Record<string, Value>>): URLSearchParams {
  const result = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    result.delete(name);
    if (value === null || value === undefined || value === "" || value === false) continue;
    for (const one of Array.isArray(value) ? value : [value]) result.append(name, String(one));
  }
  return result;
}

class Address {
  #hash = $state(location.hash);
  readonly #parsed = $derived(parse(this.#hash));
  readonly #path = $derived(this.#parsed.path); // the same when only the query changes: then no view begins anew
  /** What the view calls itself, such as a job's name; the route's title when it says nothing. */
  title = $state<string | null>(null);
  /** Grows with each link, Back or typed address that stays at the path. */
  visits = $state(0);
  /** What the browser's address was when this class wrote or read it. */
  #known = location.hash;
  readonly #write = new Throttle(() => this.#put(), WRITE_MS);

  constructor() {
    window.addEventListener("pagehide", () => this.#write.flush());
    window.addEventListener("hashchange", () => {
      const before = this.path;
      this.#follow();
      if (this.path === before) this.visits += 1;
    });
  }

  get path(): string {
    return this.#path;
  }

  /** The query; use `get`, `getAll`, `set` of this class. */
  get query(): URLSearchParams {
    return this.#parsed.query;
  }

  /** The route that fits, with its parameters; null when none does. */
  readonly current = $derived.by(() => {
    for (const route of routes) {
      const params = match(route.path, this.path);
      if (params !== null) return { route, params };
    }
    return null;
  });

  get(name: string, otherwise = ""): string {
    return this.query.get(name) ?? otherwise;
  }

  getAll(name: string): string[] {
    return this.query.getAll(name);
  }

  /** A number in the query, if it is one. */
  number(name: string, otherwise: number): number {
    const text = this.query.get(name);
    return text !== null && text !== "" && Number.isFinite(Number(text)) ? Number(text) : otherwise;
  }

  /** Change the view's state in place: Back leaves the view, not the last key stroke. */
  set(changes: Readonly<Record<string, Value>>): void {
    const text = merged(this.query, changes).toString();
    this.#hash = `#${this.path}${text === "" ? "" : `?${text}`}`;
    this.#write.call();
  }

  /** Open another view. */
  go(path: string, query: Readonly<Record<string, Value>> = {}): void {
    this.#write.flush();
    location.hash = href(path, query);
  }

  #put(): void {
    if (location.hash !== this.#known) return; // somebody has left already
    history.replaceState(history.state, "", this.#hash);
    this.#known = location.hash;
  }

  #follow(): void {
    const before = this.path;
    this.#hash = this.#known = location.hash;
    if (this.path !== before) this.title = null;
  }
}

export const address = new Address();
