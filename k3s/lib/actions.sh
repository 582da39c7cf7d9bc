# shellcheck shell=bash
# What install.sh does once every check has passed. Everything goes through `run` and `put`, so that --dry-run shows it all.

CONFIG=/etc/rancher/k3s/config.yaml.d/50-edge-serve.yaml
DATA=/var/lib/rancher/k3s
CACHE=/var/lib/edge-serve/k3s
CHANGED=''
PODS_AND_SERVICES=127.0.0.0/8,10.42.0.0/16,10.43.0.0/16,.svc,.cluster.local,localhost

act() {
  fetch_k3s
  put_settings
  put_images
  put_charts
  install_k3s
  wait_until_ready
  put_manifests
  farewell
}

check_k3s() { # What runs already decides what may be done.
  local found
  found=$(installed_version)
  [ -n "$found" ] && [ "$found" != "$VERSION" ] || return 0
  [ -n "$UPGRADE" ] || refuse "K3s $found runs here, $VERSION is given: add --upgrade, or give the version that runs"
  [ "$(printf '%s\n%s\n' "$found" "$VERSION" | sort -V | head -1)" = "$found" ] ||
    refuse "K3s $found runs here, $VERSION is older: its database cannot go back (restore a backup, README.md)"
}

installed_version() {
  [ -x "$ROOT/usr/local/bin/k3s" ] || return 0
  "$ROOT/usr/local/bin/k3s" --version 2>/dev/null | awk 'NR == 1 {print $3}'
}

put_settings() {
  put "$HERE/sysctl.conf" /etc/sysctl.d/90-edge-serve-k3s.conf 0644
  run sysctl --quiet --load "$ROOT/etc/sysctl.d/90-edge-serve-k3s.conf"
  local before=$CHANGED
  CHANGED=''
  put "$HERE/logind.conf" /etc/systemd/logind.conf.d/50-edge-serve.conf 0644
  [ -z "$CHANGED" ] || run systemctl kill --signal=HUP systemd-logind
  CHANGED=$before$CHANGED
  put "$HERE/config.yaml" "$CONFIG" 0600
  [ -d "$ROOT$DATA/server" ] || run install -d -m 0700 "$ROOT$DATA/server"
  put "$HERE/kubelet.conf" $DATA/agent/etc/kubelet.conf.d/50-edge-serve.conf 0600
  put "$HERE/audit.yaml" $DATA/server/audit.yaml 0600
  [ -d "$ROOT$DATA/server/logs" ] || run install -d -m 0700 "$ROOT$DATA/server/logs"
  [ -z "$REGISTRIES" ] || put "$REGISTRIES" /etc/rancher/k3s/registries.yaml 0600
}

put_images() { # K3s imports what lies here when it starts and when a file changes, and pins it against collection.
  local image before=$CHANGED
  for image in "${IMAGES[@]}"; do
    put "$image" "$DATA/agent/images/$(basename "$image")" 0644
  done
  CHANGED=$before
}

put_charts() { # The API server hands these out to the Helm controller's Jobs.
  local chart source before=$CHANGED
  while read -r chart; do
    source=$(chart_source "$chart")
    if [ -d "$source" ] && [ -n "$DRY_RUN" ]; then
      show_chart "$source" "$DATA/server/static/charts/$chart"
      continue
    fi
    [ -f "$source" ] || source=$(pack_chart "$source" "$chart")
    put "$source" "$DATA/server/static/charts/$chart" 0644
  done < <(wanted_charts)
  CHANGED=$before
}

pack_chart() { # pack_chart FOLDER ARCHIVE: where the archive of a chart's folder now lies.
  local target=$ROOT$CACHE/charts/$2
  mkdir -p "$(dirname "$target")"
  packed "$1" >"$target"
  printf '%s' "$target"
}

