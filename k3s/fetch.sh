#!/usr/bin/env bash
# On a machine you trust: fetch one release of K3s, check it against the release's own sums, and write down what it is.
#   ./fetch.sh v1.35.7+k3s1 amd64 DIR
# DIR then holds bin/k3s, bin/install-k3s.sh, images/k3s-airgap-images-ARCH.tar.zst, VERSION, ARCH and SHA256SUMS.
# Online gateways need only SHA256SUMS (install.sh --sums); for the others airgap.py adds images and charts to DIR.
# Read bin/install-k3s.sh before you pass DIR on: K3s publishes no sum of it, so from here on SHA256SUMS is what vouches for it.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lib/checks.sh
source "$HERE/lib/checks.sh"

RELEASES=${RELEASES:-https://github.com/k3s-io/k3s/releases/download}
SCRIPTS=${SCRIPTS:-https://raw.githubusercontent.com/k3s-io/k3s}

stop() {
  printf 'fetch.sh: %s\n' "$*" >&2
  exit 2
}

get() { # get URL FILE
  curl --fail --silent --show-error --location --proto '=https,http' --retry 3 --max-time 1800 --output "$2" "$1" ||
    stop "cannot fetch $1"
}

check() { # check FILE NAME: against the release's own sums.
  local want
  want=$(awk -v name="$2" '{sub(/^\*/, "", $2)} $2 == name {print $1}' "$TEMP/sums")
  [ -n "$want" ] || stop "sha256sum-$ARCH.txt of $VERSION has no line for $2"
  [ "$(sha256sum "$1" | cut -d ' ' -f 1)" = "$want" ] || stop "$2 is not what sha256sum-$ARCH.txt of $VERSION says"
}

[ $# = 3 ] || stop "usage: fetch.sh VERSION amd64|arm64 DIR"
VERSION=$1 ARCH=$2 DIR=$3
FAULT=$(version_fault "$VERSION")
[ -z "$FAULT" ] || stop "$FAULT"
case $ARCH in
  amd64) BINARY=k3s ;;
  arm64) BINARY=k3s-arm64 ;;
  *) stop "architecture '$ARCH': want amd64 or arm64" ;;
esac
[ ! -e "$DIR" ] || stop "$DIR exists: give a new folder, so that nothing old is carried along"

TEMP=$(mktemp -d)
trap 'rm -rf "$TEMP"' EXIT
TAG=${VERSION//+/%2B}
TARBALL=k3s-airgap-images-$ARCH.tar.zst

get "$RELEASES/$TAG/sha256sum-$ARCH.txt" "$TEMP/sums"
get "$RELEASES/$TAG/$BINARY" "$TEMP/k3s"
check "$TEMP/k3s" "$BINARY"
get "$RELEASES/$TAG/$TARBALL" "$TEMP/$TARBALL"
check "$TEMP/$TARBALL" "$TARBALL"
get "$SCRIPTS/$TAG/install.sh" "$TEMP/install-k3s.sh"
sh -n "$TEMP/install-k3s.sh" || stop "$SCRIPTS/$TAG/install.sh is not a shell script: a proxy's page?"

mkdir -p "$DIR/bin" "$DIR/images"
install -m 0755 "$TEMP/k3s" "$TEMP/install-k3s.sh" "$DIR/bin/"
install -m 0644 "$TEMP/$TARBALL" "$DIR/images/"
echo "$VERSION" >"$DIR/VERSION"
echo "$ARCH" >"$DIR/ARCH"
(cd "$DIR" && find . -type f ! -name SHA256SUMS | sort | xargs sha256sum >"$TEMP/SHA256SUMS")
mv "$TEMP/SHA256SUMS" "$DIR/SHA256SUMS"
echo "$DIR: K3s $VERSION for $ARCH; read $DIR/bin/install-k3s.sh, then keep $DIR/SHA256SUMS"
