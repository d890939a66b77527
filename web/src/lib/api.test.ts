import { expect, test } from "vitest";
import { ApiError } from "./api";

test("what the API did not answer may be answered later, and what it refused is refused again", () => {
  expect([0, 429, 500, 503].map((status) => new ApiError(status, "").againMs)).toEqual([5000, 5000, 5000, 5000]);
  expect(new ApiError(503, "", [], 7).againMs).toBe(7000);
  expect([401, 403, 404, 409, 422, 501].map((status) => new ApiError(status, "").againMs)).toEqual([null, null, null, null, null, null]);
});
