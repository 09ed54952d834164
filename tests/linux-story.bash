#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# docs/linux-story.md: is the way of a tick and of a key still found, with each step?
#
#	tests/linux-story.bash		prints TAP
#
# The suite "linux-story" starts it on the host.  The steps wanted are those of a way
# through all five layers; ticks and functions may be others than in the document.
set -u
cd "$(dirname "$0")/.." || exit 1

out=$(mktemp)
trap 'rm -f "$out"' EXIT
number=0
failed=0

result() { # WHAT STATUS
	number=$((number + 1))
	if [ "$2" = 0 ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		failed=1
	fi
}

# The rows of a chapter, in order, must hold these steps in this order.
steps() { # CHAPTER PATTERN...
	local rows line=0 found
	rows=$(sed -n "/^## $1/,/^To be seen/p" "$out")
	shift
	for pattern in "$@"; do
		found=$(grep -nE "$pattern" <<<"$rows" | cut -d: -f1 | awk -v n="$line" '$1 > n { print; exit }')
		[ -n "$found" ] || { echo "# no '$pattern' behind row $line"; return 1; }
		line=$found
	done
}

echo "TAP version 13"
echo "1..3"
nested/linux-story --output "$out" 2>&1 | sed 's/^/# /'
result "a record is made and both ways are found" "${PIPESTATUS[0]}"
steps "A tick" '4 → 3 .*WRMSR' '3 → 2 .*starts a timer' '3 → 4 ' '4 → 3 .*HLT' \
	'1 → 2 ' '2 → 3 .*expired' '2 .*wakes' '3 .*takes vector' '3 → 4 .*with interrupt' '3 .*EOI'
result "a tick: armed, halted, interrupt of the host, woken, taken, ended" $?
steps "A key" '2 → 3 tool .*read' 'tool → 2 → 3 .*line 4 to 1' '3 .*gets vector' '3 .*takes vector' \
	'3 → 4 .*with interrupt' '4 → 3 .*IN from port 3F8H' 'line 4 to 0' '4 → 3 .*OUT to port 3F8H' \
	'3 → 2 → 3 tool'
result "a key: terminal, tool, line, vector, guest, echo" $?
exit $failed
