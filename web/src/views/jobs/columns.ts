/** The columns of the list of jobs that can be chosen, beside a job's name and its state. */

import type { ListedJob } from "../../lib/api";
import { calledDataset } from "../../lib/datasets.svelte";
import { duration, higherIsBetter, metric, metricName, number } from "../../lib/format";
import { networkName } from "../../lib/spec";
import type { Column } from "../../lib/table";

type JobColumn = Column<ListedJob>;
type Cell = NonNullable<JobColumn["cell"]>;

/** As long as nobody has chosen. */
export const DEFAULT: readonly string[] = ["progress", "data", "network", "best_val_loss", "best_val_accuracy", "created"];

/** Rows whose metrics are looked for. */
const LOOKED_AT = 500;

/** All columns, with one for each metric of these rows; a narrow table shows the one by which `sort` orders. */
export function columnsOf(rows: readonly ListedJob[], sort: string, cells: { readonly progress: Cell; readonly created: Cell }): JobColumn[] {
  return [
    { id: "progress", title: "Progress", cell: cells.progress, width: 116 },
    { id: "data", title: "Data", text: (job) => calledDataset(job.spec.dataset), width: 120 },
    { id: "network", title: "Network", text: (job) => networkName(job.spec), width: 116 },
    ...metricsOf(rows).map<JobColumn>((name) => ({
      id: `best_${name}`,
      title: metricName(name).replace(/^(val|train)\w*/, "$1"),
      hint: `Best ${metricName(name)}`,
      text: (job) => bestOrLast(job, name),
      right: true,
      width: 110,
      sort: `best_${name}`,
      descending: higherIsBetter(name),
      narrow: sort.endsWith(`best_${name}`) || (sort === "" && name === "val_loss"),
    })),
    { id: "lr", title: "Rate", hint: "Learning rate", text: (job) => number(job.spec.learning_rate), right: true, width: 88 },
    { id: "optimizer", title: "Optimizer", text: (job) => String(job.spec.optimizer?.type ?? "–"), width: 104 },
    { id: "activation", title: "Activation", text: (job) => String(job.spec.activation), width: 104 },
    { id: "dropout", title: "Dropout", text: (job) => String(job.spec.dropout), right: true, width: 88 },
    { id: "seed", title: "Seed", text: (job) => String(job.spec.seed), right: true, width: 72 },
    { id: "project", title: "Project", text: (job) => job.project, width: 120 },
    { id: "tags", title: "Tags", text: (job) => Object.entries(job.tags).map(([key, value]) => `${key}:${value}`).join(" "), width: 160 },
    { id: "device", title: "Device", text: (job) => job.device ?? "–", width: 96 },
    { id: "took", title: "Trained", text: took, right: true, width: 104 },
    { id: "created", title: "Submitted", cell: cells.created, right: true, width: 112, sort: "created", descending: true },
  ];
}

/** Metrics that some row has, those of validation first. */
function metricsOf(rows: readonly ListedJob[]): string[] {
  const names = new Set(["val_loss", "val_accuracy"]);
  for (const row of rows.slice(0, LOOKED_AT)) for (const name of Object.keys(row.best?.metrics ?? {})) names.add(name);
  return [...names].sort((a, b) => Number(b.startsWith("val")) - Number(a.startsWith("val")) || a.localeCompare(b));
}

/** A job that trains has no best epoch yet: its last one, and dots that say that it goes on. */
function bestOrLast(job: ListedJob, name: string): string {
  const last = job.status === "running" ? job.metrics?.[name] : undefined;
  return job.best === null && typeof last === "number" ? `${metric(name, last)} …` : metric(name, job.best?.metrics[name]);
}

function took(job: ListedJob): string {
  if (job.started_at === null || job.finished_at === null) return "–";
  return duration((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000);
}
