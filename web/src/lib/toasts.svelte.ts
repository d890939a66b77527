/** Short messages in the corner: `toasts.say("Job cancelled.")`, `toasts.fail(error)`. */

import type { ApiError } from "./api";
import { asApiError } from "./resource.svelte";
import { fieldLabel } from "./spec";

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
  readonly link?: { readonly href: string; readonly text: string };
}

class Toasts {
  list = $state.raw<readonly Toast[]>([]);
  #next = 1;

  say(text: string, link?: Toast["link"]): void {
    this.#add({ id: this.#next, text, bad: false, ...(link ? { link } : {}) }, 6000);
  }

  /** An error's sentence, with the fields that are wrong. */
  fail(error: unknown): void {
    this.#add({ id: this.#next, text: sentence(asApiError(error)), bad: true }, 12_000);
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }

  /** Run it; its fault is shown, and the answer is undefined. */
  async guard<T>(run: () => Promise<T>): Promise<T | undefined> {
    try {
      return await run();
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  #add(toast: Toast, ms: number): void {
    this.#next += 1;
    this.list = [...this.list.filter(({ bad, text }) => bad && text !== toast.text).slice(-1), toast]; // few, for they lie over the view
    setTimeout(() => this.close(toast.id), ms);
  }
}

function sentence(error: ApiError): string {
  const fields = error.fields.map(({ path, message }) => `${path === "" ? "This" : fieldLabel(path)} ${message}`).join("; ");
  return fields === "" ? error.message : fields;
}

export const toasts = new Toasts();
