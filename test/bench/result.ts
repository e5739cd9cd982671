/** What a section of the bench hands to the report. */

export interface Table {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A ratio within this run, and what it should be. */
export interface Aim {
  readonly what: string;
  readonly wanted: string;
  readonly got: string;
  readonly met: boolean;
}

export interface SectionResult {
  /** What was measured and how, in a few sentences. */
  readonly text: string;
  readonly tables: readonly Table[];
  readonly aims: readonly Aim[];
  /** Comparisons that could not be made, and why. Never left out in silence. */
  readonly notMeasured: readonly string[];
  /** Measurements for the plot; only the section on growth has them. */
  readonly growth?: readonly GrowthPoint[];
}

export interface GrowthPoint {
  readonly hosts: number;
  /** Milliseconds of the whole command, divided by the hosts. */
  readonly msPerHost: number;
  readonly bareMsPerHost: number;
  /** Peak memory of the controller. */
  readonly bytes: number;
}

export function atMost(what: string, got: number, limit: number): Aim {
  return { what, wanted: `at most ${limit} x`, got: `${got.toFixed(2)} x`, met: got <= limit };
}

export function atLeast(what: string, got: number, limit: number): Aim {
  return { what, wanted: `at least ${limit} x`, got: `${got.toFixed(2)} x`, met: got >= limit };
}
