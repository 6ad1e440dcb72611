#!/usr/bin/env bash
# Builds both images from this clone.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: docker/build-images.sh [VERSION]

Builds claude-nexus-proxy:latest and claude-nexus-dashboard:latest; with VERSION (such as 1.4.0) they get that tag as well.
DOCKER names the program to build with (default: docker; podman works too).
TEXT
}

stop() {
    echo "build-images: $1" >&2
    exit 1
}

case "${1:-}" in
-h | --help)
    usage
    exit
    ;;
-*) stop "$1 is no option; docker/build-images.sh --help lists what there is." ;;
esac
[[ $# -le 1 ]] || stop "one VERSION at most is allowed; docker/build-images.sh --help says more."
version=${1:-latest}
[[ $version =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] ||
    stop "\"$version\" cannot be a tag: use letters, digits, dots, dashes and underscores, such as 1.4.0."

docker=${DOCKER:-docker}
command -v "$docker" >/dev/null ||
    stop "$docker is not on PATH: install Docker (https://docs.docker.com/engine/install/), or run with DOCKER=podman."
"$docker" info >/dev/null 2>&1 ||
    stop "$docker is there, but its engine does not answer: start it (systemctl start docker), or join its group (usermod -aG docker $(id -un))."

cd "$(dirname "${BASH_SOURCE[0]}")/.."
for image in proxy dashboard; do
    name=claude-nexus-$image
    "$docker" build --file "docker/$image/Dockerfile" --build-arg "VERSION=$version" \
        --tag "$name:latest" --tag "$name:$version" .
done
echo "Built claude-nexus-proxy and claude-nexus-dashboard: latest${1:+ and $1}."
