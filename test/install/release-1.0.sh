#!/bin/sh
# Builds the release before this one in .tools/release-1.0, once: its binary, its installer and its sources, from the
# last commit that had its version.
set -eu
cd "$(dirname "$0")/../.."
old=$PWD/.tools/release-1.0
[ ! -e "$old/.complete" ] || exit 0
fail() {
  printf '%s\n' "$1" >&2
  exit 1
}
last=$(git log -1 --format=%H -S'"version": "1.0.0"' -- package.json)
[ -n "$last" ] || fail 'Cannot build 1.0.0: it is not in the history of this clone. Try: git fetch --unshallow'
printf 'Building 1.0.0 ...\n' >&2
rm -rf "$old"
mkdir -p "$old/source"
git archive "$last^" | tar -x -C "$old/source"
ln -s "$PWD/.tools" "$old/source/.tools"
make -C "$old/source" >"$old/log" 2>&1 || fail "1.0.0 cannot be built, see $old/log"
cp "$old/source/dist/ctrl-exec" "$old/source/install.sh" "$old/"
touch "$old/.complete"
