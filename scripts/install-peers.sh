#!/bin/bash
# Installs what `make bench-peers` needs, Debian packages alone, where they are missing. Root. No service is started.
set -euo pipefail

packages=(etcd-server etcd-client mariadb-server mariadb-client galera-4 rsync iproute2 gcc libc6-dev)
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
[ "$(id -u)" = 0 ] || { echo "install-peers: root is needed to install ${missing[*]}" >&2; exit 1; }

# Debian starts what it installs unless policy-rc.d says no.
guard=/usr/sbin/policy-rc.d
if [ ! -e "$guard" ]; then
  trap 'rm -f "$guard"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$guard"
  chmod +x "$guard"
fi
echo "installing ${missing[*]}…" >&2
export DEBIAN_FRONTEND=noninteractive
install=(apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}")
# Old package lists name versions that the mirror no longer has.
"${install[@]}" >/dev/null || { apt-get -q update >/dev/null && "${install[@]}" >/dev/null; }
