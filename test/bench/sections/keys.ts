/** Keys and signatures by the WebCrypto that pki stands on, beside the runtime's own. */
import { randomBytes } from "node:crypto";
import { webCrypto } from "../../../src/pki/x509-library.ts";
import { times, withSpread } from "../figures.ts";
import { inTurns, type Subject } from "../process.ts";
import type { SectionResult } from "../result.ts";
import type { Summary } from "../statistics.ts";

const GENERATE = { rounds: 25, budgetMs: 5_000 };
const SIGN = { rounds: 25, budgetMs: 2_000 };

/** About what of a certificate is signed. */
const SIGNED = randomBytes(400);

const PROVIDERS = { ours: webCrypto, "the runtime's": crypto } as const;
type Provider = keyof typeof PROVIDERS;

interface Kind {
  readonly name: string;
  readonly algorithm: Parameters<typeof webCrypto.subtle.generateKey>[0];
  /** Operations in one measurement: a single one would be shorter than what disturbs it. */
  readonly times: number;
}

const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
};
const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const P384 = { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" };
const KINDS: readonly Kind[] = [
  { name: "RSA 2048", algorithm: { ...RSA, modulusLength: 2048 } as typeof RSA, times: 1 },
  { name: "P-256", algorithm: P256, times: 20 },
  { name: "P-384", algorithm: P384, times: 20 },
  { name: "Ed25519", algorithm: { name: "Ed25519" }, times: 20 },
];

export async function keys(): Promise<SectionResult> {
  const subjects = KINDS.flatMap((kind) =>
    (Object.keys(PROVIDERS) as Provider[]).map((provider) => ({ kind, provider })),
  );
  const made = await inTurns(subjects.map(making), GENERATE);
  const signed = await inTurns(await Promise.all(subjects.map(signing)), SIGN);
  return {
    text: "Compared with the runtime's own WebCrypto, in one process, uncompiled. Signing means importing the private key and signing 400 bytes with it, as for a request or certificate.",
    tables: [table("Making a key", made), table("Importing a key and signing", signed)],
    aims: [],
    notMeasured: [],
  };
}

function table(title: string, measured: ReadonlyMap<string, Summary>) {
  const row = ({ name }: Kind) => {
    const [ours, theirs] = (Object.keys(PROVIDERS) as Provider[]).map((provider) =>
      measured.get(label(name, provider)),
    );
    if (ours === undefined || theirs === undefined) return [name, "?", "?", "?"];
    return [
      name,
      withSpread(ours, "ms"),
      withSpread(theirs, "ms"),
      times(ours.median, theirs.median),
    ];
  };
  return { title, header: ["kind", "ours", "the runtime's", "ratio"], rows: KINDS.map(row) };
}

function label(kind: string, provider: Provider): string {
  return `${kind}, ${provider}`;
}

interface Choice {
  readonly kind: Kind;
  readonly provider: Provider;
}

function making({ kind, provider }: Choice): Subject {
  return repeated(kind, provider, async () => {
    await makePair(kind, provider);
  });
}

async function signing({ kind, provider }: Choice): Promise<Subject> {
  const { subtle } = PROVIDERS[provider];
  const { privateKey } = await makePair(kind, provider);
  const pkcs8 = await subtle.exportKey("pkcs8", privateKey);
  return repeated({ ...kind, times: 20 }, provider, async () => {
    const key = await subtle.importKey("pkcs8", pkcs8, kind.algorithm, false, ["sign"]);
    await subtle.sign(kind.algorithm, key, SIGNED);
  });
}

async function makePair({ algorithm, name }: Kind, provider: Provider): Promise<CryptoKeyPair> {
  const made = await PROVIDERS[provider].subtle.generateKey(algorithm, true, ["sign", "verify"]);
  if (!("privateKey" in made)) throw new Error(`${name} is no pair`);
  return made;
}

/** Milliseconds of one operation. */
function repeated(kind: Kind, provider: Provider, operation: () => Promise<void>): Subject {
  return {
    name: label(kind.name, provider),
    measure: async () => {
      const started = performance.now();
      for (let round = 0; round < kind.times; round += 1) await operation();
      return (performance.now() - started) / kind.times;
    },
  };
}
