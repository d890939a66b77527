import { expect, test, vi } from "vitest";
import { areImages, headerOf, headOf, upload } from "./upload";

test("the columns of a file are known before it is sent", () => {
  expect(headerOf("\ufeffage;income;risk\r\n30;1,5;low")).toEqual(["age", "income", "risk"]);
  expect(headerOf("a,b,a\n1,2,3")).toEqual(["a", "b"]);
  expect(headerOf("PK\u0003\u0004, a workbook\n1,2")).toEqual([]);
  expect(headerOf("  a   b  y\n 1.0  2  3")).toEqual(["a", "b", "y"]);
  expect(headerOf('sep=,\n"a, b",c\n1,2\n')).toEqual(["a, b", "c"]);
  expect(headerOf("Sales, by region\n\na;b;y\n1;2;3\n4;5;6\n")).toEqual(["a", "b", "y"]);
  expect(headerOf("# a logger's\na,b,y\n1,2,3\n")).toEqual(["a", "b", "y"]);
  expect(headerOf("5.1,3.5,setosa\n4.9,3.0,setosa\n")).toEqual(["0", "1", "2"]);
  expect(headerOf("2019,2020,2021\n5,6,7\n")).toEqual(["2019", "2020", "2021"]);
  expect(headerOf("")).toEqual([]);
});

test("a compressed file shows its columns too", async () => {
  const rows = Array.from({ length: 50_000 }, (_, row) => `${row},${Math.sin(row)}`).join("\n");
  const packed = async (text: string, format: CompressionFormat): Promise<Blob> => new Response(new Blob([text]).stream().pipeThrough(new CompressionStream(format))).blob();
  expect(headerOf(await headOf(new Blob(["a,y\n1,2\n"])))).toEqual(["a", "y"]);
  expect(headerOf(await headOf(await packed("a,y\n1,2\n", "gzip")))).toEqual(["a", "y"]);
  expect(headerOf(await headOf(await packed(`a,y\n${rows}`, "gzip")))).toEqual(["a", "y"]);
  const head = new Uint8Array(30 + 5);
  head.set([0x50, 0x4b, 3, 4, 20, 0, 0, 0, 8]);
  head[26] = 5;
  expect(headerOf(await headOf(new Blob([head, await packed(`a,y\n${rows}`, "deflate-raw")])))).toEqual(["a", "y"]);
  expect(await headOf(new Blob([new Uint8Array([0x1f, 0x8b, ...new Array<number>(40).fill(0)])]))).toBe("");
});

test("columns of an old Western file, and of one in UTF-16, have their letters", async () => {
  const western = Uint8Array.from([..."Größe;Café\n1;2\n"], (letter) => letter.charCodeAt(0));
  const wide = new Uint8Array(Uint16Array.from([..."\ufeffGröße;Café\n1;2\n"], (letter) => letter.charCodeAt(0)).buffer);
  const packed = new Response(new Blob([western]).stream().pipeThrough(new CompressionStream("gzip"))).blob();
  const cut = new Blob(["Größe;Café\n1;2\nx", "ä".repeat(40_000)]); // after 64 KiB, within a letter
  for (const file of [new Blob([western]), new Blob([wide]), await packed, cut]) expect(headerOf(await headOf(file))).toEqual(["Größe", "Café"]);
});

test("a zip is one of images if most of its files are", async () => {
  const zip = (...names: string[]): File => new File(["PK\u0003\u0004...", ...names.map((one) => `PK\u0001\u0002....${one}`)], "f.zip");
  expect(await areImages(zip("cat/1.jpg", "dog/2.PNG", "README"))).toBe(true);
  expect(await areImages(zip("a.csv", "plot.png"))).toBe(false);
  expect(await areImages(new File(["a,y"], "f.zip"))).toBe(false);
  expect(await areImages(new File(["PK\u0001\u0002....xl/media/1.png"], "f.xlsx"))).toBe(false);
});

test("an upload whose connection breaks goes on at the byte that the server has", async () => {
  const offsets: string[] = [];
  const answer = (body: unknown, status = 200): Response => new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  vi.stubGlobal("fetch", async (asked: Request) => {
    if (asked.method === "PATCH") {
      offsets.push(asked.headers.get("Upload-Offset") ?? "");
      if (offsets.length === 1) throw new TypeError("the network is down");
      return answer(null, 204);
    }
    if (asked.method === "GET") return answer({ offset: 3 });
    return asked.url.endsWith("/finish") ? answer({ id: "ds_1" }, 201) : answer({ offset: 0 }, 201);
  });
  const shares: number[] = [];
  const sending = upload(new File(["0123456789"], "a.csv"), { target: "y" }, (share) => shares.push(share), new AbortController().signal, async () => undefined);
  expect((await sending).id).toBe("ds_1");
  expect(offsets).toEqual(["0", "3"]);
  expect(shares).toEqual([0, 0.3, 1]);
  vi.unstubAllGlobals();
});
