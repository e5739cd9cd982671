/** Reads a file from one address, which is not ours. */
import { ForeignResponseReader } from "../../core/wire/foreign-response.ts";
import { askForeign } from "./foreign-request.ts";

/** For the whole file. */
const TIMEOUT_MS = 300_000;

/** @throws Error that says why there is none */
export async function getFile(url: URL, maxBytes: number): Promise<Buffer> {
  const reader = new ForeignResponseReader(maxBytes);
  await askForeign({ method: "GET", url, headers: {}, timeoutMs: TIMEOUT_MS }, reader);
  if (reader.status === 200) return reader.body();
  throw new Error(`the answer is ${reader.status}`);
}
