# shellcheck shell=sh
# Read by scenario.sh, once the agent is paired: what the units promise of a live service.
# shellcheck disable=SC2154 # host and shell come from there

agent_pid() { property ctrl-exec-agent MainPID; }

# ---- what scripts can do

echo 'ctrl-exec-agent ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/scripts
script writes 'echo x >/tmp/written && echo x >/var/tmp/written && cat /tmp/written'
script by-sudo 'sudo -n sh -c "echo x >/etc/written && touch /usr/local/bin/written && id -un" &&
  sudo -n systemctl is-active ctrl-exec-api'
script network 'curl -sf http://127.0.0.1:7445/health'
script abused 'echo "x = /bin/sh" >/var/tmp/mine
  for file in agent.conf scripts.conf agent.key ca.crt agent.crt ctrl-exec-serial; do
    over=/etc/ctrl-exec-agent/$file
    cp /var/tmp/mine /var/tmp/moved && mv -f /var/tmp/moved "$over" && echo "$file: mv"
    [ -h "$over" ] || ! cp -f /var/tmp/mine "$over" || echo "$file: cp"
    ln -sf /var/tmp/mine "$over" && echo "$file: ln"
    mv -f "$over" /var/tmp/taken && echo "$file: taken away"
    rm -f "$over" && echo "$file: rm"
    [ -h "$over" ] || ! (cat /var/tmp/mine >>"$over") || echo "$file: append"
    [ -h "$over" ] || ! chmod g+w "$over" || echo "$file: chmod"
  done
  chmod g+w /etc/ctrl-exec-agent && echo "folder: chmod"
  mv /etc/ctrl-exec-agent /var/tmp/folder && echo "folder: mv"
  touch /etc/ctrl-exec-agent/agent.key.next && echo "a file beside them"
  echo "tried all of it"'
script plants 'cd /var/lib/ctrl-exec-agent && mkdir kept && mv agent.crt ctrl-exec-serial kept/ &&
  ln -s /root/secret agent.crt && ln -s /root/secret ctrl-exec-serial && echo planted'
script leaves 'sleep 300 >/dev/null 2>&1 </dev/null & echo left'
script slow 'until [ -e /tmp/go ]; do sleep 0.1; done; echo done'
script upgrades 'sudo -n dash /root/install.sh --agent --from /root/ctrl-exec.self'
reload
check 'a script writes in /tmp' ctrl-exec run "$host" writes
check 'where the host sees it' test -e /tmp/written
shows 'a script works as root, by sudo' active ctrl-exec run "$host" by-sudo
check 'all over the system' test -e /usr/local/bin/written
shows 'a script has the network' '"ok":true' ctrl-exec run "$host" network
rm -f /tmp/written /var/tmp/written /etc/written /usr/local/bin/written

# ---- an operator behind a sudo rule chooses neither configuration nor code

operator=/var/tmp/operator
as_operator() { runuser -u nobody -- "$@"; }
echo 'nobody ALL=(root) NOPASSWD:SETENV: /usr/local/bin/ctrl-exec run *' >/etc/sudoers.d/operator
mkdir "$operator"
: >/etc/ctrl-exec/empty.conf~
ln -s /etc/ctrl-exec/empty.conf~ "$operator/c.conf"
for file in ctrl-exec.crt ctrl-exec.key ca.crt; do ln -s "/etc/ctrl-exec/$file" "$operator/$file"; done
echo 'require("node:fs").writeFileSync("/var/tmp/foreign", "")' >"$operator/code.js"
chown -hR nobody "$operator"
check 'he runs a script' as_operator sudo -n ctrl-exec run "$host" writes
shows 'a folder of links is no configuration' "Cannot use $operator/c.conf" \
  as_operator sudo -n ctrl-exec run "$host" writes --config "$operator/c.conf"
shows 'nor is an old copy' "Cannot use /etc/ctrl-exec/empty.conf~" \
  as_operator sudo -n ctrl-exec run "$host" writes --config /etc/ctrl-exec/empty.conf~
check 'his variables are passed on' \
  as_operator env "BUN_OPTIONS=--preload=$operator/code.js" sudo -n -E ctrl-exec run "$host" writes
refuses 'and run nothing of his' test -e /var/tmp/foreign
rm -rf /etc/sudoers.d/operator "$operator" /etc/ctrl-exec/empty.conf~ /tmp/written /var/tmp/written

# ---- a script that is abused does not become the administrator

