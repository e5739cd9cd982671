#!/bin/sh
# Installs ctrl-exec: one binary, its services, its users and folders.
#
#   ./install.sh --agent --from https://releases.example.com/ctrl-exec/1.1.0
#   curl -fsSL https://releases.example.com/ctrl-exec/1.1.0/install.sh | sh -s -- --agent --from ...
#
# For POSIX shells: dash, bash, busybox ash. Everything is a function and only the last line calls
# one, so a download that was cut short runs nothing. It checks before it changes anything, and leaves
# alone what is as it should be: running it twice changes nothing.

usage() {
  cat <<'USAGE'
Usage: install.sh [--agent] [--ctrl-exec] [--api] [options]
       install.sh --uninstall [--purge] [options]

What to install (at least one):
  --agent                the agent of a managed host
  --ctrl-exec            the control host
  --api                  the HTTP API of a control host (includes --ctrl-exec)

Options:
  --from <where>         address or folder of a release, or a binary; default:
                         $CTRL_EXEC_RELEASE, else dist/ctrl-exec beside this
                         script
  --pair <control-host>  with --agent: pair with it, and start the agent
  --port <n>             with --pair: the pairing port there (default 7444)
  --ca-fingerprint <fp>  with --pair: accept only the CA with this fingerprint
  --join-token-file <f>  with --pair: join with the token in this file, without
                         an operator; the file must be private, and is removed
                         when that is done, or this agent is paired already
  --prefix <dir>         where bin and share are (default /usr/local)
  --root <dir>           install into an image in this folder; start nothing
  --run-tests            before installing, run the new binary's demo here
  --dry-run              print each step, change nothing
  --uninstall            remove binary, services and documents, but not
                         configuration, certificates and users
  --purge                with --uninstall: remove those too
  --help                 show this
USAGE
}

say() { printf '%s\n' "$*"; }
note() { printf 'note: %s\n' "$*"; }
warn() { printf 'install.sh: %s\n' "$*" >&2; }
die() {
  warn "$1"
  shift
  for hint in "$@"; do printf '  %s\n' "$hint" >&2; done
  exit 1
}

# Runs a step, or only prints its title, which is the first argument.
step() {
  changes=$((changes + 1))
  title=$1
  shift
  say "  $title"
  [ "$dry_run" = 1 ] || "$@" || die "Cannot go on: this step failed: $title"
}

has() { command -v "$1" >/dev/null 2>&1; }

# ---- options

read_options() {
  agent=0 control=0 api=0 uninstall=0 purge=0 dry_run=0 run_tests=0
  from=${CTRL_EXEC_RELEASE-} prefix=/usr/local root='' controller='' pairing_port='' fingerprint='' join_token=''
  while [ $# -gt 0 ]; do
    case $1 in
      --agent) agent=1 ;;
      --ctrl-exec) control=1 ;;
      --api) api=1 control=1 ;;
      --uninstall) uninstall=1 ;;
      --purge) purge=1 ;;
      --dry-run) dry_run=1 ;;
      --run-tests) run_tests=1 ;;
      --help | -h)
        usage
        exit 0
        ;;
      --from | --prefix | --root | --pair | --port | --ca-fingerprint | --join-token-file)
        [ $# -ge 2 ] || bad_usage "$1 needs a value"
        set_option "$1" "$2"
        shift
        ;;
      --from=* | --prefix=* | --root=* | --pair=* | --port=* | --ca-fingerprint=* | --join-token-file=*)
        set_option "${1%%=*}" "${1#*=}"
        ;;
      *) bad_usage "Unknown option $1" ;;
    esac
    shift
  done
  check_options
}

set_option() {
  [ -n "$2" ] || bad_usage "$1 needs a value"
  case $1 in
    --from) from=$2 ;;
    --prefix) prefix=${2%/} ;;
    --root) root=${2%/} ;;
    --pair) controller=$2 ;;
    --port) pairing_port=$2 ;;
    --ca-fingerprint) fingerprint=$2 ;;
    --join-token-file) join_token=$2 ;;
  esac
}

bad_usage() {
  warn "$1"
  printf '  See: install.sh --help\n' >&2
  exit 2
}

