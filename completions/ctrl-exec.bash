# bash completion for ctrl-exec, ctrl-exec-agent and ctrl-exec-api. Generated from the command tables: make generate.

_ctrl_exec_table() {
  modes='' options='--help --version' kinds=''
  case $1 in
    'ctrl-exec ') modes='run ping status wait logs cancel list-runs list-agents list-groups pairing-mode list-requests approve deny edit-agent unpair rotate-cert serial-status maintain list-locks setup-ca setup-ctrl-exec asset demo help' ;;
    'ctrl-exec run') options='--except --limit --port --live --no-live --fold --no-fold --diff --only --quiet --output --json --json-stream --detach --async --timeout --username --token --token-file --config --log --help' kinds='hosts scripts' ;;
    'ctrl-exec ping') options='--except --limit --port --json --username --token --token-file --config --log --help' kinds='hosts' ;;
    'ctrl-exec status') options='--fold --no-fold --diff --only --quiet --output --json --username --token --token-file --config --log --help' kinds='' ;;
    'ctrl-exec wait') options='--timeout --fold --no-fold --diff --only --quiet --output --json --username --token --token-file --config --log --help' kinds='requests' ;;
    'ctrl-exec logs') options='--follow --stderr --username --token --token-file --config --log --help' kinds='hosts' ;;
    'ctrl-exec cancel') options='--grace --json --username --token --token-file --config --log --help' kinds='hosts' ;;
    'ctrl-exec list-runs') options='--host --script --user --failed --since --limit --json --username --token --token-file --config --log --help' kinds='' ;;
    'ctrl-exec list-agents') options='--config --log --json --wide --help' kinds='' ;;
    'ctrl-exec list-groups') options='--config --log --json --wide --help' kinds='groups' ;;
    'ctrl-exec pairing-mode') options='--config --log --help' kinds='' ;;
    'ctrl-exec list-requests') options='--config --log --json --help' kinds='' ;;
    'ctrl-exec approve') options='--code --ip --agent-port --lookup-by --force --config --log --help' kinds='requests' ;;
    'ctrl-exec deny') options='--config --log --help' kinds='requests' ;;
    'ctrl-exec edit-agent') options='--ip --agent-port --lookup-by --config --log --help' kinds='hosts' ;;
    'ctrl-exec unpair') options='--config --log --revoke --port --help' kinds='hosts' ;;
    'ctrl-exec rotate-cert') options='--port --json --force --config --log --help' kinds='' ;;
    'ctrl-exec serial-status') options='--json --config --log --help' kinds='' ;;
    'ctrl-exec maintain') options='--port --json --force --config --log --help' kinds='' ;;
    'ctrl-exec list-locks') options='--json --config --log --help' kinds='' ;;
    'ctrl-exec setup-ca') options='--config --log --help' kinds='' ;;
    'ctrl-exec setup-ctrl-exec') options='--port --yes --force --config --log --help' kinds='' ;;
    'ctrl-exec asset') options='--help' kinds='assets' ;;
    'ctrl-exec demo') options='--keep --help' kinds='' ;;
    'ctrl-exec help') options='--help' kinds='' ;;
    'ctrl-exec-agent ') modes='serve reload self-check self-ping request-pairing pairing-status help' ;;
    'ctrl-exec-agent serve') options='--config --allowlist --log --help' kinds='' ;;
    'ctrl-exec-agent reload') options='--help' kinds='' ;;
    'ctrl-exec-agent self-check') options='--config --allowlist --json --help' kinds='' ;;
    'ctrl-exec-agent self-ping') options='--config --help' kinds='' ;;
    'ctrl-exec-agent request-pairing') options='--dispatcher --ctrl-exec --port --hostname --ca-fingerprint --background --timeout --config --log --help' kinds='' ;;
    'ctrl-exec-agent pairing-status') options='--config --json --help' kinds='' ;;
    'ctrl-exec-agent help') options='--help' kinds='' ;;
    'ctrl-exec-api ') options='--config --log --help --version' ;;
  esac
}

# How the value of an option is completed: a file, words, or (none) not at all.
_ctrl_exec_value() {
  value=switch
  case $1 in
    --config) value='file' ;;
    --log) value='words:syslog stderr' ;;
    --except) value='none' ;;
    --only) value='words:failed' ;;
    --output) value='file' ;;
    --port) value='none' ;;
    --username) value='none' ;;
    --token) value='none' ;;
    --token-file) value='file' ;;
    --host) value='none' ;;
    --script) value='none' ;;
    --user) value='none' ;;
    --since) value='none' ;;
    --limit) value='none' ;;
    --grace) value='none' ;;
    --timeout) value='none' ;;
    --ip) value='none' ;;
    --agent-port) value='none' ;;
    --lookup-by) value='words:hostname ip' ;;
    --code) value='none' ;;
    --allowlist) value='file' ;;
    --dispatcher) value='none' ;;
    --ctrl-exec) value='none' ;;
    --hostname) value='none' ;;
    --ca-fingerprint) value='none' ;;
  esac
}

# Reads the words before the cursor. Sets program, mode, hosts, config, value and behind (-- was seen).
_ctrl_exec_read() {
  program=${1##*/} mode='' hosts='' config='' behind='' value=switch
  shift
  if [ "$program" = ctrl-exec ]; then
    case ${1-} in
      agent | api)
        program=ctrl-exec-$1
        shift
        ;;
    esac
  fi
  while [ $# -gt 0 ]; do
    value=switch
    case $1 in
      --)
        behind=1
        return 0
        ;;
      --config=*) config=${1#*=} ;;
      --*=*) ;;
      -*)
        _ctrl_exec_value "$1"
        if [ "$value" != switch ]; then
          # Its value is what the cursor is at, or the next word; bash has the "=" between them.
          [ "${2-}" != = ] || set -- "$1" "${@:3}"
          [ $# -gt 1 ] || return 0
          [ "$1" != --config ] || config=$2
          shift
          value=switch
        fi
        ;;
      *) if [ -z "$mode" ] && [ "$program" != ctrl-exec-api ]; then mode=$1; else hosts="$hosts $1"; fi ;;
    esac
    shift
  done
}

_ctrl_exec() {
  local program mode hosts config behind value modes options kinds kind words before
  local current=${COMP_WORDS[COMP_CWORD]}
  words=''
  # bash takes --option=value apart at the "=".
  before=("${COMP_WORDS[@]:0:COMP_CWORD}")
  if [ "$current" = = ]; then
    current=''
  elif [ "${before[COMP_CWORD - 1]}" = = ]; then
    unset "before[COMP_CWORD - 1]"
  fi
  _ctrl_exec_read "${before[@]}"
  case $behind$value in
    switch) ;;
    file | 1*)
      compopt -o default
      COMPREPLY=()
      return 0
      ;;
    words:*) words=${value#words:} ;;
    *) return 0 ;;
  esac
  if [ -z "$words" ]; then
    _ctrl_exec_table "$program $mode"
    case $current in
      -*) words=$options ;;
      *)
        words=$modes
        for kind in $kinds; do
          # shellcheck disable=SC2086 # a list of hosts
          words="$words $(ctrl-exec complete ${config:+--config="$config"} "$kind" $hosts 2>/dev/null)"
        done
        ;;
    esac
  fi
  # shellcheck disable=SC2207 # words hold no spaces
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}

complete -F _ctrl_exec ctrl-exec ctrl-exec-agent ctrl-exec-api
