# SPDX-License-Identifier: GPL-2.0-only
# TAP for the life tests that start machines themselves (bash, on the host).
#
# refuse.bash and ends.bash read it.  Each test is one run of nested/run, whose
# status and output are looked at; what it printed goes to the log (stderr) when
# a test fails.  A script names its kernel as its argument, and ends with finish.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
life=/vitrine/tests/life
nr=0
failed=0
planned=0
output=
status=0

take_kernel() { # SCRIPT ARGUMENTS...
	local script=$1
	shift
	case ${1:-} in
	6.1 | 6.12 | lean | debug)
		[ $# -eq 1 ] && kernel=$1 && return
		;;
	esac
	echo "usage: tests/life/$script 6.1|6.12|lean|debug" >&2
	exit 2
}

plan() {
	planned=$1
	echo "TAP version 13"
	echo "1..$planned"
}

result() { # ok|not ok, NAME
	nr=$((nr + 1))
	echo "$1 $nr - $2"
	if [ "$1" != ok ]; then
		failed=$((failed + 1))
		printf '%s: status %s, output:\n%s\n' "$2" "$status" "$output" >&2
	fi
}

# ARGUMENTS of nested/run: fills $status and $output
machine() {
	status=0
	output=$("$root/nested/run" --quiet --kernel "$kernel" ${TREE:+--tree "$TREE"} "$@" \
		2>&1) || status=$?
}

# NAME STATUS [PATTERN...]: of the last machine; each pattern is in its output
check() {
	local name=$1 wanted=$2 pattern
	shift 2
	if [ "$status" -ne "$wanted" ]; then
		result "not ok" "$name"
		return
	fi
	for pattern in "$@"; do
		if ! grep -qE "$pattern" <<<"$output"; then
			echo "# not found: $pattern"
			result "not ok" "$name"
			return
		fi
	done
	result ok "$name"
}

finish() {
	[ "$failed" -eq 0 ] && [ "$nr" -eq "$planned" ]
	exit
}
