import { writeSync } from "node:fs";

/** Never throws: when nobody is left to tell, the work goes on all the same. */
export function writeStderr(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // The reader has gone.
  }
}