check_options() {
  if [ "$uninstall" = 1 ]; then
    [ "$agent$control" = 00 ] || bad_usage '--uninstall takes everything away; name no part'
  else
    [ "$agent$control" != 00 ] || bad_usage 'Name what to install: --agent, --ctrl-exec or --api'
    [ "$purge" = 0 ] || bad_usage '--purge goes with --uninstall'
  fi
  [ -z "$controller" ] || [ "$agent" = 1 ] || bad_usage '--pair goes with --agent'
  [ -z "$pairing_port" ] || [ -n "$controller" ] || bad_usage '--port goes with --pair'
  case $pairing_port in
    '') ;;
    *[!0-9]* | ??????*) bad_usage '--port takes a number from 1 to 65535' ;;
  esac
  [ -z "$fingerprint" ] || [ -n "$controller" ] || bad_usage '--ca-fingerprint goes with --pair'
  [ -z "$join_token" ] || [ -n "$controller" ] || bad_usage '--join-token-file goes with --pair'
  [ -z "$join_token" ] || [ -z "$fingerprint" ] || bad_usage '--ca-fingerprint is in the join token already'
  [ -z "$controller" ] || [ -z "$root" ] || bad_usage '--pair works on a running host, not with --root'
  case $prefix in
    /*[!A-Za-z0-9_./-]*) bad_usage '--prefix takes letters, digits, _ . - and / only' ;;
    /*) ;;
    *) bad_usage '--prefix takes an absolute path' ;;
  esac
  case $root in
    '' | /*) ;;
    *) root=$PWD/$root ;;
  esac
}

# ---- this host

look_around() {
  system=$(uname -s) machine=$(uname -m) uid=$(id -u)
  case $system in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    *) die "Cannot install: there is no build for $system" ;;
  esac
  case $machine in
    x86_64 | amd64) cpu=x64 ;;
    aarch64 | arm64) cpu=arm64 ;;
    *) die "Cannot install: there is no build for the processor $machine" ;;
  esac
  find_tools
  find_libc
  find_manager
  if [ "$uid" != 0 ] && [ -z "$root" ] && [ "$dry_run" = 0 ]; then
    die 'Cannot install: not root' 'Run it as root (sudo), or with --root <dir>, or with --dry-run.'
  fi
  [ -z "$root" ] || look_into_image
  if [ "$os" = darwin ] && [ "$agent" = 1 ]; then
    die 'Cannot install the agent service on macOS' 'Install with --ctrl-exec and run: ctrl-exec agent serve'
  fi
  # Without root's rights, or in a folder that is not a system, there are no users to give files to.
  owners=1
  if [ "$uid" != 0 ] || [ ! -e "$root/etc/passwd" ]; then owners=0; fi
  # A plan for this host assumes that root will carry it out.
  if [ "$dry_run" = 1 ] && [ -z "$root" ]; then owners=1; fi
}

find_tools() {
  for tool in awk cmp mktemp readlink sed; do
    has "$tool" || die "Cannot install: $tool is missing" 'cmp is in the package diffutils of most systems.'
  done
}

# An image may be anybody's: anything that would lead out of it, into this host, stops the installer.
look_into_image() {
  [ -d "$root" ] || die "Cannot install into $root: no such folder"
  if [ "$cpu" = x64 ]; then own='x86[-_]64' other=aarch64; else own=aarch64 other='x86[-_]64'; fi
  if has_loader "$other" && ! has_loader "$own"; then
    die "Cannot install into $root: it is for another processor than this host's"
  fi
  within=$(cd -P "$root" && pwd -P)
  # One subshell for all of them: each is entered.
  (
    for name in bin share share/bash-completion/completions share/zsh/site-functions \
      share/fish/vendor_completions.d share/man/man1 share/man/man5 share/man/man8; do
      stays_inside "$prefix/$name"
    done
    for name in usr/local/bin usr/local/sbin usr/bin usr/sbin \
      etc/ctrl-exec etc/ctrl-exec-agent var/lib/ctrl-exec var/lib/ctrl-exec-agent var/lib/ctrl-exec-upgrade opt/ctrl-exec-scripts \
      etc/passwd etc/group etc/shadow etc/systemd/system etc/systemd/system/multi-user.target.wants \
      etc/systemd/system/timers.target.wants etc/init.d etc/runlevels/default etc/rc.d etc/cron.hourly \
      etc/periodic/hourly; do
      stays_inside "/$name"
    done
  ) || exit
}

# has_loader <pattern>: whether the image has the dynamic loader of that processor
has_loader() {
  # shellcheck disable=SC2231 # deliberately a pattern
  for loader in "$root"/lib*/ld-linux-$1.so* "$root"/lib/ld-musl-$1.so*; do
    [ ! -e "$loader" ] || return 0
  done
  return 1
}

# stays_inside <path>: whether the part of it that exists stays inside the image
stays_inside() {
  part=$root$1
  while [ ! -e "$part" ] && [ ! -h "$part" ]; do part=${part%/*}; done
  if [ -d "$part" ]; then
    # This sets PWD to where the folder really is.
    cd -P "$part" || exit
    real=$PWD
  elif [ -h "$part" ]; then
    real=''
  else
    return 0
  fi
  case $real/ in
    "$within"/*) ;;
    *) die "Cannot install into $root: ${part#"$root"} is a link that leads out of it" ;;
  esac
}

find_libc() {
  libc=''
  [ "$os" = linux ] || return 0
  for loader in "$root"/lib/ld-musl-*; do
    [ ! -e "$loader" ] || libc=-musl
  done
  # Debian has a package musl for building with it: what counts is the system's own C library.
  for glibc in "$root"/lib/*-linux-gnu/libc.so.6 "$root"/lib64/libc.so.6 "$root"/usr/lib/libc.so.6; do
    [ ! -e "$glibc" ] || libc=''
  done
  if [ -n "$libc" ] && [ ! -e "$root/usr/lib/libstdc++.so.6" ] && [ ! -e "$root/lib/libstdc++.so.6" ] &&
    [ "$uninstall" = 0 ]; then
    die 'Cannot install: libstdc++ is missing, which the musl build needs' \
      'Alpine: apk add libstdc++   OpenWrt: opkg install libstdcpp6'
  fi
}

# The service manager of the host or image, and whether it is running.
find_manager() {
  manager='' running=0
  if [ -e "$root/usr/lib/systemd/systemd" ] || [ -e "$root/lib/systemd/systemd" ]; then
    manager=systemd
    [ ! -d /run/systemd/system ] || running=1
  elif [ -e "$root/sbin/openrc-run" ] || [ -e "$root/usr/sbin/openrc-run" ]; then
    manager=openrc
    [ ! -d /run/openrc ] || running=1
  elif [ -e "$root/sbin/procd" ]; then
    manager=procd
    [ ! -e /var/run/ubus/ubus.sock ] && [ ! -e /var/run/ubus.sock ] || running=1
  fi
  [ -z "$root" ] || running=0
}

# The build for this host, by its name in the release.
build_name() {
  name=ctrl-exec-$os-$cpu$libc
  # A processor without AVX2 needs the baseline build.
  if [ "$name" = ctrl-exec-linux-x64 ] && [ -r /proc/cpuinfo ] && ! grep -qw avx2 /proc/cpuinfo; then
    name=$name-baseline
  fi
}

# ---- the binary

# Leaves the checked binary at $work/ctrl-exec.
fetch_binary() {
  case $from in
    '') fetch_from_checkout ;;
    http://* | https://*) fetch_from_release download ;;
    *)
      if [ -d "$from" ]; then
        fetch_from_release copy
      elif [ -f "$from" ]; then
        say "Binary: $from"
        unpack "$from"
      else
        die "Cannot install from $from: no such file or folder"
      fi
      ;;
  esac
  chmod 755 "$work/ctrl-exec"
  version=$("$work/ctrl-exec" --version 2>"$work/said") || {
    warn 'Cannot install: the binary does not run on this host:'
    sed 's/^/  /' "$work/said" >&2
    printf '  If it is not executable: is %s mounted noexec? TMPDIR names another folder.\n' "$work" >&2
    exit 1
  }
  case $version in
    'ctrl-exec '*) say "Version: ${version#ctrl-exec }" ;;
    *) die "Cannot install: the binary is not ctrl-exec, it says \"$version\"" ;;
  esac
}

fetch_from_checkout() {
  # Read from a pipe, this script has no folder, and dist in the current one may be anybody's.
  case $0 in
    install.sh | */install.sh) checkout=$(dirname "$0")/dist/ctrl-exec ;;
    *) checkout='' ;;
  esac
  [ -f "$checkout" ] ||
    die 'Cannot install: no binary' \
      'Name a release with --from <address> or CTRL_EXEC_RELEASE, or a binary with --from <file>,' \
      'or run make in a checkout first.'
  say "Binary: $checkout"
  cp "$checkout" "$work/ctrl-exec"
}

