/** What a control host says at pairing, read message by message. */
import { expect, test } from "bun:test";
import * as z from "zod/mini";
import { CodeAgreement } from "../../../../src/agent/pairing/code-agreement.ts";
import { MessageReader, readAs } from "../../../../src/agent/pairing/messages.ts";
import { exchangedCode, ofRequestAlone } from "../../../../src/core/wire/confirmation-code.ts";
import { formatHttpResponse } from "../../../../src/core/wire/http-message.ts";
import type { Connection } from "../../../../src/system/net/connection.ts";
import type { ConnectionReader } from "../../../../src/system/net/connection-reader.ts";

const ADDRESS = "ops:7444";

function reading() {
  let reader: ConnectionReader | undefined;
  const connection = {
    read(given: ConnectionReader) {
      reader = given;
    },
  } as unknown as Connection;
  const messages = new MessageReader(connection, ADDRESS);
  if (reader === undefined) throw new Error("nobody reads");
  return { messages, peer: reader };
}

test("messages come one by one, however they were cut", async () => {
  const { messages, peer } = reading();
  const bytes = Buffer.from(formatHttpResponse("one") + formatHttpResponse("two"));
  const first = messages.next(60_000);
  peer.data(bytes.subarray(0, 20));
  peer.data(bytes.subarray(20));
  expect([await first, await messages.next(60_000)]).toEqual(["one", "two"]);
});

test("what does not come in time does not come, and the next one may", async () => {
  const { messages, peer } = reading();
  expect(await messages.next(10)).toBeUndefined();
  peer.data(Buffer.from(formatHttpResponse("late")));
  expect(await messages.next(10)).toBe("late");
});

test.each(["end", "closed"] as const)(
  "a control host that leaves is reported as that: %s",
  async (how) => {
    const { messages, peer } = reading();
    peer.data(Buffer.from(formatHttpResponse("last")));
    const leave = () => (how === "end" ? peer.end() : peer.closed(undefined));
    leave();
    // What came before is read first.
    expect(await messages.next(60_000)).toBe("last");
    const gone = {
      code: "unreachable",
      message: `Cannot pair: ${ADDRESS} closed the connection`,
      hint: "Was pairing-mode stopped there?",
    };
    await expect(messages.next(60_000)).rejects.toMatchObject(gone);
    const other = reading();
    const waiting = other.messages.next(60_000);
    if (how === "end") other.peer.end();
    else other.peer.closed(undefined);
    await expect(waiting).rejects.toMatchObject(gone);
  },
);

test("what is not HTTP, no JSON, or not what a control host says is an error", async () => {
  const { messages, peer } = reading();
  peer.data(Buffer.from("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
  await expect(messages.next(60_000)).rejects.toMatchObject({
    code: "protocol",
    message: expect.stringContaining(`Cannot pair with ${ADDRESS}: its answer is not HTTP: `),
  });
  const schema = z.object({ a: z.string() });
  expect(readAs(schema, '{"a":"b"}', ADDRESS)).toEqual({ a: "b" });
  expect(readAs(schema, undefined, ADDRESS)).toBeUndefined();
  expect(() => readAs(schema, "{", ADDRESS)).toThrow(
    `Cannot pair: ${ADDRESS} does not answer in JSON`,
  );
  expect(() => readAs(schema, "{}", ADDRESS)).toThrow(
    `Cannot pair with ${ADDRESS}: its answer is not that of a control host`,
  );
});

test("T07 the code covers both hosts once both values are known, and the request alone for older ones", async () => {
  const sent: string[] = [];
  const taken: string[] = [];
  const talk = {
    csr: "csr",
    certificate: Buffer.from("certificate"),
    address: ADDRESS,
    report: { version: "1.1.0", tags: { role: "db" } },
    send: (request: string) => void sent.push(request),
    untilTaken: async (reqid: string) => void taken.push(reqid),
  };
  const agreement = new CodeAgreement(talk);
  expect(await agreement.conclude("0a", undefined)).toEqual(ofRequestAlone("csr"));
  expect([sent, taken]).toEqual([[], []]);
  const controllerValue = "c".repeat(64);
  const confirmation = await agreement.conclude("0a", controllerValue);
  expect(taken).toEqual(["0a"]);
  expect(sent[0]).toStartWith("POST /pair-reveal ");
  const { value: agentValue, ...told } = JSON.parse(sent[0]?.split("\r\n\r\n")[1] ?? "");
  expect(told).toEqual({ reqid: "0a", ...talk.report });
  const { csr, certificate } = talk;
  expect(confirmation).toEqual({
    code: exchangedCode({ csr, certificate, agentValue, controllerValue }),
    covers: "both",
  });
});
