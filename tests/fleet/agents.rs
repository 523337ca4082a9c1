//! Small programs that stand for agents, as shell text, and the backends that run them.

/// An agent with an input box on a raw terminal that takes bracketed pastes: `> ` and what is typed, redrawn at every
/// change; a long paste is folded as the real ones do. What is submitted is appended to `received.txt` in its folder,
/// with a line `---` after it. `/busy`, `/idle`, `/dialog`, `/say TEXT` and `/exit CODE`, submitted alone, are obeyed.
pub const BOX: &str = r#"
state=idle; text=; shown=; said=
stty raw -echo
printf '\033[?2004h'
draw() {
    printf '\033[H\033[2J'
    printf '%s\r\n' "an agent in $PWD" "$said"
    if [ "$state" = busy ]; then printf 'Working (esc to interrupt)\r\n'; fi
    if [ "$state" = dialog ]; then printf 'Do you trust this folder? (y/n)\r\n'; else printf '> %s' "$shown"; fi
}
submit() {
    printf '%s\n---\n' "$text" >> received.txt
    case $text in
        /busy) state=busy ;;
        /idle) state=idle ;;
        /dialog) state=dialog ;;
        /say\ *) said=${text#/say } ;;
        /exit\ *) exit "${text#/exit }" ;;
    esac
    text=; shown=
}
fold() {
    if [ "${#1}" -gt 800 ]; then
        shown+="[Pasted text #1 +$(printf %s "$1" | wc -l) lines]"
    else
        shown+=${1//$'\n'/ }
    fi
}
draw
while IFS= read -rsN1 key; do
    case $key in
        $'\033')
            IFS= read -rsN5 rest
            pasted=
            while IFS= read -rs -d $'\033' part; do
                pasted+=$part
                IFS= read -rsN5 rest
                [ "$rest" = '[201~' ] && break
            done
            pasted=${pasted//$'\r'/$'\n'}
            text+=$pasted
            fold "$pasted" ;;
        $'\r' | $'\n') submit ;;
        y) if [ "$state" = dialog ]; then state=idle; else text+=y; shown+=y; fi ;;
        *) text+=$key; shown+=$key ;;
    esac
    read -t 0 || draw
done
"#;

/// The backend `box`; every test fleet has [`BOX`] in its home.
pub const BOX_BACKEND: &str = r#"
[backend.box]
bin = 'exec bash "$HOME/box.sh" {session} {model}'
prompt_delivery = 'exec'
input_re = '^> ?(?P<text>.*)$'
active_re = 'esc to interrupt'
ready_max = 20
"#;

/// A backend whose program reads lines and repeats them: neither an input box nor bracketed paste.
pub const LINES_BACKEND: &str = r"
[backend.lines]
bin = 'exec cat'
prompt_delivery = 'exec'
";

/// A backend whose program has a prompt on a terminal in line mode, which cuts a line at 4095 bytes. What it reads is
/// appended to `read.txt` in its folder.
pub const PROMPT_BACKEND: &str = r#"
[backend.prompt]
bin = 'while printf "> "; IFS= read -r line; do printf "%s\n" "$line" >> read.txt; echo "you said: $line"; done'
prompt_delivery = 'exec'
input_re = '^> ?(?P<text>.*)$'
"#;

/// A backend whose program draws an input box and never reads what is typed.
pub const DEAF_BACKEND: &str = r#"
[backend.deaf]
bin = 'stty -echo; printf "> "; exec sleep 100000'
prompt_delivery = 'exec'
input_re = '^> ?(?P<text>.*)$'
"#;

/// [`BOX`] that tells of itself as Claude Code does: by the hooks of the settings file that it is started with. What is
/// submitted is a prompt, and a turn runs until `/stop`; `/ask` asks a person until `y` is pressed, `/limit` is refused.
/// Its conversation is `told-1`, or the one that it resumes; its arguments stand in `arguments.txt`.
pub const TELLER: &str = r#"
printf '%s\n' "$*" >> arguments.txt
settings=; conversation=told-1
while [ $# -gt 0 ]; do
    case $1 in
        --settings) settings=$2; shift ;;
        --resume) conversation=$2; shift ;;
    esac
    shift
done
tell() {
    hook=$(sed -n "s/.*\"$1\":\[{[^]]*\"command\":\"\([^\"]*\)\".*/\1/p" "$settings")
    printf '{"session_id":"%s","hook_event_name":"%s",%s}' "$conversation" "$1" "${2:-\"x\":1}" | sh -c "$hook"
}
heard() {
    case $1 in
        /stop) tell Stop ;;
        /ask) state=dialog; tell PermissionRequest '"tool_name":"Bash","tool_input":{"command":"rm -r build"}' ;;
        /limit) tell StopFailure '"error":"rate_limit","last_assistant_message":"You'"'"'ve hit your session limit · resets in 2h"' ;;
        /*) ;;
        *) tell UserPromptSubmit "\"prompt\":\"$1\"" ;;
    esac
}
tell SessionStart '"source":"startup"'
eval "$(sed '/received.txt/a heard "$text"' "$HOME/box.sh")"
"#;

/// The backend `teller`; every test fleet has [`TELLER`] in its home.
pub const TELLER_BACKEND: &str = r#"
[backend.teller]
bin = 'exec bash "$HOME/teller.sh"'
events = 'claude'
supports_resume = true
input_re = '^> ?(?P<text>.*)$'
active_re = 'esc to interrupt'
ready_max = 20
"#;

/// A backend whose program serves as opencode does: the test is its server, at the port that stands in `arguments.txt`.
pub const SERVED_BACKEND: &str = r#"
[backend.served]
bin = 'exec bash "$HOME/served.sh"'
prompt_delivery = 'ping'
events = 'opencode'
input_re = '^> ?(?P<text>.*)$'
ready_max = 20
"#;

/// [`BOX`] that writes its arguments to `arguments.txt`; every test fleet has it in its home.
pub const SERVED: &str = r#"
printf '%s\n' "$*" >> arguments.txt
. "$HOME/box.sh"
"#;
