/** Numbers, times and names as people read them. Every function is pure. */

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** One short form of an id everywhere: the end, which differs first in ids that begin with the time. */
export function shortId(id: string): string {
  return id.slice(-8);
}

/** Four significant digits; a dash for what is not known or not finite. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replace(/\.?0*e\+?/, "e");
  if (Number.isInteger(value) || size >= 1000) return count(value);
  return String(Number(value.toPrecision(4)));
}

/** A place of an axis, such as of `metric`: with the digits that tell it from the next one, as in 5.002e12 and 5.004e12. */
export function tick(value: number, metric = ""): string {
  if (SHARES.test(metric)) return `${Number((100 * value).toPrecision(7))} %`;
  const exact = Number(value.toPrecision(7));
  const size = Math.abs(exact);
  if (size >= 1e6 || (size > 0 && size < 1e-4)) return exact.toExponential().replace("e+", "e");
  return Number.isInteger(exact) ? count(exact) : String(exact);
}

/** A whole number with thin spaces between thousands, as the command prints it. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A share as a percentage with one decimal. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return "–";
  return `${(100 * share).toFixed(1).replace(/\.0$/, "")} %`;
}

/** Metrics that count rows, and that people read in percent: `is_share` of the API's `spec/monitors.py`. */
const SHARES = /(accuracy|f1)$/;

/** A metric's value as verdicts and the command print it: shares of rows as percentages with one decimal. */
export function metric(name: string, value: number | null | undefined): string {
  return SHARES.test(name) && Number.isFinite(value) ? `${(100 * (value ?? 0)).toFixed(1)} %` : number(value);
}

/** Whether more is better. */
export function higherIsBetter(name: string): boolean {
  return /(accuracy|f1|auc|r2)$/.test(name);
}

/** Whether a metric, without its part, is that of one of several targets: `price_mae`. */
export function isOfOneTarget(name: string): boolean {
  return /._(mae|rmse|r2)$/.test(name);
}

const WORDS: Readonly<Record<string, string>> = { train: "training", val: "validation", auc: "AUC", roc: "ROC", r2: "R²", f1: "F1", mae: "MAE", rmse: "RMSE" };

/** `val_balanced_accuracy` as "validation balanced accuracy". */
export function metricName(name: string): string {
  return name
    .split("_")
    .map((word) => WORDS[word] ?? word)
    .join(" ");
}

/** Seconds as "1 h 04 min", "2 min 05 s", "3.2 s". */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < MINUTE) return `${Math.round(seconds)} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ${pad(Math.floor(seconds % MINUTE))} s`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ${pad(Math.floor((seconds % HOUR) / MINUTE))} min`;
  return `${Math.floor(seconds / DAY)} d ${Math.floor((seconds % DAY) / HOUR)} h`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}

/** "32 × 32 × 3": height, width and channels of an image, or of what a convolution makes of it. */
export function imageSize([channels = 0, height = 0, width = 0]: readonly number[]): string {
  return [height, width, channels].map(String).join(" × ");
}

/** Days since 1970 as a date: "2026-11-25". */
export function day(days: number | null | undefined): string {
  const when = new Date((days ?? NaN) * 86_400_000);
  return Number.isNaN(when.getTime()) ? number(days) : when.toISOString().slice(0, 10);
}

/** Bytes with a binary unit. */
export function bytes(size: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : Number(size.toFixed(1))} ${units[unit]}`;
}

/** "3 min ago", "in 20 s": both in ms since 1970. */
export function relative(at: number, now: number): string {
  const seconds = (now - at) / 1000;
  const size = Math.abs(seconds);
  if (size < 5) return "now";
  const text =
    size < MINUTE ? `${Math.round(size)} s`
    : size < HOUR ? `${Math.round(size / MINUTE)} min`
    : size < DAY ? `${Math.round(size / HOUR)} h`
    : `${Math.round(size / DAY)} d`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

/** ms that a `Date` of HTTP is ahead of `now`; 0 within two seconds, for it has whole ones and was some time on its way. */
export function aheadBy(date: string | null, now: number): number {
  const ahead = Date.parse(date ?? "") - now;
  return Math.abs(ahead) > 2000 ? ahead : 0; // also where there is none
}

/** A moment in the reader's zone, which is named, and in UTC where that is another. */
export function exact(when: Date, zone?: string): string {
  const said = (of?: string): string => when.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long", timeZone: of });
  const [here, utc] = [said(zone), said("UTC")];
  return here === utc ? here : `${here}\n${utc}`;
}

/** "1 job", "2 jobs". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}
