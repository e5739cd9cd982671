/** Tables on terminals of any width. */
import { expect, test } from "bun:test";
import { renderTable, tableFor } from "../../../../src/cli/render/table.ts";

const HEADER = ["HOST", "STATUS", "CERT EXPIRY", "VERSION"];
const ROWS = [
  ["web-01", "ok", "Nov 23 02:53:10 2027 GMT", "1.1.0"],
  ["db-01", "error", "", ""],
];
const on = (columns: number, outIsTerminal = true) => ({ columns, outIsTerminal });

test("a narrow terminal gets a line for each cell that has something, and no word is broken", () => {
  const text = tableFor(on(40), HEADER, ROWS);
  expect(text).toBe(
    [
      "HOST         web-01",
      "STATUS       ok",
      "CERT EXPIRY  Nov 23 02:53:10 2027 GMT",
      "VERSION      1.1.0",
      "",
      "HOST         db-01",
      "STATUS       error",
      "",
    ].join("\n"),
  );
  expect(tableFor(on(30), HEADER, ROWS)).toContain(
    "CERT EXPIRY  Nov 23 02:53:10\n             2027 GMT\n",
  );
});

test("one that fits, a terminal of 80 columns and a pipe get the table", () => {
  const table = renderTable(HEADER, ROWS);
  expect(tableFor(on(50), HEADER, ROWS)).toBe(table);
  expect(tableFor(on(40, false), HEADER, ROWS)).toBe(table);
  const wide = ROWS.map((row) => [...row, "x".repeat(80)]);
  const header = [...HEADER, "MORE"];
  expect(tableFor(on(80), header, wide)).toBe(renderTable(header, wide));
  expect(tableFor(on(20), HEADER, [])).toBe(renderTable(HEADER, []));
});

test("a list in the last column has several lines on a terminal that would break it", () => {
  const header = ["ID", "FOR"];
  const rows = [
    ["a1b2c3d4e5f60718", "web-* from 10.0.0.0/8,192.168.0.0/16 role=web"],
    ["0123456789abcdef", "db-01"],
  ];
  const folded = [
    "ID                FOR",
    "----------------  ------------------------",
    "a1b2c3d4e5f60718  web-* from 10.0.0.0/8,",
    "                  192.168.0.0/16 role=web",
    "0123456789abcdef  db-01",
    "",
  ].join("\n");
  expect(tableFor(on(43), header, rows).replaceAll("-", "")).toBe(folded.replaceAll("-", ""));
  expect(tableFor(on(90), header, rows)).toBe(renderTable(header, rows));
  expect(tableFor(on(43, false), header, rows)).toBe(renderTable(header, rows));
  expect(tableFor(on(30), header, rows)).toStartWith("ID   a1b2c3d4e5f60718\nFOR  web-* from 10");
});

test("T29 no cell draws a line of its own", () => {
  const text = tableFor(on(20), ["A", "B"], [["x".repeat(30), "1\nA  2\u001b[2J"]]);
  expect(text.split("\n")).toEqual([`A  ${"x".repeat(30)}`, "B  1 A  2^[[2J", ""]);
});
