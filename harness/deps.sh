#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Install the Debian packages that the project's commands need: as root; for
# anybody else, print the one command to run.
# Usage: harness/deps.sh [core|bench|test|install|arch]...     (no argument: all but the last)
set -eu

core="apt bc binutils bison busybox-static dpkg e2fsprogs fdisk flex gcc kmod
libaio-dev libc6-dev libelf-dev lz4 make patch perl-base python3 qemu-system-x86 qemu-utils sparse
tar util-linux xz-utils zlib1g-dev"
bench="gnuplot-nox"
test="dmsetup f2fs-tools iproute2 mandoc mdadm mount shellcheck spin"
install="debhelper dh-dkms dpkg-dev mmdebstrap ovmf"
arch="gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu gcc-s390x-linux-gnu libc6-dev-arm64-cross
libc6-dev-s390x-cross qemu-system-arm qemu-system-misc"

fail() {
	echo "error: $1" >&2
	exit 1
}

[ $# -gt 0 ] || set -- core bench test install
wanted=
for group; do
	case $group in
	core) wanted="$wanted $core" ;;
	bench) wanted="$wanted $bench" ;;
	test) wanted="$wanted $test" ;;
	install) wanted="$wanted $install" ;;
	arch) wanted="$wanted $arch" ;;
	*) fail "no group of packages is called '$group' (core, bench, test, install or arch)" ;;
	esac
done

for tool in dpkg-query apt-get; do
	command -v "$tool" >/dev/null ||
		fail "$tool is missing: this needs Debian 12 (or install yourself:$wanted)"
done

missing=
for package in $wanted; do
	dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null |
		grep -q '^install ok installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

command="apt-get install --no-install-recommends --yes$missing"
if [ "$(id -u)" -ne 0 ]; then
	echo "error: packages are missing; as root, run: apt-get update && $command" >&2
	exit 1
fi

echo "installing:$missing"
log=$(mktemp /tmp/virtio_blk-deps.XXXXXX)
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
if ! { apt-get update && $command; } >"$log" 2>&1; then
	fail "packages could not be installed: $(grep '^E:' "$log" | head -n 1) (log: $log)"
fi
rm -f "$log"
