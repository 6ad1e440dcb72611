#!/bin/sh
# Points Claude Code of this user at Nexus:  sh setup.sh https://nexus.example.com
# Writes ~/.claude/settings.json after showing what goes into it; a file that is there already is never changed.
set -eu

stop() {
    echo "setup: $1" >&2
    exit 1
}

usage() {
    cat <<'TEXT'
Usage: sh setup.sh ANTHROPIC_BASE_URL [--key-helper COMMAND] [--yes]

ANTHROPIC_BASE_URL is where Nexus is, such as https://nexus.example.com. Give your client key (cnp_live_...) in the environment as
ANTHROPIC_AUTH_TOKEN, or name a COMMAND that prints it, such as "cat ~/.nexus-key", or leave it out when you sign in to Claude Code
yourself. --yes asks nothing.
TEXT
}

case "${1:-}" in
"") usage >&2; exit 2 ;;
-h | --help) usage; exit ;;
esac
address=${1%/}
shift
agreed= helper=
while [ $# -gt 0 ]; do
    case "$1" in
    --yes) agreed=yes ;;
    --key-helper)
        helper=${2:-}
        [ -n "$helper" ] || stop "--key-helper wants the command that prints the key."
        shift
        ;;
    *) stop "$1 is not known: sh setup.sh --help says what there is." ;;
    esac
    shift
done
case "$address" in
http://?* | https://?*) ;;
*) stop "$address is no address: give one such as https://nexus.example.com" ;;
esac
case "$address" in
*[!A-Za-z0-9:/._~%\[\]-]*) stop "the address holds a character that does not belong there: give one such as https://nexus.example.com" ;;
*/v1) stop "leave /v1 away: Claude Code adds it itself." ;;
esac
token=${ANTHROPIC_AUTH_TOKEN:-}
case "$token" in
*[!A-Za-z0-9._-]*) stop "ANTHROPIC_AUTH_TOKEN holds a character that no key has: copy it again." ;;
esac

case "$helper" in
*[![:print:]]* | *[\"\\]*) stop "the command of --key-helper holds a quote or a backslash: put it into a script and name that." ;;
esac
[ -z "$token" ] || [ -z "$helper" ] || stop "there are two keys: leave ANTHROPIC_AUTH_TOKEN or --key-helper away."

# Claude Code leaves these off, or on only for api.anthropic.com; docs/claude-code.md says what each does.
content() {
    echo '{'
    [ -z "$helper" ] || echo "  \"apiKeyHelper\": \"$helper\","
    echo '  "env": {'
    echo "    \"ANTHROPIC_BASE_URL\": \"$address\","
    [ -z "$1" ] || echo "    \"ANTHROPIC_AUTH_TOKEN\": \"$1\","
    echo '    "ENABLE_TOOL_SEARCH": "true",'
    echo '    "CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY": "1",'
    echo '    "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",'
    echo '    "CLAUDE_CODE_ENABLE_FINE_GRAINED_TOOL_STREAMING": "1"'
    echo '  }'
    echo '}'
}

file=${CLAUDE_CONFIG_DIR:-$HOME/.claude}/settings.json
echo "This is for $file:"
echo
content "${token:+cnp_****}"
echo
if [ -e "$file" ] || [ -L "$file" ]; then
    stop "$file is there already, and nothing was changed: add these lines to it by hand."
fi
if [ -z "$agreed" ]; then
    # The script itself may come through the standard input (curl ... | sh -s), so the answer comes from the terminal.
    printf 'Write it? [y/N] '
    { read -r answer </dev/tty; } 2>/dev/null || stop "there is no terminal to ask at: run it again with --yes."
    case "$answer" in
    y | Y | yes) ;;
    *) stop "nothing was written." ;;
    esac
fi

mkdir -p "$(dirname "$file")"
umask 077
# noclobber: a file that somebody made in the meantime stays.
set -C
content "$token" >"$file"
echo "Written. Start claude, and /status shows the address."
