/**
 * install.sh into a folder: what an ordinary user can see of it. Users, services and the agent under
 * its own user are in test/install.
 */
import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { gzipSync } from "node:zlib";
import { parseAllowlist } from "../../../src/agent/scripts/allowlist.ts";
import { UPDATE_SERIAL_SCRIPT as UPDATE } from "../../../src/core/reserved-script.ts";
import { BINARY as COMPILED, runCommand } from "../../support/binary.ts";
import { ROOT } from "../../support/documents.ts";
import { TestFolder } from "../../support/folder.ts";
import { INSTALLER, install, SHELLS, standIn } from "../../support/installer.ts";

const programs = new TestFolder();
afterAll(() => programs[Symbol.dispose]());

const BINARY = standIn(programs);

const EVERYTHING = ["--agent", "--api"];

/** What the agent's service replaces, and the folder where it may. */
const HELD = ["agent.crt", "ctrl-exec-serial"];
const HOLDER = "var/lib/ctrl-exec-agent";

/** Path, kind, mode and content of everything below a folder. */
function snapshot(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return names.map((name) => {
    const path = `${folder}/${name}`;
    const facts = lstatSync(path);
    if (facts.isSymbolicLink()) return `${name} -> ${readlinkSync(path)}`;
    const mode = (facts.mode & 0o7777).toString(8);
    if (facts.isDirectory()) return `${name}/ ${mode}`;
    return `${name} ${mode} ${Bun.hash(readFileSync(path))} ${facts.ino}`;
  });
}

/** A folder that looks like a system with the service manager. */
function image(manager?: "systemd" | "openrc" | "procd"): TestFolder {
  const folder = new TestFolder();
  if (manager === "systemd") folder.write("usr/lib/systemd/systemd", "");
  if (manager === "openrc") folder.write("sbin/openrc-run", "");
  if (manager === "procd") folder.write("sbin/procd", "");
  return folder;
}

