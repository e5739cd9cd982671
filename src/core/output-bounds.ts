/** How much of a script's output is kept, on the agent and of what it sends. */

/** Bytes of a script's stdout, and of its stderr, that an agent sends. */
export const DEFAULT_MAX_OUTPUT = 64 * 2 ** 20;

/**
 * Bytes of memory that an agent's answer may hold: as much as one with the default above can send. Each
 * of the two outputs is text of two bytes a character, and where it is not UTF-8, four characters of
 * base64 for each three bytes besides: 6 2/3 times `max_output`. What else is in an answer has the rest.
 */
export const DEFAULT_MAX_REPLY = 7 * DEFAULT_MAX_OUTPUT;
