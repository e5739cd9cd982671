/** The keys of a configuration file with what the schema says about each: rows for every document. */
import {
  type AgentConfig,
  DEFAULT_AGENT_CONFIG,
  parseAgentConfig,
} from "../../src/core/config/agent-config.ts";
import { AGENT_KEYS } from "../../src/core/config/agent-keys.ts";
import type { KeyDescription } from "../../src/core/config/config-keys.ts";
import {
  type ControllerConfig,
  DEFAULT_CONTROLLER_CONFIG,
  parseControllerConfig,
} from "../../src/core/config/controller-config.ts";
import { CONTROLLER_KEYS } from "../../src/core/config/controller-keys.ts";

export interface KeyRow {
  readonly name: string;
  readonly group: string;
  readonly text: string;
  /** As it would stand in the file; undefined when the key has no default. */
  readonly standard: string | undefined;
  readonly example: string | undefined;
  /** True for [section] keys. */
  readonly section: boolean;
}

export async function controllerKeys(): Promise<KeyRow[]> {
  const { config } = await parseControllerConfig(DEFAULT_CONTROLLER_CONFIG, "");
  return rows(CONTROLLER_KEYS, config);
}

export async function agentKeys(): Promise<KeyRow[]> {
  const { config } = await parseAgentConfig(DEFAULT_AGENT_CONFIG, "");
  return rows(AGENT_KEYS, config);
}

function rows(
  descriptions: Readonly<Record<string, KeyDescription>>,
  config: ControllerConfig | AgentConfig,
): KeyRow[] {
  const values = new Map<string, unknown>(Object.entries(config));
  return Object.entries(descriptions).map(([name, { group, text, example }]) => {
    const value = values.get(name);
    const section = isPlainRecord(value) && !isRateLimit(value);
    return {
      name,
      group,
      text,
      example,
      section,
      standard: section ? undefined : shown(name, value),
    };
  });
}

/** Keys whose value is a number of bytes. */
const SIZES = new Set(["max_output", "max_reply", "max_replies", "run_records_max"]);

function shown(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "boolean") return value ? "1" : "0";
  if (SIZES.has(name) && typeof value === "number") {
    return value % 2 ** 30 === 0 ? `${value / 2 ** 30}G` : `${value / 2 ** 20}M`;
  }
  if (isRateLimit(value)) return `${value.limit}/${value.window}/${value.block}`;
  return String(value);
}

function isPlainRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRateLimit(value: unknown): value is { limit: number; window: number; block: number } {
  return isPlainRecord(value) && "limit" in value && "window" in value && "block" in value;
}

/** The rows by heading, in the order of the table. */
export function byGroup(rows: readonly KeyRow[]): Map<string, KeyRow[]> {
  return Map.groupBy(rows, ({ group }) => group);
}
