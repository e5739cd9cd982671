/** Completions for bash, zsh and fish. Hosts, scripts, runs and requests are asked of `ctrl-exec complete`. */
import type { ModeModel, OptionModel, ProgramModel, Takes } from "./command-model.ts";

const NOTE = "Generated from the command tables: make generate.";

const names = (options: readonly OptionModel[]) => options.map(({ name }) => `--${name}`).join(" ");

/** What `complete` is asked for, by what the mode takes. */
const KINDS: Readonly<Record<Takes, string>> = {
  nothing: "",
  hosts: "hosts",
  groups: "groups",
  run: "hosts scripts",
  runs: "runs",
  "run-hosts": "run-hosts",
  "cancel-hosts": "cancel-hosts",
  "runs-to-pause": "runs-to-pause",
  "runs-to-continue": "runs-to-continue",
  // Known beforehand: the program need not be asked.
  modes: "",
  tags: "tags",
  requests: "requests",
  assets: "assets",
  tokens: "tokens",
};

/** What else was typed decides what is meant. */
const BY_POSITION: readonly string[] = [
  ...["scripts", "runs", "run-hosts", "cancel-hosts", "runs-to-pause", "runs-to-continue", "tags"],
  "tokens",
];

/** The newest come first; other words have the shell's order. */
const IN_ORDER: readonly string[] = [
  ...["runs", "run-hosts", "cancel-hosts", "runs-to-pause", "runs-to-continue", "runs-to-resume"],
];

/** A table that bash and zsh both read: sets modes, options and kinds for "<program> <mode>". */
function table(models: readonly ProgramModel[]): string[] {
  const lines = [
    "_ctrl_exec_table() {",
    "  modes='' options='--help --version' kinds=''",
    "  case $1 in",
  ];
  for (const { program, modes, options } of models) {
    const modeNames = modes.map(({ name }) => name).join(" ");
    if (program.defaultVerb === undefined) {
      lines.push(`    '${program.name} ') modes='${modeNames}' ;;`);
    } else lines.push(`    '${program.name} ') options='${names(options)} --help --version' ;;`);
    if (program.defaultVerb !== undefined) continue;
    for (const mode of modes) {
      const options = [names(mode.options), "--help"].filter((part) => part !== "").join(" ");
      const words = mode.takes === "modes" ? ` modes='${modeNames}'` : "";
      lines.push(
        `    '${program.name} ${mode.name}') options='${options}' kinds='${KINDS[mode.takes]}'${words} ;;`,
      );
    }
  }
  lines.push("  esac", "}", "");
  lines.push(
    "# How the value of an option is completed: a file, hosts, scripts, words, or (none) not at all.",
  );
  lines.push("_ctrl_exec_value() {", "  value=switch", "  case $1 in");
  const seen = new Set<string>();
  for (const { options } of models) {
    for (const { name, value } of options) {
      if (value === undefined || seen.has(name)) continue;
      seen.add(name);
      const how = typeof value === "string" ? value : `words:${value.words.join(" ")}`;
      lines.push(`    --${name}) value='${how}' ;;`);
    }
  }
  lines.push("  esac", "}", "");
  return lines;
}

/** What the words before the cursor mean, in the common language of bash and zsh. */
const READ_LINE = `# Reads the words before the cursor. Sets program, mode, hosts, config, value and behind (-- was seen).
_ctrl_exec_read() {
  program=\${1##*/} mode='' hosts='' config='' behind='' value=switch
  shift
  if [ "$program" = ctrl-exec ]; then
    case \${1-} in
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
      --config=*) config=\${1#*=} ;;
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
`;

