/** The bill of materials: what is in the binary besides our own code, in CycloneDX 1.6. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export async function billOfMaterials(root: string, commit: string): Promise<unknown> {
  const own = readManifest(root);
  const bun = /^bun@(.+)$/.exec(String(Reflect.get(own, "packageManager")))?.[1] ?? "";
  const hashes = lockedHashes(root);
  const packages = collect(root, Object.keys(own.dependencies ?? {}));
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": `ctrl-exec@${own.version}`,
        name: own.name,
        version: own.version,
        licenses: [{ license: { id: own.license } }],
        properties: [{ name: "commit", value: commit }],
      },
    },
    components: [
      {
        type: "platform",
        "bom-ref": `bun@${bun}`,
        name: "bun",
        version: bun,
        purl: `pkg:npm/bun@${bun}`,
      },
      ...packages.map(({ name, version, license }) => ({
        type: "library",
        "bom-ref": `${name}@${version}`,
        name,
        version,
        purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
        ...(license === undefined ? {} : { licenses: [{ license: { id: license } }] }),
        hashes: [{ alg: "SHA-512", content: hashes.get(`${name}@${version}`) ?? "" }],
      })),
    ],
    dependencies: [
      {
        ref: `ctrl-exec@${own.version}`,
        dependsOn: [`bun@${bun}`, ...packages.map(({ name, version }) => `${name}@${version}`)],
      },
    ],
  };
}

/** The packages that these need at run time, and those that they need, by name. */
function collect(root: string, names: readonly string[]): Manifest[] {
  const found = new Map<string, Manifest>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    const manifest = readManifest(join(root, "node_modules", name));
    found.set(name, manifest);
    for (const next of Object.keys(manifest.dependencies ?? {})) visit(next);
  };
  for (const name of names) visit(name);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

/** `name@version` to the hex SHA-512 of the package as the lock file has it. */
function lockedHashes(root: string): Map<string, string> {
  const lock = readFileSync(join(root, "bun.lock"), "utf8");
  const entries = lock.matchAll(/^ {4}"[^"]+": \["([^"]+)".*"sha512-([^"]+)"\]/gm);
  return new Map(
    [...entries].map(([, id = "", hash = ""]) => [id, Buffer.from(hash, "base64").toString("hex")]),
  );
}
