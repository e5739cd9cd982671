/** Calls a host with several addresses, some of which may lead nowhere. */
import { systemCode } from "../../core/errors.ts";
import type { Connection } from "./connection.ts";

/** After this, the next address is tried as well (RFC 8305 section 5, Connection Attempt Delay). */
const NEXT_ADDRESS_MS = 250;

/** What a call knows about the other calls. */
export interface Race {
  /** Resolves when one has been answered, or the time is up: nothing is called from then on. */
  readonly over: Promise<void>;
  isOver(): boolean;
}

/**
 * From a host that answered to a network that this host does not belong to. `undefined` stands for all other codes.
 */
const MOST_TELLING_FIRST: readonly (readonly string[] | undefined)[] = [
  ["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE"],
  ["ETIMEDOUT"],
  undefined,
  ["EHOSTUNREACH", "EHOSTDOWN"],
  ["ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL", "EAFNOSUPPORT"],
];

/**
 * Calls one address after the other, each when the previous one has failed or is slow. Closes connections that come
 * after the first, or too late.
 *
 * @param late rejects when the time is up
 * @throws the most telling failure of the calls and of `late`: that no agent is listening rather than that its other
 * address has no route. If two are equally telling, the later one
 */
export async function firstToAnswer(
  addresses: readonly string[],
  call: (address: string, race: Race) => Promise<Connection>,
  late: Promise<never>,
): Promise<Connection> {
  const { promise: first, resolve, reject } = Promise.withResolvers<Connection>();
  const left = [...addresses];
  let underWay = 0;
  const failures: unknown[] = [];
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  let isOver = false;
  const race: Race = { over, isOver: () => isOver };
  const finish = () => {
    isOver = true;
    end();
  };
  let slow: ReturnType<typeof setTimeout> | undefined;
  const callNext = () => {
    clearTimeout(slow);
    const address = left.shift();
    if (address === undefined || isOver) return;
    if (left.length > 0) slow = setTimeout(callNext, NEXT_ADDRESS_MS);
    underWay += 1;
    call(address, race).then(answered, failed);
  };
  const answered = (connection: Connection) => {
    if (isOver) connection.close();
    finish();
    resolve(connection);
  };
  const failed = (thrown: unknown) => {
    underWay -= 1;
    failures.push(thrown);
    if (left.length === 0 && underWay === 0) reject(thrown);
    else callNext();
  };
  callNext();
  try {
    return await Promise.race([first, late]);
  } catch (thrown) {
    throw mostTelling([...failures, thrown]);
  } finally {
    finish();
    clearTimeout(slow);
  }
}

function mostTelling(failures: readonly unknown[]): unknown {
  return failures.toSorted((one, other) => rankOf(other) - rankOf(one)).at(-1);
}

function rankOf(thrown: unknown): number {
  const code = systemCode(thrown);
  const rank = MOST_TELLING_FIRST.findIndex((codes) => codes?.includes(code));
  return rank < 0 ? MOST_TELLING_FIRST.indexOf(undefined) : rank;
}
