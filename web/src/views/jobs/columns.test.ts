import { expect, test } from "vitest";
import type { ListedJob } from "../../lib/api";
import { columnsOf, DEFAULT } from "./columns";

const cells = { progress: null, created: null } as never;
const job = (fields: object): ListedJob => ({ best: null, status: "queued", started_at: null, finished_at: null, spec: {}, ...fields }) as never;
const textOf = (id: string, row: ListedJob): string | undefined => columnsOf([row], "", cells).find((column) => column.id === id)?.text?.(row);

test("each metric is a column, those of validation first; a narrow table keeps the one that sorts", () => {
  const rows = [job({ best: { epoch: 1, metrics: { train_loss: 1, val_mae: 2, val_loss: 3 } } })];
  const bests = (sort: string) => columnsOf(rows, sort, cells).filter(({ id }) => id.startsWith("best_"));
  expect(bests("").map(({ id }) => id)).toEqual(["best_val_accuracy", "best_val_loss", "best_val_mae", "best_train_loss"]);
  expect(["", "-best_val_mae"].map((sort) => bests(sort).filter(({ narrow }) => narrow).map(({ id }) => id))).toEqual([["best_val_loss"], ["best_val_mae"]]);
  const all = columnsOf([], "", cells).map(({ id }) => id);
  expect(DEFAULT.filter((id) => !all.includes(id))).toEqual([]);
});

test("a job that trains shows its last value until it has a best one, and its time once it has ended", () => {
  expect(textOf("best_val_loss", job({ status: "running", metrics: { val_loss: 0.5 } }))).toBe("0.5 …");
  expect(textOf("best_val_loss", job({ status: "running", metrics: { val_loss: 0.5 }, best: { epoch: 1, metrics: { val_loss: 0.25 } } }))).toBe("0.25");
  expect(textOf("best_val_loss", job({ metrics: { val_loss: 0.5 } }))).toBe("–");
  expect(textOf("took", job({ started_at: "2026-01-01T00:00:00Z", finished_at: "2026-01-01T00:00:05Z" }))).toBe("5 s");
  expect(textOf("took", job({ started_at: "2026-01-01T00:00:00Z" }))).toBe("–");
});
