#!/usr/bin/env bash
# Debian's Chromium for the browser test. Installed where it is missing and we may; in CI a missing one is an error.
set -euo pipefail
find_chromium() { command -v chromium || command -v chromium-browser || command -v google-chrome || true; }
[ -n "$(find_chromium)" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing chromium for the browser test ..."
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/tmp/howfar-chromium.log 2>&1 || true
    [ -n "$(find_chromium)" ] && exit 0
    echo "chromium could not be installed, see /tmp/howfar-chromium.log" >&2
fi
if [ -n "${CI:-}" ]; then
    echo "no chromium, and in CI the browser test is never skipped" >&2
    exit 1
fi
echo "no chromium here: the browser test will be skipped (on Debian and Ubuntu: apt-get install chromium)"