export function bashCompletion(models: readonly ProgramModel[]): string {
  return `# bash completion for ctrl-exec, ctrl-exec-agent and ctrl-exec-api. ${NOTE}

${table(models).join("\n")}
${READ_LINE}
# Sets typed: the words up to the cursor, as the shell will read them; COMP_WORDS has them in more parts.
_ctrl_exec_typed() {
  local rest=\${COMP_LINE:0:COMP_POINT} space word index
  typed=()
  for ((index = 0; index <= COMP_CWORD; index++)); do
    space=\${rest%%[![:space:]]*}
    rest=\${rest#"$space"}
    word=\${COMP_WORDS[index]}
    [ "$index" -lt "$COMP_CWORD" ] || word=$rest
    if [ -n "$space" ] || [ "$index" -eq 0 ]; then
      typed+=("$word")
    else
      typed[\${#typed[@]} - 1]+=$word
    fi
    rest=\${rest#"$word"}
  done
}

# Completes what $current begins with what the program says. Nothing of it is expanded: it may be of any text. What was
# typed without quotes is completed without them, and then every character that a shell would obey has a backslash.
_ctrl_exec_ask() {
  local kind kept='' found word quoted='' -
  set -f
  # bash replaces what follows the last of these; of a host's name with "@", that too. What is quoted is one word.
  case $current in
    [\\"\\']*) quoted=1 ;;
    *@*) kept=\${current%@*} ;;
    *[=:]*) kept=\${current%"\${current##*[=:]}"} ;;
  esac
  case \${current#"$kept"} in
    @*[=:]*) kept=\${current%"\${current##*[=:]}"} ;;
  esac
  for kind in $1; do
    # The newest come first. Older bashes know no such order.
    case $kind:$current in
      ${IN_ORDER.join(":* | ")}:* | *@failed=* | *@missed=*) compopt -o nosort 2>/dev/null ;;
    esac
    # shellcheck disable=SC2086 # a list of hosts
    mapfile -t found < <(ctrl-exec complete \${config:+--config="$config"} --word="$current" "$kind" $hosts 2>/dev/null)
    for word in "\${found[@]}"; do
      word=\${word#"\${kept//\\\\/}"}
      if [ -z "$quoted" ] && [ -n "$word" ]; then
        printf -v word %q "$word"
        word=\${word//\\\\,/,}
      fi
      case $word in
        *[=\\<]) compopt -o nospace ;;
      esac
      COMPREPLY+=("$word")
    done
  done
}

_ctrl_exec() {
  local program mode hosts config behind value modes options kinds words='' typed current
  COMPREPLY=()
  _ctrl_exec_typed
  current=\${typed[\${#typed[@]} - 1]}
  unset "typed[\${#typed[@]} - 1]"
  _ctrl_exec_read "\${typed[@]}"
  case $current in
    --*=*)
      _ctrl_exec_value "\${current%%=*}"
      current=\${current#*=}
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
    words:*) words=\${value#words:} ;;
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
`;
}

export function zshCompletion(models: readonly ProgramModel[]): string {
  return `#compdef ctrl-exec ctrl-exec-agent ctrl-exec-api
# zsh completion. ${NOTE}

${table(models).join("\n")}
${READ_LINE}
${zshDescriptions(models).join("\n")}

_ctrl_exec_describe() {
  # Words with the descriptions that are known of them.
  local word
  local -a described
  for word in \${=1}; do
    described+=("$word\${_ctrl_exec_texts[$2$word]+:\${_ctrl_exec_texts[$2$word]}}")
  done
  _describe -t values value described
}

_ctrl_exec_ask() {
  # Completes with what the program says; what ends in "=" or "<" takes a value. zsh puts quotes where they are needed.
  local kind
  local -a found open
  for kind in \${=1}; do
    found=("\${(@f)$(ctrl-exec complete \${config:+--config="$config"} --word="\${(Q)PREFIX}" $kind \${=hosts} 2>/dev/null)}")
    open=(\${(M)found:#*[=\\<]})
    found=(\${found:#*[=\\<]})
    [ $#open -eq 0 ] || compadd -S '' -- $open
    # The newest come first.
    case $kind in
      ${IN_ORDER.join(" | ")}) [ $#found -eq 0 ] || compadd -V newest -- $found ;;
      *) [ $#found -eq 0 ] || compadd -- $found ;;
    esac
  done
}

_ctrl_exec() {
  local program mode hosts config behind value modes options kinds
  local current=\${words[CURRENT]}
  if [[ $current == --*=* ]]; then
    _ctrl_exec_value "\${current%%=*}"
    compset -P '*='
  else
    _ctrl_exec_read "\${words[@]:0:$((CURRENT - 1))}"
  fi
  case $behind$value in
    switch) ;;
    file | 1*)
      _files
      return
      ;;
    words:*)
      compadd -- \${=value#words:}
      return
      ;;
    hosts | runs* | tag-bounds)
      hosts=''
      _ctrl_exec_ask $value
      return
      ;;
    scripts)
      _ctrl_exec_ask scripts
      return
      ;;
    *) return 1 ;;
  esac
  _ctrl_exec_table "$program $mode"
  if [[ $current == -* ]]; then
    _ctrl_exec_describe "$options" "$program "
    return
  fi
  [ -z "$modes" ] || [ -n "$hosts" ] || _ctrl_exec_describe "$modes" "$program "
  _ctrl_exec_ask "$kinds"
}

_ctrl_exec "$@"
`;
}

