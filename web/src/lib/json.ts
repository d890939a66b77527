/** JSON values, their YAML, and the JSON Schema of our own description. */

import { request } from "./api";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The fields that an address holds as JSON. */
export function fieldsOf(text: string): Record<string, unknown> {
  let read: unknown = null;
  try {
    read = JSON.parse(text);
  } catch {
    // it has no fields either
  }
  if (!isRecord(read)) throw new Error("This link holds nothing that can be read, maybe because it was cut off: the form begins anew.");
  return read;
}

/** A JSON Schema as pydantic writes it; only the parts that forms read. */
export interface Schema {
  readonly $ref?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  /** Of the method of a sweep: those that list all configurations there are. */
  readonly "x-lists"?: readonly string[];
}

export type Schemas = Readonly<Record<string, Schema>>;

let asked: Promise<Schemas> | null = null;

/** The schemas of the API's description, asked for once. */
export function schemas(): Promise<Schemas> {
  asked ??= request("/openapi.json")
    .then((answer) => answer.json() as Promise<{ components: { schemas: Schemas } }>)
    .then((description) => description.components.schemas)
    .catch((error: unknown) => {
      asked = null;
      throw error;
    });
  return asked;
}

/** The schema that `$ref` names, with what stands beside it. */
export function resolve(schema: Schema, all: Schemas): Schema {
  if (schema.$ref === undefined) return schema;
  const { $ref, ...beside } = schema;
  return { ...all[$ref.split("/").at(-1) ?? ""], ...beside };
}

/** The defaults of a model's fields. */
export function defaults(name: string, all: Schemas): Record<string, unknown> {
  const fields = Object.entries(all[name]?.properties ?? {});
  return Object.fromEntries(fields.filter(([, schema]) => schema.default !== undefined).map(([key, schema]) => [key, schema.default]));
}

/** YAML of a JSON value; our command reads it. Texts that could be read as something else are quoted. */
export function yaml(value: unknown, indent = ""): string {
  if (Array.isArray(value)) {
    if (value.every((one) => typeof one !== "object" || one === null)) return `[${value.map(scalar).join(", ")}]`;
    return value.map((one) => `\n${indent}- ${yaml(one, `${indent}  `).trimStart()}`).join("");
  }
  if (!isRecord(value)) return scalar(value);
  const lines = Object.entries(value).map(([key, one]) => {
    const text = yaml(one, `${indent}  `);
    return `${indent}${scalar(key)}:${text.startsWith("\n") ? "" : " "}${text}`;
  });
  if (lines.length === 0) return "{}";
  return `${indent === "" ? "" : "\n"}${lines.join("\n")}`;
}

function scalar(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value ?? null);
  const plain = /^[A-Za-z][A-Za-z0-9 ._-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n|nan|inf)$/i.test(value);
  return plain && value === value.trim() ? value : JSON.stringify(value);
}