fetch_from_release() {
  build_name
  from=${from%/}
  say "Binary: $from/$name.gz"
  "$1" SHA256SUMS
  "$1" "$name.gz"
  want=$(sed -n "s/^\\([0-9a-f]\\{64\\}\\)  $name\\.gz\$/\\1/p" "$work/SHA256SUMS")
  [ -n "$want" ] || die "Cannot install: SHA256SUMS of the release does not list $name.gz"
  have=$(sha256 "$work/$name.gz")
  [ "$want" = "$have" ] ||
    die "Cannot install: $name.gz is not what SHA256SUMS says" "expected $want" "found    $have"
  say "SHA-256: $have, as SHA256SUMS says"
  unpack "$work/$name.gz"
}

copy() {
  cp "$from/$1" "$work/$1" || die "Cannot read $from/$1"
}

download() {
  if has curl; then
    # An https address must not be redirected to anything else.
    protocols=http,https
    [ "${from#https:}" = "$from" ] || protocols=https
    curl -fsSL --proto "=$protocols" --retry 3 -o "$work/$1" "$from/$1" || die "Cannot fetch $from/$1"
  elif has wget; then
    wget -q -O "$work/$1" "$from/$1" || die "Cannot fetch $from/$1"
  else
    die 'Cannot fetch: neither curl nor wget is installed'
  fi
}

unpack() {
  case $1 in
    *.gz) gzip -dc "$1" >"$work/ctrl-exec" || die "Cannot unpack $1" ;;
    *) cp "$1" "$work/ctrl-exec" || die "Cannot read $1" ;;
  esac
}

sha256() {
  if has sha256sum; then
    set -- "$(sha256sum <"$1")"
  elif has shasum; then
    set -- "$(shasum -a 256 <"$1")"
  elif has openssl; then
    set -- "$(openssl dgst -sha256 -r <"$1")"
  else
    die 'Cannot check the download: no sha256sum, shasum or openssl is installed'
  fi
  printf '%s\n' "${1%% *}"
}

# Writes a file from the binary to $work/asset, with the paths of this installation.
asset() {
  "$work/ctrl-exec" asset "$1" >"$work/asset" || die "The binary carries no $1"
  [ "$prefix" != /usr/local ] || return 0
  sed "s,/usr/local/bin/,$prefix/bin/,g" "$work/asset" >"$work/asset.moved"
  mv -f "$work/asset.moved" "$work/asset"
}

# ---- files

# put <source> <mode> <group or -> <path>: writes a temporary file and renames it, if there is a difference.
put() {
  if [ -f "$root$4" ] && [ ! -h "$root$4" ] && has_mode "$2" "$root$4" && cmp -s "$1" "$root$4"; then
    return 0
  fi
  [ ! -d "$root$4" ] || die "Cannot write $4: it is a folder"
  step "write $4" write_file "$@"
  replaced=1
}

# Sets $aside: the temporary name of a file. No other program uses such names.
name_aside() {
  aside=$root${1%/*}/.${1##*/}.ctrl-exec-install.
}

# Removes what a killed installer has left as $aside: no write takes ten minutes. A process number would not help,
# since every container has its own.
drop_dead() {
  for left in "$aside"*; do
    case ${left#"$aside"} in
      *[!0-9]* | '') ;;
      *) find "$left" -prune '(' -type f -o -type l ')' -user "$uid" -mmin +10 -exec rm -f {} ';' 2>/dev/null || : ;;
    esac
  done
}

# make_way <path>: makes its folder, and removes what has the name $aside.
make_way() {
  [ -d "$root${1%/*}" ] || mkdir -p "$root${1%/*}" || return 1
  if [ -e "$aside" ] || [ -h "$aside" ]; then rm -f "$aside"; fi
}

# Creates the new file; never follows a link.
write_file() {
  name_aside "$4"
  drop_dead
  aside=$aside$$
  make_way "$4" &&
    (set -C && cat "$1" >"$aside") &&
    chmod "$2" "$aside" &&
    own "$3" "$aside" &&
    mv -f "$aside" "$root$4"
}

# The same for files that belong to the administrator from then on.
put_once() {
  [ -e "$root$4" ] || put "$@"
}

put_link() {
  [ ! -h "$root$2" ] || [ "$(readlink "$root$2")" != "$1" ] || return 0
  [ ! -d "$root$2" ] || die "Cannot link $2: it is a folder"
  step "link $2 -> $1" write_link "$1" "$2"
}

write_link() {
  name_aside "$2"
  drop_dead
  aside=$aside$$
  make_way "$2" && ln -s "$1" "$aside" && mv -f "$aside" "$root$2"
}

# folder <path> <mode> <group or ->
folder() {
  if [ ! -d "$root$1" ] || ! has_mode "$2" "$root$1" || ! owned_by "$3" "$root$1" ||
    { [ "$3" != - ] && [ "$owners" = 1 ] && [ "$(owner_id "$root$1")" != 0 ]; }; then
    step "folder $1, mode $2" make_folder "$@"
  fi
}

