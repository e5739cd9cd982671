/** The message about a name in a request that the API does not know. */
import { lowerAscii } from "./net/host-name.ts";
import { nearestMatch } from "./text.ts";

/** Nobody types longer names, and one could be as long as the request. */
const MAX_SHOWN = 64;

/** `unknown member "arguments"; did you mean args?`, or which members there are. */
export function unknownMember(name: string, known: readonly string[]): string {
  const near = nearestMember(name, known);
  const next = near === undefined ? `expected one of ${known.join(", ")}` : `did you mean ${near}?`;
  return `unknown member "${name.slice(0, MAX_SHOWN)}"; ${next}`;
}

/**
 * A query parameter that the route does not take.
 *
 * @param members those of the route's body
 * @param known the parameters that it takes
 */
export function unknownParameter(
  name: string,
  members: readonly string[],
  known: readonly string[] = [],
): string {
  const near = nearestMember(name, members);
  const next = near === undefined ? whichOf(name, known) : `${near} goes into the JSON body`;
  return `unknown query parameter "${name.slice(0, MAX_SHOWN)}"; ${next}`;
}

function whichOf(name: string, known: readonly string[]): string {
  if (known.length === 0) return "this route takes none";
  const near = nearestMember(name, known);
  return near === undefined ? `expected one of ${known.join(", ")}` : `did you mean ${near}?`;
}

/** A typing error, another word for it, or a longer one: `arguments` begins like `args`. */
function nearestMember(name: string, known: readonly string[]): string | undefined {
  const lower = lowerAscii(name.slice(0, MAX_SHOWN + 1));
  return (
    nearestMatch(lower, known) ??
    SAME.get(lower.replace(/[_-]/g, ""))?.find((word) => known.includes(word)) ??
    known.find((word) => lower.startsWith(word.slice(0, 3)))
  );
}

/** What other programs, and the command line, call these members and parameters. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  detach: ["async", "asynchronous", "background", "nowait"],
  wait: ["sync", "synchronous"],
  timeout: ["deadline", "maxtime", "ttl"],
  grace: ["killafter"],
  hosts: ["targets", "nodes", "servers", "machines", "agents", "target", "node", "server"],
  host: ["target", "node", "server", "machine", "agent"],
  script: ["command", "cmd", "program", "job", "task"],
  args: ["parameters", "params"],
  username: ["submitter", "caller", "login"],
  user: ["submitter"],
  token: ["secret", "password", "apikey"],
  since: ["from", "started", "newer"],
  limit: ["count", "perpage", "pagesize"],
  after: ["cursor", "next"],
  failed: ["failures"],
};

const SAME = new Map<string, string[]>();
for (const [member, words] of Object.entries(WORDS)) {
  for (const word of words) SAME.set(word, [...(SAME.get(word) ?? []), member]);
}
