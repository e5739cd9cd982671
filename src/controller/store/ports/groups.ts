/** The answers of group_command. See ../ports.ts. */

/** What a group lists, as it was written. */
export interface ListedGroup {
  /** Host expressions. */
  readonly expressions: readonly string[];
  /** Only names: of hosts, and of other groups. */
  readonly hosts: readonly string[];
  readonly children: readonly string[];
}

export interface GroupAnswer {
  /** Which program gave the answer, and when. */
  readonly command: string;
  readonly time: Date;
  readonly groups: ReadonlyMap<string, ListedGroup>;
}

/** So that ten commands one after the other do not start group_command ten times. */
export interface GroupStore {
  /** The last answer; undefined if there is none that can be used. */
  answer(): Promise<GroupAnswer | undefined>;
  /** Never rejects: without it, the command is started again. */
  keep(answer: GroupAnswer): Promise<void>;
  /**
   * Only one process at a time asks the command. @throws CtrlExecError `busy` if another has not finished after
   * `waitMs`
   */
  alone<Result>(waitMs: number, ask: () => Promise<Result>): Promise<Result>;
}