make_folder() {
  # The group first, since changing it may clear the setgid bit.
  mkdir -p "$root$1" && own "$3" "$root$1" && chmod "$2" "$root$1"
}

# Sets group and mode of a file from an older installation, not its content.
settle() {
  [ -f "$root$1" ] || return 0
  # Whoever could write in the folder must not choose which file root makes accessible.
  [ ! -h "$root$1" ] || die "Cannot set the mode of $1: it is a symbolic link"
  if ! has_mode "$2" "$root$1" || ! owned_by "$3" "$root$1"; then
    step "$1: group ${3#-}, mode $2" settle_file "$@"
  fi
}

settle_file() {
  { [ "$3" = - ] || [ "$owners" = 0 ] || chgrp "$(group_id "$3")" "$root$1"; } && chmod "$2" "$root$1"
}

# The programs refuse files that others can write, and an older version may have left them so: make them root's.
close_to_others() {
  [ -e "$root$1" ] && [ ! -h "$root$1" ] || return 0
  read_mode "$root$1"
  case $digits in
    *[2367]? | *[2367]) step "$1: not for others to write" chmod go-w "$root$1" ;;
  esac
}

own() {
  [ "$owners" = 1 ] || return 0
  if [ "$1" = - ]; then chown 0:0 "$2"; else chown "0:$(group_id "$1")" "$2"; fi
}

owned_by() {
  [ "$owners" = 1 ] && [ "$1" != - ] || return 0
  # shellcheck disable=SC2012 # every system has ls
  [ "$(ls -dn "$2" | awk '{ print $4 }')" = "$(group_id "$1")" ]
}

# shellcheck disable=SC2012 # every system has ls
owner_id() { ls -dn "$1" | awk '{ print $3 }'; }

has_mode() { read_mode "$2" && [ "$digits" = "$1" ]; }

# Sets $digits: octal, four with a special bit, else three. stat has different options everywhere.
read_mode() {
  # shellcheck disable=SC2012 # every system has ls
  letters=$(ls -ld "$1")
  letters=${letters#?} special=0 digits=''
  for bit in 4 2 1; do
    digit=0
    case $letters in r*) digit=4 ;; esac
    case $letters in ?w*) digit=$((digit + 2)) ;; esac
    case $letters in ??[xst]*) digit=$((digit + 1)) ;; esac
    case $letters in ??[sStT]*) special=$((special + bit)) ;; esac
    letters=${letters#???} digits=$digits$digit
  done
  [ "$special" = 0 ] || digits=$special$digits
}

# ---- users

group_id() { awk -F: -v name="$1" '$1 == name { print $3; exit }' "$root/etc/group"; }
user_id() { awk -F: -v name="$1" '$1 == name { print $3; exit }' "$root/etc/passwd"; }

service_user() {
  [ "$owners" = 1 ] || {
    note "no user and group $1 made: not root, or $root/etc/passwd is missing"
    return 0
  }
  [ -n "$(group_id "$1")" ] || step "group $1" add_group "$1"
  [ -n "$(user_id "$1")" ] || step "user $1, without a login" add_user "$1"
}

add_group() {
  if [ -z "$root" ] && has groupadd; then
    groupadd --system "$1"
  elif [ -z "$root" ] && has addgroup; then
    addgroup -S "$1"
  else
    append group "$1:x:$(free_id):"
  fi
}

add_user() {
  if [ -z "$root" ] && has useradd; then
    useradd --system --gid "$1" --home-dir / --no-create-home --shell /usr/sbin/nologin "$1"
  elif [ -z "$root" ] && has adduser; then
    adduser -S -D -H -h / -s /sbin/nologin -G "$1" "$1"
  else
    # An image, or OpenWrt: edit the files. "!" and "*" mean no password.
    append passwd "$1:x:$(free_id):$(group_id "$1")::/:/sbin/nologin" &&
      { [ ! -f "$root/etc/shadow" ] || append shadow "$1:!*:::::::"; }
  fi
}

# append <file of /etc> <line>
append() {
  # The last line may lack its newline.
  [ -z "$(tail -c 1 "$root/etc/$1")" ] || echo >>"$root/etc/$1"
  printf '%s\n' "$2" >>"$root/etc/$1"
}

# The highest id of the system range that neither file uses.
free_id() {
  awk -F: '{ used[$3] = 1 } END { for (id = 999; id > 100; id--) if (!(id in used)) { print id; exit } }' \
    "$root/etc/passwd" "$root/etc/group"
}

# ---- installing

install_all() {
  changes=0
  program_changed=0
  replaced=0
  put "$work/ctrl-exec" 755 - "$prefix/bin/ctrl-exec"
  [ "$replaced" = 0 ] || program_changed=1
  # All names are installed whatever the parts: the documents use them.
  put_link ctrl-exec "$prefix/bin/ctrl-exec-agent"
  put_link ctrl-exec "$prefix/bin/ctrl-exec-api"
  put_link ctrl-exec "$prefix/bin/update-ctrl-exec-serial"
  set_aside ctrl-exec-dispatcher
  set_aside ced
  install_documents
  [ "$control" = 0 ] || install_control
  [ "$agent" = 0 ] || install_agent
  [ "$api" = 0 ] || service ctrl-exec-api
  restart_what_ran
  [ "$agent" = 0 ] || drop_previous_serial
}

# set_aside <name>: renames 0.8's control program. Its `rotate-cert` would replace the
# control host's certificate and tell no agent.
set_aside() {
  for folder in "$prefix/bin" /usr/local/bin /usr/local/sbin /usr/bin /usr/sbin; do
    file=$folder/$1
    is_of_08 "$file" || continue
    aside=$file.0.8
    if [ -e "$root$aside" ] || [ -h "$root$aside" ]; then
      die "Cannot take $file of 0.8 out of the way: $aside exists" 'Move one of the two elsewhere, or remove it.'
    fi
    step "take $file of 0.8 out of the way: it is $aside now" mv "$root$file" "$root$aside"
  done
}

