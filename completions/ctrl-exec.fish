# fish completion for ctrl-exec, ctrl-exec-agent and ctrl-exec-api. Generated from the command tables: make generate.

function __ctrl_exec_before_dashes
    not contains -- -- (commandline -opc)
end

# The --config that was typed, for whoever asks the program.
function __ctrl_exec_config
    set -l typed (commandline -opc)
    for index in (seq (count $typed))
        switch $typed[$index]
            case '--config=*'
                echo $typed[$index]
            case --config
                test $index -lt (count $typed); and echo --config=$typed[(math $index + 1)]
        end
    end
end

# The mode, or nothing: the first word that is no option and no option's value.
function __ctrl_exec_words
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word $argv
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end

complete -c ctrl-exec -f
complete -c ctrl-exec -l help -s h -d 'Show the help'
complete -c ctrl-exec -l version -s V -d 'Show the version'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a run -d 'Run an allowlisted script on one or more hosts'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a ping -d 'Call hosts over mTLS; show certificate expiry and version'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a status -d 'Show a run'\''s record: what is done and what is still out'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a list-agents -d 'List the registered hosts'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a pairing-mode -d 'Take pairing requests from new hosts, and decide on them'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a list-requests -d 'List the pairing requests that wait'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a approve -d 'Approve a pairing request'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a deny -d 'Deny a pairing request'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a edit-agent -d 'Change how a registered host is dialled'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a unpair -d 'Remove a host from the registry'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a rotate-cert -d 'Replace this host'\''s certificate now, and tell the agents'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a serial-status -d 'Show the control host'\''s serials, and which agents know them'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a maintain -d 'Do the check loop'\''s work once: rotation, renewals, clean-up'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a list-locks -d 'List the runs that hold locks now, and who started them'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a setup-ca -d 'Make the private CA, once'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a setup-ctrl-exec -d 'Make this control host'\''s own key and certificate'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a asset -d 'Print a file that this program carries'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a demo -d 'Show the whole system on this machine, with nothing installed'
complete -c ctrl-exec -n 'test -z "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)"' -a help -d 'Show the help of the program or of a mode'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = run; and __ctrl_exec_before_dashes' -l port -x -d 'Agent port if none is typed (default: recorded or 7443)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = run; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = run; and __ctrl_exec_before_dashes' -l username -x -d 'Name for hooks and script, unverified (default $USER)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = run; and __ctrl_exec_before_dashes' -l token -x -d 'Token for the hooks; ps shows it (default $ENVEXEC_TOKEN)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = run; and __ctrl_exec_before_dashes' -l token-file -rF -d 'File with the token in one line, or - for standard input'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = run; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = run; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = run; and __ctrl_exec_before_dashes' -a '(ctrl-exec complete (__ctrl_exec_config) hosts 2>/dev/null)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = run; and __ctrl_exec_before_dashes' -a '(ctrl-exec complete (__ctrl_exec_config) scripts (__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[2..-1] 2>/dev/null)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = ping; and __ctrl_exec_before_dashes' -l port -x -d 'Agent port if none is typed (default: recorded or 7443)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = ping; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = ping; and __ctrl_exec_before_dashes' -l username -x -d 'Name for hooks and script, unverified (default $USER)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = ping; and __ctrl_exec_before_dashes' -l token -x -d 'Token for the hooks; ps shows it (default $ENVEXEC_TOKEN)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = ping; and __ctrl_exec_before_dashes' -l token-file -rF -d 'File with the token in one line, or - for standard input'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = ping; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = ping; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = ping; and __ctrl_exec_before_dashes' -a '(ctrl-exec complete (__ctrl_exec_config) hosts 2>/dev/null)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = status; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = status; and __ctrl_exec_before_dashes' -l username -x -d 'Name for hooks and script, unverified (default $USER)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = status; and __ctrl_exec_before_dashes' -l token -x -d 'Token for the hooks; ps shows it (default $ENVEXEC_TOKEN)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = status; and __ctrl_exec_before_dashes' -l token-file -rF -d 'File with the token in one line, or - for standard input'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = status; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = status; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = list-agents; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = list-agents; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = list-agents; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = list-agents; and __ctrl_exec_before_dashes' -l wide -d 'Show more columns than fit in 80 characters'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = pairing-mode; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = pairing-mode; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = list-requests; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = list-requests; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = list-requests; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = approve; and __ctrl_exec_before_dashes' -l code -x -d 'The agent'\''s code; if wrong, the request is denied'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = approve; and __ctrl_exec_before_dashes' -l ip -x -d 'Record this address for the agent'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = approve; and __ctrl_exec_before_dashes' -l agent-port -x -d 'Record this port for the agent'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = approve; and __ctrl_exec_before_dashes' -l lookup-by -xa 'hostname ip' -d 'Dial the agent by its name or its recorded address'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = approve; and __ctrl_exec_before_dashes' -l force -d 'Go on although other hosts'\'' clocks disagree'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = approve; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = approve; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = approve; and __ctrl_exec_before_dashes' -a '(ctrl-exec complete (__ctrl_exec_config) requests 2>/dev/null)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = deny; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = deny; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = deny; and __ctrl_exec_before_dashes' -a '(ctrl-exec complete (__ctrl_exec_config) requests 2>/dev/null)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = edit-agent; and __ctrl_exec_before_dashes' -l ip -x -d 'Record this address for the agent'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = edit-agent; and __ctrl_exec_before_dashes' -l agent-port -x -d 'Record this port for the agent'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = edit-agent; and __ctrl_exec_before_dashes' -l lookup-by -xa 'hostname ip' -d 'Dial the agent by its name or its recorded address'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = edit-agent; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = edit-agent; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = edit-agent; and __ctrl_exec_before_dashes' -a '(ctrl-exec complete (__ctrl_exec_config) hosts 2>/dev/null)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = unpair; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = unpair; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = unpair; and __ctrl_exec_before_dashes' -l revoke -d 'Refuse the host'\''s certificates from now on'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = unpair; and __ctrl_exec_before_dashes' -l port -x -d 'Agent port if none is typed (default: recorded or 7443)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = unpair; and __ctrl_exec_before_dashes' -a '(ctrl-exec complete (__ctrl_exec_config) hosts 2>/dev/null)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = rotate-cert; and __ctrl_exec_before_dashes' -l port -x -d 'Agent port if none is typed (default: recorded or 7443)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = rotate-cert; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = rotate-cert; and __ctrl_exec_before_dashes' -l force -d 'Go on although other hosts'\'' clocks disagree'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = rotate-cert; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = rotate-cert; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = serial-status; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = serial-status; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = serial-status; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = maintain; and __ctrl_exec_before_dashes' -l port -x -d 'Agent port if none is typed (default: recorded or 7443)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = maintain; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = maintain; and __ctrl_exec_before_dashes' -l force -d 'Go on although other hosts'\'' clocks disagree'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = maintain; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = maintain; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = list-locks; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = list-locks; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = list-locks; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = setup-ca; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = setup-ca; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = setup-ctrl-exec; and __ctrl_exec_before_dashes' -l port -x -d 'Agent port if none is typed (default: recorded or 7443)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = setup-ctrl-exec; and __ctrl_exec_before_dashes' -l yes -d 'Do not ask for confirmation'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = setup-ctrl-exec; and __ctrl_exec_before_dashes' -l force -d 'Go on although other hosts'\'' clocks disagree'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = setup-ctrl-exec; and __ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = setup-ctrl-exec; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = asset; and __ctrl_exec_before_dashes' -a '(ctrl-exec complete (__ctrl_exec_config) assets 2>/dev/null)'
complete -c ctrl-exec -n 'test "$(__ctrl_exec_words --config --log --port --username --token --token-file --ip --agent-port --lookup-by --code)[1]" = demo; and __ctrl_exec_before_dashes' -l keep -d 'Keep the demo'\''s folder and agents, and say how to use them'