# Replaced by an editor meanwhile, so that no mount on the file could still hold.
sed -i 's/^$//' /etc/ctrl-exec-agent/scripts.conf /etc/ctrl-exec-agent/agent.conf
before=$(cat /etc/ctrl-exec-agent/* | cksum)
ctrl-exec run "$host" abused >"$log/abused" 2>"$log/abused.err" || true
is 'it changes none of the files, whatever it tries' 'tried all of it' \
  "$(sed -e '/^==> /d' -e '/STDERR:/,$d' "$log/abused")"
is 'nor their content' "$before" "$(cat /etc/ctrl-exec-agent/* | cksum)"
echo 5ec4e7 >/root/secret
chmod 600 /root/secret
shows 'it may lay links in its own folder' planted ctrl-exec run "$host" plants
for mode in self-check pairing-status self-ping; do
  refuses "root does not follow them: $mode" ctrl-exec-agent "$mode"
  cp "$log/command" "$log/said"
  check 'and says why' grep -q 'too many symbolic links' "$log/said"
  refuses 'without a word of what is there' grep -q 5ec4e7 "$log/said"
done
mv -f "$held/kept/agent.crt" "$held/kept/ctrl-exec-serial" "$held/"
rmdir "$held/kept"
check 'put right, self-check passes' ctrl-exec-agent self-check

# ---- a folder that the service may write, as it was once: told, and closed while the agent runs

pid=$(agent_pid)
for name in agent.crt ctrl-exec-serial; do
  cp -p "$held/$name" "/etc/ctrl-exec-agent/$name.plain"
  mv -f "/etc/ctrl-exec-agent/$name.plain" "/etc/ctrl-exec-agent/$name"
done
rm -r "$held"
for who in '' as_service; do
  refuses "closed, self-check fails: ${who:-root}" $who ctrl-exec-agent self-check
  shows 'since renewal would' 'cannot replace /etc/ctrl-exec-agent/agent.crt' $who ctrl-exec-agent self-check
done
shows 'and rotation leaves it pending, under the old serial' 'pending (update-ctrl-exec-serial ended with 1' \
  ctrl-exec rotate-cert
chmod 2775 /etc/ctrl-exec-agent
check 'open, it goes on' ctrl-exec maintain
shows 'current again' current ctrl-exec serial-status
for who in '' as_service; do
  shows "but self-check says what to do: ${who:-root}" \
    '/etc/ctrl-exec-agent: it can be written by its group (mode 2775); run install.sh --agent again' \
    $who ctrl-exec-agent self-check
done
check 'the installer moves the files' dash ./install.sh --agent --from ./ctrl-exec
is 'restarting nothing' "$pid" "$(agent_pid)"
is 'closes the folder' 'root:ctrl-exec-agent 2755' "$(owner /etc/ctrl-exec-agent)"
is 'and opens the other' 'root:ctrl-exec-agent 2771' "$(owner "$held")"
shows 'the agent answers' ok ctrl-exec ping "$host"
check 'rotation works' ctrl-exec rotate-cert
is 'by its own hand' 'ctrl-exec-agent:ctrl-exec-agent 644' "$(owner "$held/ctrl-exec-serial")"
check 'self-check passes' as_service ctrl-exec-agent self-check

# ---- the hardening that is in force, not only in the file

status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$(property "$1" MainPID)/status"; }
is 'the agent has no capability' 0000000000000000 "$(status_of ctrl-exec-agent CapEff)"
is 'nor has the API, as root' 0000000000000000 "$(status_of ctrl-exec-api CapBnd)"
is 'the API gains no privilege' 1 "$(status_of ctrl-exec-api NoNewPrivs)"
is 'the API has a filter of system calls' 2 "$(status_of ctrl-exec-api Seccomp)"
refuses 'the API cannot write elsewhere' nsenter -t "$(property ctrl-exec-api MainPID)" -m touch /usr/written
systemctl set-environment BUN_OPTIONS=--no-such-option BUN_BE_BUN=1
check 'the environment of systemd does not reach the agent' systemctl restart ctrl-exec-agent
systemctl unset-environment BUN_OPTIONS BUN_BE_BUN
shows 'which is what it was' ok ctrl-exec ping "$host"

# ---- reload, stop and restart while a script runs

# in_flight <command...>: while the script runs, the command; the script then ends and has answered
in_flight() {
  rm -f /tmp/go
  ctrl-exec run "$host" slow >"$log/slow" 2>&1 &
  running=$!
  waits_for 'a script runs' pgrep -f ctrl-exec-scripts/slow.sh
  "$@" >"$log/command" 2>&1 &
  acting=$!
  waits_for "systemd has begun: $*" begun
  touch /tmp/go
  wait "$acting" || fail "$* failed"
  wait "$running" || fail "the run failed while: $*"
  shows "the script answered all the same: $*" 'done' cat "$log/slow"
}

pid=$(agent_pid)
# shellcheck disable=SC2034 # reloaded looks at it
reloads=$(times_reloaded)
begun() { reloaded; }
in_flight systemctl reload ctrl-exec-agent
is 'a reload keeps the process' "$pid" "$(agent_pid)"
begun() { [ "$(property ctrl-exec-agent ActiveState) $(agent_pid)" != "active $pid" ]; }
in_flight systemctl restart ctrl-exec-agent
shows 'after a restart it answers at once' ok ctrl-exec ping "$host"
rm -f /tmp/go
ctrl-exec run "$host" slow --detach >"$log/slow" 2>&1 || fail 'the run was not taken'
waits_for 'a script runs' pgrep -f ctrl-exec-scripts/slow.sh
check 'stops meanwhile' systemctl stop ctrl-exec-agent
is 'stopped by SIGTERM is no failure' 'inactive success' \
  "$(property ctrl-exec-agent ActiveState) $(property ctrl-exec-agent Result)"
check 'the script goes on' pgrep -f ctrl-exec-scripts/slow.sh
touch /tmp/go
check 'starts again' systemctl start ctrl-exec-agent
shows 'and has the answer' 'done' ctrl-exec wait "$(cat "$log/slow")"

# ---- what a script leaves behind outlives a restart

check 'a script that leaves a daemon ends' ctrl-exec run "$host" leaves
check 'the daemon runs' pgrep -x sleep
check 'restarts' systemctl restart ctrl-exec-agent
check 'the daemon still runs' pkill -x sleep

# ---- the fleet upgrades itself: a script runs the installer

cp ctrl-exec ctrl-exec.self
printf '\n\n' >>ctrl-exec.self
pid=$(agent_pid)
shows 'a script upgrades the agent, and answers' 'Done:' ctrl-exec run "$host" upgrades
check 'the new binary is there' cmp ctrl-exec.self /usr/local/bin/ctrl-exec
waits_for 'the agent restarts' sh -c "! kill -0 $pid"
waits_for 'and is there again' ctrl-exec ping "$host"

# ---- crashes and faults

kill -KILL "$(agent_pid)"
waits_for 'an agent that was killed starts again' ctrl-exec ping "$host"
is 'by systemd' 1 "$(property ctrl-exec-agent NRestarts)"

cp /etc/ctrl-exec-agent/agent.conf good.conf
echo 'this is no setting' >>/etc/ctrl-exec-agent/agent.conf
refuses 'a reload with a fault in agent.conf' systemctl reload ctrl-exec-agent
waits_for 'is logged' logged ctrl-exec-agent ACTION=reload-fail
shows 'and the agent goes on' ok ctrl-exec ping "$host"
refuses 'a restart with it fails, and says so' systemctl restart ctrl-exec-agent
is 'with the status of a configuration error' '78 0' \
  "$(property ctrl-exec-agent ExecMainStatus) $(property ctrl-exec-agent NRestarts)"
is 'and is not tried again' failed "$(property ctrl-exec-agent ActiveState)"
waits_for 'the journal names the file' logged ctrl-exec-agent 'Cannot read /etc/ctrl-exec-agent/agent.conf'
cat good.conf >/etc/ctrl-exec-agent/agent.conf
check 'mended, it starts' systemctl start ctrl-exec-agent

systemctl stop ctrl-exec-agent
busybox nc -l -p 7443 >/dev/null 2>&1 &
other=$!
waits_for 'another program has the port' sh -c 'grep -qi ":1D13 " /proc/net/tcp /proc/net/tcp6'
refuses 'the agent cannot start' systemctl start ctrl-exec-agent
waits_for 'the journal says why' logged ctrl-exec-agent 'another program has that port'
kill "$other"
waits_for 'it starts by itself when the port is free' systemctl is-active --quiet ctrl-exec-agent

# ---- the tight drop-in

systemctl reset-failed
mkdir -p /etc/systemd/system/ctrl-exec-agent.service.d
ctrl-exec asset ctrl-exec-agent-tight.conf >/etc/systemd/system/ctrl-exec-agent.service.d/tight.conf
systemctl daemon-reload
check 'the agent starts under the tight drop-in' systemctl restart ctrl-exec-agent
shows 'and runs scripts' '(ctrl-exec-agent)' ctrl-exec run "$host" ctrl-exec-demonstrator -- info
refuses 'that are no root any more' ctrl-exec run "$host" by-sudo
check 'write in a /tmp of their own' ctrl-exec run "$host" writes
refuses 'which nobody else sees' test -e /tmp/written
check 'rotation passes it' ctrl-exec rotate-cert
shows 'and leaves it current' ok ctrl-exec ping "$host"
rm -r /etc/systemd/system/ctrl-exec-agent.service.d
systemctl daemon-reload
check 'back to the shipped unit' systemctl restart ctrl-exec-agent
for name in writes by-sudo network abused plants leaves slow upgrades; do rm "/opt/ctrl-exec-scripts/$name.sh"; done
