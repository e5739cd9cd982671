/** The command table of ctrl-exec-api. */
import type { Program } from "../command/command.ts";
import { apiOptions } from "./options.ts";

export const apiProgram: Program = {
  name: "ctrl-exec-api",
  summary: "serve run, ping and discovery over HTTP",
  options: apiOptions,
  verbs: {
    serve: {
      summary: "Start the HTTP API",
      runsLong: true,
      load: async () => (await import("./serve.ts")).serve,
    },
    reload: {
      summary: "Make the running API reload, and say whether it did",
      load: async () => (await import("../reload-requests.ts")).reloadVerb("ctrl-exec-api"),
    },
    help: {
      summary: "Show the help of the program or of a mode",
      load: async () => (await import("../help-mode.ts")).helpMode(apiProgram),
    },
  },
  defaultVerb: "serve",
};
