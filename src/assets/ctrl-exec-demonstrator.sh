#!/bin/sh
# Shows what a script that ctrl-exec runs can do and see. Without arguments it lists its subcommands.
set -u

name=ctrl-exec-demonstrator

usage() {
  cat <<USAGE
$name: shows what a script run by ctrl-exec can do and see.

Subcommands, and what to type on the control host (web-01 stands for this host):

  stdout            prints three lines
                      ctrl-exec run web-01 $name -- stdout
  stderr            prints to standard error
                      ctrl-exec run web-01 $name -- stderr
  both              prints to both
                      ctrl-exec run web-01 $name -- both
  exit <n>          ends with exit status n
                      ctrl-exec run web-01 $name -- exit 3
  args <arg>...     shows each argument as it arrived
                      ctrl-exec run web-01 $name -- args 'two words' '\$HOME' --flag
  context           prints the JSON context from standard input
                      ctrl-exec run web-01 $name --username alice -- context
  log               writes the request id and the user into the system log
                      ctrl-exec run web-01 $name -- log
  info              shows this host, its user, folder and environment
                      ctrl-exec run web-01 $name -- info
  sleep <n>         takes n seconds
                      ctrl-exec run web-01 $name -- sleep 5

It must be listed in /etc/ctrl-exec-agent/scripts.conf:
  $name = /opt/ctrl-exec-scripts/$name.sh
USAGE
}

# Reads one text field of the context. Enough for a demonstration; use a JSON parser for real work.
field() {
  printf '%s' "$2" | sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p"
}

subcommand=${1-}
[ $# -eq 0 ] || shift

case $subcommand in
  '' | help | --help)
    usage
    ;;
  stdout)
    printf 'first line\nsecond line\nthird line\n'
    ;;
  stderr)
    echo 'this went to standard error' >&2
    ;;
  both)
    echo 'this went to standard output'
    echo 'this went to standard error' >&2
    ;;
  exit)
    case ${1-} in
      '' | *[!0-9]*)
        echo "exit needs a number" >&2
        exit 2
        ;;
    esac
    echo "ending with $1"
    exit "$1"
    ;;
  args)
    echo "$# arguments"
    for argument in "$@"; do printf '[%s]\n' "$argument"; done
    ;;
  context)
    cat
    echo
    ;;
  log)
    context=$(cat)
    reqid=$(field reqid "$context")
    user=$(field username "$context")
    logger -t "$name" "ACTION=demonstrate REQID=$reqid USER=$user" &&
      echo "logged under the tag $name: REQID=$reqid USER=$user"
    ;;
  info)
    printf 'host    %s\n' "$(uname -n)"
    printf 'system  %s\n' "$(uname -srm)"
    printf 'user    %s\n' "$(id)"
    printf 'folder  %s\n' "$(pwd)"
    echo 'environment'
    env | sort | sed 's/^/  /'
    ;;
  sleep)
    sleep "${1:-1}"
    echo "slept ${1:-1} s"
    ;;
  *)
    echo "unknown subcommand: $subcommand" >&2
    usage >&2
    exit 2
    ;;
esac
