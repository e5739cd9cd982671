import type { CodeCovers } from "../../core/wire/confirmation-code.ts";

/** What a confirmation code covers, in the same words on the screens of both hosts. */
export const COVERED: Readonly<Record<CodeCovers, string>> = {
  both: "both hosts",
  request: "the request alone",
};
