# shellcheck shell=sh
# What the scenarios say and how they look. Read by them.

# For what commands print.
log=/root/log
mkdir -p "$log"

ok() { printf 'ok   %s\n' "$1"; }

fail() {
  printf 'FAIL %s\n' "$1"
  for file in "$log"/*; do
    printf -- '---- %s\n' "$file"
    tail -n 30 "$file"
  done
  printf -- '---- journal\n'
  journalctl --no-pager -n 60
  exit 1
}

# check <what> <command...>: the command succeeds
check() {
  what=$1
  shift
  if "$@" >"$log/command" 2>&1; then ok "$what"; else fail "$what: $*"; fi
}

# shows <what> <text> <command...>: the command prints the text
shows() {
  what=$1 text=$2
  shift 2
  "$@" >"$log/command" 2>&1 || true
  if grep -qF -- "$text" "$log/command"; then ok "$what"; else fail "$what: \"$text\" is not in what $* prints"; fi
}

# refuses <what> <command...>
refuses() {
  what=$1
  shift
  if "$@" >"$log/command" 2>&1; then fail "$what: $* succeeded"; else ok "$what"; fi
}

is() {
  if [ "$2" = "$3" ]; then ok "$1"; else fail "$1: expected \"$2\", found \"$3\""; fi
}

owner() { stat -c '%U:%G %a' "$1"; }

# waits_for <what> <command...>: until the command succeeds
waits_for() {
  what=$1
  shift
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || fail "waited in vain: $what"
    sleep 0.1
  done
  ok "$what"
}

# Whether a unit's part of the journal has the text.
logged() { journalctl --no-pager -q -u "$1" | grep -qF -- "$2"; }

times_reloaded() { journalctl --no-pager -q -u ctrl-exec-agent | grep -c 'ACTION=reload SCRIPTS='; }

# Reloads the agent and waits until it has.
reload() {
  reloads=$(times_reloaded || true)
  check 'the agent reloads' systemctl reload ctrl-exec-agent
  waits_for 'the new state is in force' reloaded
}
reloaded() { [ "$(times_reloaded)" -gt "$reloads" ]; }

property() { systemctl show -P "$2" "$1"; }

# Lines of scripts.conf, with the file that each stands for: script <name> <body>
script() {
  printf '#!/bin/sh\n%s\n' "$2" >"/opt/ctrl-exec-scripts/$1.sh"
  chmod 755 "/opt/ctrl-exec-scripts/$1.sh"
  printf '%s = /opt/ctrl-exec-scripts/%s.sh\n' "$1" "$1" >>/etc/ctrl-exec-agent/scripts.conf
}
