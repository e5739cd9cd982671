#!/bin/sh
# Runs inside the machine, as root: the agent's inbox gets one release after the other, and the unit ctrl-exec-upgrade
# puts it in place or leaves the old program. Ends at the first thing that is wrong.
set -eu

cd /root
# shellcheck source=test/install/checks.sh
. ./checks.sh

bin=/usr/local/bin state=/var/lib/ctrl-exec-upgrade inbox=/var/lib/ctrl-exec-agent/upgrade

# ---- a host that allows upgrades

waits_for 'the machine has started' sh -c 'systemctl is-system-running | grep -qE "running|degraded"'
check 'installs agent and control host' dash install.sh --agent --ctrl-exec --from ./ctrl-exec
is 'the path waits' active "$(systemctl is-active ctrl-exec-upgrade.path)"
check setup-ca ctrl-exec setup-ca --log stderr
check setup-ctrl-exec ctrl-exec setup-ctrl-exec --log stderr
ctrl-exec pairing-mode --log stderr </dev/null >"$log/pairing" 2>&1 &
pairing=$!
waits_for 'pairing-mode listens' grep -q 'Waiting for pairing requests' "$log/pairing"
dash install.sh --agent --from ./ctrl-exec --pair 127.0.0.1 >"$log/pair" 2>&1 &
asking=$!
waits_for 'the request arrives' grep -q 'Pairing request' "$log/pairing"
reqid=$(sed -n 's/^Pairing request \([0-9a-f]*\) from.*/\1/p' "$log/pairing")
check 'the operator approves' ctrl-exec approve "$reqid" --lookup-by ip --log stderr
wait "$asking" || fail 'install.sh --pair failed'
kill "$pairing"
wait "$pairing" || true
host=$(hostname)
old=$(ctrl-exec --version | sed 's/^ctrl-exec \([^ ]*\).*/\1/')

answers() { ctrl-exec ping "$host" --json | grep -qF "\"version\":\"$1\""; }
waits_for 'the agent answers' answers "$old"

# As the agent does it, whose user cannot write anywhere else.
hand_in() {
  setpriv --reuid=ctrl-exec-agent --regid=ctrl-exec-agent --clear-groups sh -euc '
    mkdir -p -m 700 "$1" && cd "$1" && cp "$2"/request.json "$2"/build.gz . && cp "$2"/apply aside && mv aside apply
  ' sh "$inbox" "/releases/$1"
}

over() { [ ! -e "$inbox/apply" ] && [ ! -e "$state/journal.json" ]; }
# ends <what> <release> <how>
ends() {
  hand_in "$2"
  waits_for "$1" over
  is 'it ends so' "$3" "$(sed 's/.*"end":"\([a-z-]*\)".*/\1/' "$state/last.json")"
}

stays() {
  check 'the agent answers as before' answers "$old"
  check 'the program is the one before' cmp ctrl-exec "$bin/ctrl-exec"
  check 'and the kept one' cmp ctrl-exec "$bin/ctrl-exec-upgrade"
  is 'nothing lies about' '' "$(ls -A "$inbox")$(find "$bin" -name '.ctrl-exec*')"
}

ends 'a release without permission is taken away' works refused
stays
{
  echo 'allow_upgrade = yes'
  echo "release_key = $(cat /releases/release-key)"
  echo 'upgrade_timeout = 15'
} >>/etc/ctrl-exec-agent/agent.conf
reload

# ---- what is refused, and what is rolled back

pid=$(property ctrl-exec-agent MainPID)
for release in foreign older broken; do
  ends "the release \"$release\" is taken away" "$release" refused
  stays
done
is 'the agent was never restarted' "$pid" "$(property ctrl-exec-agent MainPID)"
for release in fails silent; do
  ends "the release \"$release\" is tried" "$release" rolled-back
  stays
done
check 'the journal says why' logged ctrl-exec-upgrade ACTION=upgrade-rollback

# ---- one that works, also when it is interrupted

goes_on() {
  waits_for "$1" over
  is 'it ends so' upgraded "$(sed 's/.*"end":"\([a-z-]*\)".*/\1/' "$state/last.json")"
  check 'the agent answers with the new version' answers 1.9.0
  check 'the new program is the kept one' cmp "$bin/ctrl-exec" "$bin/ctrl-exec-upgrade"
  is 'nothing lies about' '' "$(ls -A "$inbox")$(find "$bin" -name '.ctrl-exec*')"
}
goes_back() {
  check 'the old one is installed again' dash install.sh --agent --from ./ctrl-exec
  waits_for 'and answers' answers "$old"
}

echo "release_key = $(cat /releases/release-key)" >>/etc/ctrl-exec/ctrl-exec.conf
shows 'the control host brings a release' "$host: upgraded from $old to 1.9.0" \
  ctrl-exec upgrade "$host" --from /releases/release-works
goes_on 'the release is in place'
goes_back
shows 'and hears of one that is rolled back' "$host: $old was put back: the agent did not start" \
  ctrl-exec upgrade "$host" --from /releases/release-fails
stays

unpacking() { [ -e "$bin/.ctrl-exec.next" ]; }
noted() { [ -e "$state/journal.json" ]; }
replaced() { [ "$(stat -c %i "$bin/ctrl-exec")" != "$(stat -c %i "$bin/ctrl-exec-upgrade")" ]; }
restarting() { replaced && [ "$(property ctrl-exec-agent ActiveState)" != active ]; }
restarted() { replaced && [ "$(property ctrl-exec-agent MainPID)" != "$pid" ]; }
ended() { [ "$(cksum <"$state/last.json")" != "$before" ]; }

for step in unpacking noted replaced restarting restarted ended; do
  pid=$(property ctrl-exec-agent MainPID)
  before=$(cksum <"$state/last.json")
  hand_in works
  # Nothing is waited for between two looks: some steps are short.
  until "$step" || over; do :; done
  systemctl kill --signal=KILL ctrl-exec-upgrade.service 2>/dev/null || true
  ok "kill -9: $step"
  goes_on 'the next start finishes'
  systemctl reset-failed ctrl-exec-upgrade.service ctrl-exec-upgrade.path 2>/dev/null || true
  systemctl start ctrl-exec-upgrade.path
  goes_back
done
