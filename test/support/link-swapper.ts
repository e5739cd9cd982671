/** A link that changes its target, as an attacker swaps one between a check and its use. */
import { renameSync, symlinkSync } from "node:fs";

/** Replaces whatever is there by a link to the target, in one step. */
export function swapLink(link: string, target: string): void {
  symlinkSync(target, `${link}.new`);
  renameSync(`${link}.new`, link);
}

/** Another process that swaps the link between its targets without end. */
export class LinkSwapper implements AsyncDisposable {
  readonly #child: Bun.Subprocess;

  constructor(link: string, targets: readonly string[]) {
    const program = `
      const { symlinkSync, renameSync } = require("node:fs");
      const link = ${JSON.stringify(link)};
      for (;;) for (const target of ${JSON.stringify(targets)}) {
        symlinkSync(target, link + ".busy");
        renameSync(link + ".busy", link);
      }`;
    this.#child = Bun.spawn([process.execPath, "-e", program], {
      stdout: "ignore",
      stderr: "ignore",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }
}
