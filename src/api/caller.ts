/** The caller of an HTTP request, as the request states it. */
import type { IncomingMessage } from "node:http";
import type { Caller } from "../controller/access/authorize.ts";
import { foreignHost, type HostRule } from "../core/net/foreign-host.ts";
import { badRequest } from "./answer.ts";
import { bearerToken, soleHeader } from "./request.ts";
import type { Route } from "./route.ts";
import { MAX_CREDENTIAL, USERNAME_HEADER } from "./schemas.ts";

export interface Asking {
  readonly request: IncomingMessage;
  readonly requestId: string;
  readonly peer: string;
}

/**
 * A header takes precedence over the body: a proxy that knows the user sets it, whatever the user claims.
 *
 * @throws Refused 400
 */
export function callerOf(
  { request, requestId, peer }: Asking,
  { method, path }: Route,
  body: Readonly<Record<string, unknown>>,
  hosts: HostRule,
): Caller {
  return {
    face: "api",
    username: usernameHeader(request) ?? textOf(body.username),
    token: bearerToken(request) ?? textOf(body.token),
    sourceIp: peer,
    route: `${method} ${path}`,
    requestId,
    origin: request.headers.origin,
    foreignHost: foreignHost(request.url ?? "", request.headers.host, hosts),
  };
}

function usernameHeader(request: IncomingMessage): string | undefined {
  const name = soleHeader(request, USERNAME_HEADER);
  if (name === undefined || name.length <= MAX_CREDENTIAL) return name;
  throw badRequest(`the header ${USERNAME_HEADER} has more than ${MAX_CREDENTIAL} characters`);
}

function textOf(member: unknown): string {
  return typeof member === "string" ? member : "";
}
