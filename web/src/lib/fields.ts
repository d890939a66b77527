/** What kind of control a field of the JSON Schema needs, and how its text becomes a value. */

import { resolve, type Schema, type Schemas } from "./json";
import { fieldName } from "./spec";

export type Kind =
  | { readonly kind: "choice"; readonly options: readonly string[] }
  | { readonly kind: "boolean" }
  | { readonly kind: "number"; readonly integer: boolean }
  | { readonly kind: "text" }
  /** One of several models, told apart by a constant: an optimizer, a schedule, a data set. */
  | { readonly kind: "variant"; readonly key: string; readonly options: Readonly<Record<string, Schema>> }
  | { readonly kind: "object"; readonly properties: Readonly<Record<string, Schema>> }
  /** A number, a word, or several: `32`, `full`, `0.1, 0.2`. */
  | { readonly kind: "loose" };

/** The kind of a field, and whether it may be null. */
export function kindOf(schema: Schema, all: Schemas): Kind & { readonly nullable: boolean } {
  const whole = resolve(schema, all);
  const parts = (whole.anyOf ?? [whole]).map((part) => resolve(part, all));
  const nullable = parts.some((part) => part.type === "null");
  const real = parts.filter((part) => part.type !== "null");
  const models = real.flatMap((part) => part.oneOf ?? []).map((part) => resolve(part, all));
  const key = ["type", "name"].find((name) => models.some((model) => model.properties?.[name]?.const !== undefined));
  if (key !== undefined) {
    const tagged = models.flatMap((model) => {
      const field = model.properties?.[key];
      return (field?.const === undefined ? (field?.enum ?? []) : [field.const]).map((tag) => [String(tag), model] as const);
    });
    return { kind: "variant", key, options: Object.fromEntries(tagged), nullable };
  }
  const [only] = real;
  const names = real.find((part) => part.enum !== undefined)?.enum;
  if (names !== undefined) return { kind: "choice", options: names.map(String), nullable };
  if (real.length !== 1 || only === undefined) return { kind: "loose", nullable };
  if (only.type === "boolean") return { kind: "boolean", nullable };
  if (only.type === "string") return { kind: "text", nullable };
  if (only.type === "number" || only.type === "integer") return { kind: "number", integer: only.type === "integer", nullable };
  if (only.type === "object" && only.properties !== undefined) return { kind: "object", properties: only.properties, nullable };
  return { kind: "loose", nullable };
}

/** The number of what somebody wrote, with a decimal point or comma: `.5`, `1.`, `0,01`; null of what is none. */
export function decimal(text: string): number | null {
  return /^\s*[-+]?(\d+[.,]?\d*|[.,]\d+)(e[-+]?\d+)?\s*$/i.test(text) ? Number(text.replace(",", ".")) : null;
}

/** The value of what somebody typed: JSON where it is some, a list where commas are, else the text; "" is null. */
export function parseLoose(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  try {
    return JSON.parse(trimmed);
  } catch {
    const numbers = trimmed.split(/[,\s]+/).map(decimal);
    if (numbers.includes(null)) return trimmed;
    return numbers.length > 1 ? numbers : numbers[0];
  }
}

/** The value of what somebody typed in a field of this kind: the comma of "0,5" is a decimal point where one number is meant. */
export function parsed(text: string, kind: Kind): unknown {
  if (kind.kind === "text") return text.trim() || null;
  const isDecimal = kind.kind === "number" && !kind.integer; // of whole numbers, "1,000" may be a thousand
  return (isDecimal ? decimal(text) : null) ?? parseLoose(text);
}

/** The values of a row in one text: with semicolons or tabs between, else with spaces where commas are decimal ones, else with commas. They stay texts. */
export function cells(text: string): string[] {
  const trimmed = text.trim();
  if (trimmed === "") return [];
  if (/[;\t]/.test(trimmed)) return trimmed.split(/[ \r\n]*[;\t\n][ \r\n]*/);
  if (!/\s/.test(trimmed)) return trimmed.split(",");
  const whole = trimmed.replace(/,$/, "");
  const parts = whole.split(/,?\s+/);
  const areDecimal = parts.every((part) => !part.includes(",") || decimal(part) !== null);
  return areDecimal ? parts : whole.split(/\s*,\s*|\s+/);
}

/** The text of a value, as `parseLoose` reads it. */
export function looseText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((one) => typeof one === "number")) return value.join(", ");
  return JSON.stringify(value);
}

/** A description of the API for a form: without sentences of JSON, names in words, and what an empty control means. */
export function plain(description: string): string {
  return description
    .split(/(?<=[.])\s+/)
    .filter((sentence) => !/[{}`[\]]/.test(sentence))
    .join(" ")
    .replace(/\bnull: /g, "Empty: ")
    .replace(/\b[a-z0-9]+(?:_[a-z0-9]+)+\b/g, fieldName);
}
