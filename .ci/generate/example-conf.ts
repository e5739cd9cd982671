/** The example configuration files: every key, commented out, with its default. */
import { byGroup, type KeyRow } from "./keys.ts";

const WIDTH = 98;

export function exampleConf(title: string, rows: readonly KeyRow[]): string {
  const lines = [
    `# ${title}`,
    "#",
    "# All keys. A line that begins with # is a comment. Each key is shown with its default: to change",
    "# it, remove the # and edit the value. A key that is not set has its default.",
  ];
  for (const [group, keys] of byGroup(rows)) {
    lines.push("", `# ---- ${group}`);
    for (const key of keys) lines.push("", ...wrap(key.text, "# "), ...setting(key));
  }
  return `${lines.join("\n")}\n`;
}

function setting({ name, standard, example, section }: KeyRow): string[] {
  if (section) return [`#[${name}]`, "#env = production", "#role = database"];
  if (standard === undefined)
    return [`# Not set by default. Example:`, `#${name} = ${example ?? ""}`];
  return [`#${name} = ${standard}`];
}

export function wrap(text: string, prefix: string, width = WIDTH): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && `${prefix}${line} ${word}`.length > width) {
      lines.push(prefix + line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, prefix + line];
}
