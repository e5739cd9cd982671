/** Which hosts an expression stands for. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { HostFacts } from "../../../../src/controller/fleet/host-facts.ts";
import { type Inventory, selectHosts } from "../../../../src/controller/fleet/selector.ts";
import { readGroupExpression } from "../../../../src/controller/groups/definition.ts";
import { expandGroups } from "../../../../src/controller/groups/expand-groups.ts";
import type { GroupOrigin } from "../../../../src/core/hosts/expression.ts";
import { parseHostExpression } from "../../../../src/core/hosts/parse-expression.ts";
import { parseVersion } from "../../../../src/core/version-order.ts";

const DAY = 86_400;
const RUN = "a1b2c3d4e5f60718";

const NO_FACTS: HostFacts = {
  stale: false,
  secondsLeft: undefined,
  version: undefined,
  tag: () => undefined,
  tags: () => [],
  tagsKnown: false,
};

/** Of a host all of whose tags are known. */
function tagged(tags: Readonly<Record<string, string>>): Partial<HostFacts> {
  return { tag: (key) => tags[key], tags: () => Object.entries(tags), tagsKnown: true };
}

const FACTS: Readonly<Record<string, Partial<HostFacts>>> = {
  "db-01": { secondsLeft: 30 * DAY, ...tagged({ role: "db", env: "production" }) },
  "db-02": {
    secondsLeft: 30 * DAY + 1,
    version: parseVersion("1.0.3"),
    ...tagged({ role: "db", env: "test", "my key": "a, b" }),
  },
  "web-1": { stale: true, version: parseVersion("1.1.0"), ...tagged({ role: "web" }) },
  "web-2": {},
  "web-10": {},
};

const INVENTORY: Inventory = {
  names: Object.keys(FACTS),
  registeredAs(name, port) {
    if (name === "10.0.0.1" && port === undefined) return ["db-01"];
    if (name === "10.0.0.9") return ["web-1", "web-2"];
    return Object.keys(FACTS).filter((host) => host === name.toLowerCase());
  },
  factsOf: (host) => ({ ...NO_FACTS, ...FACTS[host] }),
  runs: new Map([[RUN, { failed: ["db-01", "other:7450"], missed: ["web-2"], goesOn: [] }]]),
};

function selected(text: string, inventory = INVENTORY) {
  const { hosts, unknown } = selectHosts(parseHostExpression(text), inventory);
  const names = hosts.map(({ name, port }) => (port === undefined ? name : `${name}:${port}`));
  return { names: names.join(" "), unknown: unknown.map(({ what, name }) => `${what} ${name}`) };
}

describe("an expression stands for", () => {
  test.each([
    ["web-1", "web-1"],
    ["other", "other"],
    ["Web-1:80,::1", "Web-1:80 ::1"],
    ["web-[1-2]", "web-1 web-2"],
    ["web-[2,10]:7450", "web-2:7450 web-10:7450"],
    ["web-*", "web-1 web-2 web-10"],
    ["WEB-?", "web-1 web-2"],
    ["*:7450!web-*", "db-01:7450 db-02:7450"],
    ["*-[1-2]*", "web-1 web-2 web-10"],
    ["@all", "db-01 db-02 web-1 web-2 web-10"],
    ["@stale", "web-1"],
    ["@expiring=30d", "db-01"],
    [`@failed=${RUN}`, "db-01 other:7450"],
    [`@missed=${RUN}`, "web-2"],
    ["@role=db", "db-01 db-02"],
    ["@role=db,env=test", "db-02"],
    ["@role!=db", "web-1"],
    ["@env!=test", "db-01 web-1"],
    ["@role=db,env!=test", "db-01"],
    ["@role=db&@env!=test", "db-01"],
    ["@role=db!@env=test", "db-01"],
    ["@role=web,web-2", "web-1 web-2"],
    [`@"my key"='a, b'`, "db-02"],
    ["@Role=db", ""],
    ["@role=DB", ""],
    ["@all!@role!=db", "db-01 db-02"],
    ["@all!(@all!@role!=db)", "web-1"],
    ["@all!@role=db", "web-1"],
    ["@all!@role=db&@stale", "web-1"],
    ["@version<1.1", "db-02"],
    ["@version<=1.1", "db-02 web-1"],
    ["@version=1.1", "web-1"],
    ["@version>=1.0.3", "db-02 web-1"],
    ["@version>1.0.3", "web-1"],
    ["@all!@version<1.1", "web-1"],
    ["web-2,web-1,web-2", "web-2 web-1"],
    ["web-1:80,web-1", "web-1:80"],
    ["10.0.0.1,db-01", "10.0.0.1"],
    ["@all!10.0.0.1", "db-02 web-1 web-2 web-10"],
    ["@all&(web-1,db-01)", "db-01 web-1"],
    ["web-1:80!web-1", ""],
    ["web-1,other!other", "web-1"],
    ["::1:1,[::2]:80,[::2]:81![::2]", "::1:1"],
    ["[::2]:80,[::2]:81![::2]:80", "::2:81"],
  ])("%s: %s", (text, names) => {
    expect(selected(text)).toEqual({ names, unknown: [] });
  });
});

