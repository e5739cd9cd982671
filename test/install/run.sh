#!/bin/sh
# `make test-install`: install.sh for real, on Debian machines of its own that systemd runs, once with
# each shell: install, pair, run, rotate, renew, upgrade, uninstall; once over 1.0, while a script of its agent
# runs; and once with signed releases. Needs root (systemd-nspawn) and the network the first time (debootstrap); the base and 1.0 are kept in .tools.
set -eu

cd "$(dirname "$0")/../.."

fail() {
  printf 'test-install: %s\n' "$1" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail 'Cannot run: not root (systemd-nspawn needs it). Try: sudo make test-install'
[ -x dist/ctrl-exec ] || fail 'Cannot run: dist/ctrl-exec is not built'
for tool in debootstrap:debootstrap systemd-nspawn:systemd-container; do
  command -v "${tool%%:*}" >/dev/null 2>&1 ||
    fail "Cannot run: ${tool%%:*} is missing (Debian: apt-get install ${tool#*:})"
done

suite=${DEBIAN_SUITE:-bookworm}
base=$PWD/.tools/$suite-machine
if [ ! -e "$base/.complete" ]; then
  printf 'Making a Debian %s machine with debootstrap ...\n' "$suite"
  rm -rf "$base"
  # busybox and dash are shells to install with; scripts call sudo.
  debootstrap --variant=minbase --include=systemd,dbus,busybox,dash,procps,sudo,curl "$suite" "$base" \
    >"$base.log" 2>&1 || fail "debootstrap failed, see $base.log"
  touch "$base/.complete"
fi

work=$(mktemp -d "$PWD/.tools/test-install.XXXXXX")
machine=
# A machine that nspawn runs ends by SIGTERM to nspawn; nothing of it outlives that.
end() {
  [ -z "$machine" ] || kill "$machine" 2>/dev/null || true
  [ -z "$machine" ] || wait "$machine" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Without a systemd here there is nobody to make a scope for the machine.
scope=
[ -d /run/systemd/system ] || scope=--keep-unit

# boots <root>: runs the machine until its scenario ends, with the scenario's status. Its network is
# its own: nothing meets this host's ports.
boots() {
  : >"$1/root/output"
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --directory="$1" --machine=test-install-$$ \
    --private-network --register=no $scope --console=pipe --boot </dev/null >"$1.boot" 2>&1 &
  machine=$!
  tail -n +1 -f --pid="$machine" "$1/root/output"
  status=0
  wait "$machine" || status=$?
  machine=
  [ "$status" = 0 ] || tail -n 20 "$1.boot"
  return "$status"
}

# The release before this one, with its installer.
old=$PWD/.tools/release-1.0
sh test/install/release-1.0.sh || fail 'The release before this one cannot be built'

bun=.tools/bun-$(sed -n 's/.*"packageManager": *"bun@\([^"]*\)".*/\1/p' package.json)/bun
"$bun" test/install/releases.ts "$work/releases" || fail 'the releases for the upgrades cannot be made'

passed=0 failed=0
# scenario <name> <file> <shell>: in a machine of its own
scenario() {
  printf '\n== %s\n' "$1"
  root=$work/root
  rm -rf "$root"
  cp -a --reflink=auto "$base" "$root"
  cp install.sh dist/ctrl-exec test/install/*.sh "$root/root/"
  cp "test/install/$2" "$root/root/scenario.sh"
  mkdir "$root/root/1.0"
  cp "$old/ctrl-exec" "$old/install.sh" "$root/root/1.0/"
  if [ "$2" = signed-upgrade.sh ]; then
    cp -a "$work/releases" "$root/releases"
    chmod -R a+rX "$root/releases"
  fi
  echo machine >"$root/etc/hostname"
  echo '127.0.0.1 localhost machine' >"$root/etc/hosts"
  printf 'SHELL_TO_TEST=%s\n' "$3" >"$root/root/environment"
  cp test/install/scenario.service "$root/etc/systemd/system/"
  ln -s ../scenario.service "$root/etc/systemd/system/multi-user.target.wants/"
  if boots "$root"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
for shell in dash bash 'busybox ash'; do scenario "install.sh with $shell" scenario.sh "$shell"; done
scenario '1.0 with a running script is replaced' upgrade.sh dash
scenario 'a signed release is put in place, or rolled back' signed-upgrade.sh dash

printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
