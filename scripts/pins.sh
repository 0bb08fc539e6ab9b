#!/usr/bin/env bash
# Resolve requirements.in in an empty environment and pin everything that it brought in requirements.txt.
set -euo pipefail
there=$(mktemp -d)
trap 'rm -rf "$there"' EXIT
"${PYTHON:-.venv/bin/python}" -m venv "$there/venv"
"$there/venv/bin/python" -m pip install -qq -r requirements.in
{
    echo "# The pinned environment of the book: made by \`make pins\` from requirements.in, not by hand."
    # A local version such as torch 2.13.0+cpu is another machine's build: pin the release.
    "$there/venv/bin/python" -m pip freeze | sed 's/+.*//'
} > requirements.txt.new
mv requirements.txt.new requirements.txt
