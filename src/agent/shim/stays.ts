/**
 * Which job has its shim to itself. All that its script leaves behind becomes a child of the shim, which cannot tell
 * whose it is if there are others.
 */
import { readOf } from "../../system/process/process-table.ts";

/** One job in a shim. */
export interface Stay {
  /** The shim has had no other job since this one began, and had no child then. */
  readonly isAlone: boolean;
  /** Called when that ends. */
  disturbed: () => void;
}

export class Stays {
  readonly #all = new Set<Stay & { isAlone: boolean }>();

  /** Before anything of the job runs. */
  begin(): Stay {
    for (const other of this.#all) {
      if (!other.isAlone) continue;
      other.isAlone = false;
      other.disturbed();
    }
    const isAlone = this.#all.size === 0 && !hasChildren();
    const stay = { isAlone, disturbed: () => undefined };
    this.#all.add(stay);
    return stay;
  }

  end(stay: Stay): void {
    this.#all.delete(stay);
  }
}

/** What earlier jobs have left. Yes where the kernel does not tell (CONFIG_PROC_CHILDREN). */
function hasChildren(): boolean {
  try {
    return readOf(process.pid, "children") !== "";
  } catch {
    return true;
  }
}
