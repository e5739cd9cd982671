/**
 * install.sh over a folder in which the service could still write: certificate and serial move to the
 * one where it may, and nothing is lost wherever that ends.
 */
import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { TestFolder } from "../../support/folder.ts";
import { INSTALLER, install, SHELLS, standIn } from "../../support/installer.ts";

const programs = new TestFolder();
afterAll(() => programs[Symbol.dispose]());
const BINARY = standIn(programs);

const NAMES = "etc/ctrl-exec-agent";
const HELD = "var/lib/ctrl-exec-agent";
const asRoot = process.getuid?.() === 0;
const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);

/** A host as it was before: plain files, in a folder that the service's group writes. */
function openLayout(root = new TestFolder()): TestFolder {
  root.write(`${NAMES}/agent.conf`, "port = 7450\n");
  root.write(`${NAMES}/agent.key`, "key\n", 0o640);
  root.write(`${NAMES}/agent.crt`, "certificate\n", 0o600);
  root.write(`${NAMES}/ctrl-exec-serial`, "b2\n");
  root.write(`${NAMES}/ctrl-exec-serial.previous`, "a1\n");
  chmodSync(root.join(NAMES), 0o2775);
  return root;
}

const argsFor = (root: TestFolder, from = BINARY) => [
  "--agent",
  "--from",
  from,
  "--root",
  root.path,
];

/** For the installer alone, which takes what a binary says and carries as it is. */
const SHAM = programs.script(
  "sham",
  'case $1 in --version) echo "ctrl-exec 9" ;; *) echo "$@" ;; esac',
);

/** Where a name of the image leads, as an agent within it would go. */
function placeIn(root: TestFolder, name: string): string {
  const path = root.join(NAMES, name);
  return lstatSync(path).isSymbolicLink() ? root.join(readlinkSync(path)) : path;
}

/** What an agent reads. */
function shown(root: TestFolder) {
  const [certificate, serial] = ["agent.crt", "ctrl-exec-serial"].map((name) =>
    placeIn(root, name),
  );
  const read = (path: string | undefined) => readFileSync(path ?? "", "utf8");
  return [read(certificate), read(serial), read(`${serial}.previous`)];
}

/** That, how it lies, and whether anything else is there. */
function layout(root: TestFolder) {
  const links = ["agent.crt", "ctrl-exec-serial"].map((name) =>
    readlinkSync(root.join(NAMES, name)),
  );
  const files = ["agent.crt", "ctrl-exec-serial", "ctrl-exec-serial.previous"];
  return {
    shown: shown(root),
    links,
    modes: [HELD, NAMES, ...files.map((name) => `${HELD}/${name}`)].map((path) =>
      mode(root.join(path)),
    ),
    leftover: existsSync(root.join(NAMES, "ctrl-exec-serial.previous")),
  };
}

const MOVED = {
  shown: ["certificate\n", "b2\n", "a1\n"],
  links: [`/${HELD}/agent.crt`, `/${HELD}/ctrl-exec-serial`],
  modes: ["2771", "2755", "640", "644", "644"],
  leftover: false,
};

test.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))(
  "%s moves what the service replaces, closes the folder, and has nothing to do a second time",
  async (_, shell) => {
    using root = openLayout();
    const planned = await install([...argsFor(root), "--dry-run"], { shell });
    expect(planned).toMatchObject({ status: 0, err: "" });
    expect([mode(root.join(NAMES)), existsSync(root.join(HELD))]).toEqual(["2775", false]);
    const done = await install(argsFor(root), { shell });
    expect(done).toMatchObject({ status: 0, err: "" });
    const steps = (text: string) => text.split("\n").filter((line) => line.startsWith("  "));
    expect(steps(planned.out)).toEqual(steps(done.out));
    expect(done.out).toContain(`move agent.crt ctrl-exec-serial to /${HELD}, mode 2771`);
    expect(layout(root)).toEqual(MOVED);
    const again = await install(argsFor(root), { shell });
    expect(again.out).toContain("nothing to change");
    expect(layout(root)).toEqual(MOVED);

    expect(await install(["--uninstall", "--root", root.path], { shell })).toMatchObject({
      status: 0,
    });
    expect(shown(root)).toEqual(MOVED.shown);
    await install(["--uninstall", "--purge", "--root", root.path], { shell });
    expect([NAMES, HELD].map((path) => existsSync(root.join(path)))).toEqual([false, false]);
  },
);

