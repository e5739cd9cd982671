import { randomBytes } from "node:crypto";
import { requestIdFrom } from "../core/request-id.ts";

export function newRequestId(): string {
  return requestIdFrom(randomBytes(8));
}
