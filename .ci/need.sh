# Sourced by the scripts of this repository.

# need PACKAGES COMMAND…: installs the Debian PACKAGES unless the COMMAND succeeds. Fails if it cannot install them.
need() {
    local packages=$1
    shift
    "$@" >/dev/null 2>&1 && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing $packages" >&2
        apt-get update -qq
        # shellcheck disable=SC2086 # a list of words
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
        "$@" >/dev/null 2>&1 && return
    fi
    echo "${0##*/}: '$*' fails: install $packages" >&2
    exit 1
}

need_cargo() {
    command -v cargo >/dev/null || { echo "${0##*/}: cargo is missing: install Rust" >&2; exit 1; }
    need build-essential cc --version
}

# Debian installs the server's programs outside of PATH. Clients alone do not count.
postgres_version() { find /usr/lib/postgresql -path '*/bin/postgres' 2>/dev/null | cut -d/ -f5 | sort -n | tail -n 1; }

has_postgres() { [ -n "$(postgres_version)" ]; }

has_faketime() { compgen -G "/usr/lib/*/faketime/libfaketime.so.1"; }

need_postgres() {
    need "postgresql postgresql-common" command -v pg_virtualenv
    need postgresql has_postgres
}

need_python() {
    need python3-venv python3 -c 'import ensurepip'
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { echo "${0##*/}: Python 3.11 or newer is required, found $(python3 --version)" >&2; exit 1; }
}

# venv DIRECTORY REQUIREMENTS: installs exactly the pinned files, unless they were installed since the list last
# changed. Dependencies are not resolved (--no-deps): pip may prefer a newer release of a package that is pinned with an
# extra, and then refuses it. Only wheels are accepted: a source distribution has build dependencies that are not
# pinned.
venv() {
    [ ! "$1/installed" -nt "$2" ] || return 0
    need_python
    python3 -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes \
        --only-binary :all: -r "$2"
    "$1/bin/pip" check --disable-pip-version-check >/dev/null
    touch "$1/installed"
}

# The tools are built without optimization: the build is faster than a release build, and each tool runs only for
# seconds. They are installed below target/, so a clean checkout builds them again; ROSTER_TOOLS names a directory to
# keep them in.
TOOLS="${ROSTER_TOOLS:-$PWD/target/tools}"

# tool CRATE VERSION ARGS…: installs a command from crates.io with the dependencies that its authors locked. Prints the
# directory of its programs.
tool() {
    local root="$TOOLS/$1-$2"
    [ -d "$root/bin" ] || CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$PWD/target/tools/build" \
        cargo install --quiet --debug --locked --root "$root" "$1" --version "$2" "${@:3}" >&2
    echo "$root/bin"
}
