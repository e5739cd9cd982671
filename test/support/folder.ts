/** Temporary folders, gone at the end of the test that made them. */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export class TestFolder implements Disposable {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), "ctrl-exec-test-"));
    chmodSync(this.path, 0o755);
  }

  join(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  has(...parts: readonly string[]): boolean {
    return existsSync(this.join(...parts));
  }

  /** Writes a file below the folder and returns its path. */
  write(name: string, content: string | Uint8Array, mode = 0o644): string {
    const path = this.join(name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(path, content, { mode });
    chmodSync(path, mode);
    return path;
  }

  /** An executable. */
  script(name: string, body: string): string {
    return this.write(name, body.startsWith("#!") ? body : `#!/bin/sh\n${body}\n`, 0o755);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Every file in the folder, by its path, with its content; lock files and databases are left out. */
export function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    files
      .filter((file) => file.isFile() && !file.parentPath.endsWith("/locks"))
      // A database is tidied up by whoever reads it.
      .filter((file) => !/\.sqlite(-shm|-wal)?$/.test(file.name))
      .map((file) => join(file.parentPath, file.name))
      .map((path) => [path, readFileSync(path, "utf8")]),
  );
}

/** Waits for a condition that no event announces. @param what may be told at the end, when it is known more */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  for (const end = Date.now() + 20_000; ; await Bun.sleep(15)) {
    if (await holds()) return;
    if (Date.now() > end) {
      throw new Error(`waited in vain until ${typeof what === "string" ? what : what()}`);
    }
  }
}
