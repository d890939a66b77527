import { expect, test } from "vitest";
import type { ListedJob } from "../../lib/api";
import { jobsFile } from "./file";

function job(fields: object): ListedJob {
  const nothing = { sweep: null, best: null, device: null, started_at: null, finished_at: null, stop_reason: null };
  return { ...nothing, owner: "ann", project: "p", tags: {}, status: "queued", progress: { epoch: 0 }, created_at: "now", ...fields } as unknown as ListedJob;
}

test("each job is a line, with the metrics and the fields that any of them has", () => {
  const one = job({ id: "1", name: "=a", tags: { team: "v", n: "2" }, best: { epoch: 3, metrics: { val_loss: 0.5 } }, spec: { dataset: "iris", architecture: { hidden: [8, 4] } } });
  const other = job({ id: "2", name: null, status: "succeeded", stop_reason: "pruned", sweep: { id: "s", trial: 7, replicate: 0 }, spec: { dataset: { id: "ds_1" }, seed: 1 } });
  expect(jobsFile([one, other]).split("\n")).toEqual([
    "\ufeffid,name,state,project,owner,tags,sweep,configuration,epoch,best_epoch,device,created_at,started_at,finished_at,best_val_loss,dataset,architecture.hidden,seed",
    `1,'=a,queued,p,ann,team:v n:2,,,0,3,,now,,,0.5,iris,"[8,4]",`,
    "2,,pruned,p,ann,,s,7,0,,,now,,,,ds_1,,1",
    "",
  ]);
});
