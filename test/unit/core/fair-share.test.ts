/** Fair shares by network and address (T19, T21). */
import { expect, test } from "bun:test";
import { FairShares, type Holder, originOf, whoHoldsMost } from "../../../src/core/fair-share.ts";

const held = (address: string, mayGo = true) => {
  return { address, origin: originOf(address), mayGo: () => mayGo };
};

function sharesOf<Held extends Holder>(holders: readonly Held[]): FairShares<Held> {
  const shares = new FairShares<Held>();
  for (const one of holders) shares.add(one);
  return shares;
}

/** @param addresses of the holders, the oldest first */
function leaving(addresses: readonly string[], newcomer: string): string | undefined {
  const holders = addresses.map((address, index) => ({ ...held(address), index }));
  const found = sharesOf(holders).whoGivesWay(originOf(newcomer));
  return found && `${found.address} #${found.index}`;
}

const range = (count: number, address: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => address(n + 1));

test("T21 a caller that holds as much as anybody is the one to be refused", () => {
  expect(leaving(["192.0.2.1"], "192.0.2.1")).toBeUndefined();
  expect(leaving(["192.0.2.1", "198.51.100.1"], "192.0.2.1")).toBeUndefined();
  expect(leaving(["192.0.2.1", "198.51.100.1", "198.51.100.1"], "192.0.2.1")).toBeUndefined();
  expect(leaving([], "192.0.2.1")).toBeUndefined();
});

test("T21 the oldest of the one that holds most gives way", () => {
  const greedy = ["203.0.113.1", "198.51.100.1", "198.51.100.1", "198.51.100.1"];
  expect(leaving(greedy, "192.0.2.1")).toBe("198.51.100.1 #1");
  expect(leaving(greedy, "203.0.113.1")).toBe("198.51.100.1 #1");
  expect(leaving(greedy, "198.51.100.1")).toBeUndefined();
});

test("T21 the addresses of one network count together", () => {
  const ten = range(10, (n) => `198.51.100.${n}`);
  expect(leaving(["192.0.2.1", ...ten], "203.0.113.1")).toBe("198.51.100.1 #1");
  expect(leaving(["192.0.2.1", ...ten], "192.0.2.1")).toBe("198.51.100.1 #1");
  // A neighbour is let in at the cost of the network itself.
  expect(leaving(["192.0.2.1", ...ten], "198.51.100.77")).toBe("198.51.100.1 #1");
  const subnets = range(10, (n) => `2001:db8:1:${n}::1`);
  expect(leaving(["2001:db8:2::1", ...subnets], "2001:db8:3::1")).toBe("2001:db8:1:1::1 #1");
});

test("T21 within the network that holds most, the address that holds most gives way", () => {
  const crowd = ["198.51.100.1", "198.51.100.2", "198.51.100.2", "192.0.2.1"];
  expect(leaving(crowd, "203.0.113.1")).toBe("198.51.100.2 #1");
});

test("T21 full of networks that hold one each, the oldest gives way, to a new network alone", () => {
  const networks = range(10, (n) => `198.51.${n}.1`);
  expect(leaving(networks, "192.0.2.1")).toBe("198.51.1.1 #0");
  expect(leaving(networks, "198.51.3.1")).toBeUndefined();
  // At the cost of its own network only.
  expect(leaving(networks, "198.51.3.2")).toBe("198.51.3.1 #2");
});

test("what may not go is passed over", () => {
  const busy = [held("198.51.100.1", false), held("198.51.100.1", false)];
  const idle = held("192.0.2.1");
  expect(sharesOf([...busy, idle]).whoGivesWay(originOf("203.0.113.1"))).toBe(idle);
  expect(sharesOf<Holder>(busy).whoGivesWay(originOf("203.0.113.1"))).toBeUndefined();
});

test("T21 whatever comes, a network that holds at most its share keeps it", () => {
  const room = 12;
  const honest = "192.0.2.1";
  let queue = [honest, ...range(room - 1, (n) => `198.51.${n % 4}.${n}`)];
  // Four networks of a stranger against one that asked once.
  for (let n = 0; n < 500; n++) {
    const newcomer = `198.51.${(n * 7) % 4}.${(n * 13) % 250}`;
    const out = leaving(queue, newcomer);
    if (out === undefined) continue;
    queue = queue.toSpliced(Number(out.split("#")[1]), 1).concat(newcomer);
  }
  expect(queue).toContain(honest);
  expect(queue).toHaveLength(room);
});

test("T19 what has come and gone counts no more: as if those that are left had come alone", () => {
  const shares = new FairShares<ReturnType<typeof held>>();
  let left: ReturnType<typeof held>[] = [];
  for (let n = 0; n < 2000; n++) {
    const one = held(`198.51.${(n * 7) % 5}.${(n * 13) % 6}`, n % 3 > 0);
    shares.add(one);
    left.push(one);
    const gone = left.length > 30 ? left[(n * 17) % left.length] : undefined;
    if (gone !== undefined) shares.remove(gone);
    left = left.filter((other) => other !== gone);
    const newcomer = originOf(`198.51.${n % 6}.${n % 7}`);
    expect(shares.size).toBe(left.length);
    expect(shares.whoGivesWay(newcomer)).toBe(sharesOf(left).whoGivesWay(newcomer));
  }
});

test("T19 a full port asks nobody but the one that goes, however many there are", () => {
  let asked = 0;
  const origin = originOf("198.51.100.1");
  const one = {
    get origin() {
      asked += 1;
      return origin;
    },
    mayGo: () => {
      asked += 1;
      return true;
    },
  };
  const shares = sharesOf(Array.from({ length: 1000 }, () => Object.create(one) as Holder));
  asked = 0;
  expect(shares.whoGivesWay(originOf("192.0.2.1"))).toBeDefined();
  expect(asked).toBe(1);
});

test("T21 of the network that holds most, the caller that holds most gives way, with the oldest that it holds", () => {
  const holding = (address: string, weight: number) => ({ origin: originOf(address), weight });
  const oldest = holding("198.51.100.2", 1);
  const holders = [
    holding("192.0.2.1", 5),
    holding("198.51.100.1", 3),
    oldest,
    holding("198.51.100.2", 3),
  ];
  expect(whoHoldsMost(holders)).toBe(oldest);
  expect(whoHoldsMost([...holders, holding("203.0.113.1", 6)])).toBe(oldest);
  expect(whoHoldsMost([...holders, holding("198.51.100.3", 3)])).toBe(oldest);
  // Of equal ones the older.
  expect(whoHoldsMost([...holders, holding("198.51.100.3", 4)])).toBe(oldest);
  expect(whoHoldsMost([])).toBeUndefined();
});
