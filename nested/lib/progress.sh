# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Show that long work is alive: one updating line on a terminal, a log file
# always.  Sourced by nested/kernels and nested/ensure-packages.
#
# Subtle: the work runs as a process group of its own, because bash lets its
# background children ignore SIGINT; whoever sources this file calls
# progress_kill from its exit trap, or Ctrl-C leaves a compiler running.
# shellcheck shell=bash

PROGRESS_PID=

# True when somebody watches: stderr is a terminal and this is no CI run.
progress_watched()
{
	[ -t 2 ] && [ "${CI:-}" != true ]
}

# progress_line LABEL START LOG: repaint the line with the log's last words.
progress_line()
{
	local label=$1 seconds=$((SECONDS - $2)) log=$3 last width text

	last=$(tail -c 400 "$log" 2>/dev/null | tr '\r' '\n' | tr -d '\033' |
	       grep -v '^[[:space:]]*$' | tail -n 1) || last=
	width=${COLUMNS:-$(tput cols 2>/dev/null || echo 80)}
	text=$(printf '%s  %d:%02d  %s' "$label" $((seconds / 60)) \
	       $((seconds % 60)) "$last")
	printf '\r\033[K%s' "${text:0:width - 1}" >&2
}

# progress_run LABEL LOG CMD [ARG...]: run CMD with its output appended to LOG;
# return CMD's status.
progress_run()
{
	local label=$1 log=$2 start=$SECONDS status=0
	shift 2

	set -m
	"$@" >>"$log" 2>&1 </dev/null &
	PROGRESS_PID=$!
	set +m
	if progress_watched; then
		while kill -0 "$PROGRESS_PID" 2>/dev/null; do
			progress_line "$label" "$start" "$log"
			sleep 0.5
		done
		printf '\r\033[K' >&2
	fi
	wait "$PROGRESS_PID" || status=$?
	PROGRESS_PID=
	return "$status"
}

# End the running work with all its children, if there is any.
progress_kill()
{
	[ -z "$PROGRESS_PID" ] || kill -TERM -- "-$PROGRESS_PID" 2>/dev/null || :
	PROGRESS_PID=
}

# progress_fail LOG: show the end of the log of work that failed.
progress_fail()
{
	echo "----- end of $1 -----" >&2
	tail -n 25 "$1" >&2
	echo "-----" >&2
}
