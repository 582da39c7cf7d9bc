# shellcheck shell=bash
# What install.sh asks of the box before it touches anything. Each check refuses with one line, or says nothing.
# fetch.sh asks the same of K3s' version, so that nothing is fetched that install.sh would refuse.

# K3s asks for 2 GB on a server; a box sold as 2 GB reports somewhat less.
MIN_MEMORY_MB=1800
# K3s with its images takes about 1 GB; the rest is two versions of each model, the camera's spool, logs, and the tenth of the
# disk under which pods are evicted.
MIN_DISK_MB=8192
# Earlier than this script is not today: a box without a battery-backed clock starts in 1970, and every certificate is invalid.
NOT_BEFORE=20261121
# API server, K3s' local proxy, kubelet, kube-proxy, controllers, containerd.
PORTS=(6443 6444 10010 10248 10249 10250 10256 10257 10258 10259)

# The first patch release of each minor version that knows `failurePolicy: retry`. An older one refuses the manifests or,
# older still, takes the word for "reinstall" and uninstalls a release that failed.
declare -A FIRST_PATCH=([34]=10 [35]=7 [36]=3)
OLDEST_MINOR=34

version_fault() { # version_fault VERSION: what is wrong with this version of K3s; nothing when it is good.
  if ! [[ $1 =~ ^v1\.([0-9]+)\.([0-9]+)\+k3s[0-9]+$ ]]; then
    echo "K3s version '$1': want the form v1.35.7+k3s1"
  elif [ "${BASH_REMATCH[1]}" -lt $OLDEST_MINOR ] || [ "${BASH_REMATCH[2]}" -lt "${FIRST_PATCH[${BASH_REMATCH[1]}]:-0}" ]; then
    echo "K3s $1 does not know failurePolicy 'retry' and may uninstall a failed release: want v1.34.10, v1.35.7, v1.36.3 or newer"
  fi
}

arch() { # The architecture as K3s and image names call it.
  case $(uname -m) in
    x86_64 | amd64) echo amd64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) return 1 ;;
  esac
}

check_box() {
  check_root
  check_tools
  check_hostname
  check_hardware
  check_disk
  check_cgroup
  check_clock
  check_route
  check_others
  check_ports
}

check_root() {
  [ -n "${DRY_RUN:-}" ] || [ "$(id -u)" = 0 ] || refuse "needs root: run it with sudo (--dry-run does not)"
}

check_tools() {
  local tool
  for tool in systemctl sha256sum install cmp awk sed grep df tar gzip timeout; do
    command -v "$tool" >/dev/null || refuse "'$tool' is not on PATH: install it first"
  done
  # It is in a folder that only root has on its PATH.
  [ "$(id -u)" != 0 ] || command -v sysctl >/dev/null || refuse "'sysctl' is not on PATH: install it first (package procps)"
  [ -d "$ROOT/run/systemd/system" ] || refuse "systemd does not run here (no $ROOT/run/systemd/system): K3s needs it to be started and stopped"
  [ -n "$FROM" ] || command -v curl >/dev/null || refuse "'curl' is not on PATH: install it, or use --from"
}

check_hostname() {
  local name
  name=$(uname -n)
  [[ $name =~ ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$ ]] ||
    refuse "host name '$name' cannot be a node's name: want lower-case letters, digits and dashes (hostnamectl set-hostname gateway-1)"
  [ "${name%%.*}" != localhost ] || refuse "host name '$name' is every box's name: hostnamectl set-hostname gateway-1"
}

check_hardware() {
  local memory cpus
  arch >/dev/null || refuse "architecture $(uname -m): images are made for x86_64 and aarch64; a 32-bit system needs a 64-bit one"
  memory=$(awk '/^MemTotal:/ {print int($2 / 1024)}' "$ROOT/proc/meminfo")
  [ "${memory:-0}" -ge $MIN_MEMORY_MB ] || refuse "${memory:-0} MB of memory: want at least $MIN_MEMORY_MB MB"
  cpus=$(grep -c '^processor' "$ROOT/proc/cpuinfo" || true)
  [ "$cpus" -ge 2 ] || warn "$cpus processor: K3s asks for two; models and API server will wait for each other"
}

