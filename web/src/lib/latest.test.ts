import { expect, test } from "vitest";
import { Latest } from "./latest";

test("one request goes after another, and what is wanted last is sent last", async () => {
  const sent: string[] = [];
  let answer: () => void = () => undefined;
  const latest = new Latest<string>((what) => new Promise((resolve) => (sent.push(what), (answer = resolve))), () => true);
  const all = latest.want("pause");
  for (const what of ["resume", "pause", "resume"]) void latest.want(what);
  expect(sent).toEqual(["pause"]);
  answer();
  await Promise.resolve();
  expect(sent).toEqual(["pause", "resume"]);
  answer();
  await all;
  expect(sent).toHaveLength(2);
});

test("what is wanted too early is sent when there is something to send it to", async () => {
  const sent: string[] = [];
  let isReady = false;
  const latest = new Latest<string>(async (what) => void sent.push(what), () => isReady);
  await latest.want("pause");
  expect(sent).toEqual([]);
  isReady = true;
  await latest.go();
  expect(sent).toEqual(["pause"]);
});
