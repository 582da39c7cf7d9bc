#!/usr/bin/env bash
# Lock one set: versions and hashes for every platform, no index addresses. Called by `make lock`, dev first: the
# sets that live in one .venv must agree, so the others are held to what dev resolved.
set -euo pipefail
cd "$(dirname "$0")/.."
declare -A inputs=(
  [dev]="requirements/dev.in services/common/pyproject.toml services/inference/pyproject.toml services/camera_ingest/pyproject.toml services/edgectl/pyproject.toml"
  [inference]="services/common/pyproject.toml services/inference/pyproject.toml"
  [camera]="services/common/pyproject.toml services/camera_ingest/pyproject.toml"
  [edgectl]="services/common/pyproject.toml services/edgectl/pyproject.toml"
  [guard]="requirements/guard.in"
  [train]="requirements/train.in services/common/pyproject.toml services/inference/pyproject.toml services/edgectl/pyproject.toml"
)
held=()
case "$1" in inference | camera | edgectl | guard) held=(--constraints requirements/dev.txt) ;; esac
# shellcheck disable=SC2086
VIRTUAL_ENV=.venv .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-package edge-common "${held[@]}" \
  --output-file "requirements/$1.txt" ${inputs[$1]}
