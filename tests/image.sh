#!/usr/bin/env bash
# Builds the container image and runs the server from its root filesystem under the conditions of a container engine: a
# read-only root, one writable volume, a numeric user, and process 1. Requires root on Debian or Ubuntu, and Rust, but
# neither Docker nor an image registry: the script builds the two base images once. They remain in buildah's storage, as
# do the cached layers (remove them with 'buildah rmi --prune'). Arguments are passed to 'buildah bud' (for example
# --no-cache). DEBIAN_MIRROR is the mirror for debootstrap if the default cannot be used.
set -euo pipefail

suite=bookworm
image=localhost/roster:test
runtime_base=localhost/roster-base-runtime:$suite
rust_base=localhost/roster-base-rust:$suite-$(rustc --version | cut -d' ' -f2)
user=10001:10001
data=/var/lib/roster

fail() { echo "image: $*" >&2; exit 1; }

main() {
  [ "$(id -u)" = 0 ] || fail "must run as root"
  cd "$(dirname "$0")/.."
  work=$(mktemp -d -p /var/tmp)
  containers=() driver=""
  trap clean EXIT
  install_tools
  mountable || { driver=vfs; mountable || fail "buildah can mount with neither its default storage driver nor vfs"; }

  buildah inspect --type image "$runtime_base" >"$work/log" 2>&1 || build_runtime_base
  buildah inspect --type image "$rust_base" >"$work/log" 2>&1 || build_rust_base
  copy_registry_settings
  # Otherwise buildah would reuse a cached runtime stage even if its --chown or an ARG default has changed.
  buildah rmi "$image" >"$work/log" 2>&1 || true
  buildah bud --isolation chroot --layers --force-rm --pull=never --format docker --tag "$image" \
    --volume "$work/machine:/machine:ro" --build-arg RUNTIME_IMAGE="$runtime_base" \
    --build-arg RUST_IMAGE="$rust_base" "$@" .
  check_settings
  run_container
  echo "image: ok, $(buildah images --format '{{.Size}}' "$image"), including a binary of $(numfmt --to=iec "$binary")"
}

clean() {
  local c
  for c in "${containers[@]}"; do buildah rm "$c" >/dev/null; done
  rm -rf --one-file-system "$work"
}

