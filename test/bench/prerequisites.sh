#!/bin/sh
# Installs what the bench compares with, where that can be done without asking. What stays missing is
# not an error: the bench says of it "not measured".
set -eu

# "program:Debian package", one a word.
wanted="
  sshd:openssh-server
  ssh:openssh-client
  clush:clustershell
  ansible:ansible-core
  wrk:wrk
"

PATH=$PATH:/usr/sbin
packages=
for entry in $wanted; do
  command -v "${entry%%:*}" >/dev/null 2>&1 || packages="$packages ${entry#*:}"
done
[ -n "$packages" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  printf 'Installing what the bench compares with:%s\n' "$packages"
  # shellcheck disable=SC2086 # a list of words on purpose
  if apt-get update -qq </dev/null &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages </dev/null; then
    exit 0
  fi
fi
printf 'bench: Not installed, so not compared with:%s\n' "$packages" >&2
printf '  On Debian: sudo apt-get install%s\n' "$packages" >&2
