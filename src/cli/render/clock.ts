/** Clocks that differ from this host's, as ping and list-agents show them on stderr. */
import { type ClockVerdict, describeOffset } from "../../core/clock.ts";
import type { Io } from "../command/io.ts";

/** If this host's clock is wrong, the whole fleet differs. */
const MAX_LINES = 10;

export function renderClocks(io: Io, { differ, kind }: ClockVerdict): void {
  for (const { host, offset } of differ.slice(0, MAX_LINES)) {
    io.err(`${host}: its clock is ${describeOffset(offset)}, compared with this host's\n`);
  }
  const left = differ.length - MAX_LINES;
  if (left > 0) io.err(`${left} more clocks differ from this host's.\n`);
  if (kind === "wrong") {
    io.err(
      "Most of these hosts disagree with this control host's clock: look at this one first. While most of the " +
        "agents that it asks do so, this control host signs and rotates nothing; approve, rotate-cert and " +
        "maintain go on with --force.\n",
    );
  }
}