/** Every tool that changes a file, ending the whole installer before the n-th time it would. */
function killers(): TestFolder {
  const tools = new TestFolder();
  for (const tool of ["mkdir", "chown", "chmod", "rm", "cat", "sync", "ln", "mv"]) {
    const real = Bun.which(tool, { PATH: "/usr/bin:/bin" }) ?? "";
    tools.script(
      tool,
      `case "$0 $*" in */sync* | *lib/ctrl-exec-agent* | *agent/ctrl-exec-serial* | *etc/ctrl-exec-agent)
        n=$(($(wc -l <"$CALLS") + 1))
        echo "$0 $*" >>"$CALLS"
        [ "$n" != "$KILL_AT" ] || kill -KILL 0
        ;;
      esac
      exec ${real} "$@"`,
    );
  }
  return tools;
}

const FIRST_STEPS = [1, 2, 3, 4, 5] as const;

/** A host that has everything else already: to write that again would be most of what an installer does. */
const equipped = (() => {
  let made: Promise<string> | undefined;
  return async (): Promise<TestFolder> => {
    made ??= (async () => {
      const root = programs.join("equipped");
      mkdirSync(root);
      expect(await install(["--agent", "--from", SHAM, "--root", root])).toMatchObject({
        status: 0,
      });
      for (const folder of [NAMES, HELD]) rmSync(join(root, folder), { recursive: true });
      return root;
    })();
    const root = new TestFolder();
    Bun.spawnSync(["cp", "-a", `${await made}/.`, root.path]);
    return openLayout(root);
  };
})();

