/** How much of a script's output is kept, on the agent and on the control host. */

/** Most bytes of a script's stdout, and of its stderr, that an agent sends. */
export const DEFAULT_MAX_OUTPUT = 64 * 2 ** 20;

/**
 * Bytes of memory that an agent's answer may hold: as much as an agent with the default above can send. Each of
 * the two outputs is text of two bytes a character and, if it is not UTF-8, also four characters of base64 for
 * each three bytes: 6 2/3 times `max_output`. The rest is for everything else in an answer.
 */
export const DEFAULT_MAX_REPLY = 7 * DEFAULT_MAX_OUTPUT;
