#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Put the tool into a tree that runs where no C library is installed.
#
# usage: install-tree.sh BINARY DIR
#
# DIR/bin/vitrine is a small script; DIR/libexec/vitrine the program;
# DIR/lib its libraries and the dynamic loader, which the script calls by
# path, because the loader's usual place may not exist in the other system.
set -eu

[ $# = 2 ] || { echo "usage: install-tree.sh BINARY DIR" >&2; exit 2; }
binary=$1
dir=$2

mkdir -p "$dir/bin" "$dir/lib" "$dir/libexec"
install -m 755 "$binary" "$dir/libexec/vitrine"

# ldd prints "name => path (address)", or "path (address)" for the loader.
libraries=$(ldd "$binary" | awk '/not found/ { exit 1 }
	$2 == "=>" && $3 ~ /^\// { print $3; next }
	$1 ~ /^\// { print $1 }') || {
	echo "install-tree.sh: ldd $binary: a library is missing" >&2
	exit 1
}
for library in $libraries; do
	install -m 755 "$(readlink -f "$library")" \
		"$dir/lib/$(basename "$library")"
done

cat >"$dir/bin/vitrine.new" <<'SCRIPT'
#!/bin/sh
# Start vitrine with the libraries of this tree (made by install-tree.sh).
top=${0%/*}/..
exec "$top/lib/ld-linux-x86-64.so.2" --library-path "$top/lib" \
	"$top/libexec/vitrine" "$@"
SCRIPT
chmod 755 "$dir/bin/vitrine.new"
mv "$dir/bin/vitrine.new" "$dir/bin/vitrine"