function zshDescriptions(models: readonly ProgramModel[]): string[] {
  const lines = ["typeset -gA _ctrl_exec_texts", "_ctrl_exec_texts=("];
  const add = (key: string, text: string) => lines.push(`  ${quote(key)} ${quote(text)}`);
  for (const { program, modes, options } of models) {
    for (const { name, description } of options) add(`${program.name} --${name}`, description);
    for (const { name, summary } of modes) add(`${program.name} ${name}`, summary);
  }
  lines.push(")");
  return lines;
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function fishCompletion(models: readonly ProgramModel[]): string {
  const lines = [
    `# fish completion for ctrl-exec, ctrl-exec-agent and ctrl-exec-api. ${NOTE}`,
    "",
    "function __ctrl_exec_before_dashes",
    "    not contains -- -- (commandline -opc)",
    "end",
    "",
    "# The --config that was typed, for whoever asks the program.",
    "function __ctrl_exec_config",
    "    set -l typed (commandline -opc)",
    "    for index in (seq (count $typed))",
    "        switch $typed[$index]",
    "            case '--config=*'",
    "                echo $typed[$index]",
    "            case --config",
    "                test $index -lt (count $typed); and echo --config=$typed[(math $index + 1)]",
    "        end",
    "    end",
    "end",
    "",
    "# The mode, or nothing: the first word that is no option and no option's value.",
    "function __ctrl_exec_words",
    "    set -l skip 0",
    "    for word in (commandline -opc)[2..-1]",
    "        if test $skip = 1",
    "            set skip 0",
    "        else if contains -- $word $argv",
    "            set skip 1",
    "        else if not string match -q -- '-*' $word",
    "            echo $word",
    "        end",
    "    end",
    "end",
    "",
  ];
  for (const { program, modes, options } of models) {
    const valued = options.filter(({ value }) => value !== undefined);
    const words = `__ctrl_exec_words ${names(valued)}`;
    const { name } = program;
    const c = `complete -c ${name}`;
    lines.push(
      `${c} -f`,
      `${c} -l help -s h -d 'Show the help'`,
      `${c} -l version -s V -d 'Show the version'`,
    );
    if (program.defaultVerb !== undefined) {
      lines.push(
        ...options.map((option) => fishOption(c, "__ctrl_exec_before_dashes", option)),
        "",
      );
      continue;
    }
    for (const mode of modes) {
      lines.push(`${c} -n 'test -z "$(${words})"' -a ${mode.name} -d ${quote(mode.summary)}`);
    }
    for (const mode of modes) {
      const here = `test "$(${words})[1]" = ${mode.name}; and __ctrl_exec_before_dashes`;
      lines.push(...fishMode(c, here, mode, words));
      if (mode.takes !== "modes") continue;
      for (const { name: other, summary } of modes) {
        lines.push(`${c} -n 'test "$(${words})" = ${mode.name}' -a ${other} -d ${quote(summary)}`);
      }
    }
    lines.push("");
  }
  return lines.join("\n").trimEnd().concat("\n");
}

function fishMode(c: string, here: string, mode: ModeModel, words: string): string[] {
  const lines = mode.options.map((option) => fishOption(c, here, option, words));
  for (const kind of KINDS[mode.takes].split(" ").filter((word) => word !== "")) {
    const hosts = BY_POSITION.includes(kind) ? ` (${words})[2..-1]` : "";
    const order = IN_ORDER.includes(kind) ? " -k" : "";
    lines.push(`${c} -n ${quote(here)}${order} -a '${asked(kind, hosts)}'`);
  }
  return lines;
}

/** What the program says of the word at the cursor. */
function asked(kind: string, hosts = ""): string {
  return `(ctrl-exec complete (__ctrl_exec_config) --word=(commandline -ct) ${kind}${hosts} 2>/dev/null)`;
}

/** @param words the command that says which words were typed, for scripts of the hosts among them */
function fishOption(
  c: string,
  here: string,
  { name, description, value }: OptionModel,
  words = "",
): string {
  const how =
    value === undefined
      ? ""
      : value === "file"
        ? " -rF"
        : value === "none"
          ? " -x"
          : value === "hosts" || value === "tag-bounds" || value === "runs-to-resume"
            ? ` -x${value === "runs-to-resume" ? "k" : ""}a '${asked(value)}'`
            : value === "scripts"
              ? ` -xa '${asked("scripts", ` (${words})[2..-1]`)}'`
              : ` -xa '${value.words.join(" ")}'`;
  return `${c} -n ${quote(here)} -l ${name}${how} -d ${quote(description)}`;
}
