/**
 * Reads what group_command prints: `{"frontends": ["web-[01-20]"]}`, or the output of `ansible-inventory --list`,
 * whose groups have hosts and children. Pure.
 */
import { meantBy } from "../../core/config/slips.ts";
import { messageOf } from "../../core/errors.ts";
import { groupNameProblem } from "../../core/hosts/group-name.ts";
import { isArrayOfText } from "../../core/json.ts";
import { decodeText } from "../../core/text.ts";
import { isDeeper } from "../../core/wire/json-members.ts";
import type { ListedGroup } from "../store/ports/groups.ts";

/** What Ansible knows about each host; not needed here. */
const HOST_VARIABLES = "_meta";

const KEYS = ["hosts", "children", "vars"];

/** What Ansible knows about a host may be nested, but not as deeply as this. */
const MAX_DEPTH = 100;

/** @throws Error that says what is wrong */
export function readCommandOutput(bytes: Uint8Array): Map<string, ListedGroup> {
  if (isDeeper(bytes, MAX_DEPTH)) {
    throw new Error(`it has more than ${MAX_DEPTH} levels of nested lists and objects`);
  }
  const whole = parse(decodeText(bytes).text);
  if (!isObject(whole)) throw new Error('it is not an object such as {"web": ["web-[01-20]"]}');
  const entries = Object.entries(whole).filter(([name]) => name !== HOST_VARIABLES);
  const groups = new Map(entries.map(([name, value]) => [name, readGroup(name, value)]));
  // Ansible names the groups that have no hosts as children, and says nothing else about them.
  for (const child of [...groups.values()].flatMap(({ children }) => children)) {
    if (!groups.has(child)) groups.set(child, readGroup(child, {}));
  }
  return groups;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new Error(`it is not JSON: ${messageOf(thrown)}`);
  }
}

function readGroup(name: string, value: unknown): ListedGroup {
  const problem = groupNameProblem(name);
  if (problem !== undefined) throw new Error(`${JSON.stringify(name)}: ${problem}`);
  if (isArrayOfText(value)) return { expressions: value, hosts: [], children: [] };
  if (!isObject(value)) throw new Error(`${name}: expected a list of hosts, or an object`);
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    throw new Error(`${name}.${unknown}: unknown member; ${meantBy(unknown, KEYS)}`);
  }
  const { hosts = [], children = [] } = value;
  if (!isArrayOfText(hosts)) throw new Error(`${name}.hosts: expected a list of names`);
  if (!isArrayOfText(children)) throw new Error(`${name}.children: expected a list of names`);
  return { expressions: [], hosts, children };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
