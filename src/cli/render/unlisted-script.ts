/** What a person is told of a script that hosts do not list: it may be a slip in its name. */
import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import type { UnlistedScript } from "../../core/dry-run.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { screenLine } from "../../core/text.ts";

export function unlistedText(
  { script, hosts, reported, near }: UnlistedScript,
  own: OwnSetting,
): string {
  const meant = near === undefined ? "" : `Did you mean ${near}? `;
  const ask = `ctrl-exec discovery${configArgument(own.file)}`;
  return (
    screenLine`${script} is not in scripts.conf on ${namedHosts(hosts)}, as they reported at ${reported} or later\n` +
    screenLine`${meant}To ask the hosts again: ${ask}\n`
  );
}
