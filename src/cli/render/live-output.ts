/** One host's output as it comes: the bytes as they are. */
import { OUTPUT_STREAMS, type OutputStream } from "../../core/run-event.ts";
import type { Io } from "../command/io.ts";
import { scriptStreams } from "./script-stream.ts";

const NEWLINE = 10;

/** Output of scripts that are still running. */
export interface LiveOutput {
  show(host: string, stream: OutputStream, bytes: Uint8Array): void;
  /** What follows starts a new line. */
  end(host: string): void;
}

export function wholeOutput(io: Io): LiveOutput {
  const streams = scriptStreams(io);
  /** Those whose last output did not end in a newline. */
  const inLine = new Set<OutputStream>();
  return {
    show(_host, stream, bytes) {
      const { filter, write } = streams[stream];
      write(filter === undefined ? bytes : filter.take(bytes));
      if (bytes.at(-1) === NEWLINE) inLine.delete(stream);
      else inLine.add(stream);
    },
    end() {
      for (const stream of OUTPUT_STREAMS) {
        const { filter, write } = streams[stream];
        write(filter?.end() ?? "");
        if (inLine.delete(stream)) write("\n");
      }
    },
  };
}
