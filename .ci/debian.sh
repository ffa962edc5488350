# Debian's packages, unpacked under target/ by an apt with a state of its own: nothing is installed, no toolchain in PATH is
# hidden, and no root is needed. To be sourced after steps.sh.

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
debian=$target/debian
mkdir -p "$debian"

apt() {
    local tool=$1 state=$debian/apt
    shift
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    "apt-$tool" -q -o Dir::State::Lists="$state/lists" -o Dir::Cache="$state/cache" -o Debug::NoLocking=1 -o APT::Sandbox::User= \
        -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 "$@"
}

# Whether packages can be had. Says why not.
has_debian() {
    [[ $(uname -m) == x86_64 ]] || { not_done "the packages are for x86-64"; return 1; }
    type apt-get dpkg-deb >/dev/null 2>&1 || { not_done "this system has no apt"; return 1; }
    [[ -e $debian/apt/updated ]] && return
    apt get update >"$debian/apt.log" 2>&1 || { not_done "apt-get update failed, see $debian/apt.log"; return 1; }
    touch "$debian/apt/updated"
}

# unpack FOLDER PACKAGE...: the packages without those that they need. Says why it failed.
unpack() {
    local folder=$debian/$1 debs=$debian/debs file
    shift
    [[ -e $folder/.complete ]] && return
    rm -rf "$debs" && mkdir -p "$debs" "$folder"
    (cd "$debs" && apt get download "$@") >"$debian/apt.log" 2>&1 || { not_done "apt-get download $* failed, see $debian/apt.log"; return 1; }
    for file in "$debs"/*.deb; do
        dpkg-deb -x "$file" "$folder" || { not_done "dpkg-deb could not unpack $file"; return 1; }
    done
    rm -rf "$debs"
    touch "$folder/.complete"
}

# debian_rust VERSION: sets RUSTC to Debian's rustc of that version, or the newest for `newest`. Packages named further are unpacked
# beside it, of the same version. Says why it failed.
debian_rust() {
    local wanted=${1/newest/} version short llvm root=$debian/rust-$1
    has_debian || return
    version=$(apt cache madison rustc-web | awk -F ' *[|] *' -v wanted="$wanted" 'index($2, wanted) == 1 { print $2; exit }')
    [[ -n $version ]] || { not_done "Debian has no rustc-web $wanted"; return 1; }
    short=$(cut -d. -f1-2 <<<"$version")
    llvm=$(apt cache depends "libstd-rust-web-$short" | sed -n 's/.*Depends: \(libllvm.*\)/\1/p')
    shift
    unpack "${root##*/}" "rustc-web=$version" "libstd-rust-web-dev=$version" "libstd-rust-web-$short=$version" "$llvm" "${@/%/=$version}" || return
    wrap "$root/rustc" "$root" rustc
    export RUSTC=$root/rustc
    "$RUSTC" --version || { not_done "a library that it needs is not installed"; return 1; }
}

# wrap FILE ROOT COMMAND: a program that runs an unpacked one with the libraries unpacked beside it.
wrap() {
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$2/usr/lib/x86_64-linux-gnu" "$2/usr/bin/$3" >"$1"
    chmod +x "$1"
}
