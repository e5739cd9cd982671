/**
 * Shares out the descriptors that a process may have (RLIMIT_NOFILE) before any is taken. Bun's accept loop
 * spins when they are used up, so each port stops before that; work that has begun keeps its share and
 * completes (T20, T65).
 */

/** What a program itself holds, with room for starting a process (8) or writing a file. */
const RESERVED = 24;

/** A program that listens does not start with fewer: with this many, every program was seen to work fully. */
export const MIN_DESCRIPTORS = 64;

/** Three streams and the handle of each process. */
const PER_PROCESS = 4;

/** In the agent's shim, which has as many as the agent: two streams, each twice, their files, and the handle. */
const PER_JOB = 7;

/** What is left for outgoing connections and locks in a process that does not listen. */
export function usableDescriptors(limit: number): number {
  return Math.max(1, limit - RESERVED);
}

export interface AgentShares {
  /** From others. */
  readonly connections: number;
  /** How many scripts and hooks may run at once. */
  readonly processes: number;
}

export function agentShares(limit: number, maxConnections: number): AgentShares {
  const usable = usableDescriptors(limit);
  const connections = atLeastOne(Math.min(maxConnections, usable / 2));
  const processes = Math.min((usable - connections) / PER_PROCESS, usable / PER_JOB);
  return { connections, processes: atLeastOne(processes) };
}

/** Most connections to the API's port; most of them only wait for their next request. */
const MAX_API_CONNECTIONS = 1024;

/** Extra requests: for callers that have none in flight, and as many again for liveness checks. */
const MAX_RESERVE = 8;

export interface ApiShares {
  /** Incoming ones, including those that are being turned away. */
  readonly connections: number;
  /** Requests in flight: a hook may run for each. */
  readonly requests: number;
  /** Extra requests of either kind. */
  readonly reserve: number;
  /** For connections to agents and the locks of runs. */
  readonly work: number;
}

export function apiShares(limit: number, maxRequests: number): ApiShares {
  const usable = usableDescriptors(limit);
  const connections = atLeastOne(Math.min(MAX_API_CONNECTIONS, usable * 0.4));
  const wanted = maxRequests + 2 * MAX_RESERVE;
  const hooks = atLeastOne(Math.min(wanted, (usable * 0.4) / PER_PROCESS));
  const reserve = Math.min(MAX_RESERVE, Math.floor(hooks / 8));
  return {
    connections,
    requests: Math.min(maxRequests, hooks - 2 * reserve),
    reserve,
    work: atLeastOne(usable - connections - hooks * PER_PROCESS),
  };
}

/** For a hub: half of what its process has; the other half is the API's. */
export interface HubShares {
  /** Not yet known. */
  readonly strangers: number;
  readonly agents: number;
  /** Control hosts, and commands of theirs. */
  readonly callers: number;
  /** Two connections each. */
  readonly calls: number;
}

export function hubShares(limit: number): HubShares {
  const usable = usableDescriptors(limit) / 2;
  return {
    strangers: atLeastOne(Math.min(256, usable / 8)),
    agents: atLeastOne(usable / 2),
    callers: atLeastOne(Math.min(256, usable / 8)),
    calls: atLeastOne(Math.min(4096, usable / 8)),
  };
}

/** How many connections beyond the pairing queue there may be at once: hosts that join with tokens, above all. */
const MAX_JOINS = 256;

/** How many of those are kept from the queue where there are few. */
const MAX_SPARE = 32;

/** For the pairing port, whichever program holds it. */
export interface PairingPortShares {
  /** From others. */
  readonly connections: number;
  /** How many requests may wait. */
  readonly queue: number;
  /** How many confirmation codes may be agreed on at once. */
  readonly exchanges: number;
}

export interface PairingShares extends PairingPortShares {
  /** For connections to agents: pairing-mode renews their certificates. */
  readonly work: number;
}

export function pairingShares(limit: number, maxQueue: number): PairingShares {
  const usable = usableDescriptors(limit);
  const port = portShares(usable / 2, maxQueue);
  return { ...port, work: atLeastOne(usable - port.connections) };
}

/** For ctrl-exec-api, if it holds the pairing port too; the rest is for apiShares(). */
export function apiPairingShares(limit: number, maxQueue: number): PairingPortShares {
  return portShares(usableDescriptors(limit) / 8, maxQueue);
}

function portShares(atMost: number, maxQueue: number): PairingPortShares {
  const connections = atLeastOne(Math.min(maxQueue + MAX_JOINS, atMost));
  const spare = Math.min(MAX_SPARE, Math.floor(connections / 2));
  const queue = atLeastOne(Math.min(maxQueue, connections - spare));
  return { connections, queue, exchanges: queue + spare };
}

function atLeastOne(count: number): number {
  return Math.max(1, Math.floor(count));
}
