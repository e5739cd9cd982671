#!/bin/sh
# Puts the Bun that package.json names at .tools/bun-<version>/bun, fetched with npm.
#
# Bun is a development tool here like the compiler it is: pinned, kept inside the checkout, and never
# taken from the machine, where any version might be installed.
set -eu

cd "$(dirname "$0")/.."

fail() {
  printf 'bootstrap-bun: %s\n' "$1" >&2
  shift
  for hint in "$@"; do printf '  %s\n' "$hint" >&2; done
  exit 1
}

version=$(sed -n 's/.*"packageManager": *"bun@\([0-9][0-9A-Za-z.-]*\)".*/\1/p' package.json)
[ -n "$version" ] || fail 'Cannot read the Bun version: package.json has no "packageManager": "bun@<version>"'

folder=.tools/bun-$version
# A Bun that is there but does not start (another machine's checkout) is fetched anew.
if [ "$("$folder/bun" --version 2>/dev/null || true)" = "$version" ]; then
  exit 0
fi

command -v npm >/dev/null 2>&1 ||
  fail "Cannot fetch Bun $version: npm is not on the PATH" \
    'Install node and npm first (Debian: apt-get install nodejs npm).'

mkdir -p .tools
temporary=$(mktemp -d "$PWD/.tools/fetch.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# - Run inside the temporary folder, which has a package.json of its own, so that npm leaves the
#   project's alone.
# - --ignore-scripts: the package's install script would download or copy the binary that the
#   platform package already brings; nothing fetched runs before this script picks it.
# - An own cache: a home folder that is missing, read-only or holds root's files must not matter.
# - --include=optional: the platform package is an optional dependency, which a person's npm
#   settings may leave out.
printf '{"private":true}\n' >"$temporary/package.json"
printf 'Fetching Bun %s from the npm registry ...\n' "$version"
if ! (
  cd "$temporary"
  npm install --ignore-scripts --include=optional --no-save --no-package-lock --no-audit --no-fund \
    --no-update-notifier --global=false --cache "$temporary/cache" "bun@$version"
) >"$temporary/log" 2>&1 </dev/null; then
  cat "$temporary/log" >&2
  fail "Cannot fetch Bun $version: npm install failed, its own words are above" \
    'Is the registry that npm is set up for reachable (npm ping)?'
fi

# npm may install several builds (glibc, musl, baseline): the one that starts here is the right one.
found=
for candidate in "$temporary"/node_modules/@oven/*/bin/bun; do
  if [ "$("$candidate" --version 2>/dev/null || true)" = "$version" ]; then
    found=$candidate
    break
  fi
done
[ -n "$found" ] ||
  fail "Cannot use Bun $version: npm installed no build that runs on $(uname -sm)" \
    "Installed: $(cd "$temporary/node_modules/@oven" 2>/dev/null && echo *)"

# One rename of one file: a second make at the same time sees either no Bun or a whole one.
mkdir -p "$folder"
mv -f "$found" "$folder/bun"