const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))("with %s", (_, shell) => {
  test("installs, changes nothing the second time, and leaves configuration when it goes", async () => {
    using root = image("systemd");
    const before = snapshot(root.path);
    const args = [...EVERYTHING, "--from", BINARY, "--root", root.path];

    const planned = await install([...args, "--dry-run"], { shell });
    expect(planned).toMatchObject({ status: 0, err: "" });
    expect(snapshot(root.path)).toEqual(before);

    const first = await install(args, { shell });
    expect(first).toMatchObject({ status: 0, err: "" });
    const steps = (text: string) => text.split("\n").filter((line) => line.startsWith("  "));
    expect(steps(planned.out)).toEqual(steps(first.out));
    const installed = snapshot(root.path);
    expect(readFileSync(root.join("usr/local/bin/ctrl-exec"))).toEqual(readFileSync(BINARY));
    expect(mode(root.join("usr/local/bin/ctrl-exec"))).toBe("755");
    expect(readlinkSync(root.join("usr/local/bin/update-ctrl-exec-serial"))).toBe("ctrl-exec");
    for (const name of ["ctrl-exec-agent", "ctrl-exec-api"]) {
      expect(readlinkSync(root.join("usr/local/bin", name))).toBe("ctrl-exec");
      expect(mode(root.join(`etc/systemd/system/${name}.service`))).toBe("644");
    }
    const inode = (name: string) => statSync(root.join("usr/local/bin", name)).ino;
    expect(inode("ctrl-exec-upgrade")).toBe(inode("ctrl-exec"));
    const wants = "etc/systemd/system/multi-user.target.wants/ctrl-exec-upgrade.path";
    expect(readlinkSync(root.join(wants))).toBe("../ctrl-exec-upgrade.path");
    expect(mode(root.join("etc/ctrl-exec-agent"))).toBe("2755");
    expect(mode(root.join("var/lib/ctrl-exec-agent"))).toBe("2771");
    for (const name of HELD) {
      expect(readlinkSync(root.join("etc/ctrl-exec-agent", name))).toBe(`/${HOLDER}/${name}`);
    }
    expect(mode(root.join("var/lib/ctrl-exec"))).toBe("700");
    expect(mode(root.join("etc/ctrl-exec/auth-hook"))).toBe("755");

    const second = await install(args, { shell });
    expect(second).toMatchObject({ status: 0, err: "" });
    expect(second.out).toContain("nothing to change");
    expect(snapshot(root.path)).toEqual(installed);

    const gone = await install(["--uninstall", "--root", root.path], { shell });
    expect(gone).toMatchObject({ status: 0, err: "" });
    const left = snapshot(root.path).filter((line) => !/^[^ ]+\/ /.test(line));
    expect(mode(root.join(HOLDER))).toBe("2771");
    expect(left.map((line) => line.split(" ")[0])).toEqual([
      "etc/ctrl-exec-agent/agent.conf",
      "etc/ctrl-exec-agent/agent.crt",
      "etc/ctrl-exec-agent/ctrl-exec-serial",
      "etc/ctrl-exec-agent/scripts.conf",
      "etc/ctrl-exec/auth-hook",
      "etc/ctrl-exec/ctrl-exec.conf",
      "usr/lib/systemd/systemd",
    ]);
    expect((await install(["--uninstall", "--root", root.path], { shell })).out).toContain(
      "nothing to change",
    );
    const purged = await install(["--uninstall", "--purge", "--root", root.path], { shell });
    expect(purged.status).toBe(0);
    expect(snapshot(root.path).filter((line) => /ctrl-exec/.test(line))).toEqual([]);
  });

  test("upgrades: the binary changes in one rename, configuration and keys stay", async () => {
    using root = image();
    root.write("usr/local/bin/ctrl-exec", "#!/bin/sh\necho old\n", 0o755);
    root.write("usr/local/bin/ctrl-exec-agent", "#!/usr/bin/perl\n", 0o755);
    root.write("etc/ctrl-exec-agent/agent.conf", "port = 7450\n");
    root.write("etc/ctrl-exec-agent/agent.key", "key\n", 0o644);
    root.write("etc/ctrl-exec/ca.key", "ca key\n", 0o644);
    const args = [...EVERYTHING, "--from", BINARY, "--root", root.path];
    expect(await install(args, { shell })).toMatchObject({ status: 0, err: "" });
    expect(readFileSync(root.join("usr/local/bin/ctrl-exec"))).toEqual(readFileSync(BINARY));
    expect(readlinkSync(root.join("usr/local/bin/ctrl-exec-agent"))).toBe("ctrl-exec");
    expect(readFileSync(root.join("etc/ctrl-exec-agent/agent.conf"), "utf8")).toBe("port = 7450\n");
    expect(readFileSync(root.join("etc/ctrl-exec-agent/agent.key"), "utf8")).toBe("key\n");
    expect(mode(root.join("etc/ctrl-exec-agent/agent.key"))).toBe("640");
    expect(mode(root.join("etc/ctrl-exec/ca.key"))).toBe("600");
  });

  test.each([
    [
      "0.8's script",
      `${UPDATE} = /opt/ctrl-exec-scripts/${UPDATE} timeout=5\r`,
      "in place of /opt",
    ],
    ["one of another prefix", `${UPDATE}=/opt/old/bin/${UPDATE}`, "in place of /opt/old/bin"],
    ["a comment", `# ${UPDATE} = /usr/local/bin/${UPDATE}`, "list in"],
    ["nothing", "", "list in"],
  ])(
    "scripts.conf gets the entry that rotation needs where it has %s, once",
    async (_, line, said) => {
      using root = image();
      const others = ["# mine", "deploy = /opt/deploy.sh timeout=5", "last = /opt/last.sh"];
      const file = root.write(
        "etc/ctrl-exec-agent/scripts.conf",
        [line, ...others].join("\n"),
        0o640,
      );
      const args = ["--agent", "--from", BINARY, "--root", root.path];
      const { out, status } = await install(args, { shell });
      expect([status, out]).toEqual([0, expect.stringContaining(said)]);
      const text = readFileSync(file, "utf8");
      const { scripts, warnings } = await parseAllowlist(file, text);
      expect(warnings).toEqual([]);
      expect([...scripts.values()].map(({ name, path }) => [name, path]).sort()).toEqual([
        ["deploy", "/opt/deploy.sh"],
        ["last", "/opt/last.sh"],
        [UPDATE, `/usr/local/bin/${UPDATE}`],
      ]);
      expect(text.split("\n")).toEqual(expect.arrayContaining(others));
      expect(mode(file)).toBe("640");
      expect((await install(args, { shell })).out).toContain("nothing to change");
    },
  );

  test("0.8's control program is out of the way under its other names too, and said to be", async () => {
    using root = image();
    const old = "#!/usr/bin/perl\nuse Exec::Dispatcher; # ctrl-exec-dispatcher\n";
    root.write("usr/local/bin/ctrl-exec-dispatcher", old, 0o755);
    symlinkSync("ctrl-exec-dispatcher", root.join("usr/local/bin/ced"));
    root.write("usr/bin/ctrl-exec-dispatcher", old, 0o755);
    // An editor of somebody else's.
    root.write("usr/bin/ced", "#!/bin/sh\nexec editor\n", 0o755);
    const args = ["--ctrl-exec", "--from", BINARY, "--root", root.path];
    const planned = await install([...args, "--dry-run"], { shell });
    expect(root.has("usr/local/bin/ctrl-exec-dispatcher")).toBe(true);
    const { out, status } = await install(args, { shell });
    expect(status).toBe(0);
    for (const said of [planned.out, out]) {
      for (const name of ["/usr/local/bin/ctrl-exec-dispatcher", "/usr/local/bin/ced"]) {
        expect(said).toContain(`take ${name} of 0.8 out of the way: it is ${name}.0.8 now\n`);
      }
    }
    for (const name of ["usr/local/bin/ctrl-exec-dispatcher", "usr/bin/ctrl-exec-dispatcher"]) {
      expect([root.has(name), readFileSync(root.join(`${name}.0.8`), "utf8")]).toEqual([
        false,
        old,
      ]);
    }
    expect(readlinkSync(root.join("usr/local/bin/ced.0.8"))).toBe("ctrl-exec-dispatcher");
    expect(readdirSync(root.join("usr/local/bin"))).not.toContain("ced");
    expect(root.has("usr/bin/ced")).toBe(true);
    expect((await install(args, { shell })).out).toContain("nothing to change");

    root.write("usr/bin/ctrl-exec-dispatcher", old, 0o755);
    const again = await install(args, { shell });
    expect([again.status, again.err]).toEqual([
      1,
      expect.stringContaining("/usr/bin/ctrl-exec-dispatcher.0.8 exists"),
    ]);
  });

  test("an administrator's own program under that name stays", async () => {
    using root = image();
    const text = `${UPDATE} = /opt/notify-and-update.sh\n`;
    const file = root.write("etc/ctrl-exec-agent/scripts.conf", text);
    await install(["--agent", "--from", BINARY, "--root", root.path], { shell });
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  test("a cut download runs nothing", async () => {
    using root = image();
    const script = readFileSync(INSTALLER, "utf8");
    const lines = script.trimEnd().split("\n");
    expect(lines.at(-1)).toBe('main "$@"');
    const args = ["--agent", "--from", BINARY, "--root", root.path];
    const ends = [...Array(24).keys()].map((part) => Math.floor((lines.length * part) / 24));
    const cuts = [
      ...ends.map((end) => `${lines.slice(0, end).join("\n")}\n`),
      lines.slice(0, -1).join("\n"),
      script.slice(0, script.lastIndexOf("\nmain") + 3),
      // Called without its arguments, it only says that it needs some.
      script.slice(0, script.lastIndexOf("\nmain") + 5),
      script.trimEnd().slice(0, -1),
    ];
    for (const piped of cuts) await install(args, { shell, piped });
    expect(snapshot(root.path)).toEqual([]);
    const whole = await install(args, { shell, piped: script });
    expect(whole).toMatchObject({ status: 0, err: "" });
    expect(snapshot(root.path)).not.toEqual([]);
  });
});

describe("a release", () => {
  const system = process.platform === "darwin" ? "darwin" : "linux";
  const name = `ctrl-exec-${system}-${process.arch}.gz`;
  const packed = gzipSync(readFileSync(BINARY), { level: 1 });
  const sum = new Bun.CryptoHasher("sha256").update(packed).digest("hex");

  function release(sums: string): TestFolder {
    const folder = new TestFolder();
    folder.write(name, packed);
    folder.write(name.replace(".gz", "-baseline.gz"), packed);
    folder.write("SHA256SUMS", sums);
    return folder;
  }
  const good = `${sum}  ${name}\n${sum}  ${name.replace(".gz", "-baseline.gz")}\n`;

  test("is fetched over HTTP, checked, and installed", async () => {
    using root = image();
    using files = release(good);
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => new Response(Bun.file(files.join(new URL(request.url).pathname))),
    });
    const address = `http://127.0.0.1:${server.port}`;
    const done = await install(["--agent", "--from", `${address}/`, "--root", root.path]);
    expect(done).toMatchObject({ status: 0, err: "" });
    expect(done.out).toContain(`SHA-256: ${sum}, as SHA256SUMS says`);
    expect(readFileSync(root.join("usr/local/bin/ctrl-exec"))).toEqual(readFileSync(BINARY));

    using other = image();
    const named = await install(["--agent", "--root", other.path], {
      env: { CTRL_EXEC_RELEASE: address },
    });
    expect(named).toMatchObject({ status: 0, err: "" });
    await server.stop(true);

    using third = image();
    const lost = await install(["--agent", "--from", address, "--root", third.path]);
    expect(lost.status).toBe(1);
    expect(lost.err).toContain(`Cannot fetch ${address}/SHA256SUMS`);
    expect(snapshot(third.path)).toEqual([]);
  });

  test.each([
    [
      "a checksum that does not fit",
      good.replaceAll(sum, sum.replace(/./g, "0")),
      "is not what SHA256SUMS says",
    ],
    ["no checksum for the file", `${sum}  another.gz\n`, "does not list"],
    ["a checksum for a longer name", `${sum}  x${name}\n`, "does not list"],
  ])("with %s is refused before anything is installed", async (_, sums, message) => {
    using root = image();
    using files = release(sums);
    const refused = await install(["--agent", "--from", files.path, "--root", root.path]);
    expect(refused.status).toBe(1);
    expect(refused.err).toContain(message);
    expect(snapshot(root.path)).toEqual([]);
  });
});

