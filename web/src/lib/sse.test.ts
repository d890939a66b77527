import { expect, test } from "vitest";
import { EventParser } from "./sse";

test("events are cut out of a stream wherever it is broken", () => {
  const text = "retry: 1000\n\nid: 3.4\nevent: epoch\ndata: {\"a\":\ndata: 1}\n\n: heartbeat\n\ndata: x\n\n";
  for (const size of [1, 7, text.length]) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
    expect(found.map(({ event, data }) => [event, data])).toEqual([["", ""], ["epoch", '{"a":\n1}'], ["", ""], ["message", "x"]]);
    expect(found[3]?.id).toBe("3.4");
  }
});
