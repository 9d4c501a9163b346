#!/usr/bin/env bash
# Puts the outside clients of CloudStack that the simulator is proven with into a virtual environment of the build
# directory: `cs`, Apache Libcloud (whose package also carries recorded answers of real servers), and Ansible with the
# collection ngine_io.cloudstack. A second run does nothing until one of the lists of versions changes. Without a network
# the tests that need them are left out, and say so.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
environment=.build/python-clients
lists=Tests/Support/python-clients
marker=$environment/installed

wanted=$(cat "$lists/packages.txt" "$lists/collection.txt" "$lists.sh" | sha256sum)
[[ -r $marker && $(<"$marker") == "$wanted" ]] && exit 0

install() {
    rm -rf "$environment"
    python3 -m venv "$environment" || return
    local pip=("$environment/bin/pip" --disable-pip-version-check --quiet)
    "${pip[@]}" install --requirement "$lists/packages.txt" || return
    "${pip[@]}" download --no-deps --require-hashes --requirement "$lists/collection.txt" \
        --dest "$environment/download" || return
    "$environment/bin/python" - "$environment"/download/ansible-*.whl <<'PYTHON' || return
import sys, sysconfig, zipfile

with zipfile.ZipFile(sys.argv[1]) as wheel:
    names = [name for name in wheel.namelist() if name.startswith("ansible_collections/ngine_io/cloudstack/")]
    wheel.extractall(sysconfig.get_paths()["purelib"], names)
sys.exit(not names)
PYTHON
    rm -rf "$environment/download"
    # Where the tests find the recorded answers, whatever the version of Python.
    (cd "$environment" && ln -s lib/python3*/site-packages/libcloud/test libcloud-recorded) || return
    printf '%s\n' "$wanted" >"$marker"
}

echo "python-clients: installing into $environment (once; about 70 MB are fetched, 115 MB stay):"
sed -n 's/^\([A-Za-z][A-Za-z0-9-]*\)==\([^ ]*\).*/  \1 \2/p' "$lists/packages.txt"
echo "  ansible_collections.ngine_io.cloudstack, out of $(sed -n 's/^\(ansible\)==\([^ ]*\).*/\1 \2/p' "$lists/collection.txt")"
log=$(mktemp)
if ! install >"$log" 2>&1; then
    tail -n 3 "$log" >&2
    rm -rf "$environment"
    echo "python-clients: cannot be installed (no network?): the tests with them will be left out" >&2
fi
rm -f "$log"
