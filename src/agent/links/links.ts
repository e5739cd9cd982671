/** The hubs of `connect`, each with its connection. */
import type { HubAddress } from "../../core/net/hub-address.ts";
import { KeptLink, type LinkOptions } from "./kept-link.ts";

export class Links {
  readonly #options: LinkOptions;
  readonly #kept = new Map<string, KeptLink>();

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Connects to those that are new, and lets go of those that are not named any more. */
  keep(hubs: readonly HubAddress[]): void {
    const wanted = new Map(hubs.map((hub) => [`${hub.label} ${hub.pin ?? ""}`, hub]));
    for (const [key, link] of this.#kept) {
      if (wanted.has(key)) continue;
      link.stop();
      this.#kept.delete(key);
    }
    for (const [key, hub] of wanted) {
      if (!this.#kept.has(key)) this.#kept.set(key, new KeptLink(hub, this.#options));
    }
  }

  stop(): void {
    this.keep([]);
  }
}
