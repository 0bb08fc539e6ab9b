#!/usr/bin/env bash
# Debian's Chromium for the browser test. Installed where it is missing and we may; in CI a missing one is an error.
set -euo pipefail
find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome || true; }
[ -z "$(find_chromium)" ] || exit 0
why="not installed here, and only root may install it"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing chromium for the browser test ..."
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >"$log" 2>&1 </dev/null || true
    [ -z "$(find_chromium)" ] || exit 0
    why="apt-get could not install it: $(grep '^E:' "$log" | tail -n 1) (all that it says: $log)"
fi
if [ -n "${CI:-}" ]; then
    echo "make: no Chromium ($why), and in CI the browser test is never skipped" >&2
    exit 1
fi
echo "no Chromium ($why): the browser test will be skipped; on Debian and Ubuntu: apt-get install chromium"
