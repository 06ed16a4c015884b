#!/usr/bin/env bash
# Boots systemd from a new root file system in separate namespaces, and runs the server with ops/systemd/roster.service,
# under all of its restrictions. Requires root on Debian or Ubuntu with cgroup v2, and `cargo build`; ROSTER_BINARY names
# another binary. The root file system is built once, below target/. DEBIAN_MIRROR is the mirror for debootstrap if the
# default cannot be used.
set -euo pipefail

fail() { echo "systemd: $*" >&2; exit 1; }

# expect NAME ACTUAL EXPECTED
expect() { [ "$2" = "$3" ] || fail "$1 is '$2' instead of '$3'"; }

main() {
    [ "$(id -u)" = 0 ] || fail "must run as root"
    cd "$(dirname "$0")/.."
    . .ci/need.sh
    need debootstrap command -v debootstrap
    root="$PWD/target/systemd/root"
    [ -e "$root/complete" ] || build_root
    install_unit
    cgroup=$(findmnt --noheadings --types cgroup2 --output TARGET | head -n 1)/roster-test-$$
    mkdir "$cgroup"
    trap 'find "$cgroup" -depth -type d -exec rmdir {} +' EXIT
    # The namespaces end with their first process, which is systemd. It runs in its own cgroup.
    bash -c 'echo $$ > "$0/cgroup.procs"; exec "${@:1}"' "$cgroup" timeout --kill-after=10 120 \
        unshare --cgroup --mount --pid --net --uts --ipc --fork --kill-child "$PWD/tests/systemd.sh" --boot "$root" || true
    [ "$(tail -n 1 "$root/results")" = passed ] || { cat "$root/results" >&2; fail "the unit failed"; }
    echo "systemd: ok, $(chroot "$root" systemctl --version | head -n 1)"
}

build_root() {
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    # The binary needs the C library of this release.
    debootstrap --variant=minbase --include=systemd,systemd-sysv,procps,curl "$(. /etc/os-release && echo "$VERSION_CODENAME")" \
        "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$root.log" || { tail "$root.log" >&2; fail "debootstrap failed"; }
    chroot "$root" systemctl mask --quiet getty@tty1 console-getty apt-daily.timer apt-daily-upgrade.timer
    chroot "$root" systemctl set-default --quiet multi-user.target
    chroot "$root" useradd --system --home-dir /var/lib/roster --shell /usr/sbin/nologin roster
    touch "$root/complete"
}

install_unit() {
    rm -rf "$root/var/lib/roster" "$root/etc/roster" "$root/results"
    install -m 0755 "${ROSTER_BINARY:-${CARGO_TARGET_DIR:-target}/debug/roster}" "$root/usr/local/bin/roster"
    install -m 0755 tests/systemd.sh "$root/usr/local/bin/test.sh"
    install -m 0644 ops/systemd/roster.service "$root/etc/systemd/system"
    install -d "$root/etc/roster"
    (umask 077 && head -c 32 /dev/urandom | sha256sum | cut -d' ' -f1 >"$root/etc/roster/admin-key")
    cat >"$root/etc/systemd/system/test.service" <<'UNIT'
[Unit]
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/usr/local/bin/test.sh --inside
StandardOutput=file:/results
StandardError=inherit
[Install]
WantedBy=multi-user.target
UNIT
    chroot "$root" systemctl enable --quiet test
}

# The first process of the namespaces: mounts what systemd expects, and becomes systemd.
boot() {
    local root=$1 device
    mount --make-rprivate /
    mount --bind "$root" "$root"
    cd "$root"
    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs tmpfs run
    mount -t tmpfs tmpfs tmp
    mount -t tmpfs -o mode=755 tmpfs dev
    for device in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do
        # shellcheck disable=SC2086 # two words
        set -- $device
        mknod -m 666 "dev/$1" c 1 "$2"
    done
    mkdir dev/pts dev/shm dev/mqueue dev/hugepages
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    mount -t tmpfs tmpfs dev/shm
    mount -t mqueue mqueue dev/mqueue
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    ip link set lo up
    pivot_root . mnt
    umount -l mnt
    # Credentials reach a service through mounts that propagate.
    mount --make-rshared /
    export container=test
    exec /lib/systemd/systemd </dev/null >/dev/null 2>&1
}