/** The part of install.sh that pairs, with a program that does as it is told. */
async function pair(shell: readonly string[], token: string, agent: string, more = "") {
  using folder = new TestFolder();
  folder.script("bin/ctrl-exec-agent", agent);
  const parts = readFileSync(INSTALLER, "utf8").replace(/\nmain "\$@"\n$/, "\n");
  const set = `set -eu; dry_run=0 changes=0 running=0 controller=ctrl pairing_port='' fingerprint='' root='' names=/x held=/x`;
  const call = `prefix=${folder.path} join_token=${token}; ${more} pair_agent`;
  const script = folder.write("parts.sh", `${parts}${set}\n${call}\n`);
  const { status, out, err } = await runCommand([...shell, script]);
  return { status, out, err };
}

test.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))(
  "without a token a request is made, at the port and for the CA that are given: %s",
  async (_, shell) => {
    using folder = new TestFolder();
    const asks = `[ "$1" != pairing-status ] || exit 1; printf '%s\\n' "$@" >${folder.join("given")}`;
    const given = async (more: string) => {
      expect(await pair(shell, "''", asks, more)).toMatchObject({ status: 0, err: "" });
      return readFileSync(folder.join("given"), "utf8").trimEnd().split("\n");
    };
    const plain = ["request-pairing", "--dispatcher", "ctrl"];
    expect(await given("")).toEqual(plain);
    expect(await given("pairing_port=27444;")).toEqual([...plain, "--port", "27444"]);
    const both = "pairing_port=27444; fingerprint='SHA256 Fingerprint=AA:BB';";
    expect(await given(both)).toEqual([
      ...[...plain, "--port", "27444"],
      ...["--ca-fingerprint", "SHA256 Fingerprint=AA:BB"],
    ]);
  },
);

