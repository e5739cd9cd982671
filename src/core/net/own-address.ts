/** Where a program of this host is called from this host, by the address to which it is bound. */

/** What is bound to one address does not listen on the loopback address. */
export function ownAddress(bind: string): string {
  return bind === "::" || bind === "0.0.0.0" ? "127.0.0.1" : bind;
}
