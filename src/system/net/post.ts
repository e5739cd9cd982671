/** Sends a body to one address, which is not ours. Only the status of the answer is read. */
import { ForeignResponseReader } from "../../core/wire/foreign-response.ts";
import { askForeign, type ForeignRequest } from "./foreign-request.ts";

export type Post = Omit<ForeignRequest, "method"> & { readonly body: string };

/** The answer's status. @throws Error if there is none, in time or at all */
export async function post(request: Post): Promise<number> {
  const reader = new ForeignResponseReader(undefined);
  await askForeign({ ...request, method: "POST" }, reader);
  return reader.status ?? 0;
}