# Another program may have such a short name: 0.8's is a link to ctrl-exec-dispatcher, or a script that names it.
is_of_08() {
  if [ -h "$root$1" ]; then
    case $(readlink "$root$1") in
      ctrl-exec-dispatcher* | */ctrl-exec-dispatcher*) return 0 ;;
      *) return 1 ;;
    esac
  fi
  [ -f "$root$1" ] && head -c 2 "$root$1" | grep -q '#!' && grep -qi 'ctrl-\{0,1\}exec' "$root$1"
}

install_documents() {
  for entry in $(documents); do
    asset "${entry%%:*}"
    put "$work/asset" 644 - "$prefix/share/${entry#*:}"
  done
  for name in ctrl-exec-agent ctrl-exec-api; do
    put_link ctrl-exec "$prefix/share/bash-completion/completions/$name"
  done
}

# Asset, and its path under share, for the files of every part.
documents() {
  cat <<'DOCUMENTS'
ctrl-exec.bash:bash-completion/completions/ctrl-exec
ctrl-exec.zsh:zsh/site-functions/_ctrl-exec
ctrl-exec.fish:fish/vendor_completions.d/ctrl-exec.fish
ctrl-exec.1:man/man1/ctrl-exec.1
ctrl-exec-agent.8:man/man8/ctrl-exec-agent.8
ctrl-exec-api.8:man/man8/ctrl-exec-api.8
ctrl-exec.conf.5:man/man5/ctrl-exec.conf.5
agent.conf.5:man/man5/agent.conf.5
scripts.conf.5:man/man5/scripts.conf.5
DOCUMENTS
}

install_control() {
  folder /etc/ctrl-exec 755 -
  folder /var/lib/ctrl-exec 700 -
  asset ctrl-exec.conf
  put_once "$work/asset" 644 - /etc/ctrl-exec/ctrl-exec.conf
  asset auth-hook
  put_once "$work/asset" 755 - /etc/ctrl-exec/auth-hook
  settle /etc/ctrl-exec/ca.key 600 -
  settle /etc/ctrl-exec/ctrl-exec.key 600 -
  for name in /etc/ctrl-exec/ctrl-exec.conf /etc/ctrl-exec/ctrl-exec.crt /etc/ctrl-exec/ca.crt \
    /var/lib/ctrl-exec/agents /var/lib/ctrl-exec/pairing /var/lib/ctrl-exec/locks /var/lib/ctrl-exec/runs; do
    close_to_others "$name"
  done
  maintenance
}

install_agent() {
  service_user ctrl-exec-agent
  # setgid: the service can read what pairing as root leaves there. It may not write there,
  # and since this is done before anything else, nothing there changes while we work.
  folder /etc/ctrl-exec-agent 2755 ctrl-exec-agent
  for name in agent.conf scripts.conf agent.key ca.crt revoked-serials; do
    take_back "/etc/ctrl-exec-agent/$name"
  done
  hold_files
  asset agent.conf
  put_once "$work/asset" 644 ctrl-exec-agent /etc/ctrl-exec-agent/agent.conf
  asset scripts.conf
  put_once "$work/asset" 644 ctrl-exec-agent /etc/ctrl-exec-agent/scripts.conf
  mend_serial_entry
  # An existing one keeps its owner; the agent itself refuses what is unsafe.
  [ -d "$root/opt/ctrl-exec-scripts" ] || folder /opt/ctrl-exec-scripts 755 -
  asset ctrl-exec-demonstrator.sh
  put "$work/asset" 755 - /opt/ctrl-exec-scripts/ctrl-exec-demonstrator.sh
  settle /etc/ctrl-exec-agent/agent.key 640 ctrl-exec-agent
  service ctrl-exec-agent
  upgrades
}

# What carries out an upgrade: with agent.conf as it is, it refuses every one.
upgrades() {
  [ -n "$manager" ] || {
    note 'no systemd, OpenRC or procd found: upgrades from the control host are refused here'
    return 0
  }
  if [ "$program_changed" = 1 ] || ! cmp -s "$root$prefix/bin/ctrl-exec" "$root$prefix/bin/ctrl-exec-upgrade"; then
    step "keep the program as $prefix/bin/ctrl-exec-upgrade too" keep_program
  fi
  # Its being there tells the agent that somebody takes what it is sent.
  folder /var/lib/ctrl-exec-upgrade 755 -
  if [ "$manager" = systemd ]; then
    put_service ctrl-exec-upgrade.service 644 /etc/systemd/system/ctrl-exec-upgrade.service
    put_service ctrl-exec-upgrade.path 644 /etc/systemd/system/ctrl-exec-upgrade.path
    [ "$new" = 0 ] || enable_unit ctrl-exec-upgrade.path
  else
    service ctrl-exec-upgrade
    [ "$new" = 0 ] || to_start="$to_start ctrl-exec-upgrade"
  fi
}

# A second name where the file system has such, so that it takes no room.
keep_program() {
  name_aside "$prefix/bin/ctrl-exec-upgrade"
  drop_dead
  aside=$aside$$
  make_way "$prefix/bin/ctrl-exec-upgrade" &&
    { ln "$root$prefix/bin/ctrl-exec" "$aside" 2>/dev/null || cp -p "$root$prefix/bin/ctrl-exec" "$aside"; } &&
    mv -f "$aside" "$root$prefix/bin/ctrl-exec-upgrade"
}

