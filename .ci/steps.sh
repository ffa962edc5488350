# How the scripts here report their steps. To be sourced.
say() { printf '\n== %s (after %d s)\n' "$*" $SECONDS; }
step() { say "$*"; "$@"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
not_done() { printf 'not done: %s\n' "$*"; }
