/** A disk that is full for this process, as root too: no file of it grows beyond a size. */

/**
 * `using` it makes room again. The limit answers EFBIG where a disk answers ENOSPC.
 *
 * @param bytes of which a file may have no more
 */
export function fullDisk(bytes: number): Disposable {
  // The signal would end the process first.
  process.on("SIGXFSZ", ignore);
  limit(String(bytes));
  return {
    [Symbol.dispose]() {
      limit("unlimited");
      process.off("SIGXFSZ", ignore);
    },
  };
}

function limit(size: string): void {
  const { success } = Bun.spawnSync(["prlimit", `--fsize=${size}:`, `--pid=${process.pid}`]);
  if (!success) throw new Error("prlimit failed");
}

function ignore(): void {}
