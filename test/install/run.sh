#!/bin/sh
# `make test-install`: install.sh for real, in a Debian root of its own with its own users, once with
# each shell: install, pair, run, upgrade, uninstall. Needs root (chroot, namespaces) and the network
# the first time (debootstrap); the base is kept in .tools.
set -eu

cd "$(dirname "$0")/../.."

fail() {
  printf 'test-install: %s\n' "$1" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail 'Cannot run: not root (chroot and namespaces need it). Try: sudo make test-install'
[ -x dist/ctrl-exec ] || fail 'Cannot run: dist/ctrl-exec is not built'
for tool in debootstrap busybox unshare; do
  command -v "$tool" >/dev/null 2>&1 || fail "Cannot run: $tool is missing (Debian: apt-get install debootstrap busybox util-linux)"
done

suite=${DEBIAN_SUITE:-bookworm}
base=$PWD/.tools/$suite-root
if [ ! -e "$base/.complete" ]; then
  printf 'Making a Debian %s root with debootstrap ...\n' "$suite"
  rm -rf "$base"
  # systemd brings the units' folders, not a running manager; busybox and dash are shells to install with.
  debootstrap --variant=minbase --include=systemd,busybox,dash,procps "$suite" "$base" >"$base.log" 2>&1 ||
    fail "debootstrap failed, see $base.log"
  touch "$base/.complete"
fi

work=$(mktemp -d "$PWD/.tools/test-install.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

passed=0 failed=0
for shell in dash bash 'busybox ash'; do
  printf '\n== install.sh with %s\n' "$shell"
  root=$work/root
  rm -rf "$root"
  cp -a --reflink=auto "$base" "$root"
  cp install.sh dist/ctrl-exec test/install/scenario.sh "$root/root/"
  # Its own network, processes and mounts: nothing it starts outlives it or meets this host's ports.
  # shellcheck disable=SC2016 # expanded by the inner shell
  if unshare --net --mount --pid --fork --kill-child sh -c '
    busybox ip link set lo up
    mount -t proc proc "$1/proc"
    mount -t tmpfs tmpfs "$1/dev"
    for node in null zero full random urandom tty; do
      touch "$1/dev/$node"
      mount --bind "/dev/$node" "$1/dev/$node"
    done
    ln -s /proc/self/fd "$1/dev/fd"
    exec chroot "$1" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      HOME=/root LANG=C.UTF-8 /bin/dash /root/scenario.sh "$2"
  ' sh "$root" "$shell"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
done

printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
