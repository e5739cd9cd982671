/** PEM made so that a reader that tries every way of reading it takes minutes (T61). */

/** Headers that go on over several lines, in thousands of ways, and fit nothing; a block that ends the search. */
const HEADERS = `-----BEGIN CERTIFICATE REQUEST-----\na: b\n${"    x\n".repeat(12)}\n`;
const BLOCK = "-----BEGIN X-----\nAA==\n-----END X-----\n";

/** 30,600 characters. */
export const HEADERS_WITHOUT_END = (HEADERS + BLOCK).repeat(200);
