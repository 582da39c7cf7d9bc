#!/bin/sh
# install.sh dependencies LOCK PROFILE: the locked wheels, hashes checked, slimmed, compiled, into /dependencies.
# install.sh service DIR...: our own distributions, with their sources, into /service.
set -eu
what=$1
shift
packages=usr/local/lib/python3.11/dist-packages

pip() {
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-cache-dir --no-compile "$@"
}

compile() {
  # Compiled here, because the root is read-only where it runs. Unchecked: a file in an image does not change under its name.
  python3 -m compileall -q --invalidation-mode unchecked-hash -p / -s "$@"
}

case $what in
  dependencies)
    pip --require-hashes --no-deps --only-binary :all: --target "/dependencies/$packages" -r "$1"
    # Commands of the wheels: flask, granian and the like.
    rm -rf "/dependencies/$packages/bin"
    python3 /build/slim.py "/dependencies/$packages" "$2"
    # Without the sources: a traceback through a wheel still names file and line. OpenCV reads its config*.py as text.
    compile /dependencies -b "/dependencies/$packages"
    find "/dependencies/$packages" -name '*.py' ! -path '*/cv2/config*' -delete
    ;;
  service)
    # The build backend is Debian's: nothing is fetched here, so nothing unlocked can come in.
    pip --no-deps --no-build-isolation --no-index --target "/service/$packages" "$@"
    mkdir -p /service/usr/local/bin
    mv "/service/$packages/bin/"* /service/usr/local/bin/
    rmdir "/service/$packages/bin"
    sed -i '1s,.*,#!/usr/bin/python3.11,' /service/usr/local/bin/*
    rm -f "/service/$packages"/*.dist-info/direct_url.json
    # Of the inference runtime only: what model.Dockerfile picks a bundle's files with.
    [ ! -f /build/pack_bundle.py ] || cp /build/pack_bundle.py "/service/$packages/"
    compile /service "/service/$packages"
    ;;
esac