describe("the file of --join-token-file", () => {
  test.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))(
    "is removed once the host has joined, or if it is paired already: %s",
    async (_, shell) => {
      using folder = new TestFolder();
      const token = folder.write("token", "cxj1_x\n", 0o600);
      const unpaired = '[ "$1" = join ] || exit 1';
      const failed = await pair(shell, token, "exit 1");
      expect([failed.status, folder.has("token")]).toEqual([1, true]);
      const given = `echo "$*" >${folder.join("given")}`;
      const joins = `${unpaired}; ${given}; cat >${folder.join("read")}`;
      const joined = await pair(shell, token, joins, "pairing_port=27444;");
      expect([joined.status, folder.has("token")], joined.err).toEqual([0, false]);
      expect(readFileSync(folder.join("given"), "utf8")).toBe(
        "join --dispatcher ctrl --port 27444 --token-file - --timeout 600\n",
      );
      expect(readFileSync(folder.join("read"), "utf8")).toBe("cxj1_x\n");
      folder.write("token", "cxj1_x\n", 0o600);
      const again = await pair(shell, token, "exit 0");
      expect(again.out).toBe(
        `This agent is paired already.\n  remove ${token}, which is not needed\n`,
      );
      expect([again.status, folder.has("token")]).toEqual([0, false]);
      expect((await pair(shell, token, "exit 0")).out).toBe("This agent is paired already.\n");
      symlinkSync(folder.write("real", "cxj1_x\n", 0o600), token);
      const link = await pair(shell, token, "exit 0");
      expect(link.out).toEndWith(`note: ${token} is not a plain file, and stays\n`);
      expect(lstatSync(token).isSymbolicLink()).toBe(true);
    },
  );

  test("is refused before anything is done if every user may open it", async () => {
    using folder = new TestFolder();
    const token = folder.write("token", "cxj1_x\n", 0o644);
    symlinkSync(token, folder.join("link"));
    for (const name of ["token", "link"]) {
      const path = folder.join(name);
      const args = ["--agent", "--pair", "c", "--join-token-file", path, "--from", BINARY];
      const refused = await install([...args, "--dry-run"]);
      expect([refused.status, refused.out]).toEqual([1, ""]);
      expect(refused.err).toBe(
        `install.sh: Cannot join with ${path}: every user of this host may open it\n  Make it private: chmod 600 ${path}\n`,
      );
    }
    chmodSync(token, 0o640);
    const args = ["--agent", "--pair", "c", "--join-token-file", token, "--from", BINARY];
    expect((await install([...args, "--dry-run"])).out).toContain("  join c\n");
  });
});

