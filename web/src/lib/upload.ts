/** Uploads in pieces (docs/api.md, "Large files"): named by the file's digest, so that an interrupted one goes on. */

import { api, ApiError, ask, PREFIX, request, type Dataset, type Schemas } from "./api";

/** Bytes of a piece: what a lost connection costs at most. */
const PIECE = 4 * 1024 * 1024;
/** Bytes that are read here to show the columns. */
const HEAD = 65_536;
const WAITS_MS = [1000, 2000, 4000, 8000, 15_000];

/** What a file is for: its target, and how it is read. */
export type Purpose = Partial<Omit<Schemas["Purpose"], "types">> & { readonly target: string; readonly types?: Record<string, string> };

export interface Sent {
  readonly file: File;
  readonly purpose: Purpose;
}

/** Whether the share that has arrived is known: a page that did not come by https has no digests, and sends a file whole. */
export const hasProgress = crypto.subtle !== undefined;

/** Files of this visit by the data set they became, to be read again with corrections. */
export const sentFiles = new Map<string, Sent>();

type Pause = (ms: number) => Promise<unknown>;
const sleep: Pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Send a file and make it a data set; `onprogress` gets the share that has arrived. */
export async function upload(file: File, purpose: Purpose, onprogress: (share: number) => void, signal: AbortSignal, pause = sleep): Promise<Dataset> {
  const dataset = hasProgress ? await pieces(file, purpose, onprogress, signal, pause) : await whole(file, purpose, signal);
  sentFiles.set(dataset.id, { file, purpose });
  return dataset;
}

async function pieces(file: File, purpose: Purpose, onprogress: (share: number) => void, signal: AbortSignal, pause: Pause): Promise<Dataset> {
  const sha256 = hex(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  let { offset } = await ask(api.POST("/api/v1/uploads", { body: { sha256, size: file.size, file: file.name }, signal }));
  let failures = 0;
  while (offset < file.size) {
    onprogress(offset / file.size);
    try {
      const headers = { "Content-Type": "application/octet-stream", "Upload-Offset": String(offset) };
      await request(`${PREFIX}/uploads/${sha256}`, { method: "PATCH", headers, body: file.slice(offset, offset + PIECE), signal });
      offset = Math.min(file.size, offset + PIECE);
      failures = 0;
    } catch (error) {
      if (signal.aborted || !(error instanceof ApiError) || (error.status !== 0 && error.status !== 409 && error.status < 500)) throw error;
      const wait = WAITS_MS[failures];
      if (wait === undefined) throw error;
      failures += 1;
      await pause(wait);
      const found = await ask(api.GET("/api/v1/uploads/{sha256}", { params: { path: { sha256 } }, signal })).catch(() => null);
      offset = found?.offset ?? offset;
    }
  }
  onprogress(1);
  return ask(api.POST("/api/v1/uploads/{sha256}/finish", { params: { path: { sha256 } }, body: purpose as never, signal }));
}

/** As a form. */
async function whole(file: File, purpose: Purpose, signal: AbortSignal): Promise<Dataset> {
  const form = new FormData();
  for (const [name, value] of Object.entries(purpose)) {
    form.append(name, typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));
  }
  form.append("file", file);
  return (await request(`${PREFIX}/datasets`, { method: "POST", body: form, signal })).json() as Promise<Dataset>;
}