# Without this entry, or with 0.8's script in it, an agent before 1.1 misses rotations. A program with
# another name is the administrator's own and stays.
mend_serial_entry() {
  allowlist=$names/scripts.conf update=update-ctrl-exec-serial
  [ -f "$root$allowlist" ] && [ ! -h "$root$allowlist" ] || return 0
  entry="$update = $prefix/bin/$update"
  # shellcheck disable=SC2016 # awk expands it
  words='{ at = index($0, "="); key = substr($0, 1, at - 1); gsub(/[ \t\357\273\277]/, "", key) }'
  listed=$(awk -v name="$update" "$words"'
    at && key == name { sub(/^[^=]*=[ \t]*/, ""); sub(/[ \t\r]+$/, ""); print; exit }
  ' "$root$allowlist")
  file=${listed%%[ 	]*} was=''
  case ${file##*/} in
    "$update" | "$update".*)
      [ "$file" != "$prefix/bin/$update" ] || return 0
      was=", in place of $file"
      ;;
    '') ;;
    *) return 0 ;;
  esac
  # The first such line counts.
  awk -v name="$update" -v entry="$entry" "$words"'
    at && key == name && !done { print entry; done = 1; next }
    { print }
    END { if (!done) print "\n# Stores the new serial of the control host when it rotates.\n" entry }
  ' "$root$allowlist" >"$work/allowlist"
  read_mode "$root$allowlist"
  step "list in $allowlist: $entry$was" write_file "$work/allowlist" "$digits" ctrl-exec-agent "$allowlist"
}

# The owner of a file can write it, whatever its folder's mode.
take_back() {
  [ "$owners" = 1 ] && [ -f "$root$1" ] && [ ! -h "$root$1" ] || return 0
  [ "$(owner_id "$root$1")" = "$(user_id ctrl-exec-agent)" ] || return 0
  step "give $1 to root" give_to_root "$1"
}

give_to_root() { own ctrl-exec-agent "$root$1" && chmod g+r,go-w "$root$1"; }

# The service replaces its certificate and serial: the files are in a folder that it may write, and
# the well-known names are links.
hold_files() {
  moving='' linking=''
  for name in agent.crt ctrl-exec-serial; do
    is_elsewhere "$name" && continue
    file=$root$names/$name
    if [ -h "$file" ] && [ "$(readlink "$file")" != "$held/$name" ]; then
      die "Cannot move $names/$name: it is a symbolic link" \
        'Put the file itself there, or name it in agent.conf (cert, dispatcher_serial_path).'
    elif [ -f "$file" ] && [ ! -h "$file" ]; then
      moving="$moving $name"
    else
      linking="$linking $name"
    fi
  done
  # shellcheck disable=SC2086 # split into words
  if [ -n "$moving" ]; then
    step "move$moving to $held, mode 2771" move_files $moving
  else
    folder "$held" 2771 ctrl-exec-agent
  fi
  for name in $linking; do put_link "$held/$name" "$names/$name"; done
}

# Whether agent.conf names another file instead: then this one is left alone.
is_elsewhere() {
  case $1 in
    agent.crt) key=cert ;;
    *) key=dispatcher_serial_path ;;
  esac
  [ -f "$root$names/agent.conf" ] || return 1
  value=$(awk -v key="$key" '
    /^[ \t]*\[/ { exit }
    { at = index($0, "="); name = substr($0, 1, at - 1); gsub(/[ \t]/, "", name) }
    at && name == key { sub(/^[^=]*=[ \t]*/, ""); sub(/[ \t\r]+$/, ""); print; exit }
  ' "$root$names/agent.conf")
  [ -n "$value" ] && [ "$value" != "$names/$1" ]
}

# Each file is copied whole before a link replaces it in one rename: the agent always finds its files, wherever
# this is interrupted. Until all is done, the folder is closed too, since root must not write where others could
# put a link in its way.
move_files() {
  make_folder "$held" 2751 ctrl-exec-agent || return 1
  for name in "$@"; do
    case $name in
      agent.crt) copy_file agent.crt 640 || return 1 ;;
      *)
        copy_file ctrl-exec-serial 644 || return 1
        # The previous serial, during a rotation. A link there may be the service's.
        if [ -f "$root$names/$name.previous" ] && [ ! -h "$root$names/$name.previous" ]; then
          copy_file "$name.previous" 644 || return 1
        else
          rm -f "$root$held/$name.previous"
        fi
        ;;
    esac
  done
  # The links must not reach the disk before the files.
  ! has sync || sync
  for name in "$@"; do write_link "$held/$name" "$names/$name" || return 1; done
  chmod 2771 "$root$held"
}

copy_file() {
  rm -f "$root$held/$1" &&
    (set -C && cat "$root$names/$1" >"$root$held/$1") &&
    chmod "$2" "$root$held/$1" &&
    own ctrl-exec-agent "$root$held/$1"
}

# An agent that has not been restarted yet still looks for it there.
drop_previous_serial() {
  is_elsewhere ctrl-exec-serial || drop "$names/ctrl-exec-serial.previous"
}

is_paired() {
  # A link in an image would lead into this host.
  for file in "$root$names/agent.crt" "$root$held/agent.crt"; do
    if [ -f "$file" ] && [ ! -h "$file" ]; then return 0; fi
  done
  return 1
}

# Installs the service's file; enables it only if it is new, so that a disabled service stays disabled.
service() {
  case $manager in
    systemd)
      put_service "$1.service" 644 "/etc/systemd/system/$1.service"
      [ "$new" = 0 ] || enable_unit "$1.service"
      ;;
    openrc)
      put_service "$1.openrc" 755 "/etc/init.d/$1"
      [ "$new" = 0 ] || step "enable $1" rc_enable "$1"
      ;;
    procd)
      put_service "$1.procd" 755 "/etc/init.d/$1"
      [ "$new" = 0 ] || step "enable $1" procd_enable "$1"
      ;;
    *) note "no systemd, OpenRC or procd found: start \"$1\" by your own means" ;;
  esac
}

put_service() {
  asset "$1"
  new=0
  [ -e "$root$3" ] || new=1
  replaced=0
  put "$work/asset" "$2" - "$3"
  [ "$replaced" = 0 ] || changed_units="$changed_units $1 "
}

enable_unit() {
  case $1 in
    *.timer) wants=timers.target.wants ;;
    *) wants=multi-user.target.wants ;;
  esac
  # What systemctl enable does, also for images and chroots.
  put_link "../$1" "/etc/systemd/system/$wants/$1"
  to_start="$to_start $1"
}

