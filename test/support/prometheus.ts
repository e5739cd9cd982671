/** A real Prometheus over a test's control host, with the rules that the product ships, in a hurry. */
import { join } from "node:path";
import { runProgram } from "./binary.ts";
import { type TestFolder, until } from "./folder.ts";

/** Between two scrapes, and between two looks at the rules. */
const EVERY = "200ms";
/** In place of the minutes and hours for which a rule looks back. */
const WINDOW = "3s";

export interface PrometheusJob {
  readonly name: string;
  /** `host:port`. */
  readonly target: string;
  readonly tokenFile?: string;
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: string;
}

export class TestPrometheus implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #url: string;

  private constructor(child: Bun.Subprocess<"ignore", "ignore", "pipe">, url: string) {
    this.#child = child;
    this.#url = url;
  }

  static async start(folder: TestFolder, jobs: readonly PrometheusJob[]): Promise<TestPrometheus> {
    const { out: rules } = await runProgram("ctrl-exec", ["asset", "ctrl-exec-alerts.yml"]);
    const hurried = rules
      .replace(/\[\d+[mh]\]/g, `[${WINDOW}]`)
      .replace(/for: \d+[mh]/g, "for: 0s");
    folder.write("prometheus/rules.yml", hurried);
    const scraped = jobs.map(({ name, target, tokenFile }) => ({
      job_name: name,
      static_configs: [{ targets: [target] }],
      ...(tokenFile === undefined ? {} : { authorization: { credentials_file: tokenFile } }),
    }));
    const config = {
      global: { scrape_interval: EVERY, scrape_timeout: EVERY, evaluation_interval: EVERY },
      rule_files: ["rules.yml"],
      scrape_configs: scraped,
    };
    // JSON is YAML.
    const file = folder.write("prometheus/prometheus.yml", JSON.stringify(config));
    const child = Bun.spawn(
      [
        "prometheus",
        `--config.file=${file}`,
        `--storage.tsdb.path=${folder.join("prometheus", "data")}`,
        "--web.listen-address=127.0.0.1:0",
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "pipe", cwd: join(folder.path, "prometheus") },
    );
    const url = `http://${await listening(child.stderr)}`;
    await until("prometheus is ready", async () => (await fetch(`${url}/-/ready`)).ok);
    return new TestPrometheus(child, url);
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const { data } = (await response.json()) as { data: unknown };
    return data;
  }

  /** Whether every target was read, and why not. */
  async targets(): Promise<Record<string, string>> {
    const { activeTargets } = (await this.#get("targets")) as {
      activeTargets: { labels: { job: string }; health: string; lastError: string }[];
    };
    const told = activeTargets.map(({ labels, health, lastError }) => {
      return [labels.job, `${health}${lastError === "" ? "" : `: ${lastError}`}`] as const;
    });
    return Object.fromEntries(told);
  }

  /** The value of the first series, or undefined. */
  async value(query: string): Promise<number | undefined> {
    const { result } = (await this.#get(`query?query=${encodeURIComponent(query)}`)) as {
      result: { value: [number, string] }[];
    };
    return result[0] === undefined ? undefined : Number(result[0].value[1]);
  }

  async firing(): Promise<readonly Alert[]> {
    const { alerts } = (await this.#get("alerts")) as { alerts: Alert[] };
    return alerts.filter(({ state }) => state === "firing");
  }

  /** Resolves with the firing alerts once their names are these. */
  async untilFiring(...names: readonly string[]): Promise<readonly Alert[]> {
    let firing: readonly Alert[] = [];
    await until(`alerts: ${names.join(", ") || "none"}`, async () => {
      firing = await this.firing();
      const now = new Set(firing.map(({ labels }) => labels.alertname));
      return now.size === names.length && names.every((name) => now.has(name));
    });
    return firing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

/** The address, as it logs it. */
async function listening(log: ReadableStream<Uint8Array>): Promise<string> {
  const found = Promise.withResolvers<string>();
  const read = async () => {
    let text = "";
    for await (const chunk of log) {
      if (text.length < 65_536) text += Buffer.from(chunk).toString("utf8");
      const [, address] = /msg="Listening on" address=(\S+)/.exec(text) ?? [];
      if (address !== undefined) found.resolve(address);
    }
    found.reject(new Error(`prometheus ended:\n${text}`));
  };
  void read();
  return await found.promise;
}