function hex(digest: ArrayBuffer): string {
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The first lines of a text file, which may be gzip or the first one in a zip; empty if it cannot be unpacked. */
export async function headOf(file: Blob): Promise<string> {
  const head = await file.slice(0, HEAD).arrayBuffer();
  const view = new DataView(head);
  if (head.byteLength >= 2 && view.getUint16(0) === 0x1f8b) return decoded(await inflated(head, "gzip"));
  if (head.byteLength < 30 || view.getUint32(0) !== 0x504b0304) return decoded(head);
  const data = head.slice(30 + view.getUint16(26, true) + view.getUint16(28, true));
  return view.getUint16(8, true) === 8 ? decoded(await inflated(data, "deflate-raw")) : "";
}

/** Text as the server reads it: by its mark, else as UTF-8, else as the old Western encoding. The last character may be cut. */
function decoded(bytes: ArrayBuffer): string {
  const [first = 0, second = 0] = new Uint8Array(bytes.slice(0, 2));
  const mark = 256 * first + second;
  const encoding = mark === 0xfffe ? "utf-16le" : mark === 0xfeff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** Whether most files of a zip are images, by the names at its end. */
export async function areImages(file: File): Promise<boolean> {
  if (!/\.zip$/i.test(file.name)) return false;
  const names = (await file.slice(-HEAD).text()).split("PK\u0001\u0002").slice(1);
  return names.filter((one) => /\.(png|jpe?g|bmp|gif|webp|tiff?|p[gp]m)/i.test(one)).length > names.length / 2;
}

/** The beginning of compressed bytes, which end anywhere. */
async function inflated(data: ArrayBuffer, format: CompressionFormat): Promise<ArrayBuffer> {
  const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  try {
    for (let size = 0; size < HEAD; size += parts.at(-1)?.length ?? 0) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
    }
    await reader.cancel();
  } catch {
    // the rest of the file is missing
  }
  return new Blob(parts).arrayBuffer();
}

/** Names of the columns by the first lines of a text file, to choose a target from; the server reads it with more care. */
export function headerOf(text: string): string[] {
  if (text.startsWith("PK\u0003\u0004") || text.trimStart().startsWith("{")) return []; // a workbook or JSON, whatever its name is
  const lines = text.replace(/^\ufeff?(sep=.\r?\n)?/, "").split(/\r\n?|\n/).filter((line) => line.trim() !== "").slice(0, 50);
  const tables = [...";\t|,"].map((delimiter) => tableOf(lines, delimiter)).filter((table) => table.width > 1);
  const table = tables.sort((one, other) => other.share - one.share)[0] ?? tableOf(lines, " ");
  // Lines with fewer cells stand above the table: a title, a source.
  const row = table.rows.find((cells, place) => cells.filter((cell) => cell !== "").length >= table.width - (place === 0 ? 1 : 0)) ?? table.rows[0] ?? [];
  const isData = row.some(isNumber) && !row.every((cell, place) => place === 0 || Number(cell) === Number(row[place - 1]) + 1);
  const names = isData ? row.map((_, place) => String(place)) : row.filter((cell) => cell !== "");
  return [...new Set(names)]; // two of the same name are refused by the server, with a sentence
}

/** Lines as cells, how many cells most lines have, and the share of those lines. */
function tableOf(lines: string[], delimiter: string): { rows: string[][]; width: number; share: number } {
  const rows = lines.map((line) => cellsOf(line, delimiter));
  const alike = (width: number): number => rows.filter((row) => row.length === width).length;
  const width = rows.reduce((best, row) => (alike(row.length) > alike(best) ? row.length : best), 0);
  return { rows, width, share: alike(width) / Math.max(1, rows.length) };
}

function cellsOf(line: string, delimiter: string): string[] {
  const text = delimiter === " " ? line.trim().replace(/\s+/g, " ") : line;
  const end = delimiter === "|" ? "\\|" : delimiter;
  const cells = text.match(new RegExp(`("(?:[^"]|"")*"|[^${end}]*)(?:${end}|$)`, "g")) ?? [];
  if (!text.endsWith(delimiter)) cells.pop(); // the pattern matches nothing once more at the end
  return cells.map((cell) => (cell.endsWith(delimiter) ? cell.slice(0, -1) : cell).replace(/^"(.*)"$/, "$1").replaceAll('""', '"').trim());
}

function isNumber(cell: string): boolean {
  return /^[-+]?\d+([.,]\d+)*(e[-+]?\d+)?$/i.test(cell);
}
