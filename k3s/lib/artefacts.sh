# shellcheck shell=bash
# Where K3s, its installer, the images and the charts come from, and that they are what was checked elsewhere.

find_artefacts() {
  if [ -n "$FROM" ]; then
    find_carried
  else
    find_online
  fi
  local fault
  fault=$(version_fault "$VERSION")
  [ -z "$fault" ] || refuse "$fault"
  find_manifests
}

find_carried() {
  local file
  [ -d "$FROM" ] || refuse "--from $FROM: no such folder"
  FROM=$(cd "$FROM" && pwd)
  for file in SHA256SUMS VERSION ARCH bin/k3s bin/install-k3s.sh; do
    [ -f "$FROM/$file" ] || refuse "$FROM/$file is missing: want a folder that airgap.py packed"
  done
  [ "$(cat "$FROM/ARCH")" = "$(arch)" ] || refuse "$FROM is for $(cat "$FROM/ARCH"), this box is $(arch): make a folder with 'fetch.sh VERSION $(arch) DIR' and pack that"
  check_sums
  [ -z "$VERSION" ] || [ "$VERSION" = "$(cat "$FROM/VERSION")" ] || refuse "--version $VERSION, but $FROM holds $(cat "$FROM/VERSION")"
  VERSION=$(cat "$FROM/VERSION")
  BINARY=$FROM/bin/k3s
  INSTALLER=$FROM/bin/install-k3s.sh
  compgen -G "$FROM/images/k3s-airgap-images-*" >/dev/null || refuse "$FROM/images: K3s' own images (k3s-airgap-images-*) are missing"
  IMAGES+=("$FROM"/images/*)
}

check_sums() { # Every carried file is in SHA256SUMS and unchanged. A file that nobody listed was put in on the way.
  local wrong
  wrong=$(cd "$FROM" && sha256sum --check --quiet SHA256SUMS 2>&1 | head -1) || true
  [ -z "$wrong" ] || refuse "$FROM: $wrong (carry it again)"
  wrong=$(cd "$FROM" && find . -type f ! -name SHA256SUMS | sort | comm -23 - <(sed 's/^[0-9a-f]*  //' SHA256SUMS | sort) | head -1)
  [ -z "$wrong" ] || refuse "$FROM: $wrong is not in SHA256SUMS (carry it again)"
}

find_online() {
  [ -f "$SUMS" ] || refuse "--sums $SUMS: no such file; make it with fetch.sh on a machine you trust"
  local name
  for name in k3s install-k3s.sh; do
    [ -n "$(wanted_sum $name)" ] || refuse "$SUMS has no line for '$name': make it with fetch.sh on a machine you trust"
  done
  BINARY=$ROOT$CACHE/$VERSION/k3s
  INSTALLER=$ROOT$CACHE/$VERSION/install-k3s.sh
}

wanted_sum() { # The SHA-256 that the sums file gives for a name, with or without a folder before it.
  awk -v name="$1" '{sub(/^\*/, "", $2); n = split($2, parts, "/")} parts[n] == name {print $1; exit}' "$SUMS"
}

matches() { # matches FILE NAME: is the file there, and the one that was checked?
  [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d ' ' -f 1)" = "$(wanted_sum "$2")" ]
}

fetch() { # fetch URL FILE NAME: download unless there; nothing that does not match ever gets its name.
  if matches "$2" "$3"; then
    say "same: $2"
    return 0
  fi
  run mkdir -p "$(dirname "$2")"
  run curl --fail --silent --show-error --location --proto '=https,http' --retry 3 --max-time 900 --output "$2.part" "$1"
  [ -z "$DRY_RUN" ] || return 0
  matches "$2.part" "$3" || {
    rm -f "$2.part"
    printf 'install.sh: failed: %s is not what %s says: wrong version, a proxy that answers by itself, or tampering\n' "$1" "$SUMS" >&2
    exit 1
  }
  run mv -f "$2.part" "$2"
}

fetch_k3s() {
  [ -z "$FROM" ] || return 0
  local suffix='' tag=${VERSION//+/%2B}
  [ "$(arch)" = amd64 ] || suffix=-$(arch)
  fetch "$RELEASES/$tag/k3s$suffix" "$BINARY" k3s
  fetch "$SCRIPTS/$tag/install.sh" "$INSTALLER" install-k3s.sh
}

find_manifests() {
  local file chart base
  compgen -G "$MANIFESTS/*.yaml" >/dev/null || refuse "--manifests $MANIFESTS: no *.yaml there"
  for file in "$MANIFESTS"/*.yaml; do
    base=$(basename "$file" .yaml)
    [[ $base =~ ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$ ]] || refuse "$file: K3s takes only file names of lower-case letters, digits, '-' and '.'"
  done
  for file in "${IMAGES[@]}"; do
    [ -f "$file" ] || refuse "--images $file: no such file"
  done
  [ -z "$REGISTRIES" ] || [ -f "$REGISTRIES" ] || refuse "--registries $REGISTRIES: no such file"
  while read -r chart; do
    chart_source "$chart" >/dev/null || refuse "chart $chart is asked for by $MANIFESTS but is not in ${FROM:-$CHARTS}: wrong version?"
  done < <(wanted_charts)
  ! grep -qs '^[^#]*192\.0\.2\.' "$MANIFESTS"/*.yaml ||
    warn "$MANIFESTS names a camera at 192.0.2.x, an example's address: put the camera's into a copy and give it with --manifests"
}

wanted_charts() { # The chart archives that the manifests take from the gateway's own disk.
  sed -n 's|^ *chart: https://%{KUBERNETES_API}%/static/charts/||p' "$MANIFESTS"/*.yaml | sort -u
}

chart_source() { # chart_source NAME-VERSION.tgz: the carried archive, or the folder it is made from.
  local folder
  if [ -n "$FROM" ]; then
    [ -f "$FROM/charts/$1" ] && printf '%s' "$FROM/charts/$1"
    return
  fi
  for folder in "$CHARTS"/*/; do
    [ -f "$folder/Chart.yaml" ] || continue
    if [ "$(basename "$folder")-$(sed -n 's/^version: *//p' "$folder/Chart.yaml").tgz" = "$1" ]; then
      printf '%s' "${folder%/}"
      return
    fi
  done
  return 1
}
