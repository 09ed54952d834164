#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Guests that are no Linux, as Debian's packages have them: how far do they come?
#
#	tests/others.bash HOST memtest gnumach xen	prints TAP
#	tests/others.bash HOST dom0			the same; Xen with a Linux on it
#
# The suites others and xen-dom0 start it on the host.  Here the images are fetched; what
# they have to say is looked at in tests/tool/others.sh, in the nested machine.  Read
# docs/linux-boot.md, "Other images".
set -u
cd "$(dirname "$0")/.." || exit 1
[ $# -ge 2 ] || { echo "usage: tests/others.bash HOST dom0|memtest|gnumach|xen..." >&2; exit 2; }
host=$1
shift

images=$(mktemp -d)
trap 'rm -rf "$images"' EXIT

image() { # NAME
	local place
	place=$(nested/kernels get "$1") && cp "$place/image" "$images/$1"
}

if [ "$1" = dom0 ]; then
	image xen || exit 1
	# Of Debian's kernels only the one for real machines can be Xen's first domain.
	# shellcheck disable=SC2016 # the guest expands it
	nested/linux --host "$host" --guest 6.1-generic --timeout 3500 --file "$images/xen" \
		--env CASES=dom0 --script /vitrine/tests/tool/others.sh \
		'mount -t xenfs xenfs /proc/xen
echo "domain 0 has $(cat /sys/hypervisor/type) $(cat /proc/xen/capabilities)"'
	exit
fi

files=()
for name; do
	image "$name" || exit 1
	files+=(--file "$images/$name:/root/$name")
done
# One processor: it skips what the guests only wait for.
nested/run --kernel "$host" --timeout 3500 --env CASES="$*" "${files[@]}" -- \
	sh /vitrine/tests/tool/others.sh
