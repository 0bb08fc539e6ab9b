#!/usr/bin/env bash
# Makes .venv as requirements.txt has it, with the Python that PYTHON names, or the first one found that is new enough.
# A .venv of another Python, or one that does not run, is replaced. What can go wrong ends in one line that says what.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv
log=_build/install.log

# Version and place of a Python, which its virtual environments share with it. Any Python since 2.7 can say this.
identity='import os, sys
print("%d.%d.%d in %s" % (sys.version_info[:3] + (os.path.realpath(getattr(sys, "base_prefix", sys.prefix)),)))'
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'
has_pip='import importlib.util, sys; sys.exit(importlib.util.find_spec("pip") is None)'

fail() {
    echo "make: $*" >&2
    exit 1
}

ask() { "$1" -c "$2" 2>/dev/null; }

check_python() {  # the one that PYTHON names
    command -v -- "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON: there is no such program"
    asked=$(ask "$PYTHON" "$identity") && [ -n "$asked" ] || fail "PYTHON=$PYTHON does not run as a Python"
    ask "$PYTHON" "$new_enough" || fail "PYTHON=$PYTHON is Python $asked, too old: 3.11 or newer is needed"
}

find_python() {
    for PYTHON in python3.11 python3.12 python3.13 python3 python; do
        ask "$PYTHON" "$new_enough" && return
    done
    fail "no Python 3.11 or newer found: install one, or name it: make PYTHON=/path/to/python"
}

fault() {  # why the .venv that is here cannot stay; nothing if it can
    local here
    if ! here=$(ask $venv/bin/python "$identity"); then echo "its Python does not run"
    elif ! ask $venv/bin/python "$new_enough"; then echo "it is of Python $here, too old"
    elif [ -n "${asked:-}" ] && [ "$here" != "$asked" ]; then echo "it is of Python $here, not $asked"
    elif ! ask $venv/bin/python "$has_pip"; then echo "it has no pip"
    fi
}

make_venv() {
    "$PYTHON" -m venv $venv >$log 2>&1 && return
    rm -rf $venv
    grep -qE 'ensurepip|No module named .?venv' $log && fail "$PYTHON cannot make a virtual environment:" \
        "on Debian and Ubuntu install the package python3-venv"
    fail "could not make $venv: $(tail -n 1 $log)"
}

install() {
    $venv/bin/python -m pip install -q "$@" >>$log 2>&1 && return
    # Where it reaches no index, pip tries five times and then says that there is no such version.
    grep -qE 'Retry\(total=0|Max retries exceeded|Read timed out' $log &&
        fail "no network: pip cannot reach the package index (what it says: $log)"
    fail "pip could not install: $(grep -iE '^error' $log | tail -n 1) (all that it says: $log)"
}

[ -z "${PYTHON:-}" ] || check_python
reason=
if [ -e $venv ] || [ -L $venv ]; then reason=$(fault); fi
# Named after all that the environment is made from: the folder too, for the library is installed by its path.
ready=$venv/.ready-$({ cat requirements.txt pyproject.toml; pwd -P; } | cksum | cut -d' ' -f1)
[ -n "$reason" ] || [ ! -e "$ready" ] || exit 0

mkdir -p _build
if [ -n "$reason" ] || [ ! -e $venv ]; then
    [ -n "${PYTHON:-}" ] || find_python
    if [ -n "$reason" ]; then
        PYTHON=$(ask "$PYTHON" 'import sys; print(sys._base_executable)')  # PYTHON may be inside .venv
        echo "replacing $venv: $reason"
        rm -rf $venv
    fi
    make_venv
fi
echo "installing into $venv (once; a few minutes) ..."
: >$log
install -r requirements.txt
install --no-deps --no-build-isolation -e .
rm -f $venv/.ready-*
touch "$ready"
