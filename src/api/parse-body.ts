/** Validates a request's body and query for its route, or refuses them before the hook is asked. */
import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import { MOST_SIZES } from "../core/rollout.ts";
import { decodeText } from "../core/text.ts";
import { unknownParameter } from "../core/unknown-member.ts";
import { hasMoreMembers, isDeeper } from "../core/wire/json-members.ts";
import { badRequest, Refused, refusal } from "./answer.ts";
import { queryNames, queryOf } from "./request.ts";
import type { Route } from "./route.ts";

/** No route has this many members, or lists and objects nested this deeply; more are a mistake or an attack. */
const MAX_MEMBERS = 64;
const MAX_DEPTH = 16;

/**
 * The body as the route's schema parses it; empty for a route without one. Nothing in a request is ignored: a client
 * that sends something the route does not know means something by it.
 *
 * @throws Refused 400 or 415
 */
export function parseBody(
  route: Route,
  request: IncomingMessage,
  bytes: Buffer,
  maxHosts: number,
): Record<string, unknown> {
  if (route.request === undefined) {
    if (bytes.length > 0) throw badRequest(`${route.method} ${route.path} takes no body`);
    return {};
  }
  const body = jsonOf(route, request, bytes);
  const parsed = route.request.safeParse(shortened(body, maxHosts));
  if (!parsed.success) throw badRequest(problemsIn(parsed.error));
  // Members beyond those of the object, and of the objects in it, were given twice.
  if (hasMoreMembers(bytes, membersIn(body))) {
    throw badRequest("the body has a member twice");
  }
  return parsed.data;
}

/** How many members it has in total. Its schema has accepted it, so it is not deep. */
function membersIn(value: unknown): number {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return 0;
  return Object.values(value).reduce((sum: number, each) => sum + 1 + membersIn(each), 0);
}

function problemsIn({ issues }: z.ZodError): string {
  const problems = issues.slice(0, 5).map(({ path, message }) => {
    const field = path.map(String).join(".");
    return field === "" ? message : `${field}: ${message}`;
  });
  return [...new Set(problems)].join("; ");
}

/**
 * The query as the route's schema parses it; empty for a route without one.
 *
 * @throws Refused 400
 */
export function parseQuery(route: Route, url: string): Record<string, unknown> {
  const members = Object.keys(route.request?.shape ?? {});
  const known = Object.keys(route.query?.shape ?? {});
  const names = queryNames(url);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw badRequest(unknownParameter(unknown, members, known));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw badRequest(`the query parameter ${twice} is given twice`);
  if (route.query === undefined) return {};
  const parsed = route.query.safeParse(queryOf(url));
  if (parsed.success) return parsed.data;
  throw badRequest(problemsIn(parsed.error));
}

/**
 * The same body with its lists cut after the first item that no schema accepts. A schema describes every bad
 * item, and half a million of them, from somebody whom no hook has seen, would stop everything for seconds
 * (T21).
 */
function shortened(body: unknown, maxHosts: number): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  const entries = Object.entries(body).map(([name, value]): [string, unknown] => {
    if (!Array.isArray(value)) return [name, withShortLists(value)];
    if ((name === "hosts" || name === "except") && value.length > maxHosts) {
      const where = name === "hosts" ? "" : " in except";
      throw badRequest(`${value.length} hosts given${where}; at most ${maxHosts} at once`);
    }
    const bad = value.findIndex((item) => typeof item !== "string" || item.includes("\0"));
    return [name, bad < 0 ? value : value.slice(0, bad + 1)];
  });
  return Object.fromEntries(entries);
}

/** For a member that has members itself: no schema accepts such long lists there. */
function withShortLists(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, list]): [string, unknown] => [
    name,
    Array.isArray(list) ? list.slice(0, MOST_SIZES + 1) : list,
  ]);
  return Object.fromEntries(entries);
}

/**
 * Without asking first, a browser sends only types other than JSON's, from any page, and its headers show that
 * it is a browser. A JSON body from other clients is accepted whatever its type: `curl -d` labels everything a
 * form. So what begins as JSON is meant to be JSON, and another type would not mend it.
 */
function jsonOf(route: Route, { headers }: IncomingMessage, bytes: Buffer): unknown {
  if (bytes.length === 0) {
    if (route.bodyOptional === true) return {};
    throw badRequest("no body: expected a JSON object");
  }
  const [type = ""] = (headers["content-type"] ?? "").split(";", 1);
  const typed = type.trim().toLowerCase() === "application/json";
  const packed = (headers["content-encoding"] ?? "identity") !== "identity";
  if (packed || (!typed && fromBrowser(headers))) throw wrongType();
  if (hasMoreMembers(bytes, MAX_MEMBERS)) {
    throw badRequest(`the body has more than ${MAX_MEMBERS} members`);
  }
  if (isDeeper(bytes, MAX_DEPTH)) {
    throw badRequest(`the body has more than ${MAX_DEPTH} levels of nested lists and objects`);
  }
  const { text, exact } = decodeText(bytes);
  const isMeant = typed || /^\s*[{[]/.test(text);
  if (!exact) throw isMeant ? badRequest("the body is not UTF-8") : wrongType();
  try {
    return JSON.parse(text);
  } catch {
    throw isMeant ? badRequest("the body is not JSON") : wrongType();
  }
}

/** Fetch standard: each POST has Origin. Fetch Metadata: Sec-Fetch-* if the API is on loopback or has TLS. */
function fromBrowser(headers: IncomingMessage["headers"]): boolean {
  return (
    headers.origin !== undefined ||
    Object.keys(headers).some((name) => name.startsWith("sec-fetch-"))
  );
}

function wrongType(): Refused {
  const expected = "expected Content-Type: application/json and no Content-Encoding";
  return new Refused(refusal(415, "unsupported media type", expected));
}
