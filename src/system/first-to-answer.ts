/** A host with several addresses, of which one may lead nowhere. */
import type { Connection } from "./connection.ts";

/** Who has not answered by then is not waited for alone (RFC 8305 section 5, Connection Attempt Delay). */
const NEXT_ADDRESS_MS = 250;

/**
 * Calls one address after the other, each when the one before has failed or is slow. Whoever answers later than the
 * first, or too late, is hung up on.
 *
 * @param late rejects when it has taken too long
 * @throws what the call that failed last threw, or `late`
 */
export async function firstToAnswer(
  addresses: readonly string[],
  call: (address: string) => Promise<Connection>,
  late: Promise<never>,
): Promise<Connection> {
  const { promise: first, resolve, reject } = Promise.withResolvers<Connection>();
  const left = [...addresses];
  let underWay = 0;
  let over = false;
  let slow: ReturnType<typeof setTimeout> | undefined;
  const callNext = () => {
    clearTimeout(slow);
    const address = left.shift();
    if (address === undefined || over) return;
    if (left.length > 0) slow = setTimeout(callNext, NEXT_ADDRESS_MS);
    underWay += 1;
    call(address).then(answered, failed);
  };
  const answered = (connection: Connection) => {
    if (over) connection.close();
    over = true;
    resolve(connection);
  };
  const failed = (thrown: unknown) => {
    underWay -= 1;
    if (left.length === 0 && underWay === 0) reject(thrown);
    else callNext();
  };
  callNext();
  try {
    return await Promise.race([first, late]);
  } finally {
    over = true;
    clearTimeout(slow);
  }
}
