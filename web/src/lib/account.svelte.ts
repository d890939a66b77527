/** Who is signed in. The browser holds a cookie that no script can read; a token is sent once, to get it. */

import { ApiError, onSignedOut, PREFIX, request, type Schemas } from "./api";
import { toasts } from "./toasts.svelte";

export type Person = Readonly<Required<Schemas["SessionView"]>>;

/**
 * What somebody may do beside reading what it sees, and predicting: `train`: submit jobs, and cancel, pause and resume them;
 * `change`: all else that changes something; `browse`: look at what others may share, such as sweeps and data sets.
 */
export type Right = "train" | "change" | "browse";

/** Whoever may not do a thing is not offered it; the API refuses it anyway. */
const RIGHTS: Readonly<Record<Person["role"] | "guest", readonly Right[]>> = {
  guest: ["train"],
  viewer: ["browse"],
  member: ["train", "change", "browse"],
  admin: ["train", "change", "browse"],
};

/** The token of `#token=TOKEN`, if the address is such a link. */
export function tokenOf(hash: string): string | null {
  return hash.startsWith("#token=") ? new URLSearchParams(hash.slice(1)).get("token") : null;
}

/** A classroom's token, and the view that its link opens. */
export function classroomOf(hash: string): { token: string; to: string } | null {
  if (!hash.startsWith("#classroom=")) return null;
  const query = new URLSearchParams(hash.slice(1));
  const [token, to] = [query.get("classroom") ?? "", query.get("to") ?? ""];
  return { token, to: to.startsWith("/") ? to : "/playground" };
}

/** The address keeps the view, so that it comes back. */
const ENDED = "You were signed out: the session has ended, or its token was revoked. Sign in to go on where you were.";
const OVER = "The class is over, or its link was withdrawn. Ask your teacher for a new link.";
const UNKNOWN = "The API does not say who is signed in here. Open the link again.";

/** Set while somebody is signed in, as far as this browser knows: the cookie itself is hidden from scripts. */
const KEY = "epochal.signed-in";

/** So long a page may take to begin anew. */
const RELOAD_MS = 3000;

/** Who the cookie, or this token, stands for; null: nobody; undefined: it cannot be known. */
async function whoIs(token?: string): Promise<Person | null | undefined> {
  const how: RequestInit = token === undefined ? {} : { credentials: "omit", headers: { Authorization: `Bearer ${token.trim()}` } };
  try {
    const answer = await fetch(`${PREFIX}/session`, how);
    if (answer.ok) return (await answer.json()) as Person;
    return answer.status === 401 ? null : undefined;
  } catch {
    return undefined;
  }
}

class Account {
  /** undefined: not known yet; null: nobody. */
  person = $state<Person | null | undefined>(undefined);
  /** Whom a link would sign in, in place of the person who is here. */
  offered = $state<{ owner: string; token: string } | null>(null);
  /** Why nobody is signed in: a token that did not work, or a session that ended. */
  error = $state("");
  /** Somebody came by a classroom's link, and has no token. */
  isGuest = $state(false);
  #owner = "";
  /** The other tabs of this browser, which share the cookie: each tells them when somebody else has it. */
  readonly #tabs = new BroadcastChannel("account");

  constructor() {
    this.#tabs.onmessage = () => void this.begin();
    onSignedOut(() => {
      if (this.person) this.error = this.isGuest ? OVER : ENDED;
      this.#leave();
    });
    window.addEventListener("hashchange", () => {
      if (tokenOf(location.hash) !== null || classroomOf(location.hash) !== null) void this.begin();
    });
  }

  may(right: Right): boolean {
    return RIGHTS[this.isGuest ? "guest" : (this.person?.role ?? "viewer")].includes(right);
  }

  /** Sign in by the address's token, or with the cookie of an earlier visit. */
  async begin(): Promise<void> {
    const token = tokenOf(location.hash);
    if (token !== null) {
      history.replaceState(null, "", location.pathname); // out of the address and of the history at once
      window.dispatchEvent(new HashChangeEvent("hashchange"));
      return this.#arrive(token);
    }
    const classroom = classroomOf(location.hash);
    if (classroom !== null) {
      history.replaceState(null, "", `${location.pathname}#${classroom.to}`);
      window.dispatchEvent(new HashChangeEvent("hashchange"));
    }
    try {
      this.#become(await (await request(`${PREFIX}/session`)).json());
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      if (classroom !== null && (status === 401 || status === 429)) return this.enter(classroom.token); // nobody, as far as is known
      this.person ??= null; // an outage signs nobody out
      if (status !== 401 && error instanceof Error) this.error = classroom === null ? error.message : `${error.message} Then open the link again.`;
    }
  }

  /** What this page knows is not told to whoever signs in next: for another owner it begins anew. */
  #become(person: Person): void {
    if (this.#owner !== "" && this.#owner !== person.owner) {
      this.person = undefined;
      location.reload();
      setTimeout(() => (this.person = person), RELOAD_MS); // a link that is followed meanwhile ends the reload
      return;
    }
    this.#owner = person.owner;
    localStorage.setItem(KEY, "1");
    this.isGuest = person.owner.startsWith("guest-");
    this.person = person;
  }

  #leave(): void {
    localStorage.removeItem(KEY);
    this.person = null;
  }

  /** Sign in by a link. Anybody may have sent it: who is here as somebody else is asked first. */
  async #arrive(token: string): Promise<void> {
    const here = localStorage.getItem(KEY) === null ? null : await whoIs();
    if (here === null) return this.signIn(token);
    const meant = await whoIs(token);
    if (here && (meant === null || here.owner === meant?.owner)) return this.signIn(token);
    if (here) this.#become(here);
    else this.person ??= null;
    if (here && meant) this.offered = { owner: meant.owner, token };
    else if (this.person === null) this.error = UNKNOWN;
    else toasts.fail(new Error(UNKNOWN));
  }

  /** Answer what a link offers. */
  async decide(accepted: boolean): Promise<void> {
    const token = this.offered?.token;
    this.offered = null;
    if (accepted && token !== undefined) await this.signIn(token);
  }

  /** Exchange a token for the cookie. */
  signIn(token: string): Promise<void> {
    return this.#exchange(`${PREFIX}/session`, token);
  }

  /** Become a guest of a classroom; whoever is signed in stays who they are. */
  enter(classroom: string): Promise<void> {
    this.isGuest = true;
    return this.#exchange(`${PREFIX}/guests`, classroom, OVER);
  }

  /** `refused`: what is said of a token that is not known, instead of the API's sentence. */
  async #exchange(path: string, token: string, refused?: string): Promise<void> {
    this.error = "";
    try {
      const headers = { Authorization: `Bearer ${token.trim()}` };
      this.#become(await (await request(path, { method: "POST", headers })).json());
      this.#tabs.postMessage("");
    } catch (error) {
      this.person = null;
      const isRefused = error instanceof ApiError && error.status === 401;
      this.error = (isRefused ? refused : undefined) ?? (error instanceof Error ? error.message : String(error));
    }
  }

  /** Make the cookie worthless, here and on the server. */
  async signOut(): Promise<void> {
    await request(`${PREFIX}/session`, { method: "DELETE" });
    this.isGuest = false;
    this.#leave();
    this.#tabs.postMessage("");
  }
}

export const account = new Account();
