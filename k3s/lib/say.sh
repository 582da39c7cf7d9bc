# shellcheck shell=bash
# How install.sh speaks, and how it does or only shows an action.

say() { printf '%s\n' "$*"; }

warn() { printf 'install.sh: warning: %s\n' "$*" >&2; }

refuse() { # One line that says what was found, what was wanted and how to get there. Nothing was changed so far.
  printf 'install.sh: refused: %s\n' "$*" >&2
  exit 2
}

run() { # run COMMAND...: do it, or with --dry-run only print it.
  if [ -n "${DRY_RUN:-}" ]; then
    printf 'would run:'
    printf ' %q' "$@"
    printf '\n'
    return 0
  fi
  "$@" && return 0
  printf 'install.sh: failed: %s\n' "$*" >&2
  exit 1
}

put() { # put SOURCE TARGET MODE: install a file unless it is there, byte by byte. Sets CHANGED.
  local target=$ROOT$2
  if [ -f "$target" ] && cmp -s "$1" "$target"; then
    say "same: $target"
    return 0
  fi
  CHANGED=1
  if [ -n "${DRY_RUN:-}" ]; then
    say "would put: $target (mode $3, from $1)"
    return 0
  fi
  # Written beside its target and renamed: a power cut leaves the old file or the new one, never half of it.
  run install -D -m "$3" "$1" "$target.new"
  run mv -f "$target.new" "$target"
}
