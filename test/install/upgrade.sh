#!/bin/sh
# Runs inside the machine, as root: 1.0 is installed and paired, a script runs under its agent, and 1.1 takes its
# place. Nothing of the script may be lost. Ends at the first thing that is wrong.
set -eu

cd /root
# shellcheck source=test/install/checks.sh
. ./checks.sh

# ---- 1.0, as its own installer and programs leave it

waits_for 'the machine has started' sh -c 'systemctl is-system-running | grep -qE "running|degraded"'
check 'installs 1.0' dash 1.0/install.sh --agent --from 1.0/ctrl-exec
shows 'and 1.0 it is' 'ctrl-exec 1.0.0' ctrl-exec --version
check setup-ca ctrl-exec setup-ca --log stderr
check setup-ctrl-exec ctrl-exec setup-ctrl-exec --log stderr
ctrl-exec pairing-mode --log stderr </dev/null >"$log/pairing" 2>&1 &
pairing=$!
waits_for 'pairing-mode listens' grep -q 'Waiting for pairing requests' "$log/pairing"
dash 1.0/install.sh --agent --from 1.0/ctrl-exec --pair 127.0.0.1 >"$log/pair" 2>&1 &
asking=$!
waits_for 'the request arrives' grep -q 'Pairing request' "$log/pairing"
reqid=$(sed -n 's/^Pairing request \([0-9a-f]*\) from.*/\1/p' "$log/pairing")
check 'the operator approves' ctrl-exec approve "$reqid" --lookup-by ip --log stderr
wait "$asking" || fail '1.0 does not pair'
kill "$pairing"
wait "$pairing" || true
host=$(hostname)
mkdir -p /opt/ctrl-exec-scripts
script slow 'echo begun; until test -e /tmp/go; do sleep 0.1; done; seq 100000; echo done >&2; exit 5'
reload
shows 'ping' ok ctrl-exec ping "$host"

# ---- a script runs, and 1.1 is installed over all of it

run_goes_on() { pgrep -f ctrl-exec-scripts/slow.sh; }

ctrl-exec run "$host" slow >"$log/slow" 2>&1 &
running=$!
waits_for 'a script runs under 1.0' run_goes_on
pid=$(property ctrl-exec-agent MainPID)
dash ./install.sh --agent --from ./ctrl-exec >"$log/upgrade" 2>&1 &
upgrading=$!
waits_for 'the binary of 1.1 is in place' cmp ctrl-exec /usr/local/bin/ctrl-exec
waits_for 'the agent of 1.0 is told to end' sh -c "[ \"\$(systemctl show -P ActiveState ctrl-exec-agent)\" = deactivating ]"
check 'the script goes on' run_goes_on
touch /tmp/go
status=0
wait "$running" || status=$?
is 'the command of 1.0 has its answer' 1 "$status"
check 'with the true exit status' grep -q '^==> machine  \[FAIL  exit:5 ' "$log/slow"
is 'and every line' "$(seq 100000 | cksum)" "$(grep -E '^[0-9]+$' "$log/slow" | cksum)"
check 'of stderr too' grep -q '^    STDERR: done$' "$log/slow"
wait "$upgrading" || fail 'the upgrade failed'
ok 'the upgrade succeeds'
check 'and the agent of 1.0 has logged the end' logged ctrl-exec-agent 'ACTION=run EXIT=5'

# ---- 1.1 goes on with what 1.0 has left

case $(ctrl-exec --version) in
  'ctrl-exec 1.0.0'*) fail 'it is still 1.0' ;;
  *) ok 'it is the new one' ;;
esac
[ "$pid" != "$(property ctrl-exec-agent MainPID)" ] || fail 'the agent was not restarted'
shows 'which answers' ok ctrl-exec ping "$host"
reqid=$(sed -n 's/^==> .*req:\([0-9a-f]*\).*/\1/p' "$log/slow")
shows 'and shows the run of 1.0' exit:5 ctrl-exec status "$reqid"
rm /tmp/go
reqid=$(ctrl-exec run "$host" slow --detach) || fail 'the run was not taken'
waits_for 'a script runs under 1.1' run_goes_on
check 'the agent restarts' systemctl restart ctrl-exec-agent
touch /tmp/go
shows 'and has what 1.0 would have lost' exit:5 ctrl-exec wait "$reqid"
check 'self-check passes' ctrl-exec-agent self-check
