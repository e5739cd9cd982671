/**
 * The parts of the messages between the two sides (docs/PROTOCOL.md, sections 1 and 2). 0.8 does not know fields
 * marked "new"; they are optional in what we receive.
 *
 * Each message has a file, so that a command loads only those that it sends or reads: building the schemas of all
 * messages takes a tenth of the time that `ping` needs to start.
 */
import * as z from "zod/mini";
import { MAX_CSR, MAX_ERROR_TEXT, MAX_WORD } from "../limits.ts";

export const text = z.string();

/** A name, a version, a date. */
export const word = text.check(z.maxLength(MAX_WORD));
export const wordOrEmpty = z._default(word, "");

/** A text that is shown in one line and logged. */
export const line = text.check(z.maxLength(MAX_ERROR_TEXT));

/** A certificate request, in PEM. */
export const csr = text.check(z.maxLength(MAX_CSR));
