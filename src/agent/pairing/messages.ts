/** Reads what a control host says at pairing, message by message (docs/PROTOCOL.md, section 1). */
import type * as z from "zod/mini";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { type HttpMessage, HttpMessageReader } from "../../core/wire/http-message.ts";
import { MAX_PAIRING_BYTES } from "../../core/wire/limits.ts";
import { Deadline } from "../../system/deadline.ts";
import type { Connection } from "../../system/net/connection.ts";

/** Complete HTTP messages of a connection, one by one. */
export class MessageReader {
  readonly #address: string;
  readonly #messages = new HttpMessageReader(MAX_PAIRING_BYTES);
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(connection: Connection, address: string) {
    this.#address = address;
    const ended = () => {
      this.#closed = true;
      this.#wake();
    };
    connection.read({
      data: (chunk) => {
        this.#messages.take(chunk);
        this.#wake();
      },
      end: ended,
      closed: ended,
    });
  }

  /** The next body; undefined if none came in time. @throws CtrlExecError when the connection ends */
  async next(timeoutMs: number): Promise<string | undefined> {
    let late = false;
    using _deadline = new Deadline(timeoutMs, () => {
      late = true;
      this.#wake();
    });
    for (;;) {
      const message = this.#take();
      if (message !== undefined) return message.body;
      if (this.#closed) {
        throw new CtrlExecError(
          "unreachable",
          `Cannot pair: ${this.#address} closed the connection`,
          {
            hint: "Was pairing-mode stopped there?",
          },
        );
      }
      if (late) return undefined;
      await this.#change();
    }
  }

  #take(): HttpMessage | undefined {
    try {
      return this.#messages.next();
    } catch (thrown) {
      throw cannotPair(this.#address, `its answer is not HTTP: ${messageOf(thrown)}`);
    }
  }

  async #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }
}

/** Undefined if nothing came. @throws CtrlExecError `protocol` if it is something else */
export function readAs<Schema extends z.ZodMiniType>(
  schema: Schema,
  body: string | undefined,
  address: string,
): z.output<Schema> | undefined {
  if (body === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (cause) {
    throw new CtrlExecError("protocol", `Cannot pair: ${address} does not answer in JSON`, {
      cause,
    });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw cannotPair(address, "its answer is not that of a control host");
}

export function cannotPair(address: string, state: string, hint?: string): CtrlExecError {
  const extras = hint === undefined ? {} : { hint };
  return new CtrlExecError("protocol", `Cannot pair with ${address}: ${state}`, extras);
}