# ---- Everything below runs as a service inside.

inside() {
    url=http://127.0.0.1:3000
    key=$(cat /etc/roster/admin-key)
    trap '[ $? = 0 ] || journalctl --boot --no-pager --output=cat --unit=roster' EXIT
    systemctl start roster
    ready
    check_restrictions
    use
    local before
    before=$(pid)
    systemctl reload roster
    ready
    expect "the process after a reload" "$(pid)" "$before"
    kill -KILL "$before"
    # systemd restarts it after RestartSec.
    until [ "$(pid)" != "$before" ] && [ "$(pid)" != 0 ]; do sleep 0.1; done
    ready
    systemctl stop roster
    expect "the result of the unit" "$(systemctl show --property=Result,ExecMainStatus roster | sort | xargs)" \
        "ExecMainStatus=0 Result=success"
    as_roster roster check
    refuse_invalid_settings
    echo passed
}

refuse_invalid_settings() {
    echo ROSTER_LISTEN=nowhere >/etc/roster/environment
    systemctl start roster
    until systemctl --quiet is-failed roster; do sleep 0.1; done
    expect "the restarts with invalid settings" "$(systemctl show --property=NRestarts --value roster)" 0
}

ready() {
    for _ in {1..300}; do
        ! curl --silent --fail --output /dev/null $url/readyz || return 0
        sleep 0.1
    done
    fail "the server is not ready"
}

pid() { systemctl show --property=MainPID --value roster; }

check_restrictions() {
    local status
    status=$(cat "/proc/$(pid)/status")
    expect "the user" "$(awk '/^Uid:/ { print $2 }' <<<"$status")" "$(id -u roster)"
    expect "the system call filter" "$(awk '/^Seccomp:/ { print $2 }' <<<"$status")" 2
    expect "the capabilities" "$(awk '/^Cap(Prm|Eff|Bnd|Amb):/ { print $2 }' <<<"$status" | sort -u)" 0000000000000000
    expect "NoNewPrivs" "$(awk '/^NoNewPrivs:/ { print $2 }' <<<"$status")" 1
    # What the service sees of the file system.
    nsenter --mount --target "$(pid)" touch /var/lib/roster/written
    if nsenter --mount --target "$(pid)" touch /etc/written 2>/dev/null; then fail "/etc is writable"; fi
    expect "the devices" "$(nsenter --mount --target "$(pid)" find /dev -type b)" ""
}

use() {
    local user group
    user=$(create users '{"userName":"ada"}')
    group=$(create groups '{"displayName":"Poets"}')
    request 204 --request PUT "$url/groups/$group/members/$user"
    for path in /users?filter=title%20pr /scim/v2/Users /changes?after=0 /changes?wait=1 /export; do
        request 200 --compressed "$url$path"
    done
    request 204 --request DELETE "$url/users/$user?erase=true"
    as_roster roster backup /var/lib/roster/backup.db
}

create() { # create COLLECTION BODY: prints the id
    curl --silent --fail --header "Authorization: Bearer $key" --header 'Content-Type: application/json' \
        --data "$2" "$url/$1" | sed 's/^{"id":"\([^"]*\)".*/\1/'
}

request() { # request STATUS ARGS…
    expect "the status of ${*: -1}" "$(curl --silent --output /dev/null --write-out '%{http_code}' \
        --header "Authorization: Bearer $key" "${@:2}")" "$1"
}

as_roster() {
    setpriv --reuid roster --regid roster --clear-groups env DATABASE_URL=sqlite:///var/lib/roster/roster.db "$@"
}

case "${1:-}" in
    --boot) boot "$2" ;;
    --inside) inside ;;
    *) main ;;
esac
