import { expect, test } from "vitest";
import { csvOf } from "./csv";

test("a cell with a comma, a quote or a line is quoted; what is not there is empty", () => {
  expect(csvOf([["a", "b,c", 'say "x"'], [1, null, "two\nlines"]])).toBe('a,"b,c","say ""x"""\n1,,"two\nlines"\n');
});

test("a text that a spreadsheet would run as a formula is only shown, and a number stays one", () => {
  expect(csvOf([["=1+1", "+cmd|' /C calc'!A0", "-x", "@SUM(A1)", "\t=1", "a=b"]])).toBe("'=1+1,'+cmd|' /C calc'!A0,'-x,'@SUM(A1),'\t=1,a=b\n");
  expect(csvOf([["-1.5e-3", "+2", -0.5, "-.5", "-1+1"]])).toBe("-1.5e-3,+2,-0.5,-.5,'-1+1\n");
  expect(csvOf([['=HYPERLINK("http://x","y")']])).toBe(`"'=HYPERLINK(""http://x"",""y"")"\n`);
});
