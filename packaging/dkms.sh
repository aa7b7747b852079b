#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Installs the driver on this machine with DKMS, or takes it back.
# Usage: packaging/dkms.sh install|remove|version
#        packaging/dkms.sh files FOLDER     (what the machine gets, into a folder)
set -eu
cd "$(dirname "$0")/.."

name=virtio-blk

fail() {
	echo "error: $1" >&2
	exit 1
}

version() {
	conf=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)
	module=$(sed -n 's/^MODULE_VERSION("\([^"]*\)").*/\1/p' virtio_blk/main.c)
	[ "${conf:-none}" = "$module" ] ||
		fail "dkms.conf says version '$conf', virtio_blk/main.c '$module': make them the same"
	echo "$conf"
}

files() {
	source=$1/usr/src/$name-$(version)
	tools=$1/usr/share/initramfs-tools
	dracut=$1/usr/lib/dracut/modules.d/90$name
	mkdir -p "$source/virtio_blk" "$source/packaging"
	install -m 644 dkms.conf Kbuild LICENSE "$source"
	install -m 644 virtio_blk/Kbuild virtio_blk/*.mk virtio_blk/*.[ch] "$source/virtio_blk"
	install -m 755 packaging/initramfs.sh packaging/leftovers.sh "$source/packaging"
	install -D -m 755 packaging/initramfs-tools/hook "$tools/hooks/$name"
	install -D -m 755 packaging/fallback.sh "$tools/scripts/init-premount/$name"
	install -D -m 755 packaging/fallback.sh "$dracut/fallback.sh"
	install -m 755 packaging/dracut/*.sh "$dracut"
	for page in man/*; do
		install -D -m 644 "$page" "$1/usr/share/man/man${page##*.}/${page##*/}"
	done
	install -D -m 755 tools/virtio-blk-status "$1/usr/sbin/virtio-blk-status"
}

root_with_dkms() {
	[ "$(id -u)" -eq 0 ] || fail "this changes the machine's modules: run it as root"
	command -v dkms >/dev/null || fail "dkms is not installed (Debian package dkms)"
	[ ! -e "/var/lib/dpkg/info/$name-dkms.list" ] ||
		fail "the package $name-dkms is installed here: use it, or remove it first"
}

installed() {
	dkms status -m "$name" | sed -n "s|^${name}[/,] *\([^,: ]*\).*|\1|p" | sort -u
}

install_module() {
	root_with_dkms
	version=$(version)
	remove_modules
	files ''
	dkms add -m "$name" -v "$version"
	built=
	for kernel in /lib/modules/*/; do
		kernel=$(basename "$kernel")
		if [ ! -e "/lib/modules/$kernel/build/include" ]; then
			echo "skipped: the headers of $kernel are not installed (linux-headers-$kernel)"
		elif dkms install -m "$name" -v "$version" -k "$kernel"; then
			built="$built $kernel"
		else
			echo "skipped: nothing was built for $kernel, it keeps its own driver" >&2
		fi
	done
	[ -n "$built" ] || fail "the module was built for no kernel"
	echo "installed $name $version for$built; it is used from the next boot on"
}

remove_modules() {
	packaging/leftovers.sh || true
	for old in $(installed); do
		dkms remove -m "$name" -v "$old" --all
		rm -rf "/usr/src/$name-$old"
	done
}

remove_files() {
	list=$(mktemp -d)
	files "$list"
	(cd "$list" && find . -type f ! -path './usr/src/*') | while read -r file; do
		rm -f "/$file"
		rmdir -p --ignore-fail-on-non-empty "/${file%/*}"
	done
	rm -rf "$list"
}

case ${1-} in
install) install_module ;;
remove)
	root_with_dkms
	[ -n "$(installed)" ] || fail "$name is not installed with DKMS here"
	remove_modules
	remove_files
	echo "removed $name; the kernel's own driver is used from the next boot on"
	;;
version) version ;;
files) files "${2:?usage: packaging/dkms.sh files FOLDER}" ;;
*) fail "usage: packaging/dkms.sh install|remove|version|files FOLDER" ;;
esac
