import { requestIdFrom } from "../core/request-id.ts";

export function newRequestId(): string {
  return requestIdFrom(crypto.getRandomValues(new Uint8Array(8)));
}
