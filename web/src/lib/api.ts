/**
 * The API, typed by its own description: `await ask(api.GET("/api/v1/jobs/{job_id}", {params: {path: {job_id}}}))`.
 * A refusal is thrown as an `ApiError`, which knows the fields that are wrong.
 */

import createClient from "openapi-fetch";
import type { Readable } from "openapi-typescript-helpers";
import type { components, paths } from "./openapi";

export type Schemas = Readable<components["schemas"]>;
export type Job = Schemas["JobView"];
/** A job in a list: of an inline data set it has only the numbers of rows and columns. */
export type ListedJob = Schemas["ListedJob"];
export type JobStatus = Schemas["JobStatus"];
export type Spec = Schemas["JobSpec-Output"];
export type Dataset = Schemas["DatasetView"];

/** The prefix of routes that change and read the record. */
export const PREFIX = "/api/v1";

/** A wrong field and the rule that it breaks. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** The API refused, or did not answer (`status` 0). `message` is a sentence for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fields: readonly FieldError[] = [],
    readonly retryAfterS: number | null = null,
    /** What is known of a job or a sweep that a newer release wrote. */
    readonly newer: Schemas["NewerView"] | null = null,
    /** The option of an upload with which its words among numbers are read as missing values. */
    readonly naValues: Schemas["Problem"]["na_values"] = null,
  ) {
    super(message);
  }

  /** What is wrong with one field of a form. */
  at(path: string): string | undefined {
    return this.fields.find((field) => field.path === path)?.message;
  }

  /** ms after which it may answer; null where it refused, and would again, or does not know (501) what a newer release wrote. */
  get againMs(): number | null {
    const isPassing = this.status === 0 || this.status === 429 || (this.status >= 500 && this.status !== 501);
    return isPassing ? 1000 * (this.retryAfterS ?? 5) : null;
  }
}

/** Where the page came from. */
const ORIGIN = globalThis.location?.origin ?? "http://localhost";
const UNREACHABLE = "The API does not answer. Is it running, and is the network up?";
const listeners = new Set<() => void>();

/** Be told when an answer says that nobody is signed in. */
export function onSignedOut(listener: () => void): void {
  listeners.add(listener);
}

/** `fetch` with our header, which a page of another site cannot send. Raises `ApiError`. */
export async function request(input: Request | string, init: RequestInit = {}): Promise<Response> {
  const asked = new Request(typeof input === "string" ? new URL(input, ORIGIN) : input, init);
  asked.headers.set("X-Epochal-Page", "1");
  let answer: Response;
  try {
    answer = await fetch(asked, { credentials: "same-origin" });
  } catch (error) {
    if (asked.signal.aborted) throw error;
    throw new ApiError(0, UNREACHABLE);
  }
  if (answer.ok) return answer;
  if (answer.status === 401) for (const listener of listeners) listener();
  throw await refusal(answer);
}

/** The problem details (RFC 9457) of an answer, also of a proxy's that has none. */
export async function refusal(answer: Response): Promise<ApiError> {
  const said: unknown = await answer.json().catch(() => null);
  const problem = (typeof said === "object" && said !== null ? said : {}) as Partial<Schemas["Problem"]>;
  const sentence = problem.detail ?? `The API answered ${answer.status} ${answer.statusText}.`;
  const wait = Number(answer.headers.get("Retry-After") ?? NaN);
  return new ApiError(answer.status, sentence, problem.errors ?? [], Number.isFinite(wait) ? wait : null, problem.newer ?? null, problem.na_values ?? null);
}

/** Every documented route. */
export const api = createClient<paths>({ baseUrl: ORIGIN, fetch: request, querySerializer: { array: { style: "form", explode: true } } });

/** The body of an answer that was not refused. */
export async function ask<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  return (await call).data as T;
}
