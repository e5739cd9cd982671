# bash completion for ctrl-exec, ctrl-exec-agent and ctrl-exec-api. Generated from the command tables: make generate.

_ctrl_exec_table() {
  modes='' options='--help --version' kinds=''
  case $1 in
    'ctrl-exec ') modes='run ping discovery list-scripts status wait logs cancel pause continue list-runs list-agents list-groups upgrade pairing-mode list-requests token approve deny edit-agent tag unpair rotate-cert serial-status maintain doctor list-locks setup-ca setup-ctrl-exec asset demo help' ;;
    'ctrl-exec run') options='--hosts-from --except --limit --port --live --no-live --fold --no-fold --diff --only --quiet --output --json --json-stream --dry-run --batch --max-failures --per-tag --check --pause --confirm --resume --detach --async --timeout --username --token --token-file --config --log --help' kinds='hosts scripts' ;;
    'ctrl-exec ping') options='--hosts-from --except --limit --port --json --username --token --token-file --config --log --help' kinds='hosts' ;;
    'ctrl-exec discovery') options='--hosts-from --except --limit --port --json --wide --username --token --token-file --config --log --help' kinds='hosts' ;;
    'ctrl-exec list-scripts') options='--hosts-from --except --limit --port --json --wide --username --token --token-file --config --log --help' kinds='hosts' ;;
    'ctrl-exec status') options='--fold --no-fold --diff --only --quiet --output --json --username --token --token-file --config --log --help' kinds='runs' ;;
    'ctrl-exec wait') options='--timeout --fold --no-fold --diff --only --quiet --output --json --username --token --token-file --config --log --help' kinds='runs' ;;
    'ctrl-exec logs') options='--follow --stderr --username --token --token-file --config --log --help' kinds='run-hosts' ;;
    'ctrl-exec cancel') options='--hosts-from --except --grace --json --username --token --token-file --config --log --help' kinds='cancel-hosts' ;;
    'ctrl-exec pause') options='--json --username --token --token-file --config --log --help' kinds='runs-to-pause' ;;
    'ctrl-exec continue') options='--json --username --token --token-file --config --log --help' kinds='runs-to-continue' ;;
    'ctrl-exec list-runs') options='--host --script --user --failed --since --limit --json --username --token --token-file --config --log --help' kinds='' ;;
    'ctrl-exec list-agents') options='--hosts-from --except --limit --config --log --json --wide --help' kinds='hosts' ;;
    'ctrl-exec list-groups') options='--config --log --json --wide --help' kinds='groups' ;;
    'ctrl-exec upgrade') options='--from --hosts-from --except --limit --port --batch --max-failures --per-tag --pause --check --downgrade --timeout --dry-run --json --username --token --token-file --config --log --help' kinds='hosts' ;;
    'ctrl-exec pairing-mode') options='--config --log --help' kinds='' ;;
    'ctrl-exec list-requests') options='--config --log --json --help' kinds='' ;;
    'ctrl-exec token') options='--ttl --uses --name --tag --from --replace --json --config --log --help' kinds='tokens' ;;
    'ctrl-exec approve') options='--code --ip --agent-port --lookup-by --force --config --log --help' kinds='requests' ;;
    'ctrl-exec deny') options='--config --log --help' kinds='requests' ;;
    'ctrl-exec edit-agent') options='--ip --agent-port --lookup-by --config --log --help' kinds='hosts' ;;
    'ctrl-exec tag') options='--json --username --token --token-file --config --log --help' kinds='tags' ;;
    'ctrl-exec unpair') options='--config --log --revoke --port --help' kinds='hosts' ;;
    'ctrl-exec rotate-cert') options='--port --json --force --config --log --help' kinds='' ;;
    'ctrl-exec serial-status') options='--hosts-from --except --limit --json --config --log --help' kinds='hosts' ;;
    'ctrl-exec maintain') options='--port --json --force --config --log --help' kinds='' ;;
    'ctrl-exec doctor') options='--json --fix --config --log --help' kinds='' ;;
    'ctrl-exec list-locks') options='--json --config --log --help' kinds='' ;;
    'ctrl-exec setup-ca') options='--config --log --help' kinds='' ;;
    'ctrl-exec setup-ctrl-exec') options='--port --yes --force --config --log --help' kinds='' ;;
    'ctrl-exec asset') options='--help' kinds='assets' ;;
    'ctrl-exec demo') options='--keep --help' kinds='' ;;
    'ctrl-exec help') options='--help' kinds='' modes='run ping discovery list-scripts status wait logs cancel pause continue list-runs list-agents list-groups upgrade pairing-mode list-requests token approve deny edit-agent tag unpair rotate-cert serial-status maintain doctor list-locks setup-ca setup-ctrl-exec asset demo help' ;;
    'ctrl-exec-agent ') modes='serve reload self-check self-ping request-pairing join pairing-status apply-upgrade help' ;;
    'ctrl-exec-agent serve') options='--config --allowlist --log --help' kinds='' ;;
    'ctrl-exec-agent reload') options='--help' kinds='' ;;
    'ctrl-exec-agent self-check') options='--config --allowlist --json --help' kinds='' ;;
    'ctrl-exec-agent self-ping') options='--config --help' kinds='' ;;
    'ctrl-exec-agent request-pairing') options='--dispatcher --ctrl-exec --port --hostname --ca-fingerprint --background --timeout --config --log --help' kinds='' ;;
    'ctrl-exec-agent join') options='--dispatcher --ctrl-exec --port --hostname --token-file --timeout --consume --config --log --help' kinds='' ;;
    'ctrl-exec-agent pairing-status') options='--config --json --help' kinds='' ;;
    'ctrl-exec-agent apply-upgrade') options='--config --log --help' kinds='' ;;
    'ctrl-exec-agent help') options='--help' kinds='' modes='serve reload self-check self-ping request-pairing join pairing-status apply-upgrade help' ;;
    'ctrl-exec-api ') options='--config --log --hub-only --help --version' ;;
  esac
}

