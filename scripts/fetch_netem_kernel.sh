#!/usr/bin/env bash
# Fetches a Debian cloud kernel with netem, for the test that boots one under qemu.
#   scripts/fetch_netem_kernel.sh [DIR]     DIR is target/netem-kernel unless given
# Leaves DIR/vmlinuz, DIR/veth.ko and DIR/sch_netem.ko. Needs apt-get and dpkg-deb; nothing is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${1:-target/netem-kernel}
[ -f "$dir/sch_netem.ko" ] && exit 0
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
[ -n "$package" ] || { echo "no package linux-image-cloud-amd64: is this a Debian system?" >&2; exit 1; }
(cd "$work" && apt-get download -qq "$package" && dpkg-deb -x ./*.deb kernel)
cp "$work"/kernel/boot/vmlinuz-* "$dir/vmlinuz"
for module in veth sch_netem; do
  found=$(find "$work/kernel" -name "$module.ko*" | head -n 1)
  case "$found" in
    *.xz) xz -dc "$found" > "$dir/$module.ko.part" ;;
    *.zst) zstd -qdc "$found" > "$dir/$module.ko.part" ;;
    *) cp "$found" "$dir/$module.ko.part" ;;
  esac
  mv "$dir/$module.ko.part" "$dir/$module.ko"
done
echo "$dir: $package"
