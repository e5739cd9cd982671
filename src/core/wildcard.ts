/** Patterns with `*` for any characters, none among them, and `?` for one. Everything else means itself. Pure. */

/** In time that grows with the product of the lengths at most. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let from = 0;
  while (from < text.length) {
    const wanted = pattern[at];
    if (wanted === "*") {
      star = at;
      resume = from;
      at += 1;
    } else if (wanted === "?" || (wanted !== undefined && wanted === text[from])) {
      at += 1;
      from += 1;
    } else if (star >= 0) {
      // The last star takes one more: an earlier one need not.
      resume += 1;
      from = resume;
      at = star + 1;
    } else return false;
  }
  return isAllStars(pattern.slice(at));
}

/** Whether there is a text that both match. In time that grows with the product of the lengths. */
export function wildcardsMeet(a: string, b: string): boolean {
  /** At each position: whether what is left of both patterns from there on has a text in common. */
  let below = Array.from({ length: b.length + 1 }, (_, at) => isAllStars(b.slice(at)));
  for (let i = a.length - 1; i >= 0; i--) {
    const row = [a[i] === "*" && below[b.length] === true];
    for (let j = b.length - 1; j >= 0; j--) {
      const isStar = a[i] === "*" || b[j] === "*";
      const isSame = a[i] === b[j] || a[i] === "?" || b[j] === "?";
      const after = isStar ? below[j] === true || row[0] === true : isSame && below[j + 1] === true;
      row.unshift(after);
    }
    below = row;
  }
  return below[0] === true;
}

function isAllStars(pattern: string): boolean {
  return /^\**$/.test(pattern);
}
