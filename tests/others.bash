#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Guests that are no Linux, as Debian's packages have them: how far do they come?
#
#	tests/others.bash HOST memtest gnumach	prints TAP
#
# The suite others starts it on the host.  Here the images are fetched; what
# they have to say is looked at in tests/tool/others.sh, in the nested machine.  Read
# docs/linux-boot.md, "Other images".
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -ge 2 ] || { echo "usage: tests/others.bash HOST memtest|gnumach..." >&2; exit 2; }
host=$1
shift

images=$(mktemp -d)
trap 'rm -rf "$images"' EXIT

files=()
for name; do
	place=$(nested/kernels get "$name") && cp "$place/image" "$images/$name" || exit 1
	files+=(--file "$images/$name:/root/$name")
done
# One processor: it skips what the guests only wait for.
nested/run --kernel "$host" --timeout 3500 --env CASES="$*" "${files[@]}" -- \
	sh /vitrine/tests/tool/others.sh