complete -c ctrl-exec-agent -f
complete -c ctrl-exec-agent -l help -s h -d 'Show the help'
complete -c ctrl-exec-agent -l version -s V -d 'Show the version'
complete -c ctrl-exec-agent -n 'test -z "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)"' -a serve -d 'Start the agent'
complete -c ctrl-exec-agent -n 'test -z "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)"' -a reload -d 'Make the running agent reload, and say whether it did'
complete -c ctrl-exec-agent -n 'test -z "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)"' -a self-check -d 'Check configuration, allowlist and certificates, offline'
complete -c ctrl-exec-agent -n 'test -z "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)"' -a self-ping -d 'Call the running agent over mTLS; see it enforce its policy'
complete -c ctrl-exec-agent -n 'test -z "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)"' -a request-pairing -d 'Ask a control host for a certificate'
complete -c ctrl-exec-agent -n 'test -z "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)"' -a pairing-status -d 'Say whether this agent is paired, and until when'
complete -c ctrl-exec-agent -n 'test -z "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)"' -a help -d 'Show the help of the program or of a mode'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = serve; and __ctrl_exec_before_dashes' -l config -rF -d 'agent.conf (default: in /etc/ctrl-exec-agent)'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = serve; and __ctrl_exec_before_dashes' -l allowlist -rF -d 'Path to scripts.conf (default: beside agent.conf)'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = serve; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = self-check; and __ctrl_exec_before_dashes' -l config -rF -d 'agent.conf (default: in /etc/ctrl-exec-agent)'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = self-check; and __ctrl_exec_before_dashes' -l allowlist -rF -d 'Path to scripts.conf (default: beside agent.conf)'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = self-check; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = self-ping; and __ctrl_exec_before_dashes' -l config -rF -d 'agent.conf (default: in /etc/ctrl-exec-agent)'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = request-pairing; and __ctrl_exec_before_dashes' -l dispatcher -x -d 'The control host to pair with'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = request-pairing; and __ctrl_exec_before_dashes' -l ctrl-exec -x -d 'The same as --dispatcher'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = request-pairing; and __ctrl_exec_before_dashes' -l port -x -d 'Pairing port of the control host (default 7444)'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = request-pairing; and __ctrl_exec_before_dashes' -l hostname -x -d 'Pair under this name instead of the host'\''s own'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = request-pairing; and __ctrl_exec_before_dashes' -l ca-fingerprint -x -d 'Accept only the CA with this fingerprint'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = request-pairing; and __ctrl_exec_before_dashes' -l background -d 'Print the request id; wait in the background'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = request-pairing; and __ctrl_exec_before_dashes' -l timeout -x -d 'Seconds for --background to wait (30; max 600)'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = request-pairing; and __ctrl_exec_before_dashes' -l config -rF -d 'agent.conf (default: in /etc/ctrl-exec-agent)'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = request-pairing; and __ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = pairing-status; and __ctrl_exec_before_dashes' -l config -rF -d 'agent.conf (default: in /etc/ctrl-exec-agent)'
complete -c ctrl-exec-agent -n 'test "$(__ctrl_exec_words --config --allowlist --log --dispatcher --ctrl-exec --port --hostname --ca-fingerprint --timeout)[1]" = pairing-status; and __ctrl_exec_before_dashes' -l json -d 'Print the result as one line of JSON'

complete -c ctrl-exec-api -f
complete -c ctrl-exec-api -l help -s h -d 'Show the help'
complete -c ctrl-exec-api -l version -s V -d 'Show the version'
complete -c ctrl-exec-api -n '__ctrl_exec_before_dashes' -l config -rF -d 'Path to ctrl-exec.conf (default in /etc/ctrl-exec)'
complete -c ctrl-exec-api -n '__ctrl_exec_before_dashes' -l log -xa 'syslog stderr' -d 'Log to syslog (default), stderr or a socket'