test.each(FIRST_STEPS)(
  "T10 kill -9 before each of its steps leaves an agent all its files, and the next run finishes (every fifth, from step %d on)",
  async (first) => {
    using tools = killers();
    let killed = 0;
    for (let at = first; ; at += FIRST_STEPS.length) {
      using root = await equipped();
      const child = Bun.spawn(["dash", INSTALLER, ...argsFor(root, SHAM)], {
        // A process group of its own, which is what is killed.
        detached: true,
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
        env: {
          PATH: `${tools.path}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
          HOME: "/",
          TMPDIR: root.path,
          CALLS: root.write("calls", ""),
          KILL_AT: String(at),
        },
      });
      const status = await child.exited;
      expect([at, ...shown(root)]).toEqual([at, ...MOVED.shown]);
      if (child.signalCode === null) {
        expect(status).toBe(0);
        break;
      }
      killed += 1;
      expect(await install(argsFor(root, SHAM))).toMatchObject({ status: 0, err: "" });
      expect([at, layout(root)]).toEqual([at, MOVED]);
    }
    expect(killed).toBeGreaterThanOrEqual(3);
  },
);

test("T10 what a killed installer has left of a file goes when the file is written, and nothing else", async () => {
  const bin = "usr/local/bin";
  const mark = `${bin}/.ctrl-exec.ctrl-exec-install`;
  for (const shell of SHELLS) {
    using root = openLayout();
    // Of another process namespace the number says nothing: one of a process that runs here is no younger.
    const dead = [`${mark}.99999999`, `${mark}.${process.pid}`];
    const theirs = ["new.20251128", "new.99999999", "new.mine", "ctrl-exec-install.20251128"];
    const kept = [...theirs.map((end) => `${bin}/ctrl-exec.${end}`), `${mark}.mine`];
    for (const name of [...dead, ...kept]) root.write(name, "half");
    mkdirSync(root.join(`${mark}.3`));
    const link = `${bin}/.ctrl-exec-agent.ctrl-exec-install.2`;
    symlinkSync("ctrl-exec", root.join(link));
    root.write(`${mark}.4`, "of another user");
    if (asRoot) chownSync(root.join(`${mark}.4`), 1, 1);
    const longAgo = new Date(Date.now() - 3_600_000);
    for (const name of [...dead, ...kept, link, `${mark}.3`, `${mark}.4`]) {
      lutimesSync(root.join(name), longAgo, longAgo);
    }
    // Another installer may be at work.
    const young = root.write(`${mark}.5`, "half");
    expect(await install(argsFor(root), { shell })).toMatchObject({ status: 0, err: "" });
    const isThere = (name: string) => lstatSync(root.join(name), { throwIfNoEntry: false });
    expect([...dead, link].filter(isThere)).toEqual([]);
    expect(kept.filter(isThere)).toEqual(kept);
    expect([existsSync(young), root.has(`${mark}.3`)]).toEqual([true, true]);
    expect(root.has(`${mark}.4`)).toBe(asRoot);
  }
});

test("a serial that the service has forgotten since does not come back, nor does what it has renewed", async () => {
  using root = openLayout();
  await install(argsFor(root));
  writeFileSync(root.join(HELD, "agent.crt"), "renewed\n");
  rmSync(root.join(HELD, "ctrl-exec-serial.previous"));
  // Cut off before the old one was removed.
  root.write(`${NAMES}/ctrl-exec-serial.previous`, "a1\n");
  expect((await install(argsFor(root))).out).toContain("1 steps");
  expect(readFileSync(placeIn(root, "agent.crt"), "utf8")).toBe("renewed\n");
  expect(existsSync(root.join(HELD, "ctrl-exec-serial.previous"))).toBe(false);
  expect(existsSync(root.join(NAMES, "ctrl-exec-serial.previous"))).toBe(false);
});

test("a plain file that came back is moved again, over whatever the service has put there", async () => {
  using root = openLayout();
  const theirs = root.write("theirs", "untouched\n", 0o600);
  await install(argsFor(root));
  rmSync(root.join(NAMES, "agent.crt"));
  root.write(`${NAMES}/agent.crt`, "restored\n");
  rmSync(root.join(HELD, "agent.crt"));
  symlinkSync(theirs, root.join(HELD, "agent.crt"));
  expect(await install(argsFor(root))).toMatchObject({ status: 0, err: "" });
  expect([readFileSync(theirs, "utf8"), mode(theirs)]).toEqual(["untouched\n", "600"]);
  expect(layout(root)).toEqual({ ...MOVED, shown: ["restored\n", "b2\n", "a1\n"] });
});

test("T13 while root copies, nobody else may write in either folder", async () => {
  using root = openLayout();
  using tools = new TestFolder();
  const folders = [NAMES, HELD].map((path) => root.join(path));
  const real = Bun.which("cat", { PATH: "/usr/bin:/bin" });
  const look = `case "$*" in *agent.crt) stat -c %a ${folders.join(" ")} >${root.join("seen")} ;; esac`;
  tools.script("cat", `${look}; exec ${real} "$@"`);
  await install(argsFor(root));
  rmSync(root.join(NAMES, "agent.crt"));
  root.write(`${NAMES}/agent.crt`, "restored\n");
  chmodSync(root.join(NAMES), 0o2775);
  const env = { PATH: `${tools.path}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin` };
  expect(await install(argsFor(root), { env })).toMatchObject({ status: 0, err: "" });
  expect(readFileSync(root.join("seen"), "utf8")).toBe("2755\n2751\n");
  expect(layout(root).modes).toEqual(MOVED.modes);
});

test("what agent.conf names in another place stays there", async () => {
  using root = openLayout();
  root.write(`${HELD}/agent.crt`, "in use\n");
  root.write(
    `${NAMES}/agent.conf`,
    `cert = /${HELD}/agent.crt\ndispatcher_serial_path=/${NAMES}/ctrl-exec-serial\n[tags]\ndispatcher_serial_path = x\n`,
  );
  expect(await install(argsFor(root))).toMatchObject({ status: 0, err: "" });
  expect(readFileSync(root.join(HELD, "agent.crt"), "utf8")).toBe("in use\n");
  expect(lstatSync(root.join(NAMES, "agent.crt")).isFile()).toBe(true);
  expect(readlinkSync(root.join(NAMES, "ctrl-exec-serial"))).toBe(`/${HELD}/ctrl-exec-serial`);
  expect((await install(argsFor(root))).out).toContain("nothing to change");
});

test("T13 a link in a file's place is not followed: whoever put it there must not choose what is copied", async () => {
  using root = openLayout();
  const secret = root.write("secret", "x", 0o600);
  rmSync(root.join(NAMES, "agent.crt"));
  symlinkSync(secret, root.join(NAMES, "agent.crt"));
  const refused = await install(argsFor(root));
  expect(refused.status).toBe(1);
  expect(refused.err).toContain(`Cannot move /${NAMES}/agent.crt: it is a symbolic link`);
  expect([mode(secret), existsSync(root.join(HELD, "agent.crt"))]).toEqual(["600", false]);
  // Closed all the same: nobody lays another one.
  expect(mode(root.join(NAMES))).toBe("2755");
});

test("T13 nor is one in the place of the serial before, and one that was forgotten does not come back", async () => {
  using root = openLayout();
  const secret = root.write("secret", "5ec4e7\n", 0o600);
  root.write(`${HELD}/ctrl-exec-serial.previous`, "c3\n");
  rmSync(root.join(NAMES, "ctrl-exec-serial.previous"));
  symlinkSync(secret, root.join(NAMES, "ctrl-exec-serial.previous"));
  expect(await install(argsFor(root))).toMatchObject({ status: 0, err: "" });
  expect(readFileSync(root.join(HELD, "ctrl-exec-serial"), "utf8")).toBe("b2\n");
  expect(existsSync(root.join(HELD, "ctrl-exec-serial.previous"))).toBe(false);
  expect(existsSync(root.join(NAMES, "ctrl-exec-serial.previous"))).toBe(false);
  expect(readFileSync(secret, "utf8")).toBe("5ec4e7\n");
});

test("a folder that was the service's, and a file that is, are given to root", async () => {
  using root = openLayout();
  mkdirSync(root.join(HELD), { recursive: true });
  root.write("etc/passwd", "ctrl-exec-agent:x:990:980::/:/sbin/nologin\n");
  root.write("etc/group", "ctrl-exec-agent:x:980:\n");
  const paths = [
    NAMES,
    HELD,
    ...["agent.conf", "agent.key", "agent.crt"].map((n) => `${NAMES}/${n}`),
  ];
  if (asRoot) for (const path of paths) chownSync(root.join(path), 990, 980);
  expect(await install(argsFor(root))).toMatchObject({ status: 0, err: "" });
  const owners = (names: readonly string[]) =>
    names.map((name) => {
      const { uid, gid } = statSync(root.join(name));
      return [name, uid, gid];
    });
  const own = asRoot ? [0, 980] : [process.getuid?.(), process.getgid?.()];
  const given = [...paths.slice(0, 4), `${HELD}/agent.crt`, `${HELD}/ctrl-exec-serial`];
  expect(owners(given)).toEqual(given.map((name) => [name, ...own] as [string, number, number]));
  expect(mode(root.join(NAMES, "agent.key"))).toBe("640");
  expect(layout(root)).toEqual(MOVED);
  // The folders alone, with the right modes; chown may have taken the setgid bit.
  for (const path of asRoot ? [NAMES, HELD] : []) {
    const bits = statSync(root.join(path)).mode & 0o7777;
    chownSync(root.join(path), 990, 980);
    chmodSync(root.join(path), bits);
  }
  await install(argsFor(root));
  expect(owners(given)).toEqual(given.map((name) => [name, ...own] as [string, number, number]));
  expect((await install(argsFor(root))).out).toContain("nothing to change");
});
