/** Every option of ctrl-exec-api. */
import type { OptionDef } from "../command/command.ts";
import { commonOptions } from "../controller/options.ts";

export const apiOptions = {
  ...commonOptions,
  "hub-only": {
    type: "boolean",
    description: "Be a hub and nothing else, with a certificate of its own",
  },
} as const satisfies Record<string, OptionDef>;
