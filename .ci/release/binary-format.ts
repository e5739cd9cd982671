/** What can be said of a binary that does not run here: format, processor, loader, libraries. */
import type { Target } from "./targets.ts";

/** @throws Error that names the binary and what is wrong with it */
export function checkBinary(file: string, bytes: Uint8Array, target: Target): void {
  const found = target.format === "elf" ? elfFacts(file, bytes) : machoFacts(bytes);
  const { cpu, loader, needed } = target;
  const wanted =
    target.format === "elf" ? { cpu, loader, needed: [...(needed ?? [])].sort() } : { cpu };
  if (Bun.deepEquals(found, wanted)) return;
  throw new Error(`${target.name} is ${JSON.stringify(found)}, expected ${JSON.stringify(wanted)}`);
}

const ELF_MACHINES: Readonly<Record<number, string>> = { 62: "x64", 183: "arm64" };

function elfFacts(file: string, bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const isElf64 = view.getUint32(0) === 0x7f454c46 && bytes[4] === 2;
  return {
    cpu: isElf64 ? ELF_MACHINES[view.getUint16(18, true)] : "no 64-bit ELF",
    loader: /program interpreter: (\S+)\]/.exec(readelf("-lW", file))?.[1],
    needed: [...readelf("-dW", file).matchAll(/\(NEEDED\).*\[(\S+)\]/g)]
      .map(([, name]) => name)
      .sort(),
  };
}

function readelf(option: string, file: string): string {
  return Bun.spawnSync(["readelf", option, file], { stderr: "ignore" }).stdout.toString();
}

const MACHO_CPUS: Readonly<Record<number, string>> = { 16777223: "x64", 16777228: "arm64" };

function machoFacts(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const is64 = view.getUint32(0, true) === 0xfeedfacf;
  return { cpu: is64 ? MACHO_CPUS[view.getUint32(4, true)] : "no 64-bit Mach-O" };
}
