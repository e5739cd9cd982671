#!/bin/sh
# Runs inside the machine, as root. Ends at the first thing that is wrong.
set -eu

shell=$SHELL_TO_TEST
cd /root
# shellcheck source=test/install/checks.sh
. ./checks.sh

run_installer() {
  # shellcheck disable=SC2086 # "busybox ash" is two words
  $shell ./install.sh "$@"
}

held=/var/lib/ctrl-exec-agent

as_service() { setpriv --reuid=ctrl-exec-agent --regid=ctrl-exec-agent --init-groups --no-new-privs "$@"; }

# ---- install

waits_for 'the machine has started' sh -c 'systemctl is-system-running | grep -qE "running|degraded"'
before=$(find / -xdev -path /root -prune -o -print | sort | cksum)
check 'a dry run succeeds' run_installer --agent --api --from ./ctrl-exec --dry-run
is 'and changes nothing' "$before" "$(find / -xdev -path /root -prune -o -print | sort | cksum)"
check 'installs agent, control host and API' run_installer --agent --api --from ./ctrl-exec
shows 'a second time changes nothing' 'nothing to change' run_installer --agent --api --from ./ctrl-exec
check 'the user exists' id ctrl-exec-agent
is 'without a login' /usr/sbin/nologin "$(getent passwd ctrl-exec-agent | cut -d: -f7)"
is 'the agent folder is closed to the service' 'root:ctrl-exec-agent 2755' "$(owner /etc/ctrl-exec-agent)"
is 'the folder that it may write' 'root:ctrl-exec-agent 2771' "$(owner "$held")"
for name in agent.crt ctrl-exec-serial; do
  is "the place of $name" "$held/$name" "$(readlink "/etc/ctrl-exec-agent/$name")"
done
is 'the control host folder' 'root:root 755' "$(owner /etc/ctrl-exec)"
is 'the state folder' 'root:root 700' "$(owner /var/lib/ctrl-exec)"
is 'agent.conf' 'root:ctrl-exec-agent 644' "$(owner /etc/ctrl-exec-agent/agent.conf)"
check 'systemd takes the units' systemd-analyze verify --man=no \
  /etc/systemd/system/ctrl-exec-agent.service /etc/systemd/system/ctrl-exec-api.service \
  /etc/systemd/system/ctrl-exec-maintain.timer /etc/systemd/system/ctrl-exec-upgrade.path
for unit in ctrl-exec-agent.service ctrl-exec-api.service ctrl-exec-maintain.timer ctrl-exec-upgrade.path; do
  is "$unit is enabled" enabled "$(systemctl is-enabled "$unit")"
done
is 'the timer waits' active "$(systemctl is-active ctrl-exec-maintain.timer)"
for unit in ctrl-exec-agent ctrl-exec-api ctrl-exec-maintain; do
  check "$unit starts before there is a certificate" systemctl start "$unit"
  is 'and is skipped: no failure, no tries' 'inactive success 0' \
    "$(property "$unit" ActiveState) $(property "$unit" Result) $(property "$unit" NRestarts)"
done

# ---- pair, as root

ctrl-exec setup-ca --log stderr >"$log/setup-ca" 2>&1 || fail setup-ca
check setup-ctrl-exec ctrl-exec setup-ctrl-exec --log stderr
echo 'api_auth_default = allow' >>/etc/ctrl-exec/ctrl-exec.conf
check 'the API starts' systemctl start ctrl-exec-api
shows 'and answers at once' '"ok":true' curl -s http://127.0.0.1:7445/health
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
is agent.crt 'root:ctrl-exec-agent 640' "$(owner "$held/agent.crt")"
is ca.crt 644 "$(stat -c %a /etc/ctrl-exec-agent/ca.crt)"
is ctrl-exec-serial 'root:ctrl-exec-agent 644' "$(owner "$held/ctrl-exec-serial")"
check 'pairing left the links' test -h /etc/ctrl-exec-agent/agent.crt -a -h /etc/ctrl-exec-agent/ctrl-exec-serial
check 'self-check passes, as the service' as_service ctrl-exec-agent self-check
check 'and as root' ctrl-exec-agent self-check
check 'the service may read its key' as_service cat /etc/ctrl-exec-agent/agent.key
refuses 'nobody else may' setpriv --reuid=nobody --clear-groups cat /etc/ctrl-exec-agent/agent.key

# ---- run

host=$(hostname)
is 'the agent has started' active "$(systemctl is-active ctrl-exec-agent)"
is 'as its own user' ctrl-exec-agent "$(ps -o user:20= -p "$(property ctrl-exec-agent MainPID)" | tr -d ' ')"
shows 'ping' ok ctrl-exec ping "$host"
# As an editor does: a new file in the old one's place.
sed -i 's/^#ctrl-exec-demonstrator/ctrl-exec-demonstrator/' /etc/ctrl-exec-agent/scripts.conf
refuses 'a script that is not listed yet does not run' ctrl-exec run "$host" ctrl-exec-demonstrator -- info
reload
shows 'the demonstrator runs as the service' '(ctrl-exec-agent)' \
  ctrl-exec run "$host" ctrl-exec-demonstrator -- info
shows 'arguments arrive whole' '[two words]' \
  ctrl-exec run "$host" ctrl-exec-demonstrator -- args 'two words'
