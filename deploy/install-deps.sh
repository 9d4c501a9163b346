#!/usr/bin/env bash
# Installs the Debian packages that building, testing and showing Hawser need, and nothing else: it does nothing when
# nothing is missing, and leaves no service started or enabled that was not so before. With --bench also what `make bench`
# measures beside Hawser.
set -euo pipefail

# package, and what it is for
packages=(
    "libcurl4-openssl-dev  HTTP to CloudStack"
    "libmariadb-dev        the shared store"
    "libmicrohttpd-dev     the control API and the simulator's HTTP"
    "libmount-dev          the mount table"
    "libnbd-dev            NBD probes and clients"
    "libsimdjson-dev       JSON of large listings"
    "libsqlite3-dev        the embedded store"
    "libssl-dev            signatures"
    "libsystemd-dev        readiness and the journal"
    "libudev-dev           block devices"
    "libyaml-dev           manifests and configuration"
    "libstdc++-12-dev      C++ headers, for the face of simdjson"
    "pkg-config            finding the libraries"
    "nbdkit                the NBD server that demo and tests run"
    "nbd-server            the old NBD server, for tests and its demo"
    "systemd               systemd-socket-activate: nbd-server for each client where systemd is not the first process"
    "udev                  a private udevd for demo and tests"
    "mariadb-server        a throw-away database, for tests and the demo"
    "galera-4              several of them that replicate to each other, for tests"
    "rsync                 how a new one of those gets its first data, for tests"
    "lsof                  what the script that calls rsync asks whether its port is free, for tests"
    "openssl               certificates of a throw-away database, for tests"
    "umockdev              disks of other buses, written down, for tests"
    "sqlite3               a second writer of the table, for tests"
    "util-linux            private namespaces"
    "e2fsprogs             a file system to mount, for tests"
    "python3-venv          a third-party CloudStack client, for tests"
    "zsh                   its completion, for tests"
    "fish                  its completion, for tests"
    "mandoc                remarks on the manual pages, for tests"
)

if [[ ${1:-} == --bench ]]; then
    packages+=(
        "udisks2               what else tells of block devices, to measure beside Hawser"
        "dbus-daemon           the bus that udisksd speaks on, private to the run"
    )
fi

say() { printf 'hawser: %s\n' "$*" >&2; }

if ! command -v swift >/dev/null 2>&1; then
    say "no Swift toolchain on the PATH: install Swift 6.2 or newer, then run this again"
    exit 1
fi
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -n 1)
read -r major minor <<<"${version:-0 0}"
if ((major < 6 || (major == 6 && minor < 2))); then
    say "the Swift toolchain is ${major}.${minor}: install Swift 6.2 or newer, then run this again"
    exit 1
fi
if ! command -v dpkg-query >/dev/null 2>&1; then
    say "this is no Debian system: install the counterparts of these packages yourself:"
    printf '  %s\n' "${packages[@]}" >&2
    exit 1
fi

missing=()
for line in "${packages[@]}"; do
    name=${line%% *}
    state=$(dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null || true)
    [[ $state == ii* ]] || missing+=("$line")
done
if ((${#missing[@]} == 0)); then
    echo "install-deps: nothing is missing"
    exit 0
fi

echo "install-deps: these Debian packages are missing and will be installed:"
printf '  %s\n' "${missing[@]}"

as_root=()
if [[ $(id -u) != 0 ]]; then
    if ! command -v sudo >/dev/null 2>&1; then
        say "cannot install them: this is neither root nor is there sudo; have them installed, then run this again"
        exit 1
    fi
    as_root=(sudo)
fi

# A package's scripts ask policy-rc.d before they start a service (invoke-rc.d(8)); 101 is "no". Enabling is undone for
# whatever was not enabled before.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    made_policy=yes
fi
undo_policy() { [[ $made_policy == no ]] || "${as_root[@]}" rm -f "$policy"; }
trap undo_policy EXIT

enabled_services() {
    find /etc/systemd/system /etc/rc[2-5].d -path '*.wants/*.service' -o -path '*/rc[2-5].d/S*' 2>/dev/null | sort
}
before=$(enabled_services)

names=()
for line in "${missing[@]}"; do names+=("${line%% *}"); done
install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${names[@]}"
}
log=$(mktemp)
if ! install >"$log" 2>&1; then
    # The package lists may be old or absent: fetch them once, and try again.
    if ! { "${as_root[@]}" apt-get update -q && install; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        say "cannot install the packages: see above; is there a network, and are the package sources right?"
        exit 1
    fi
fi
rm -f "$log"

after=$(enabled_services)
while read -r link; do
    [[ -z $link ]] || "${as_root[@]}" rm -f "$link"
done < <(comm -13 <(printf '%s\n' "$before") <(printf '%s\n' "$after"))
echo "install-deps: installed ${names[*]}"
