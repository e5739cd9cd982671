/** Which event counts as what: the counts come only from the events, so log and metrics cannot disagree. */
import type { Tally } from "./tally.ts";

/** By the event's name: what it adds. An event that is missing adds nothing. */
export type Counting<Event extends { readonly event: string }> = {
  readonly [Name in Event["event"]]?: (
    event: Extract<Event, { readonly event: Name }>,
    tally: Tally,
  ) => void;
};

export function countEvent<Event extends { readonly event: string }>(
  counting: Counting<Event>,
  event: Event,
  tally: Tally,
): void {
  const count = counting[event.event as Event["event"]] as
    | ((event: Event, tally: Tally) => void)
    | undefined;
  count?.(event, tally);
}
