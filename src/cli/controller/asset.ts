import { CtrlExecError } from "../../core/errors.ts";
import { nearestMatch } from "../../core/text.ts";
import { defineVerb } from "../command/command.ts";
import { renderColumns } from "../render/table.ts";

export const asset = defineVerb({
  positionals: "<list|name>",
  arity: [1, 1],
  options: {},
  details: [
    "Units, init scripts, example configurations, completions and man pages are part",
    'of the program. This prints one of them; "list" shows their names.',
  ].join("\n"),
  examples: [
    "ctrl-exec asset list",
    "ctrl-exec asset ctrl-exec.conf",
    "ctrl-exec asset auth-hook > /etc/ctrl-exec/auth-hook",
  ],
  async run({ positionals, io }) {
    const { ASSETS } = await import("./assets.ts");
    const [name = ""] = positionals;
    if (name === "list") {
      const rows = Object.entries(ASSETS).map(([key, { summary }]) => [key, summary]);
      io.out(`${renderColumns(rows)}\n`);
      return 0;
    }
    const found = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
    if (found === undefined) {
      const guess = nearestMatch(name, Object.keys(ASSETS));
      const suggestion = guess === undefined ? "" : `; did you mean ${guess}?`;
      throw new CtrlExecError("not-found", `Cannot print "${name}": no such asset${suggestion}`, {
        hint: "See: ctrl-exec asset list",
      });
    }
    io.out(await found.text());
    return 0;
  },
});