install_tools() {
  local packages=()
  type -P buildah >/dev/null || packages+=(buildah)
  type -P debootstrap >/dev/null || packages+=(debootstrap debian-archive-keyring)
  type -P ip >/dev/null || packages+=(iproute2)
  type -P curl >/dev/null || packages+=(curl)
  type -P jq >/dev/null || packages+=(jq)
  [ ${#packages[@]} = 0 ] || { apt-get update && apt-get install -y "${packages[@]}"; }
}

buildah() { command buildah ${driver:+--storage-driver "$driver"} "$@"; }

mountable() {
  local probe
  probe=$(buildah from scratch) || return
  containers+=("$probe")
  buildah mount "$probe" >/dev/null
}

# bootstrap PACKAGES: creates a root filesystem in $work/base, without the files that Debian's slim images omit.
bootstrap() {
  debootstrap --variant=minbase ${1:+--include="$1"} "$suite" "$work/base" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
  rm -rf "$work"/base/usr/share/{doc,man,info,locale}/* "$work"/base/var/{cache,log}/* "$work"/base/var/lib/apt/lists/*
}

# commit NAME SETTING...: turns $work/base into an image with the PATH of an official image.
commit() {
  local name=$1 c
  shift
  c=$(buildah from scratch)
  containers+=("$c")
  buildah add --quiet "$c" "$work/base" / >/dev/null
  buildah config --cmd bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@" "$c"
  buildah commit --quiet --format docker "$c" "$name" >/dev/null
  rm -rf "$work/base"
}

build_runtime_base() {
  bootstrap ""
  commit "$runtime_base"
}

# The image contains this machine's toolchain, and a cargo that reads the settings in /machine, which is mounted only
# during the build.
build_rust_base() {
  local sysroot host
  sysroot=$(rustc --print sysroot)
  host=$(rustc -vV | sed -n 's/^host: //p')
  bootstrap build-essential,perl,ca-certificates
  (cd "$sysroot" && tar -c bin/rustc bin/cargo lib/librustc_driver* lib/libLLVM* "lib/rustlib/$host") |
    tar -x -C "$work/base/usr/local" --no-same-owner
  mkdir -p "$work/base/machine" "$work/base/usr/local/cargo"
  ln -s /machine/config.toml "$work/base/usr/local/cargo/config.toml"
  mv "$work/base/usr/local/bin/cargo" "$work/base/usr/local/cargo/cargo"
  cat >"$work/base/usr/local/bin/cargo" <<'CARGO'
#!/bin/bash
[ ! -r /machine/env ] || . /machine/env
exec /usr/local/cargo/cargo "$@"
CARGO
  chmod +x "$work/base/usr/local/bin/cargo"
  commit "$rust_base" --env CARGO_HOME=/usr/local/cargo
}

# Copies the settings with which this machine reaches its package registry: cargo's configuration file and variables (without
# tokens), and the trusted certificates. Buildah itself passes on the proxy variables.
copy_registry_settings() {
  local home=${CARGO_HOME:-$HOME/.cargo} file name
  mkdir "$work/machine"
  for file in "$home/config.toml" "$home/config"; do
    [ ! -r "$file" ] || { cp "$file" "$work/machine/config.toml"; break; }
  done
  for name in ${!CARGO_HTTP_*} ${!CARGO_NET_*} ${!CARGO_REGISTR*} ${!CARGO_SOURCE_*}; do
    [[ $name = *TOKEN ]] || printf 'export %s=%q\n' "$name" "${!name}"
  done >"$work/machine/env"
  for file in "${CARGO_HTTP_CAINFO:-}" "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
    [ -r "$file" ] || continue
    cp "$file" "$work/machine/certificates.crt"
    echo 'export CARGO_HTTP_CAINFO=/machine/certificates.crt' >>"$work/machine/env"
    break
  done
}

# expect NAME ACTUAL EXPECTED
expect() { [ "$2" = "$3" ] || fail "$1 is '$2' instead of '$3'"; }

check_settings() {
  config=$(buildah inspect --type image "$image" | jq --compact-output .Docker.config)
  expect_setting User "\"$user\""
  expect_setting Entrypoint '["roster"]'
  expect_setting Cmd '["serve"]'
  expect_setting Healthcheck.Test '["CMD","roster","health"]'
  expect_setting StopSignal '"SIGTERM"'
  expect_setting Volumes "{\"$data\":{}}"
  expect_setting ExposedPorts '{"3000/tcp":{}}'
}

expect_setting() { expect "$1" "$(jq --compact-output ".$1" <<<"$config")" "$2"; }

run_container() {
  local c root env
  c=$(buildah from --pull-never "$image")
  containers+=("$c")
  root=$(buildah mount "$c")
  binary=$(stat -c %s "$root/usr/local/bin/roster")
  # A container engine also initializes a new volume from the image's directory, including the owner.
  cp -a "$root$data" "$work/volume"
  mapfile -t env < <(jq --raw-output '.Env[]' <<<"$config")
  # The container runs in separate mount, network and PID namespaces: port 3000 is free, nothing can be downloaded, and
  # all processes end with the script.
  unshare --mount --net --pid --fork --kill-child --mount-proc -- \
    "$PWD/tests/image.sh" --inside "$root" "$work" "${env[@]}"
}

# ---- Everything below runs inside the namespaces.

inside() {
  root=$1 work=$2 pid=""
  shift 2
  key=$(head -c 32 /dev/urandom | sha256sum | cut -d' ' -f1)
  contained=(env -i "$@" ROSTER_PUBLIC_URL=http://localhost:3000)
  as_user=(setpriv --no-new-privs chroot --userspec="$user" --groups= "$root")
  trap 'exit 130' INT TERM
  trap '[ $? = 0 ] || cat "$work/server.log" >&2' EXIT

  ip link set lo up
  mount --bind "$root" "$root"
  mount -o remount,bind,ro "$root"
  mount --bind "$work/volume" "$root$data"
  mount --bind /dev "$root/dev"
  if touch "$root/written" 2>/dev/null; then fail "the root filesystem is not read-only"; fi

  start
  local created id
  created=$(api --request POST --header 'Content-Type: application/json' --data '{"userName":"ada"}' http://127.0.0.1:3000/users)
  id=$(jq --exit-status --raw-output .id <<<"$created")
  expect "the created user" "$(user "$id")" "$(jq -S . <<<"$created")"
  stop
  if health 2>/dev/null; then fail "'roster health' succeeds without a server"; fi
  start
  expect "the user after a restart" "$(user "$id")" "$(jq -S . <<<"$created")"
  stop
  expect "the owner of the database" "$(stat -c %u:%g "$work/volume/roster.db")" "$user"
}

# Runs the server as process 1, which SIGTERM ends only if the server handles it.
start() {
  local tries
  unshare --pid --fork --mount-proc="$root/proc" -- \
    "${contained[@]}" ROSTER_ADMIN_KEY="$key" "${as_user[@]}" roster serve >>"$work/server.log" 2>&1 &
  pid=$!
  for tries in {1..100}; do
    ! health 2>/dev/null || return 0
    kill -0 "$pid" 2>/dev/null || fail "the server exited before it was ready"
    sleep 0.1
  done
  fail "the server was not ready after $tries attempts"
}

stop() {
  local code=0
  # The server is the only child of unshare.
  kill -TERM "$(cat "/proc/$pid/task/$pid/children")"
  for _ in {1..100}; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  ! kill -0 "$pid" 2>/dev/null || fail "the server did not exit within 10 seconds of SIGTERM"
  wait "$pid" || code=$?
  expect "the exit code after SIGTERM" "$code" 0
}

health() { timeout --kill-after=1 5 "${contained[@]}" "${as_user[@]}" roster health; }
api() { curl --silent --show-error --fail --max-time 10 --header "Authorization: Bearer $key" "$@"; }
user() { api "http://127.0.0.1:3000/users/$1" | jq -S .; }

if [ "${1:-}" = --inside ]; then
  shift
  inside "$@"
else
  main "$@"
fi
