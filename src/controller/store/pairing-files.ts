/**
 * The queue of pairing requests, as files that `pairing-mode` and `approve` share (docs/PROTOCOL.md, section 4):
 * `pairing/<reqid>.json` waits, `.approved` and `.denied` are the answers to send.
 */
import { join } from "node:path";
import * as z from "zod/mini";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { isRecordOfText, readJsonAs } from "../../core/json.ts";
import { pairedNameProblem } from "../../core/net/host-name.ts";
import { isRequestId } from "../../core/request-id.ts";
import type { Tags } from "../../core/tags.ts";
import type { PairingAnswer } from "../../core/wire/messages/pairing.ts";
import {
  createWhole,
  ensureFolder,
  listFiles,
  listFolder,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../../system/files/files.ts";
import { isHeld, tryLock } from "../../system/files/lock.ts";
import { lockPath, lockPathAsItIs } from "./lock-path.ts";
import { paths } from "./paths.ts";
import type {
  DeskKeeper,
  PairingAnswerKind,
  PairingDesk,
  PairingStore,
  PendingRequest,
} from "./ports/pairing.ts";
import { forgetPushedOut, wasPushedOut } from "./pushed-out.ts";
import { lockRegistry } from "./registry.ts";

const pendingRequest = z.looseObject({
  id: z.string().check(z.refine(isRequestId)),
  hostname: z.string().check(z.refine((name) => pairedNameProblem(name) === undefined)),
  ip: z.string(),
  csr: z.string(),
  nonce: z.string(),
  received: z.string(),
  arrived: z.optional(z.number()),
  code: z.string(),
  // Files written before 1.1 have none.
  code_covers: z.catch(z.enum(["both", "request"]), "request"),
  port: z.optional(z.int()),
  version: z.optional(z.string()),
  tags: z.optional(z.custom<Tags>(isRecordOfText)),
});

const ANSWER_KINDS = ["approved", "denied"] as const;

export class FilePairing implements PairingStore {
  readonly #config: ControllerConfig;

  constructor(config: ControllerConfig) {
    this.#config = config;
  }

  async requests(): Promise<readonly PendingRequest[]> {
    return requestIds(this.#config).flatMap((id) => readRequest(this.#config, id) ?? []);
  }

  async request(id: string): Promise<PendingRequest | undefined> {
    return isRequestId(id) ? readRequest(this.#config, id) : undefined;
  }

  async wasPushedOut(id: string): Promise<boolean> {
    return wasPushedOut(this.#config, id);
  }

  async answered(): Promise<readonly string[]> {
    const names = listFolder(paths(this.#config).pairing);
    return names.flatMap((name) => /^(.*)\.(?:approved|denied)$/.exec(name)?.[1] ?? []);
  }

  async takeAnswer(id: string): Promise<string | undefined> {
    for (const kind of ANSWER_KINDS) {
      const file = answerFile(this.#config, id, kind);
      const text = readTextIfPresent(file);
      if (text === undefined) continue;
      // The process that decided may have been killed before this: a decided request no longer waits (T10).
      removeIfPresent(requestFile(this.#config, id));
      removeIfPresent(file);
      return text.trim();
    }
    return undefined;
  }

  async withdraw(id: string): Promise<void> {
    using _lock = await lockRegistry(this.#config);
    removeIfPresent(requestFile(this.#config, id));
    // It was decided just as its agent left: nobody is there to take the answer (T21).
    for (const kind of ANSWER_KINDS) removeIfPresent(answerFile(this.#config, id, kind));
  }

  async countOver(isOver: (request: PendingRequest) => boolean): Promise<number> {
    return this.#over(isOver).length;
  }

  #over(isOver: (request: PendingRequest) => boolean): string[] {
    return requestIds(this.#config).filter((id) => {
      const request = readRequest(this.#config, id);
      return request === undefined || isOver(request);
    });
  }

  async drop(isOver: (request: PendingRequest) => boolean): Promise<number> {
    using _lock = await lockRegistry(this.#config);
    return this.#over(isOver).filter((id) => removeIfPresent(requestFile(this.#config, id))).length;
  }

  async clear(): Promise<void> {
    const { pairing } = paths(this.#config);
    ensureFolder(pairing, 0o750);
    using _lock = await lockRegistry(this.#config);
    forgetPushedOut(this.#config);
    for (const name of listFolder(pairing)) {
      if (/^[0-9a-f]{16}\.(json|approved|denied)$/.test(name)) removeIfPresent(join(pairing, name));
    }
  }

  async openDesk(keeper: DeskKeeper): Promise<PairingDesk | undefined> {
    const lock = tryLock(lockPath(this.#config, "pairing-mode"));
    lock?.describe(`${keeper}\n`);
    return lock && { close: async () => lock.release() };
  }

  async deskKeeper(): Promise<DeskKeeper | undefined> {
    const file = lockPathAsItIs(this.#config, "pairing-mode");
    if (!isHeld(file)) return undefined;
    // Versions before 1.1, and a full disk, leave no text.
    const text = readTextIfPresent(file)?.trim();
    return text === "ctrl-exec-api" ? text : "pairing-mode";
  }
}

/** The caller holds the registry lock. */
export function addRequest(config: ControllerConfig, request: PendingRequest): void {
  ensureFolder(paths(config).pairing, 0o750);
  createWhole(requestFile(config, request.id), `${JSON.stringify(request)}\n`, 0o640);
}

/** The caller holds the registry lock. */
export function leaveAnswer(
  config: ControllerConfig,
  id: string,
  kind: PairingAnswerKind,
  answer: PairingAnswer,
): void {
  writeWhole(answerFile(config, id, kind), `${JSON.stringify(answer)}\n`, 0o640);
  removeIfPresent(requestFile(config, id));
}

function requestIds(config: ControllerConfig): string[] {
  return listFiles(paths(config).pairing).flatMap((name) => {
    const id = name.replace(/\.json$/, "");
    return name.endsWith(".json") && isRequestId(id) ? [id] : [];
  });
}

function readRequest(config: ControllerConfig, id: string): PendingRequest | undefined {
  const text = readTextIfPresent(requestFile(config, id));
  const request = text === undefined ? undefined : readJsonAs(pendingRequest, text);
  // A copy under another name: its agent waits for the answer to the id inside.
  return request?.id === id ? request : undefined;
}

function answerFile(config: ControllerConfig, id: string, kind: PairingAnswerKind): string {
  return join(paths(config).pairing, `${id}.${kind}`);
}

function requestFile(config: ControllerConfig, id: string): string {
  return join(paths(config).pairing, `${id}.json`);
}
