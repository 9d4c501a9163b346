#!/usr/bin/env bash
# Puts the third-party CloudStack client `cs` into a virtual environment of the build directory, once. Without a network the
# tests that need it are left out, and say so.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
environment=.build/python-clients
[[ -x $environment/bin/cs ]] && exit 0
echo "python-clients: installing cs 5.2.0 into $environment"
if ! { python3 -m venv "$environment" && "$environment/bin/pip" install -q --disable-pip-version-check cs==5.2.0; } >/dev/null 2>&1; then
    rm -rf "$environment"
    echo "python-clients: cs cannot be installed (no network?): the tests with it will be left out" >&2
fi