rc_enable() { mkdir -p "$root/etc/runlevels/default" && ln -sf "/etc/init.d/$1" "$root/etc/runlevels/default/$1"; }

procd_enable() {
  mkdir -p "$root/etc/rc.d" &&
    start=$(sed -n 's/^START=//p' "$root/etc/init.d/$1") &&
    ln -sf "../init.d/$1" "$root/etc/rc.d/S$start$1"
}

# `ctrl-exec maintain` every few hours.
maintenance() {
  case $manager in
    systemd)
      put_service ctrl-exec-maintain.service 644 /etc/systemd/system/ctrl-exec-maintain.service
      put_service ctrl-exec-maintain.timer 644 /etc/systemd/system/ctrl-exec-maintain.timer
      [ "$new" = 0 ] || enable_unit ctrl-exec-maintain.timer
      ;;
    openrc)
      asset ctrl-exec-maintain.cron
      hourly=/etc/cron.hourly
      [ ! -d "$root/etc/periodic/hourly" ] || hourly=/etc/periodic/hourly
      put "$work/asset" 755 - "$hourly/ctrl-exec-maintain"
      ;;
    *) note "run \"ctrl-exec maintain\" every few hours by your own means" ;;
  esac
}

# An upgrade restarts services that were running and starts no others, except new ones.
restart_what_ran() {
  ! is_idle || note "$manager does not run here: no service is started or restarted; start them by your own means"
  [ "$running" = 1 ] || return 0
  if [ -n "$changed_units" ] && [ "$manager" = systemd ]; then step 'reread the units' systemctl daemon-reload; fi
  for name in ctrl-exec-agent ctrl-exec-api; do
    case "$program_changed$changed_units" in
      1* | *" $name."*) ;;
      *) continue ;;
    esac
    case $manager in
      systemd)
        ! systemctl is-active --quiet "$name" || step "restart $name" restart_unit "$name"
        ;;
      openrc)
        ! rc-service --quiet --ifexists "$name" status >/dev/null 2>&1 ||
          step "restart $name" rc-service "$name" restart
        ;;
      procd)
        [ ! -x "/etc/init.d/$name" ] || ! "/etc/init.d/$name" running ||
          step "restart $name" "/etc/init.d/$name" restart
        ;;
    esac
  done
  for name in $to_start; do
    case $manager in
      systemd) step "start $name" systemctl start "$name" ;;
      openrc) step "start $name" rc-service "$name" start ;;
      procd) step "start $name" "/etc/init.d/$name" start ;;
    esac
  done
}

# An upgrade that the agent itself runs must not wait for it: the agent waits for its scripts.
restart_unit() {
  if grep -q "/$1\.service" /proc/self/cgroup 2>/dev/null; then
    systemctl restart --no-block "$1"
  else
    systemctl restart "$1"
  fi
}

# The program refuses such a file itself, but below it reads what the shell has opened.
check_join_token() {
  [ -f "$join_token" ] || return 0
  # shellcheck disable=SC2012 # every system has ls
  case $(ls -dlL "$join_token") in
    ???????---*) ;;
    *)
      die "Cannot join with $join_token: every user of this host may open it" \
        "Make it private: chmod 600 $join_token"
      ;;
  esac
}

# The shell opens the file: under sudo, the program would take the caller's own files alone.
join_with_token() {
  "$program" join --dispatcher "$controller" ${pairing_port:+--port "$pairing_port"} --token-file - --timeout 600 \
    <"$join_token" && drop_join_token
}

# A link such as /dev/stdin is not the token's file.
drop_join_token() {
  if [ -f "$join_token" ] && [ ! -h "$join_token" ]; then
    rm -f "$join_token"
  else
    note "$join_token is not a plain file, and stays"
  fi
}

pair_agent() {
  program=$prefix/bin/ctrl-exec-agent
  if [ -x "$program" ] && "$program" pairing-status >/dev/null 2>&1; then
    say 'This agent is paired already.'
    if [ -n "$join_token" ] && [ -e "$join_token" ]; then
      step "remove $join_token, which is not needed" drop_join_token
    fi
    return 0
  fi
  if [ -n "$join_token" ]; then
    # An image may boot before its control host does.
    step "join $controller" join_with_token
  else
    step "pair with $controller" "$program" request-pairing --dispatcher "$controller" \
      ${pairing_port:+--port "$pairing_port"} ${fingerprint:+--ca-fingerprint "$fingerprint"}
  fi
  [ "$running" = 1 ] || return 0
  case $manager in
    systemd) step 'start ctrl-exec-agent' systemctl start ctrl-exec-agent ;;
    openrc) step 'start ctrl-exec-agent' rc-service ctrl-exec-agent start ;;
    procd) step 'start ctrl-exec-agent' /etc/init.d/ctrl-exec-agent start ;;
  esac
}

# Installed but not running, as in a container.
is_idle() { [ -n "$manager" ] && [ -z "$root" ] && [ "$running" = 0 ]; }

next_steps() {
  [ "$control" = 0 ] || [ -e "$root/etc/ctrl-exec/ca.crt" ] ||
    say 'Next on this control host: ctrl-exec setup-ca, then ctrl-exec setup-ctrl-exec'
  [ "$agent" = 1 ] || return 0
  if ! is_paired; then
    say 'Next on this managed host: ctrl-exec-agent request-pairing --dispatcher <control-host>, then start the agent'
  elif [ "$running" = 1 ] && [ "$manager" = systemd ] && ! systemctl is-active --quiet ctrl-exec-agent; then
    say 'The agent is paired and does not run: systemctl enable --now ctrl-exec-agent'
  fi
}

# ---- uninstalling

