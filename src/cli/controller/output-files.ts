/** `--output`: what the script has printed, in a file for each host and stream. */
import { CtrlExecError } from "../../core/errors.ts";
import { outputBytes } from "../../core/output-bytes.ts";
import { OUTPUT_STREAMS, type OutputStream } from "../../core/run-event.ts";
import type { RunResult } from "../../core/run-result.ts";
import { screenLine } from "../../core/text.ts";
import { EmptyFolder } from "../../system/files/empty-folder.ts";
import { fileProblem } from "../../system/files/files.ts";
import { collecting } from "../../system/memory.ts";
import { callers } from "../command/callers.ts";
import { directPath } from "../command/direct-path.ts";

/** Undefined without the option. @throws CtrlExecError `usage` */
export function openOutput(path: string | undefined): OutputFiles | undefined {
  return path === undefined ? undefined : OutputFiles.open(path, callers().id);
}

export class OutputFiles implements Disposable {
  readonly #path: string;
  readonly #folder: EmptyFolder;
  #writing = Promise.resolve();
  readonly #problems: string[] = [];

  private constructor(path: string, folder: EmptyFolder) {
    this.#path = path;
    this.#folder = folder;
  }

  /**
   * The folder is created, or must be empty: files of two runs side by side would look like one. Under sudo and the
   * like it must be the caller's own, and so are the files: root's rights write nowhere else (T62).
   *
   * @param caller who called with lent rights; undefined if none are lent
   * @throws CtrlExecError `usage`
   */
  static open(path: string, caller: number | undefined): OutputFiles {
    const folder = caller === undefined ? newFolder(path) : folderOf(caller, path);
    return new OutputFiles(path, folder);
  }

  /** Writes them one after the other, while others are waited for. There is no file for a script that never ran. */
  keep(result: RunResult): void {
    const { state, stdout, stderr } = result;
    if (state !== "ended" && stdout === "" && stderr === "") return;
    for (const stream of OUTPUT_STREAMS) {
      this.#writing = this.#writing.then(() => this.#write(result, stream));
    }
  }

  /**
   * Resolves when all of them are written. @returns what could not be written, for stderr; empty if everything was
   */
  async end(): Promise<string> {
    await this.#writing;
    const [first, ...others] = this.#problems;
    if (first === undefined) return "";
    const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
    return screenLine`ctrl-exec: Cannot write ${first}${more}\n`;
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  /** Never rejects. A file that is incomplete is removed. */
  async #write(result: RunResult, stream: OutputStream): Promise<void> {
    const name = outputFileName(result.host, stream);
    try {
      const file = await this.#folder.create(name);
      try {
        for (const piece of collecting(outputBytes(result, stream))) {
          for (let rest: Uint8Array = piece; rest.length > 0; ) {
            rest = rest.subarray((await file.write(rest)).bytesWritten);
          }
        }
      } catch (thrown) {
        this.#folder.remove(name);
        throw thrown;
      } finally {
        await file.close();
      }
    } catch (thrown) {
      const why = thrown instanceof CtrlExecError ? thrown.message : fileProblem(thrown);
      this.#problems.push(`${this.#path}/${name}: ${why}`);
    }
  }
}

function newFolder(path: string): EmptyFolder {
  try {
    return EmptyFolder.open(path);
  } catch (cause) {
    throw new CtrlExecError("usage", `Cannot write to ${path}: ${fileProblem(cause)}`, {
      cause,
      hint: "--output takes a folder that is not there yet, in one that is, or one of your own that is empty.",
    });
  }
}

/** Every fault gets the same refusal: it may be a path at which the caller may not even look. */
function folderOf(caller: number, path: string): EmptyFolder {
  try {
    const direct = directPath(path);
    // Only root can give files away.
    if (direct !== undefined && process.geteuid?.() === 0)
      return EmptyFolder.openOf(direct, caller);
  } catch {
    // Reported below.
  }
  throw new CtrlExecError(
    "usage",
    `Cannot write to ${path}: there is no empty folder of your own at that path`,
    {
      hint: "Under sudo, --output writes only into an empty folder of your own, which you make first, and follows no links.\nIn a root shell that sudo opened: env -u SUDO_UID",
    },
  );
}

/** A file name has at most 255 bytes. */
const MAX_NAME = 255;

/**
 * `web-01.stdout`, `web-01%3A7450.stderr`: the host as in its result, with everything escaped that a shell or
 * another system might take for something else. No two hosts have the same (T70).
 */
export function outputFileName(host: string, stream: OutputStream): string {
  const escaped = host.replaceAll(/[^A-Za-z0-9._-]|^[.-]/gu, escapeCharacter);
  const most = MAX_NAME - stream.length - 1;
  if (escaped.length <= most) return `${escaped}.${stream}`;
  const digest = new Bun.CryptoHasher("sha256").update(host).digest("hex");
  return `${escaped.slice(0, most - digest.length - 1)}~${digest}.${stream}`;
}

function escapeCharacter(character: string): string {
  const hex = Buffer.from(character, "utf8").toString("hex").toUpperCase();
  return hex.replaceAll(/../g, "%$&");
}
