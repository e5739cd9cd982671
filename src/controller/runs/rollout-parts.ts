/** The parts of a rollout that was accepted. */
import type { RunResult } from "../../core/run-result.ts";
import type { RolloutMessage } from "../../core/wire/run-messages.ts";
import type { FleetDialler } from "../fleet/fan-out.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { OwnedRollout } from "../store/ports/rollouts.ts";
import type { RunRecord } from "../store/ports/runs.ts";
import type { RunWatcher } from "./listener.ts";
import type { BatchNews, RolloutNews } from "./rollout-news.ts";
import type { RunParts, RunUnderWay } from "./run.ts";

export interface RolloutParts {
  readonly body: RunParts["body"];
  /** In the order in which the hosts were given. */
  readonly targets: readonly ResolvedTarget[];
  readonly batches: readonly (readonly ResolvedTarget[])[];
  /** It is resumed after some of its hosts were asked. */
  readonly isResumed?: boolean | undefined;
  /** What an earlier process has left behind, to go on with. */
  readonly before?: RolloutBefore | undefined;
  /** Seconds between two batches. */
  readonly pause: number;
  /** The rollout stops when more hosts than this have failed. */
  readonly mayFail: number;
  readonly owned: OwnedRollout;
  readonly record: RunRecord;
  readonly watcher: RunWatcher;
  /** A function, because this host's credential may be replaced while the rollout goes on. */
  readonly openDialler: () => Promise<FleetDialler>;
  /** Asks the hook for a batch. @throws DeniedError */
  readonly authorize: (batch: readonly ResolvedTarget[]) => Promise<void>;
  /** Hosts that were registered when it began, and no longer are. */
  readonly unregistered: (hosts: readonly ResolvedTarget[]) => Promise<readonly ResolvedTarget[]>;
  /** The check on these hosts, as a run with this id; undefined if there is none. */
  readonly check:
    | ((batch: readonly ResolvedTarget[], reqid: string) => Promise<RunUnderWay>)
    | undefined;
  /** Ends a check that is under way when somebody cancels the rollout. Never rejects. */
  readonly endCheck: (reqid: string, by: string) => Promise<void>;
  /** Whether a person lets this batch begin, unless the rollout stops before that; undefined asks nobody. */
  readonly confirm: ((next: BatchNews, stopped: AbortSignal) => Promise<boolean>) | undefined;
  readonly onNews: (news: RolloutNews) => void;
  readonly onResult: (result: RunResult) => void;
}

export interface RolloutBefore {
  /** When its record began. */
  readonly started: Date;
  /** How many batches have begun. The hosts of the last one may be under way. */
  readonly begun: number;
  /** The results that are recorded. */
  readonly results: readonly RunResult[];
  /** The messages that were sent about it. */
  readonly told: readonly RolloutMessage[];
  /** The run of the last batch's check, if that may have begun. */
  readonly checking: string | undefined;
}
