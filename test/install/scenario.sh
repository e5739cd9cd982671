#!/bin/sh
# Runs inside the Debian root. $1: the shell to install with. Ends at the first thing that is wrong.
set -eu

shell=$1
cd /root
log=/root/log
mkdir -p "$log"

ok() { printf 'ok   %s\n' "$1"; }

fail() {
  printf 'FAIL %s\n' "$1"
  for file in "$log"/*; do
    printf -- '---- %s\n' "$file"
    tail -n 30 "$file"
  done
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

waits_for() {
  what=$1
  shift
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || fail "waited in vain: $what"
    sleep 0.1
  done
  ok "$what"
}

run_installer() {
  # shellcheck disable=SC2086 # "busybox ash" is two words
  $shell ./install.sh "$@"
}

as_service() { setpriv --reuid=ctrl-exec-agent --regid=ctrl-exec-agent --init-groups --no-new-privs "$@"; }

start_agent() {
  # Not by as_service: in the background a function is a shell of its own, and $! would be that.
  setpriv --reuid=ctrl-exec-agent --regid=ctrl-exec-agent --init-groups --no-new-privs \
    ctrl-exec-agent serve --log stderr >"$log/agent" 2>&1 &
  agent=$!
  waits_for 'the agent serves as ctrl-exec-agent' grep -q ACTION=start "$log/agent"
  is 'its process has that user' ctrl-exec-agent "$(ps -o user:20= -p "$agent" | tr -d ' ')"
}

stop_agent() {
  kill "$agent"
  wait "$agent" || fail 'the agent ended with an error'
  ok 'the agent stops'
}

# ---- install

before=$(find / -xdev -path /proc -prune -o -path /root -prune -o -print | sort | cksum)
check 'a dry run succeeds' run_installer --agent --api --from ./ctrl-exec --dry-run
is 'and changes nothing' "$before" \
  "$(find / -xdev -path /proc -prune -o -path /root -prune -o -print | sort | cksum)"
check 'installs agent, control host and API' run_installer --agent --api --from ./ctrl-exec
shows 'a second time changes nothing' 'nothing to change' run_installer --agent --api --from ./ctrl-exec
check 'the user exists' id ctrl-exec-agent
is 'without a login' /usr/sbin/nologin "$(getent passwd ctrl-exec-agent | cut -d: -f7)"
is 'the agent folder' 'root:ctrl-exec-agent 2775' "$(owner /etc/ctrl-exec-agent)"
is 'the control host folder' 'root:root 755' "$(owner /etc/ctrl-exec)"
is 'the state folder' 'root:root 700' "$(owner /var/lib/ctrl-exec)"
is 'agent.conf' 'root:ctrl-exec-agent 644' "$(owner /etc/ctrl-exec-agent/agent.conf)"
is 'the unit is enabled' ../ctrl-exec-agent.service \
  "$(readlink /etc/systemd/system/multi-user.target.wants/ctrl-exec-agent.service)"
check 'systemd takes the units' systemd-analyze verify --man=no \
  /etc/systemd/system/ctrl-exec-agent.service /etc/systemd/system/ctrl-exec-api.service \
  /etc/systemd/system/ctrl-exec-maintain.timer

# ---- pair, as root

ctrl-exec setup-ca --log stderr >"$log/setup-ca" 2>&1 || fail setup-ca
check setup-ctrl-exec ctrl-exec setup-ctrl-exec --log stderr
is ca.key 'root:root 600' "$(owner /etc/ctrl-exec/ca.key)"
ctrl-exec pairing-mode --log stderr </dev/null >"$log/pairing" 2>&1 &
pairing=$!
waits_for 'pairing-mode listens' grep -q 'Waiting for pairing requests' "$log/pairing"
fingerprint=$(sed -n "s/^CA fingerprint: *//p" "$log/setup-ca")
run_installer --agent --from ./ctrl-exec --pair 127.0.0.1 \
  ${fingerprint:+--ca-fingerprint "$fingerprint"} >"$log/pair" 2>&1 &
asking=$!
waits_for 'the request arrives' grep -q 'Pairing request' "$log/pairing"
reqid=$(sed -n 's/^Pairing request \([0-9a-f]*\) from.*/\1/p' "$log/pairing")
check 'the operator approves' ctrl-exec approve "$reqid" --lookup-by ip --log stderr
wait "$asking" || fail 'install.sh --pair failed'
ok 'install.sh --pair has paired'
kill "$pairing"
wait "$pairing" || true
is agent.key 'root:ctrl-exec-agent 640' "$(owner /etc/ctrl-exec-agent/agent.key)"
is agent.crt 'root:ctrl-exec-agent 640' "$(owner /etc/ctrl-exec-agent/agent.crt)"
is ca.crt 644 "$(stat -c %a /etc/ctrl-exec-agent/ca.crt)"
is ctrl-exec-serial 644 "$(stat -c %a /etc/ctrl-exec-agent/ctrl-exec-serial)"
check 'the service may read its key' as_service cat /etc/ctrl-exec-agent/agent.key
refuses 'nobody else may' setpriv --reuid=nobody --clear-groups cat /etc/ctrl-exec-agent/agent.key

# ---- run

host=$(hostname)
sed -i 's/^#ctrl-exec-demonstrator/ctrl-exec-demonstrator/' /etc/ctrl-exec-agent/scripts.conf
start_agent
shows 'ping' ok ctrl-exec ping "$host" --log stderr
shows 'the demonstrator runs as the service' '(ctrl-exec-agent)' \
  ctrl-exec run "$host" ctrl-exec-demonstrator --log stderr -- info
shows 'arguments arrive whole' '[two words]' \
  ctrl-exec run "$host" ctrl-exec-demonstrator --log stderr -- args 'two words'
shows 'an exit status comes back' exit:7 \
  ctrl-exec run "$host" ctrl-exec-demonstrator --log stderr -- exit 7
refuses 'what is not listed does not run' ctrl-exec run "$host" rm-rf --log stderr

# ---- rotate and renew, all of it by the service's own hand

old=$(cat /etc/ctrl-exec-agent/ctrl-exec-serial)
check 'rotates' ctrl-exec rotate-cert --log stderr
[ "$old" != "$(cat /etc/ctrl-exec-agent/ctrl-exec-serial)" ] || fail 'the agent did not store the new serial'
is 'the service stored the new serial' 'ctrl-exec-agent:ctrl-exec-agent 644' \
  "$(owner /etc/ctrl-exec-agent/ctrl-exec-serial)"
shows 'every agent is current' current ctrl-exec serial-status --log stderr
shows 'and answers under the new certificate' ok ctrl-exec ping "$host" --log stderr
old=$(cksum </etc/ctrl-exec-agent/agent.crt)
# Due by what the registry says of it: issued long ago, and soon over.
sed -i -e 's/"expiry": *"[^"]*"/"expiry":"'"$(date -u -d '+3 days' '+%b %e %H:%M:%S %Y GMT')"'"/' \
  -e 's/"paired": *"[^"]*"/"paired":"'"$(date -u -d '-300 days' '+%Y-%m-%dT%H:%M:%SZ')"'"/' \
  "/var/lib/ctrl-exec/agents/$host.json"
check 'renews what is due' ctrl-exec maintain --log stderr
[ "$old" != "$(cksum </etc/ctrl-exec-agent/agent.crt)" ] || fail 'the agent has no new certificate'
is 'the service stored the new certificate' 'ctrl-exec-agent:ctrl-exec-agent 640' \
  "$(owner /etc/ctrl-exec-agent/agent.crt)"
shows 'the agent answers under its new certificate' ok ctrl-exec ping "$host" --log stderr

# ---- upgrade

cp ctrl-exec ctrl-exec.new
printf '\n' >>ctrl-exec.new
key=$(cksum </etc/ctrl-exec-agent/agent.key)
allowlist=$(cksum </etc/ctrl-exec-agent/scripts.conf)
old=$(stat -c %i /usr/local/bin/ctrl-exec)
check 'upgrades while the agent runs' run_installer --agent --api --from ./ctrl-exec.new
check 'the new binary is there' cmp ctrl-exec.new /usr/local/bin/ctrl-exec
[ "$old" != "$(stat -c %i /usr/local/bin/ctrl-exec)" ] || fail 'the binary was not renamed into place'
is 'the key stays' "$key" "$(cksum </etc/ctrl-exec-agent/agent.key)"
is 'the allowlist stays' "$allowlist" "$(cksum </etc/ctrl-exec-agent/scripts.conf)"
shows 'the running agent still answers' ok ctrl-exec ping "$host" --log stderr
stop_agent
start_agent
shows 'and the new one does' ok ctrl-exec ping "$host" --log stderr
stop_agent

# ---- uninstall

check 'uninstalls' run_installer --uninstall
refuses 'the program is gone' test -e /usr/local/bin/ctrl-exec
check 'the key is kept' test -e /etc/ctrl-exec-agent/agent.key
check 'the registry is kept' test -e "/var/lib/ctrl-exec/agents/$host.json"
check 'installs again over it' run_installer --agent --api --from ./ctrl-exec
start_agent
shows 'and works without pairing again' ok ctrl-exec ping "$host" --log stderr
stop_agent
check 'purges' run_installer --uninstall --purge
refuses 'the user is gone' id ctrl-exec-agent
is 'nothing of it is left' '' "$(find / -xdev -path /proc -prune -o -path /root -prune -o -name '*ctrl-exec*' -print)"
