/** What is wrong with the first line of a script, with its remedy. */
import { afterAll, expect, test } from "bun:test";
import { startableProblem } from "../../../../src/system/process/startable.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const folder = new TestFolder();
afterAll(() => folder[Symbol.dispose]());

const of = (text: string) => startableProblem(folder.write("s", text, 0o755));
const path = folder.join("s");
const closed = folder.write("closed", "#!/bin/sh\n", 0o644);

test.each([
  [
    "echo",
    `${path}: it has no #! line and is no program`,
    "begin it with #!/bin/sh, or with the line of its own interpreter",
    "ENOEXEC",
  ],
  [
    "#!/no/sh -e\n",
    `${path}: its interpreter is missing: /no/sh`,
    "install /no/sh, or correct the script's #! line",
    "ENOENT",
  ],
  [
    "#!no/sh\n",
    `${path}: its interpreter is missing: no/sh`,
    "install no/sh, or correct the script's #! line",
    "ENOENT",
  ],
  [
    "#!/usr/bin/env no-such\n",
    `${path}: its interpreter is missing: no-such`,
    "install no-such, or correct the script's #! line",
    "ENOENT",
  ],
  [
    `#!${closed}\n`,
    `${path}: its interpreter cannot be used: ${closed} is not executable`,
    `chmod +x ${closed}`,
    "EACCES",
  ],
  [
    `#!${folder.path}\n`,
    `${path}: its interpreter cannot be used: ${folder.path} is not a file`,
    "name the program itself",
    "EACCES",
  ],
  [
    "#!/bin/sh\r\n",
    `${path}: its lines end with CRLF, as on Windows, so its interpreter is not found`,
    `sed -i 's/\\r$//' ${path}`,
    "ENOENT",
  ],
  [
    "#!/usr/bin/env sh\r\n",
    `${path}: its lines end with CRLF, as on Windows, so its interpreter is not found`,
    `sed -i 's/\\r$//' ${path}`,
    "ENOENT",
  ],
])("%j", (text, problem, remedy, code) => {
  expect(of(text)).toEqual({ kind: "unusable", problem, remedy, code });
});

test.each([
  "#!bin/sh\n",
  "#! \t/bin/sh\n",
  "#!/usr/bin/env sh\n",
  "#!/usr/bin/env -S no-such -x\n",
  "#!/usr/bin/env -no-such\n",
  "#!/usr/bin/env NAME=x no-such\n",
  "#!/bin/sh no-such\n",
  "#!/bin/sh x\r\n",
])("nothing: %j", (text) => {
  expect(of(text)).toBeUndefined();
});

test("no descriptor stays open, also of what cannot be read", () => {
  expect(startableProblem(folder.path)).toBeUndefined();
  of("#!/bin/sh\n");
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
});
