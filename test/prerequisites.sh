#!/bin/sh
# Checks that the programs the tests call are there, before the first test runs: a test that finds its
# tool missing must not be skipped in silence, nor fail with a riddle.
set -eu

# What the tests need: "program:Debian package", one a word.
needed="
  curl:curl
  openssl:openssl
  shellcheck:shellcheck
  dash:dash
  busybox:busybox
  zsh:zsh
  fish:fish
  mandoc:mandoc
  systemd-analyze:systemd
  readelf:binutils
  sudo:sudo
  visudo:sudo
  ip:iproute2
  nodeset:clustershell
  promtool:prometheus
"

programs=
packages=
for entry in $needed; do
  program=${entry%%:*}
  if ! command -v "$program" >/dev/null 2>&1; then
    programs="$programs $program"
    packages="$packages ${entry#*:}"
  fi
done
[ -n "$programs" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  printf 'Installing what the tests need:%s\n' "$packages"
  # A fresh container has no package lists; a stale list names files that are gone.
  # shellcheck disable=SC2086 # a list of words on purpose
  if apt-get update -qq </dev/null &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages </dev/null; then
    exit 0
  fi
  printf 'prerequisites: Cannot install:%s\n' "$packages" >&2
  exit 1
fi

printf 'prerequisites: Cannot run the tests: not on the PATH:%s\n' "$programs" >&2
printf '  On Debian: sudo apt-get install%s\n' "$packages" >&2
exit 1
