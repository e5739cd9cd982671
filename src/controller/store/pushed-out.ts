/**
 * Remembers requests that newer ones have pushed out of the full queue. An operator who decides on one a moment
 * too late must not be told that it never existed.
 */
import { join } from "node:path";
import * as z from "zod/mini";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { readJsonAs } from "../../core/json.ts";
import { readTextIfPresent, removeIfPresent, writeWhole } from "../../system/files/files.ts";
import { paths } from "./paths.ts";

/** Limited, because a stranger can push out as many as they like (T21). */
const MAX_REMEMBERED = 100;

const requestIds = z.array(z.string());

/** The caller holds the registry lock. */
export function rememberPushedOut(config: ControllerConfig, id: string): void {
  const ids = [...pushedOut(config), id].slice(-MAX_REMEMBERED);
  writeWhole(fileOf(config), `${JSON.stringify(ids)}\n`, 0o640);
}

export function wasPushedOut(config: ControllerConfig, id: string): boolean {
  return pushedOut(config).includes(id);
}

/** The caller holds the registry lock. */
export function forgetPushedOut(config: ControllerConfig): void {
  removeIfPresent(fileOf(config));
}

function pushedOut(config: ControllerConfig): readonly string[] {
  const text = readTextIfPresent(fileOf(config));
  return (text === undefined ? undefined : readJsonAs(requestIds, text)) ?? [];
}

function fileOf(config: ControllerConfig): string {
  return join(paths(config).pairing, "pushed-out.json");
}