# How the value of an option is completed: a file, hosts, scripts, words, or (none) not at all.
_ctrl_exec_value() {
  value=switch
  case $1 in
    --config) value='file' ;;
    --log) value='words:syslog stderr' ;;
    --except) value='hosts' ;;
    --hosts-from) value='file' ;;
    --batch) value='none' ;;
    --max-failures) value='none' ;;
    --pause) value='none' ;;
    --per-tag) value='tag-bounds' ;;
    --check) value='scripts' ;;
    --resume) value='runs-to-resume' ;;
    --only) value='words:failed' ;;
    --output) value='file' ;;
    --port) value='none' ;;
    --username) value='none' ;;
    --token) value='none' ;;
    --token-file) value='file' ;;
    --host) value='hosts' ;;
    --script) value='scripts' ;;
    --user) value='none' ;;
    --since) value='none' ;;
    --limit) value='none' ;;
    --grace) value='none' ;;
    --timeout) value='none' ;;
    --ip) value='none' ;;
    --agent-port) value='none' ;;
    --lookup-by) value='words:hostname ip' ;;
    --code) value='none' ;;
    --ttl) value='none' ;;
    --uses) value='none' ;;
    --name) value='none' ;;
    --tag) value='none' ;;
    --from) value='none' ;;
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
          # Its value is what the cursor is at, or the next word.
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

# Sets typed: the words up to the cursor, as the shell will read them; COMP_WORDS has them in more parts.
_ctrl_exec_typed() {
  local rest=${COMP_LINE:0:COMP_POINT} space word index
  typed=()
  for ((index = 0; index <= COMP_CWORD; index++)); do
    space=${rest%%[![:space:]]*}
    rest=${rest#"$space"}
    word=${COMP_WORDS[index]}
    [ "$index" -lt "$COMP_CWORD" ] || word=$rest
    if [ -n "$space" ] || [ "$index" -eq 0 ]; then
      typed+=("$word")
    else
      typed[${#typed[@]} - 1]+=$word
    fi
    rest=${rest#"$word"}
  done
}

# Completes what $current begins with what the program says. Nothing of it is expanded: it may be of any text. What was
# typed without quotes is completed without them, and then every character that a shell would obey has a backslash.
_ctrl_exec_ask() {
  local kind kept='' found word quoted='' -
  set -f
  # bash replaces what follows the last of these; of a host's name with "@", that too. What is quoted is one word.
  case $current in
    [\"\']*) quoted=1 ;;
    *@*) kept=${current%@*} ;;
    *[=:]*) kept=${current%"${current##*[=:]}"} ;;
  esac
  case ${current#"$kept"} in
    @*[=:]*) kept=${current%"${current##*[=:]}"} ;;
  esac
  for kind in $1; do
    # The newest come first. Older bashes know no such order.
    case $kind:$current in
      runs:* | run-hosts:* | cancel-hosts:* | runs-to-pause:* | runs-to-continue:* | runs-to-resume:* | *@failed=* | *@missed=*) compopt -o nosort 2>/dev/null ;;
    esac
    # shellcheck disable=SC2086 # a list of hosts
    mapfile -t found < <(ctrl-exec complete ${config:+--config="$config"} --word="$current" "$kind" $hosts 2>/dev/null)
    for word in "${found[@]}"; do
      word=${word#"${kept//\\/}"}
      if [ -z "$quoted" ] && [ -n "$word" ]; then
        printf -v word %q "$word"
        word=${word//\\,/,}
      fi
      case $word in
        *[=\<]) compopt -o nospace ;;
      esac
      COMPREPLY+=("$word")
    done
  done
}

_ctrl_exec() {
  local program mode hosts config behind value modes options kinds words='' typed current
  COMPREPLY=()
  _ctrl_exec_typed
  current=${typed[${#typed[@]} - 1]}
  unset "typed[${#typed[@]} - 1]"
  _ctrl_exec_read "${typed[@]}"
  case $current in
    --*=*)
      _ctrl_exec_value "${current%%=*}"
      current=${current#*=}
      ;;
  esac
  case $behind$value in
    switch) ;;
    file | 1*)
      compopt -o default
      return 0
      ;;
    hosts | runs* | tag-bounds)
      hosts=''
      _ctrl_exec_ask "$value"
      return 0
      ;;
    scripts)
      _ctrl_exec_ask scripts
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
        # What follows a mode is no mode, but for help, of which it is one.
        [ -n "$hosts" ] || words=$modes
        _ctrl_exec_ask "$kinds"
        ;;
    esac
  fi
  # shellcheck disable=SC2207 # words hold no spaces
  COMPREPLY+=($(compgen -W "$words" -- "$current"))
}

complete -F _ctrl_exec ctrl-exec ctrl-exec-agent ctrl-exec-api