describe("what nobody knows is told", () => {
  test.each([
    ["web-[1-3]", ["host web-3"]],
    ["@failed=0000000000000000", ["run 0000000000000000"]],
    ["@missed=0000000000000000", ["run 0000000000000000"]],
    ["@all!web-01", ["host web-01"]],
    ["@all&web-01", ["host web-01"]],
    ["@all!(web-1,(web-01))", ["host web-01"]],
    ["@all!web-01!web-01!db-1", ["host web-01", "host db-1"]],
  ])("%s", (text, unknown) => {
    expect(selected(text).unknown).toEqual(unknown);
  });
});

test("a host that is excluded by name must exist, unless it is among those that are named", () => {
  expect(selected("web-1!web-2").unknown).toEqual([]);
  expect(selected("other,web-1!other").unknown).toEqual([]);
});

describe("a group", () => {
  const LISTED: Readonly<Record<string, readonly string[]>> = {
    web: ["web-[1-2]", "web-1", "other"],
    all: ["@@web", "@@databases"],
    databases: ["db-*!db-02"],
    typo: ["web-1", "wbe-2"],
    set: ["web-[1-3]"],
    nobody: [],
  };

  function grouped(text: string, from: GroupOrigin = "file") {
    const find = (name: string) => {
      const members = LISTED[name]?.map(readGroupExpression);
      return members && { name, from, where: "x", members: () => members };
    };
    const { hosts, unknown } = selectHosts(
      expandGroups(parseHostExpression(text), find, "/x.conf"),
      INVENTORY,
    );
    return { names: hosts.map(({ name }) => name).join(" "), unknown };
  }

  test.each([
    ["@@web", "web-1 web-2 other"],
    ["@@all", "web-1 web-2 other db-01"],
    ["web-*!@@web", "web-10"],
    ["@@all&@stale", "web-1"],
    ["web-10,@@nobody", "web-10"],
    ["@all!(@@web,@@databases)", "db-02 web-10"],
  ])("%s is %s", (text, names) => {
    expect(grouped(text, "command")).toEqual({ names, unknown: [] });
  });

  test("its hosts need not be registered, but those of its node sets must", () => {
    expect(grouped("@@typo")).toEqual({ names: "web-1 wbe-2", unknown: [] });
    const unknown = [{ what: "host", name: "web-3", group: "set" }] as const;
    for (const from of ["file", "command"] as const) {
      expect(grouped("@@set", from).unknown).toEqual([...unknown]);
    }
  });

  test("and what was typed behind it is not its own", () => {
    const unknown = [{ what: "host", name: "web-3", group: undefined }] as const;
    expect(grouped("@@web,web-[1-3]").unknown).toEqual([...unknown]);
  });

  test("of a file, a host that is taken away must exist; a program lists others too", () => {
    const unknown = [{ what: "host", name: "wbe-2", group: "typo" }] as const;
    expect(grouped("@all!@@typo").unknown).toEqual([...unknown]);
    expect(grouped("@all&(db-01,@@typo)").unknown).toEqual([...unknown]);
    expect(grouped("@all!@@typo", "command").unknown).toEqual([]);
  });

  test("that nobody knows is told, and who names it", () => {
    expect(grouped("@@no,web-1")).toEqual({
      names: "web-1",
      unknown: [{ what: "group", name: "no", group: undefined }],
    });
  });
});