check_disk() {
  local folder=$ROOT/var/lib/rancher free kind
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  free=$(df -Pm "$folder" | awk 'NR == 2 {print $4}')
  # Once K3s is there, its own files are part of what is used.
  [ -e "$ROOT/etc/systemd/system/k3s.service" ] || [ "$free" -ge $MIN_DISK_MB ] ||
    refuse "$free MB free on the disk of $folder: want at least $MIN_DISK_MB MB"
  kind=$(stat -f -c %T "$folder")
  case $kind in
    nfs* | fuse* | tmpfs) refuse "$folder is on $kind: containers need a local disk (ext4 or xfs)" ;;
  esac
}

check_cgroup() {
  local missing='' name
  if [ -f "$ROOT/sys/fs/cgroup/cgroup.controllers" ]; then
    for name in cpu memory pids; do
      grep -qw "$name" "$ROOT/sys/fs/cgroup/cgroup.controllers" || missing+=" $name"
    done
  else
    for name in cpu memory pids; do
      awk -v name="$name" '$1 == name && $4 == 1 {found = 1} END {exit !found}' "$ROOT/proc/cgroups" || missing+=" $name"
    done
  fi
  [ -z "$missing" ] ||
    refuse "cgroup without$missing: add 'cgroup_memory=1 cgroup_enable=memory' to the kernel's command line (Raspberry Pi: /boot/firmware/cmdline.txt), reboot"
}

check_clock() {
  local today
  today=$(date -u +%Y%m%d)
  [ "$today" -ge $NOT_BEFORE ] ||
    refuse "the clock says $(date -u +%F), which is in the past: set it (timedatectl set-time, or NTP), or no certificate is valid"
  [ "$(timedatectl show -p NTPSynchronized --value 2>/dev/null || true)" = yes ] ||
    warn "the clock is not synchronised: certificates and the times of events depend on it"
}

check_route() {
  grep -qsE '^[^[:space:]]+[[:space:]]+00000000[[:space:]]' "$ROOT/proc/net/route" && return
  grep -sE '^0{32} 00 ' "$ROOT/proc/net/ipv6_route" | grep -qv ' lo$' && return
  refuse "no default route: K3s takes the node's address from it; on an isolated box add one over a dummy interface (README.md)"
}

check_others() { # Two Kubernetes on one box fight for the same ports, cgroups and iptables chains.
  local sign
  for sign in /etc/kubernetes/kubelet.conf /etc/rancher/rke2 /var/snap/microk8s /var/lib/k0s /etc/systemd/system/k3s-agent.service; do
    [ ! -e "$ROOT$sign" ] || refuse "$ROOT$sign: another Kubernetes is installed here; take it off first"
  done
  if [ -e "$ROOT/etc/systemd/system/k3s.service" ] && [ ! -e "$ROOT$CONFIG" ]; then
    refuse "K3s is here but was not set up by this script (no $ROOT$CONFIG): take it off (k3s-uninstall.sh), or put the settings in by hand"
  fi
}

listening() { # listening PORT: does a TCP socket listen on it? State 0A of /proc/net/tcp; no tool needed.
  local port
  port=$(printf ':%04X' "$1")
  awk -v port="$port" '$4 == "0A" && substr($2, length($2) - 4) == port {found = 1} END {exit !found}' \
    "$ROOT/proc/net/tcp" "$ROOT/proc/net/tcp6" 2>/dev/null
}

check_ports() {
  local port
  [ ! -e "$ROOT/etc/systemd/system/k3s.service" ] || return 0
  for port in "${PORTS[@]}"; do
    ! listening "$port" || refuse "TCP port $port is taken: K3s needs it (ss -ltnp 'sport = :$port' shows by whom)"
  done
}
