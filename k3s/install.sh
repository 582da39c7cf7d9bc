#!/usr/bin/env bash
# Make a bare Linux box a gateway: K3s with our settings, the charts and the manifests. README.md tells the whole way.
#   ./install.sh --from DIR [options]                          air-gapped: everything comes from a carried folder
#   ./install.sh --version V --sums FILE [options]             online: K3s is fetched, and checked against FILE
# It checks first and acts afterwards. Run it again at will: what is already as it should be is left alone.
# Exit codes: 0 done (or nothing to do), 2 refused before anything was changed, 1 an action failed.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# A folder before every path of the box, for tests and for an image that is being built. Empty on a gateway.
ROOT=${ROOT:-}
FROM='' VERSION='' SUMS='' REGISTRIES='' DRY_RUN='' UPGRADE=''
MANIFESTS=$HERE/manifests
CHARTS=$HERE/../charts
RELEASES=https://github.com/k3s-io/k3s/releases/download
SCRIPTS=https://raw.githubusercontent.com/k3s-io/k3s
IMAGES=()

# shellcheck source=lib/say.sh
source "$HERE/lib/say.sh"
# shellcheck source=lib/checks.sh
source "$HERE/lib/checks.sh"
# shellcheck source=lib/artefacts.sh
source "$HERE/lib/artefacts.sh"
# shellcheck source=lib/actions.sh
source "$HERE/lib/actions.sh"

usage() {
  cat <<'HELP'
usage: install.sh --from DIR [options]
       install.sh --version VERSION --sums FILE [options]

  --from DIR         the unpacked folder that airgap.py packed; no network is used
  --version VERSION  of K3s, such as v1.35.7+k3s1; with --from it is read from the folder
  --sums FILE        SHA-256 of `k3s` and `install-k3s.sh` of that version, made by fetch.sh on a machine you trust
  --images FILE      a further tarball of images to import; may be given several times
  --manifests DIR    manifests to deploy instead of those beside this script (copy, edit, keep in your own repository)
  --charts DIR       folder with the charts' sources (online; by default the repository's)
  --registries FILE  put it at /etc/rancher/k3s/registries.yaml
  --releases URL     mirror of K3s' release files   (default: K3s' own, on GitHub)
  --scripts URL      mirror of K3s' repository, raw (default: K3s' own, on GitHub)
  --upgrade          allow another version of K3s than the one that runs
  --dry-run          check everything, print every action, change nothing; needs no root (but only root can read some files
                     that are there already: without it they count as changed)
  --help             this

HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment are used and handed to K3s; the cluster's own addresses are added
to NO_PROXY. Run again without them, K3s keeps those of the last time.
HELP
}

value() { # value OPTION ARGUMENTS...: the argument of an option, or a refusal.
  [ $# -ge 2 ] && [ -n "$2" ] || refuse "$1 needs a value; see --help"
  printf '%s' "$2"
}

parse() {
  local file
  while [ $# -gt 0 ]; do
    case $1 in
      --from) FROM=$(value "$@"); shift ;;
      --version) VERSION=$(value "$@"); shift ;;
      --sums) SUMS=$(value "$@"); shift ;;
      --images) file=$(value "$@"); IMAGES+=("$file"); shift ;;
      --manifests) MANIFESTS=$(value "$@"); shift ;;
      --charts) CHARTS=$(value "$@"); shift ;;
      --registries) REGISTRIES=$(value "$@"); shift ;;
      --releases) RELEASES=$(value "$@"); shift ;;
      --scripts) SCRIPTS=$(value "$@"); shift ;;
      --upgrade) UPGRADE=1 ;;
      --dry-run) DRY_RUN=1 ;;
      --help | -h) usage && exit 0 ;;
      *) refuse "unknown option '$1'; see --help" ;;
    esac
    shift
  done
  if [ -z "$FROM" ] && { [ -z "$VERSION" ] || [ -z "$SUMS" ]; }; then
    refuse "want --from DIR, or --version VERSION and --sums FILE; see --help"
  fi
}

main() {
  parse "$@"
  check_box
  find_artefacts
  check_k3s
  say "checks passed: $(arch), K3s $VERSION, $([ -n "$FROM" ] && echo air-gapped || echo online)"
  act
}

main "$@"
