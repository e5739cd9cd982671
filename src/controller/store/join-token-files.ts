/**
 * Join tokens as files (docs/PROTOCOL.md, section 4): `join-tokens/<id>.json`, and a file for each use in
 * `join-tokens/<id>.uses`. The uses are counted by their files, which a crash leaves whole or not at all (T10).
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import { isJoinTokenId } from "../../core/join-token.ts";
import { isRecordOfText, readJsonAs } from "../../core/json.ts";
import type { Tags } from "../../core/tags.ts";
import {
  ensureFolder,
  fileError,
  listFolder,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../../system/files/files.ts";
import { paths } from "./paths.ts";
import type {
  BrokenToken,
  JoinTokenStore,
  JoinTokens,
  StoredToken,
  TokenUse,
} from "./ports/join-tokens.ts";
import { lockRegistry } from "./registry.ts";

// Strict: a member that a later version adds would limit the token, and must not be overlooked.
const storedToken = z.strictObject({
  id: z.string().check(z.refine(isJoinTokenId)),
  public_key: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  created: z.iso.datetime(),
  expires: z.iso.datetime(),
  uses: z.int().check(z.gte(1)),
  name: z.optional(z.string()),
  tags: z.optional(z.custom<Tags>(isRecordOfText)),
  from: z.optional(z.array(z.string())),
  replace: z.optional(z.boolean()),
  revoked: z.optional(z.string()),
});

const tokenUse = z.object({
  key: z.string(),
  nonce: z.string(),
  hostname: z.string(),
  ip: z.string(),
  reqid: z.string(),
  at: z.string(),
  registered: z.boolean(),
});

const KEY = /^[0-9a-f]{64}$/;

export class FileJoinTokens implements JoinTokenStore {
  readonly #config: ControllerConfig;

  constructor(config: ControllerConfig) {
    this.#config = config;
  }

  async all(): Promise<JoinTokens> {
    const tokens: StoredToken[] = [];
    const broken: BrokenToken[] = [];
    for (const id of tokenIds(this.#config)) {
      try {
        const token = readToken(this.#config, id);
        if (token !== undefined) tokens.push(token);
      } catch (thrown) {
        broken.push({ id, problem: asCtrlExecError(thrown) });
      }
    }
    return { tokens, broken };
  }

  async find(id: string): Promise<StoredToken | undefined> {
    return isJoinTokenId(id) ? readToken(this.#config, id) : undefined;
  }

  async used(id: string): Promise<number> {
    return listFolder(usesFolder(this.#config, id)).filter((name) =>
      KEY.test(name.replace(/\.json$/, "")),
    ).length;
  }

  async useBy(id: string, key: string): Promise<TokenUse | undefined> {
    const file = useFile(this.#config, id, key);
    const text = readTextIfPresent(file);
    if (text === undefined) return undefined;
    return readJsonAs(tokenUse, text) ?? refuseFile(file);
  }

  async drop(isOver: (token: StoredToken) => boolean): Promise<number> {
    using _lock = await lockRegistry(this.#config);
    const over = (await this.all()).tokens.filter(isOver);
    for (const { id } of over) {
      // The token first: uses without a token do not count, but a token without its uses would be as good as new.
      removeIfPresent(tokenFile(this.#config, id));
      const folder = usesFolder(this.#config, id);
      try {
        rmSync(folder, { recursive: true, force: true });
      } catch (thrown) {
        throw fileError("storage", "remove", folder, thrown);
      }
    }
    return over.length;
  }
}

/** The caller holds the registry lock. */
export function putToken(config: ControllerConfig, token: StoredToken): void {
  ensureFolder(paths(config).joinTokens, 0o750);
  writeWhole(tokenFile(config, token.id), `${JSON.stringify(token)}\n`, 0o640);
}

/** The caller holds the registry lock. */
export function putUse(config: ControllerConfig, id: string, use: TokenUse): void {
  ensureFolder(usesFolder(config, id), 0o750);
  writeWhole(useFile(config, id, use.key), `${JSON.stringify(use)}\n`, 0o640);
}

/** The caller holds the registry lock. */
export function dropUse(config: ControllerConfig, id: string, key: string): void {
  removeIfPresent(useFile(config, id, key));
}

function tokenIds(config: ControllerConfig): string[] {
  return listFolder(paths(config).joinTokens).flatMap((name) => {
    const id = name.replace(/\.json$/, "");
    return name.endsWith(".json") && isJoinTokenId(id) ? [id] : [];
  });
}

function readToken(config: ControllerConfig, id: string): StoredToken | undefined {
  const file = tokenFile(config, id);
  const text = readTextIfPresent(file);
  if (text === undefined) return undefined;
  const token = readJsonAs(storedToken, text);
  return token?.id === id ? token : refuseFile(file);
}

function refuseFile(file: string): never {
  throw new CtrlExecError("config", `Cannot use ${file}: it is not the file of a join token`, {
    hint: "If a later version has made it, upgrade this host. Otherwise remove it, and create another token.",
  });
}

function tokenFile(config: ControllerConfig, id: string): string {
  return join(paths(config).joinTokens, `${id}.json`);
}

function usesFolder(config: ControllerConfig, id: string): string {
  return join(paths(config).joinTokens, `${id}.uses`);
}

function useFile(config: ControllerConfig, id: string, key: string): string {
  if (!isJoinTokenId(id) || !KEY.test(key)) throw new Error("not a token's use");
  return join(usesFolder(config, id), `${key}.json`);
}
