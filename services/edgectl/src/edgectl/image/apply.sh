#!/bin/sh
# Bring an air-gap file into K3s on this gateway. Needs sh, tar and sha256sum, and no network:
#   tar xf FILE apply.sh && sudo sh apply.sh FILE [--images-only] [--data DIR]
# Checks every byte first. A difference (image airgap --since) is completed with what the file before has brought.
# Needs free room of three times the images. Exit codes: 0 done, 2 refused before anything was changed, 1 failed.
set -eu

DATA=/var/lib/rancher/k3s FILE='' IMAGES_ONLY=''

say() { printf '%s\n' "$*"; }
refuse() { printf 'apply.sh: refused: %s\n' "$*" >&2; exit 2; }

while [ $# -gt 0 ]; do
  case $1 in
    --data) [ $# -ge 2 ] || refuse "--data needs a folder"; DATA=$2; shift ;;
    --images-only) IMAGES_ONLY=1 ;;
    -*) refuse "unknown option '$1'; want apply.sh FILE [--images-only] [--data DIR]" ;;
    *) [ -z "$FILE" ] || refuse "want one FILE, found '$FILE' and '$1'"; FILE=$1 ;;
  esac
  shift
done
[ -n "$FILE" ] || refuse "want apply.sh FILE [--images-only] [--data DIR]"
[ -f "$FILE" ] || refuse "$FILE: no such file"
[ -d "$DATA" ] || refuse "$DATA: no such folder: is K3s installed here? --data names another"

DATA=$(cd "$DATA" && pwd)
ARCHIVE=$DATA/agent/images/edge-serve-airgap.tar
# On the same disk as what it becomes, so that it can be renamed in one step.
WORK=$(mktemp -d "$DATA/.edge-serve.XXXXXX") || refuse "$DATA: cannot be written to: want root"
trap 'rm -rf "$WORK"' EXIT
trap 'exit 130' HUP INT TERM
NEW=$WORK/new

unpack() { # unpack ARCHIVE [OPTIONS]: what tar cannot read, the sums say better; but a full disk they cannot tell.
  tar xf "$@" -C "$NEW" 2>"$WORK/said" || true
  ! grep -q 'No space left' "$WORK/said" || refuse "$DATA: the disk is full: want free room of three times the images"
}

check() { # check SUMS: print the first file of the current folder that is missing or not what SUMS says.
  [ ! -s "$1" ] || sha256sum -c "$1" 2>&1 | grep -v ': OK$' | head -n 1
}

put() { # put FILE TARGET: in one step, and only what differs.
  ! cmp -s "$1" "$2" || return 0
  mkdir -p "$(dirname "$2")"
  mv -f "$1" "$2"
  say "put: $2"
}

mkdir "$NEW"
unpack "$FILE"
cd "$NEW"
[ -s SHA256SUMS ] || refuse "$FILE: want a file that 'edgectl image airgap' wrote, found no SHA256SUMS in it"
wrong=$(check SHA256SUMS)
[ -z "$wrong" ] || refuse "$FILE: damaged or cut off: $wrong (carry it again)"
wrong=$(find . -type f ! -name SHA256SUMS | sed 's|^\./||' | sort >../found && sed 's/^[0-9a-f]*  //' SHA256SUMS | sort | comm -13 - ../found | head -n 1)
[ -z "$wrong" ] || refuse "$FILE: $wrong is not in SHA256SUMS (carry it again)"

if [ -s LEFT_OUT ]; then
  [ -f "$ARCHIVE" ] || refuse "$FILE: only a difference, and $ARCHIVE is not here: apply the file before it first, or carry a whole one"
  sed 's/^[0-9a-f]*  //' LEFT_OUT >../wanted
  unpack "$ARCHIVE" -T ../wanted
  wrong=$(check LEFT_OUT)
  [ -z "$wrong" ] || refuse "$FILE: only a difference, and $ARCHIVE is not what it stands on: $wrong (carry a whole one)"
fi

tar cf ../images.tar airgap.json oci-layout index.json blobs || refuse "$DATA: cannot write: want free room of three times the images"
sync
put ../images.tar "$ARCHIVE"
say "K3s imports it by itself, now and at each start; to see it happen: k3s ctr images import $ARCHIVE"
[ -z "$IMAGES_ONLY" ] || exit 0

[ ! -d charts ] || for file in charts/*; do put "$file" "$DATA/server/static/$file"; done
# Last: K3s takes them up within seconds, and then images and charts are there. The namespace comes before what is in it.
[ ! -d manifests ] || for file in $(grep -l '^kind: Namespace' manifests/* || true) manifests/*; do
  [ -f "$file" ] || continue
  chmod 600 "$file"
  put "$file" "$DATA/server/$file"
done
say "done"