describe("refuses, and changes nothing", () => {
  test.each([
    ["without a part", [], 2, "Name what to install"],
    ["an unknown option", ["--agnet"], 2, "Unknown option --agnet"],
    ["a value left out", ["--agent", "--from"], 2, "--from needs a value"],
    ["--purge alone", ["--agent", "--purge"], 2, "--purge goes with --uninstall"],
    [
      "--join-token-file without --pair",
      ["--agent", "--join-token-file", "t"],
      2,
      "--join-token-file goes with --pair",
    ],
    [
      "--join-token-file with --ca-fingerprint",
      ["--agent", "--pair", "c", "--join-token-file", "t", "--ca-fingerprint", "f"],
      2,
      "--ca-fingerprint is in the join token already",
    ],
    ["--port without --pair", ["--agent", "--port", "27444"], 2, "--port goes with --pair"],
    ["--port that is no number", ["--agent", "--pair", "c", "--port", "x"], 2, "from 1 to 65535"],
    ["--port that is too big", ["--agent", "--pair", "c", "--port", "100000"], 2, "--port takes"],
    ["--pair without --agent", ["--ctrl-exec", "--pair", "c"], 2, "--pair goes with --agent"],
    ["a part with --uninstall", ["--uninstall", "--agent"], 2, "--uninstall takes everything"],
    ["a prefix with a shell's characters", ["--agent", "--prefix", "/a;b"], 2, "--prefix takes"],
    ["a binary that is not there", ["--agent", "--from", "/no/such/file"], 1, "no such file"],
    ["a binary that is none of ours", ["--agent", "--from", "/bin/true"], 1, "is not ctrl-exec"],
  ])("%s", async (_, args, status, message) => {
    using root = image();
    const refused = await install(["--root", root.path, ...args]);
    expect(refused.err).toContain(message);
    expect(refused.status).toBe(status);
    expect(snapshot(root.path)).toEqual([]);
  });

  test("a binary that does not run here", async () => {
    using root = image();
    const broken = root.write("broken", "\u007fELF not really", 0o755);
    const refused = await install(["--agent", "--from", broken, "--root", root.path]);
    expect(refused.err).toContain("the binary does not run on this host");
    expect(refused.status).toBe(1);
    expect(snapshot(root.path).map((line) => line.split(" ")[0])).toEqual(["broken"]);
  });

  test("a musl system without libstdc++, by naming the package", async () => {
    using root = image();
    root.write("lib/ld-musl-x86_64.so.1", "");
    const refused = await install(["--agent", "--from", BINARY, "--root", root.path]);
    expect(refused.err).toContain("apk add libstdc++");
    expect(refused.status).toBe(1);
    root.write("usr/lib/libstdc++.so.6", "");
    expect((await install(["--agent", "--from", BINARY, "--root", root.path])).status).toBe(0);
  });

  test("an image with a link that leads out of it, to this very host", async () => {
    using host = new TestFolder();
    using root = image("systemd");
    root.write("etc/hostname", "");
    symlinkSync(host.path, root.join("etc/systemd"));
    const args = ["--agent", "--from", BINARY, "--root", root.path];
    const refused = await install(args);
    expect(refused.err).toContain("/etc/systemd is a link that leads out of it");
    expect(refused.status).toBe(1);
    expect(snapshot(host.path)).toEqual([]);
    expect(snapshot(root.path).map((line) => line.split(" ")[0])).not.toContain("usr/local/");
    rmSync(root.join("etc/systemd"));
    root.write("usr/etc/systemd/.keep", "");
    symlinkSync("../usr/etc/systemd", root.join("etc/systemd"));
    expect(await install(args)).toMatchObject({ status: 0, err: "" });
  });

  test("an image for another processor", async () => {
    using root = image();
    const [own, other] =
      process.arch === "x64"
        ? ["lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1"]
        : ["lib/ld-linux-aarch64.so.1", "lib64/ld-linux-x86-64.so.2"];
    root.write(other, "");
    const args = ["--agent", "--from", BINARY, "--root", root.path];
    const refused = await install(args);
    expect(refused.err).toContain("it is for another processor");
    expect(refused.status).toBe(1);
    // A system of this processor that can build for the other one.
    root.write(own, "");
    expect((await install(args)).status).toBe(0);
  });

  test("a folder in a program's place", async () => {
    using root = image();
    root.write("usr/local/bin/ctrl-exec/.keep", "");
    const refused = await install(["--agent", "--from", BINARY, "--root", root.path]);
    expect(refused.err).toContain("Cannot write /usr/local/bin/ctrl-exec: it is a folder");
    expect(refused.status).toBe(1);
  });

  test("a system without the tools it needs, by naming one", async () => {
    using root = image();
    using tools = new TestFolder();
    for (const name of ["sh", "cat", "uname", "id", "awk", "mktemp", "readlink", "sed", "rm"]) {
      symlinkSync(Bun.which(name) ?? "", tools.join(name));
    }
    const args = ["--agent", "--from", BINARY, "--root", root.path];
    const shell = [Bun.which("dash") ?? ""];
    const refused = await install(args, { shell, env: { PATH: tools.path } });
    expect(refused.err).toContain("cmp is missing");
    expect(refused.status).toBe(1);
    expect(snapshot(root.path)).toEqual([]);
  });

  test("a binary that lies in the present folder, when it came from a pipe", async () => {
    using root = image();
    using folder = new TestFolder();
    folder.script("dist/ctrl-exec", `touch ${folder.join("ran")}; echo ctrl-exec 9`);
    const piped = readFileSync(INSTALLER, "utf8");
    const refused = await install(["--agent", "--root", root.path], { piped, cwd: folder.path });
    expect(refused.err).toContain("Cannot install: no binary");
    expect(snapshot(folder.path).map((line) => line.split(" ")[0])).toEqual([
      "dist/",
      "dist/ctrl-exec",
    ]);
  });

  test("a link in the place of a key: whoever put it there must not choose what is opened", async () => {
    using root = image();
    const secret = root.write("secret", "x", 0o600);
    root.write("etc/ctrl-exec-agent/agent.conf", "");
    symlinkSync(secret, root.join("etc/ctrl-exec-agent/agent.key"));
    const refused = await install(["--agent", "--from", BINARY, "--root", root.path]);
    expect(refused.err).toContain("agent.key: it is a symbolic link");
    expect(mode(secret)).toBe("600");
  });
});