test("an address at which two are registered is neither of them", () => {
  expect(selected("10.0.0.9,web-1").names).toBe("10.0.0.9 web-1");
});

test("the laws of sets hold", () => {
  const term = fc.constantFrom(
    ...["web-*", "@all", "web-1", "@stale", "@role=db", "@env!=test", "@version<1.1"],
  );
  const same = (a: string, b: string) =>
    expect(selected(a).names.split(" ").toSorted()).toEqual(
      selected(b).names.split(" ").toSorted(),
    );
  fc.assert(
    fc.property(term, term, term, (a, b, c) => {
      same(`${a},${b}`, `${b},${a}`);
      same(`${a}&${b}`, `${b}&${a}`);
      same(`${a},(${b},${c})`, `${a},${b},${c}`);
      same(`${a}&(${b},${c})`, `(${a}&${b}),(${a}&${c})`);
      same(`${a}!(${b},${c})`, `${a}!${b}!${c}`);
      same(`${a}!${b}`, `${a}!(${a}&${b})`);
      same(`${a}!${a}`, "web-2!web-2");
    }),
  );
});

test("every one of ten thousand is looked at once for a term", () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `web-${index}`);
  let asked = 0;
  const inventory: Inventory = {
    ...INVENTORY,
    names,
    factsOf: (host) => {
      asked += 1;
      return { ...NO_FACTS, stale: Number(host.slice(4)) % 2 === 1 };
    },
  };
  expect(selectHosts(parseHostExpression("@stale"), inventory).hosts).toHaveLength(5000);
  expect(asked).toBe(10_000);
});

test("conditions in one term are those of several terms that all hold", () => {
  const condition = fc
    .tuple(
      fc.constantFrom("env", "role", "x"),
      fc.constantFrom("=", "!="),
      fc.constantFrom("db", "test"),
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(condition, { minLength: 1, maxLength: 4 }), (conditions) => {
      const together = selected(`@${conditions.join(",")}`);
      expect(together).toEqual(selected(conditions.map((each) => `@${each}`).join("&")));
    }),
  );
});

describe("T67 a node set of very many names", () => {
  const FLEET = Array.from({ length: 6_000 }, (_, index) => `n${index + 1}`);
  let asked = 0;
  const inventory: Inventory = {
    ...INVENTORY,
    names: FLEET,
    registeredAs(name) {
      asked += 1;
      return /^n\d+$/.test(name) && Number(name.slice(1)) <= FLEET.length ? [name] : [];
    },
  };
  const select = (text: string) => selectHosts(parseHostExpression(text), inventory);

  test("costs no more than that of some, once one of them is unknown", () => {
    asked = 0;
    const { hosts, unknown, unseen } = select("x[1-99990]");
    expect(asked).toBeLessThan(12_000);
    expect(hosts).toHaveLength(5_000);
    expect(unknown[0]).toEqual({ what: "host", name: "x1", group: undefined });
    expect(unknown.length + unseen).toBe(99_990);
  });

  test("is looked at whole as long as all are known", () => {
    expect(select("n[1-6000]").hosts.map(({ name }) => name)).toEqual(FLEET);
    expect(select("n[1-6000]")).toMatchObject({ unknown: [], unseen: 0 });
    expect(select("n[1-6001]").unknown).toEqual([
      { what: "host", name: "n6001", group: undefined },
    ]);
  });
});
