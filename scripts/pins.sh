#!/usr/bin/env bash
# Pin everything that requirements.in brings in requirements.txt: one version of each package for every Python from
# the lowest on, so that a page prints the same everywhere. A pin stays unless it has to change; for the newest of all:
#   bash scripts/pins.sh --upgrade
set -euo pipefail
cd "$(dirname "$0")/.."
lowest=3.11  # uv takes it for 3.11.0
there=$(mktemp -d)
trap 'rm -rf "$there"' EXIT
"${PYTHON:-python3}" -m venv "$there/venv"
"$there/venv/bin/python" -m pip install -qq uv
cp requirements.txt "$there/pins.txt"
"$there/venv/bin/python" -m uv pip compile --quiet --universal --python-version "$lowest" --fork-strategy fewest \
    --no-header --no-annotate requirements.in --output-file "$there/pins.txt" "$@"
{
    echo "# The pinned environment of the book: made by \`make pins\` from requirements.in, not by hand."
    # torch brings its CUDA libraries at the versions that it wants, and the torch for CPUs brings none.
    # A local version such as torch 2.13.0+cpu is another machine's build: pin the release.
    grep -vE '^(cuda|nvidia)-|^triton=' "$there/pins.txt" | sed -E 's/\+[^ ]*//'
} > requirements.txt.new
mv requirements.txt.new requirements.txt
