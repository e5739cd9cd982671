import type { Endpoint } from "./endpoint.ts";

/** `GET /runs`: what runs on this host, and what is kept of what ran. */
export const runs: Endpoint = async ({ jobs }) => {
  return { status: 200, body: { runs: await jobs.list() } };
};