describe("services", () => {
  test("OpenRC scripts and the hourly maintenance", async () => {
    using root = image("openrc");
    root.write("etc/periodic/hourly/.keep", "");
    const done = await install([...EVERYTHING, "--from", BINARY, "--root", root.path]);
    expect(done).toMatchObject({ status: 0, err: "" });
    for (const name of ["ctrl-exec-agent", "ctrl-exec-api", "ctrl-exec-upgrade"]) {
      expect(mode(root.join("etc/init.d", name))).toBe("755");
      expect(readlinkSync(root.join("etc/runlevels/default", name))).toBe(`/etc/init.d/${name}`);
    }
    expect(mode(root.join("etc/periodic/hourly/ctrl-exec-maintain"))).toBe("755");
    expect(statSync(root.join("usr/local/bin/ctrl-exec-upgrade")).isFile()).toBe(true);
    expect(mode(root.join("var/lib/ctrl-exec-upgrade"))).toBe("755");
    await install(["--uninstall", "--root", root.path]);
    const left = snapshot(root.path).filter((line) => /upgrade/.test(line));
    expect(left).toEqual(["var/lib/ctrl-exec-upgrade/ 755"]);
  });

  test("procd scripts", async () => {
    using root = image("procd");
    const done = await install([...EVERYTHING, "--from", BINARY, "--root", root.path]);
    expect(done).toMatchObject({ status: 0, err: "" });
    expect(readlinkSync(root.join("etc/rc.d/S95ctrl-exec-agent"))).toBe(
      "../init.d/ctrl-exec-agent",
    );
    for (const name of ["ctrl-exec-api", "ctrl-exec-upgrade"]) {
      expect(readlinkSync(root.join(`etc/rc.d/S96${name}`))).toBe(`../init.d/${name}`);
    }
  });

  test("without a service manager that is known, nothing would carry out an upgrade", async () => {
    using root = image();
    const done = await install(["--agent", "--from", BINARY, "--root", root.path]);
    expect(done).toMatchObject({ status: 0, err: "" });
    expect(done.out).toContain("note: no systemd, OpenRC or procd found: upgrades");
    expect(() => statSync(root.join("var/lib/ctrl-exec-upgrade"))).toThrow();
  });

  test("a service that was disabled stays so", async () => {
    using root = image("systemd");
    const args = ["--agent", "--from", BINARY, "--root", root.path];
    await install(args);
    const wanted = root.join("etc/systemd/system/multi-user.target.wants/ctrl-exec-agent.service");
    rmSync(wanted);
    writeFileSync(root.join("etc/systemd/system/ctrl-exec-agent.service"), "[Unit]\n");
    const again = await install(args);
    expect(again.out).toContain("write /etc/systemd/system/ctrl-exec-agent.service");
    expect(() => lstatSync(wanted)).toThrow();
  });

  test("another prefix is what units and scripts call", async () => {
    using root = image("systemd");
    const args = [...EVERYTHING, "--from", BINARY, "--root", root.path, "--prefix", "/opt/ce"];
    expect(await install(args)).toMatchObject({ status: 0, err: "" });
    const unit = readFileSync(root.join("etc/systemd/system/ctrl-exec-agent.service"), "utf8");
    expect(unit).toContain("\nExecStart=/opt/ce/bin/ctrl-exec-agent serve\n");
    expect(statSync(root.join("opt/ce/bin/ctrl-exec")).isFile()).toBe(true);
  });
});