shows 'an exit status comes back' exit:7 ctrl-exec run "$host" ctrl-exec-demonstrator -- exit 7
shows 'the API runs it too' '"exit":7' curl -s http://127.0.0.1:7445/run \
  -H 'Content-Type: application/json' \
  -d "{\"hosts\":[\"$host\"],\"script\":\"ctrl-exec-demonstrator\",\"args\":[\"exit\",\"7\"]}"
waits_for 'the run is in the journal' logged ctrl-exec-agent 'SCRIPT=ctrl-exec-demonstrator'

# ---- a reload that was refused

cp -p /etc/ctrl-exec-agent/agent.conf /etc/ctrl-exec/ctrl-exec.conf "$log/.."
for unit in ctrl-exec-agent:/etc/ctrl-exec-agent/agent.conf ctrl-exec-api:/etc/ctrl-exec/ctrl-exec.conf; do
  name=${unit%%:*} file=${unit#*:}
  check "$name reloads" systemctl reload "$name"
  echo 'this is no setting' >>"$file"
  refuses 'and not what it refuses' systemctl reload "$name"
  waits_for 'the journal says why' logged "$name" "Nothing has changed: what was in force stays in force."
  is 'it goes on' active "$(systemctl is-active "$name")"
  cp -p "$log/../${file##*/}" "$file"
  check 'mended, it reloads' systemctl reload "$name"
done
shows 'the agent answers' ok ctrl-exec ping "$host"

# ---- rotate and renew, all of it by the services' own hand

old=$(cat /etc/ctrl-exec-agent/ctrl-exec-serial)
check 'rotates' ctrl-exec rotate-cert
[ "$old" != "$(cat /etc/ctrl-exec-agent/ctrl-exec-serial)" ] || fail 'the agent did not store the new serial'
is 'the service stored the new serial' 'ctrl-exec-agent:ctrl-exec-agent 644' \
  "$(owner "$held/ctrl-exec-serial")"
shows 'every agent is current' current ctrl-exec serial-status
shows 'and answers under the new certificate' ok ctrl-exec ping "$host"
old=$(cksum </etc/ctrl-exec-agent/agent.crt)
# Due by what the registry says of it: issued long ago, and soon over.
sed -i -e 's/"expiry": *"[^"]*"/"expiry":"'"$(date -u -d '+3 days' '+%b %e %H:%M:%S %Y GMT')"'"/' \
  -e 's/"paired": *"[^"]*"/"paired":"'"$(date -u -d '-300 days' '+%Y-%m-%dT%H:%M:%SZ')"'"/' \
  "/var/lib/ctrl-exec/agents/$host.json"
check 'the maintenance runs' systemctl start ctrl-exec-maintain
is 'and succeeds' success "$(property ctrl-exec-maintain Result)"
[ "$old" != "$(cksum </etc/ctrl-exec-agent/agent.crt)" ] || fail 'the agent has no new certificate'
is 'the service stored the new certificate' 'ctrl-exec-agent:ctrl-exec-agent 640' \
  "$(owner "$held/agent.crt")"
shows 'the agent answers under its new certificate' ok ctrl-exec ping "$host"

# ---- what the units promise; the same with every shell, so once is enough

if [ "$shell" = dash ]; then
  # shellcheck source=test/install/services.sh
  . ./services.sh
fi

# ---- upgrade

cp ctrl-exec ctrl-exec.new
printf '\n' >>ctrl-exec.new
key=$(cksum </etc/ctrl-exec-agent/agent.key)
allowlist=$(cksum </etc/ctrl-exec-agent/scripts.conf)
old=$(stat -c %i /usr/local/bin/ctrl-exec)
pid=$(property ctrl-exec-agent MainPID)
check 'upgrades while the services run' run_installer --agent --api --from ./ctrl-exec.new
check 'the new binary is there' cmp ctrl-exec.new /usr/local/bin/ctrl-exec
[ "$old" != "$(stat -c %i /usr/local/bin/ctrl-exec)" ] || fail 'the binary was not renamed into place'
[ "$pid" != "$(property ctrl-exec-agent MainPID)" ] || fail 'the agent was not restarted'
is 'the key stays' "$key" "$(cksum </etc/ctrl-exec-agent/agent.key)"
is 'the allowlist stays' "$allowlist" "$(cksum </etc/ctrl-exec-agent/scripts.conf)"
shows 'the agent answers' ok ctrl-exec ping "$host"
shows 'the API answers' '"ok":true' curl -s http://127.0.0.1:7445/health

# ---- uninstall

check 'uninstalls' run_installer --uninstall
refuses 'the program is gone' test -e /usr/local/bin/ctrl-exec
refuses 'no agent runs' pgrep -f ctrl-exec-agent
refuses 'no API runs' pgrep -f ctrl-exec-api
check 'the key is kept' test -e /etc/ctrl-exec-agent/agent.key
check 'the registry is kept' test -e "/var/lib/ctrl-exec/agents/$host.json"
check 'installs again over it' run_installer --agent --api --from ./ctrl-exec
is 'and restarts nothing that it has just started' '' "$(grep restart "$log/command" || true)"
shows 'and works without pairing again' ok ctrl-exec ping "$host"
check 'purges' run_installer --uninstall --purge
refuses 'the user is gone' id ctrl-exec-agent
is 'nothing of it is left' '' "$(find / -xdev -path /root -prune -o -name '*ctrl-exec*' -print)"
shows 'systemd has forgotten it' 'could not be found' systemctl status ctrl-exec-agent
is 'no unit failed' '' "$(systemctl --failed --plain --no-legend)"
