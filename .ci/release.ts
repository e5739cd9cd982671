/**
 * Builds the release into dist/release: a compressed binary for each platform, install.sh, a bill of
 * materials, VERSION and SHA256SUMS. The same commit builds the same bytes: nothing of the day, the
 * folder or the machine goes in. With RELEASE_KEY, the file of an Ed25519 key, SHA256SUMS is signed.
 *
 *   bun .ci/release.ts <commit> <build options...>      (make release)
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import manifest from "../package.json";
import { checkBinary } from "./release/binary-format.ts";
import { writePapers } from "./release/papers.ts";
import { billOfMaterials } from "./release/sbom.ts";
import { TARGETS } from "./release/targets.ts";
import { carriedRuntime } from "./runtime.ts";

const ROOT = join(import.meta.dir, "..");
const OUT = join(ROOT, "dist", "release");

const [commit = "", ...options] = process.argv.slice(2);
if (!/^[0-9a-f]{7,40}$/.test(commit)) {
  console.error(
    "Cannot build a release: not in a git checkout, or it has changes that are not committed",
  );
  process.exit(1);
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
const files: string[] = [];
for (const target of TARGETS) {
  const binary = join(OUT, target.name);
  // The first build fetches the platform's runtime; the second one stands on it, changed.
  await build(target.bun, binary);
  const runtime = join(OUT, "runtime");
  writeFileSync(runtime, carriedRuntime(readFileSync(fetchedRuntime(target.bun))), {
    mode: 0o755,
  });
  await build(target.bun, binary, `--compile-executable-path=${runtime}`);
  rmSync(runtime);
  const bytes = readFileSync(binary);
  checkBinary(binary, bytes, target);
  rmSync(binary);
  add(`${target.name}.gz`, gzipSync(bytes, { level: 9 }));
  console.log(`${target.name}: ${(bytes.length / 1e6).toFixed(0)} MB`);
}
copyFileSync(join(ROOT, "install.sh"), join(OUT, "install.sh"));
chmodSync(join(OUT, "install.sh"), 0o755);
files.push("install.sh");
add("sbom.cdx.json", `${JSON.stringify(await billOfMaterials(ROOT, commit), null, 2)}\n`);
const key = process.env.RELEASE_KEY;
const papers = writePapers(OUT, files, manifest.version, key);
console.log(`dist/release: ${files.length} files, ${papers.join(", ")}`);
if (!papers.includes("SHA256SUMS.sig")) {
  console.log(
    "Not signed: no host takes it as an upgrade. Name the key: make release RELEASE_KEY=<file>",
  );
}

/** Where Bun has put the runtime of a target; its own, when that is what it takes. */
function fetchedRuntime(target: string): string {
  const name = `${target.replace("arm64", "aarch64")}-v${Bun.version}`;
  const fetched = join(process.env.BUN_INSTALL_CACHE_DIR ?? "", name);
  return existsSync(fetched) ? fetched : process.execPath;
}

async function build(target: string, outfile: string, ...more: string[]): Promise<void> {
  const child = Bun.spawn(
    [
      process.execPath,
      "build",
      ...options,
      ...more,
      `--target=${target}`,
      "--outfile",
      outfile,
      "src/main.ts",
    ],
    { cwd: ROOT, stdout: "ignore", stderr: "pipe" },
  );
  const [err, status] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (status !== 0) throw new Error(`bun build --target=${target} ended with ${status}: ${err}`);
}

function add(name: string, content: string | Uint8Array): void {
  writeFileSync(join(OUT, name), content);
  files.push(name);
}