uninstall_all() {
  changes=0
  for name in ctrl-exec-upgrade ctrl-exec-agent ctrl-exec-api ctrl-exec-maintain; do stop_service "$name"; done
  for file in \
    /etc/systemd/system/multi-user.target.wants/ctrl-exec-agent.service \
    /etc/systemd/system/multi-user.target.wants/ctrl-exec-api.service \
    /etc/systemd/system/timers.target.wants/ctrl-exec-maintain.timer \
    /etc/systemd/system/ctrl-exec-agent.service /etc/systemd/system/ctrl-exec-api.service \
    /etc/systemd/system/ctrl-exec-maintain.service /etc/systemd/system/ctrl-exec-maintain.timer \
    /etc/systemd/system/multi-user.target.wants/ctrl-exec-upgrade.path \
    /etc/systemd/system/ctrl-exec-upgrade.service /etc/systemd/system/ctrl-exec-upgrade.path \
    /etc/runlevels/default/ctrl-exec-agent /etc/runlevels/default/ctrl-exec-api \
    /etc/runlevels/default/ctrl-exec-upgrade \
    /etc/rc.d/S95ctrl-exec-agent /etc/rc.d/S96ctrl-exec-api /etc/rc.d/S96ctrl-exec-upgrade \
    /etc/init.d/ctrl-exec-agent /etc/init.d/ctrl-exec-api /etc/init.d/ctrl-exec-upgrade \
    /etc/cron.hourly/ctrl-exec-maintain /etc/periodic/hourly/ctrl-exec-maintain \
    "$prefix/bin/ctrl-exec-agent" "$prefix/bin/ctrl-exec-api" \
    "$prefix/bin/update-ctrl-exec-serial" "$prefix/bin/ctrl-exec" "$prefix/bin/ctrl-exec-upgrade" \
    "$prefix/share/bash-completion/completions/ctrl-exec-agent" \
    "$prefix/share/bash-completion/completions/ctrl-exec-api" \
    /opt/ctrl-exec-scripts/ctrl-exec-demonstrator.sh; do
    drop "$file"
  done
  for entry in $(documents); do drop "$prefix/share/${entry#*:}"; done
  if [ -d "$root/opt/ctrl-exec-scripts" ] && [ -z "$(ls -A "$root/opt/ctrl-exec-scripts")" ]; then
    step 'remove /opt/ctrl-exec-scripts, which is empty' rmdir "$root/opt/ctrl-exec-scripts"
  fi
  if [ "$running" = 1 ] && [ "$manager" = systemd ] && [ "$changes" -gt 0 ]; then
    step 'reread the units' systemctl daemon-reload
  fi
  [ "$purge" = 0 ] || purge_all
}

drop() {
  if [ -e "$root$1" ] || [ -h "$root$1" ]; then step "remove $1" rm -f "$root$1"; fi
}

stop_service() {
  [ "$running" = 1 ] || return 0
  case $manager in
    systemd)
      for unit in "$1.timer" "$1.path" "$1.service"; do
        ! systemctl is-active --quiet "$unit" || step "stop $unit" systemctl stop "$unit"
      done
      ;;
    openrc)
      ! rc-service --quiet --ifexists "$1" status >/dev/null 2>&1 || step "stop $1" rc-service "$1" stop
      ;;
    procd)
      [ ! -x "/etc/init.d/$1" ] || ! "/etc/init.d/$1" running || step "stop $1" "/etc/init.d/$1" stop
      ;;
  esac
}

purge_all() {
  for name in /etc/ctrl-exec /etc/ctrl-exec-agent /var/lib/ctrl-exec /var/lib/ctrl-exec-agent /var/lib/ctrl-exec-upgrade \
    /etc/systemd/system/ctrl-exec-agent.service.d; do
    [ ! -d "$root$name" ] || step "remove $name and all in it" rm -rf "$root$name"
  done
  [ "$owners" = 1 ] || return 0
  [ -z "$(user_id ctrl-exec-agent)" ] || step 'remove user ctrl-exec-agent' remove_account passwd deluser
  [ -z "$(group_id ctrl-exec-agent)" ] || step 'remove group ctrl-exec-agent' remove_account group delgroup
}

remove_account() {
  if [ -z "$root" ] && [ "$1" = passwd ] && has userdel; then
    userdel ctrl-exec-agent
  elif [ -z "$root" ] && [ "$1" = group ] && has groupdel; then
    groupdel ctrl-exec-agent
  elif [ -z "$root" ] && has "$2"; then
    "$2" ctrl-exec-agent
  else
    for file in "$1" shadow; do
      [ -f "$root/etc/$file" ] || continue
      # The copy has the file's mode and owner; the file itself is never half written.
      name_aside "/etc/$file"
      aside=$aside$$
      cp -p "$root/etc/$file" "$aside" &&
        sed '/^ctrl-exec-agent:/d' "$root/etc/$file" >"$aside" &&
        mv -f "$aside" "$root/etc/$file" || return 1
    done
  fi
}

# ---- the whole

main() {
  set -eu
  umask 022
  to_start='' changed_units=''
  names=/etc/ctrl-exec-agent held=/var/lib/ctrl-exec-agent
  read_options "$@"
  look_around
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  [ -z "$join_token" ] || is_paired || check_join_token
  if [ "$uninstall" = 1 ]; then
    say "Removing ctrl-exec${root:+ from $root}:"
    uninstall_all
  else
    fetch_binary
    if [ "$run_tests" = 1 ]; then
      "$work/ctrl-exec" demo >"$work/demo" 2>&1 || {
        tail -n 20 "$work/demo" >&2
        die 'Cannot install: the demo of the new binary failed on this host; its last lines are above'
      }
      say 'Demo: every result was the expected one'
    fi
    idle=''
    ! is_idle || idle=', which does not run here'
    say "Service manager: ${manager:-none}$idle"
    say "Installing${root:+ into $root}:"
    install_all
    [ -z "$controller" ] || pair_agent
  fi
  if [ "$changes" = 0 ]; then
    say '  nothing to change'
  elif [ "$dry_run" = 1 ]; then
    say "$changes steps; none was taken (--dry-run)"
  else
    say "Done: $changes steps."
  fi
  if [ "$uninstall" = 0 ] && [ "$dry_run" = 0 ]; then next_steps; fi
}

main "$@"