test("the compiled binary itself is what gets there", async () => {
  using root = image();
  const done = await install(["--ctrl-exec", "--from", COMPILED, "--root", root.path]);
  expect(done).toMatchObject({ status: 0, err: "" });
  expect(readFileSync(root.join("usr/local/bin/ctrl-exec")).equals(readFileSync(COMPILED))).toBe(
    true,
  );
});

test("--run-tests runs the new binary's demo before anything is installed", async () => {
  using root = image();
  const works = await install(["--agent", "--from", BINARY, "--run-tests", "--root", root.path]);
  expect(works).toMatchObject({ status: 0, err: "" });
  expect(works.out).toContain("Demo: every result was the expected one");
  using other = image();
  const sham = other.script(
    "sham",
    'case $1 in --version) echo "ctrl-exec 9.9.9" ;; *) echo broken; exit 1 ;; esac',
  );
  const refused = await install(["--agent", "--from", sham, "--run-tests", "--root", other.path]);
  expect(refused.status).toBe(1);
  expect(refused.err).toContain("the demo of the new binary failed");
  expect(refused.err).toContain("broken");
  expect(snapshot(other.path)).toHaveLength(1);
});

test("a glibc system that has musl's loader as well gets the glibc build", async () => {
  using root = image();
  root.write("lib/ld-musl-x86_64.so.1", "");
  root.write("lib/x86_64-linux-gnu/libc.so.6", "");
  const done = await install(["--agent", "--from", BINARY, "--root", root.path]);
  expect(done).toMatchObject({ status: 0, err: "" });
});

