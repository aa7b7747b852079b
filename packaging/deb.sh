#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Builds the Debian package from a copy of the checkout; leaves it in build/.
# Usage: packaging/deb.sh [FOLDER]     (default: build)
set -eu
cd "$(dirname "$0")/.."

fail() {
	echo "error: $1" >&2
	exit 1
}

for tool in dpkg-buildpackage:dpkg-dev dh:debhelper dh_dkms:dh-dkms; do
	command -v "${tool%:*}" >/dev/null || fail "${tool%:*} is not installed (Debian package ${tool#*:})"
done
out=${1:-build}
version=$(packaging/dkms.sh version)
tree=$out/deb/virtio-blk-$version
rm -rf "$out/deb"
mkdir -p "$tree"
for part in Kbuild LICENSE dkms.conf packaging virtio_blk man tools; do
	[ ! -e "$part" ] || cp -r "$part" "$tree"
done
mv "$tree/packaging/debian" "$tree/debian"
stamp=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
cat >"$tree/debian/changelog" <<EOF
virtio-blk ($version) unstable; urgency=medium

  * Built from a checkout.

 -- virtio_blk <virtio_blk@localhost>  $(date -R -u -d "@$stamp")
EOF

log=$out/deb/build.log
# -d: what it needs is checked above; build-essential, which is asked for without, would bring compilers for nothing.
(cd "$tree" && SOURCE_DATE_EPOCH=$stamp dpkg-buildpackage -b -d -us -uc) >"$log" 2>&1 ||
	fail "the package could not be built: $(grep -m 1 'error:' "$log" || tail -n 1 "$log") (log: $log)"
package=$out/virtio-blk-dkms_${version}_all.deb
mv "$out/deb/$(basename "$package")" "$package"
echo "$package"
