# shellcheck shell=bash
# What the scripts of this folder share. Sourced, not run.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p .cache
# apt and debootstrap live there, where an ordinary user's PATH does not look; cargo's tools live in the other.
PATH="$PATH:/usr/sbin:/sbin:${CARGO_HOME:-$HOME/.cargo}/bin"

# A registry that answers badly for a moment ends nothing.
export CARGO_NET_RETRY=${CARGO_NET_RETRY:-10}

# Colours, where somebody sees them.
# shellcheck disable=SC2034 # for the scripts that source this
if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\033[1m' cyan=$'\033[1;36m' plain=$'\033[0m'
else
    bold='' cyan='' plain=''
fi

# Tells what is being done.
say() {
    echo "$bold==>$plain $*" >&2
}

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Runs a command as root: directly, or by sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "root is needed for: $* (there is no sudo)"
    fi
}

engine_answers() {
    docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

image_here() {
    docker image inspect "$1" >/dev/null 2>&1
}

# Pulls an image. Without a registry this fails soon, and is not tried again for the next ten minutes.
pull() {
    local mark=.cache/no-registry
    if [ -n "$(find "$mark" -mmin -10 2>/dev/null)" ]; then
        return 1
    fi
    if timeout 300 docker pull --quiet "$1" >/dev/null 2>.cache/pull.log; then
        rm -f "$mark"
    else
        touch "$mark"
        return 1
    fi
}

# Notes an image that was made here because it could not be pulled, so that demo-down knows it.
made() {
    echo "$1" >>.cache/made-images
}
