/** A file of notify.d: which notices go where. Pure, and strict: anything unknown is an error. */
import * as z from "zod/mini";
import { readStrictFile, unusableFile } from "../../core/config/strict-file.ts";
import type { CtrlExecError } from "../../core/errors.ts";
import { NOTICE_KINDS, type NoticeKind } from "../../core/notices/news.ts";

/** Given up after a week at the latest. */
export const LONGEST_DEADLINE_SECONDS = 604_800;

interface ReceiverFacts {
  /** The name of its file, without `.toml`. */
  readonly name: string;
  readonly file: string;
  readonly kinds: ReadonlySet<NoticeKind>;
  readonly timeoutMs: number;
  readonly deadlineMs: number;
}

export interface AddressReceiver extends ReceiverFacts {
  readonly kind: "address";
  readonly url: URL;
  readonly keyFile: string;
  /** Of the CA that its certificate must chain to; undefined means those that are generally trusted. */
  readonly caFile: string | undefined;
}

export interface ProgramReceiver extends ReceiverFacts {
  readonly kind: "program";
  readonly program: string;
  readonly args: readonly string[];
}

export type Receiver = AddressReceiver | ProgramReceiver;

const absolute = z
  .string({ error: "expected an absolute path" })
  .check(z.regex(/^\/[^\0]*$/, { error: "expected an absolute path" }));

function wholeSeconds(most: number) {
  const error = `expected a whole number from 1 to ${most}`;
  return z.int({ error }).check(z.gte(1, { error }), z.lte(most, { error }));
}

const EVENTS = `expected a list of ${NOTICE_KINDS.join(", ")}`;
const PROGRAM = "expected a list: the program's absolute path, and its arguments";

const shape = z.strictObject({
  events: z
    .array(z.enum(NOTICE_KINDS, { error: EVENTS }), { error: EVENTS })
    .check(z.minLength(1, { error: EVENTS })),
  url: z.optional(z.string({ error: "expected an address: https://..." })),
  key_file: z.optional(absolute),
  ca_file: z.optional(absolute),
  program: z.optional(
    z.tuple([absolute], z.string().check(z.regex(/^[^\0]*$/)), { error: PROGRAM }),
  ),
  timeout: z._default(wholeSeconds(300), 10),
  deadline: z._default(wholeSeconds(LONGEST_DEADLINE_SECONDS), 86_400),
});

const HINT = 'docs/CONFIGURATION.md, "notify.d", shows what such a file has in it.';

/** @throws CtrlExecError `config` that names the file and the key */
export async function readReceiverFile(
  name: string,
  file: string,
  text: string,
): Promise<Receiver> {
  const read = await readStrictFile(shape, HINT, file, text);
  const { events, url, key_file, ca_file, program, timeout, deadline } = read;
  const facts = {
    name,
    file,
    kinds: new Set(events),
    timeoutMs: timeout * 1000,
    deadlineMs: deadline * 1000,
  };
  if ((url === undefined) === (program === undefined)) {
    throw unusable(file, "it needs url or program, and not both");
  }
  if (program !== undefined) {
    if (key_file !== undefined || ca_file !== undefined) {
      throw unusable(file, "key_file and ca_file belong to url, and there is a program");
    }
    const [path, ...args] = program;
    return { ...facts, kind: "program", program: path, args };
  }
  if (key_file === undefined)
    throw unusable(file, "url needs key_file, with which notices are signed");
  const address = addressOf(file, url ?? "");
  if (ca_file !== undefined && address.protocol !== "https:") {
    throw unusable(file, "ca_file needs an address that begins with https://");
  }
  return { ...facts, kind: "address", url: address, keyFile: key_file, caFile: ca_file };
}

/** Its text is not shown: what follows the host may be a secret (T27). */
function addressOf(file: string, text: string): URL {
  const url = URL.parse(text);
  if (url === null || !["https:", "http:"].includes(url.protocol)) {
    throw unusable(file, "url: expected an address that begins with https:// or http://");
  }
  if (url.username !== "" || url.password !== "") {
    throw unusable(
      file,
      "url: it has a user or a password; notices are signed with key_file instead",
    );
  }
  return url;
}

function unusable(file: string, why: string): CtrlExecError {
  return unusableFile(HINT, file, why);
}