show_chart() { # show_chart FOLDER TARGET: what `put` would say of the archive, which a dry run writes nowhere.
  if packed "$1" | cmp -s - "$ROOT$2"; then
    say "same: $ROOT$2"
  else
    say "would put: $ROOT$2 (mode 0644, packed from $1)"
  fi
}

packed() { # packed FOLDER: a chart archive is a tarball of its folder. The same files give the same bytes.
  tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --directory "$(dirname "$1")" "$(basename "$1")" |
    gzip --no-name
}

proxies() { # Export the proxy's settings for K3s' installer, which writes them down; without new ones keep the old ones.
  local file=$ROOT/etc/systemd/system/k3s.service.env name
  if [ -z "${HTTP_PROXY:-}${HTTPS_PROXY:-}${http_proxy:-}${https_proxy:-}" ] && [ -f "$file" ]; then
    for name in HTTP_PROXY HTTPS_PROXY NO_PROXY; do
      export "$name=$(sed -n "s/^$name=//p" "$file" | tr -d "'\"" | tail -1)"
    done
  fi
  export HTTP_PROXY=${HTTP_PROXY:-${http_proxy:-}} HTTPS_PROXY=${HTTPS_PROXY:-${https_proxy:-}} NO_PROXY=${NO_PROXY:-${no_proxy:-}}
  unset http_proxy https_proxy no_proxy
  if [ -z "$HTTP_PROXY$HTTPS_PROXY" ]; then
    unset HTTP_PROXY HTTPS_PROXY NO_PROXY
    return 0
  fi
  case $NO_PROXY in
    *"$PODS_AND_SERVICES"*) ;;
    *) export NO_PROXY=${NO_PROXY:+$NO_PROXY,}$PODS_AND_SERVICES ;;
  esac
  [ -n "$HTTP_PROXY" ] || unset HTTP_PROXY
  [ -n "$HTTPS_PROXY" ] || unset HTTPS_PROXY
  say "proxy for K3s: ${HTTPS_PROXY:-$HTTP_PROXY}, not for $NO_PROXY"
}

install_k3s() { # K3s' own installer makes the unit, the links and the uninstaller; it restarts K3s when one of them changed.
  local restart=${CHANGED:+true}
  put "$BINARY" /usr/local/bin/k3s 0755
  proxies
  run env INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_EXEC=server INSTALL_K3S_FORCE_RESTART="${restart:-false}" \
    INSTALL_K3S_BIN_DIR="$ROOT/usr/local/bin" INSTALL_K3S_SYSTEMD_DIR="$ROOT/etc/systemd/system" sh "$INSTALLER"
}

wait_until_ready() {
  if [ -n "$DRY_RUN" ]; then
    say "would wait: until K3s' API server answers and the node is ready, 300 s each at the most"
    return 0
  fi
  # A restart leaves the old condition for a moment; the API server's own readiness comes first.
  run timeout 300 sh -c "until '$ROOT/usr/local/bin/k3s' kubectl get --raw /readyz >/dev/null 2>&1; do sleep 2; done"
  run timeout 300 sh -c "until '$ROOT/usr/local/bin/k3s' kubectl wait --for=condition=Ready node --all --timeout=60s; do sleep 2; done"
}

put_manifests() { # Last: K3s takes them up within seconds, and then charts and images are there. The namespace comes first.
  local file late=()
  for file in "$MANIFESTS"/*.yaml; do
    case $file in
      *namespace*) put "$file" "$DATA/server/manifests/$(basename "$file")" 0600 ;;
      *) late+=("$file") ;;
    esac
  done
  for file in "${late[@]}"; do
    put "$file" "$DATA/server/manifests/$(basename "$file")" 0600
  done
}

farewell() {
  [ -z "$DRY_RUN" ] || { say "nothing was changed"; return 0; }
  say "done. What comes next, and how to ask the first model: README.md, 'From bare box to first answer', from step 5 on"
  say "  sudo k3s kubectl -n kube-system get helmcharts,jobs"
  say "  sudo k3s kubectl -n edge get pods"
}