test("a mode that somebody changed is set right; the scripts' folder is its owner's", async () => {
  using root = image();
  const args = ["--agent", "--from", BINARY, "--root", root.path];
  await install(args);
  chmodSync(root.join("usr/local/bin/ctrl-exec"), 0o700);
  chmodSync(root.join("opt/ctrl-exec-scripts"), 0o750);
  const again = await install(args);
  expect(again.out).toContain("1 steps");
  expect(mode(root.join("usr/local/bin/ctrl-exec"))).toBe("755");
  expect(mode(root.join("opt/ctrl-exec-scripts"))).toBe("750");
});

test("T62 what an older version left open to a group is closed, once", async () => {
  using root = image();
  const open = ["etc/ctrl-exec/ctrl-exec.conf", "var/lib/ctrl-exec/pairing"];
  root.write(open[0] ?? "", "read_timeout = 5\n", 0o664);
  mkdirSync(root.join(open[1] ?? ""), { recursive: true });
  chmodSync(root.join(open[1] ?? ""), 0o2775);
  const args = ["--ctrl-exec", "--from", BINARY, "--root", root.path];
  const { out } = await install(args);
  for (const path of open) expect(out).toContain(`/${path}: not for others to write`);
  expect(open.map((path) => mode(root.join(path)))).toEqual(["644", "2755"]);
  expect(readFileSync(root.join(open[0] ?? ""), "utf8")).toBe("read_timeout = 5\n");
  expect((await install(args)).out).toContain("nothing to change");
});

test("paths with spaces, and whatever umask", async () => {
  using folder = new TestFolder();
  const spaced = folder.script("a binary", readFileSync(BINARY, "utf8").replace(/^.*\n/, ""));
  const modes: string[][][] = [];
  for (const umask of ["077", "000"]) {
    const root = folder.join(`an image ${umask}`);
    mkdirSync(root);
    const command = `umask ${umask} && exec sh "$0" --agent --api --from "$1" --root "$2"`;
    const { status, err } = await runCommand(["sh", "-c", command, INSTALLER, spaced, root], {
      env: { TMPDIR: folder.path },
    });
    expect({ status, err }).toEqual({ status: 0, err: "" });
    modes.push(snapshot(root).map((line) => line.split(" ").slice(0, 2)));
  }
  expect(modes[0]).toEqual(modes[1]);
});

test("a step that fails ends it with the step's name", async () => {
  using root = image();
  // A file where a folder should be: root cannot pass it either.
  root.write("opt", "");
  chmodSync(root.join("opt"), 0o444);
  const failed = await install(["--agent", "--from", BINARY, "--root", root.path]);
  expect(failed.status).toBe(1);
  expect(failed.err).toContain("this step failed: folder /opt/ctrl-exec-scripts");
});

/** $1 becomes a root folder with OpenRC in it that does not run; the rest of this host is seen there. */
const IDLE_OPENRC = [
  'root=$1; shift; mount -t tmpfs none "$root"',
  `for folder in /usr /bin /lib /lib64 /etc /dev /proc /tmp ${ROOT}; do`,
  '  [ ! -e "$folder" ] || { mkdir -p "$root$folder"; mount --rbind "$folder" "$root$folder"; }',
  "done",
  'for folder in "$root/usr/lib/systemd" "$root/lib/systemd"; do',
  '  [ ! -d "$folder" ] || mount -t tmpfs none "$folder"',
  "done",
  'mkdir "$root/sbin"; touch "$root/sbin/openrc-run"; exec chroot "$root" "$@"',
].join("\n");

test("a service manager that does not run is said to start nothing", async () => {
  using folder = new TestFolder();
  const root = folder.join("root");
  mkdirSync(root);
  const alone = ["unshare", "-Urm", "sh", "-ec", IDLE_OPENRC, "sh", root];
  const command = ["sh", INSTALLER, "--api", "--from", BINARY, "--dry-run"];
  const { out, err, status } = await runCommand([...alone, ...command], {});
  expect({ err, status }).toEqual({ err: "", status: 0 });
  expect(out).toContain("Service manager: openrc, which does not run here\n");
  expect(out).toContain("note: openrc does not run here: no service is started or restarted");
});
