#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The papers keep step with the code: the manual page with --help, the program
# in ioctl-uapi/README.md with the header, docs/reference/ with the tables.
#
# usage: test_papers.sh BUILDDIR      (called by run.sh; prints TAP)
set -eu

[ $# = 1 ] || { echo "usage: test_papers.sh BUILDDIR" >&2; exit 2; }
tool=$1/vitrine
here=$(cd "$(dirname "$0")/.." && pwd)
page=$here/vitrine.1
readme=$here/../ioctl-uapi/README.md
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

nr=0
bad=0
check() {	# check STATUS WHAT
	nr=$((nr + 1))
	if [ "$1" = 0 ]; then
		echo "ok $nr - $2"
	else
		bad=1
		echo "not ok $nr - $2"
		sed 's/^/# /' "$scratch/notes" 2>/dev/null || true
	fi
	: >"$scratch/notes"
}

commands() {
	"$tool" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

# "COMMAND --option" for every row of every command's help.
options_of_help() {
	local command
	for command in $(commands); do
		"$tool" "$command" --help |
			sed -n "s/^  \(-.,\|   \) \(--[a-z-]*\).*/$command \2/p"
	done | sort -u
}

# The same from the page: sections "COMMAND options", rows ".BR --x" or ".B".
options_of_page() {
	awk '/^\.SS / { command = $2 }
	     /^\.SH / { command = "" }
	     /^\.O / { gsub(/\\-/, "-", $0)
		       for (i = 2; i <= NF; i++)
			       if ($i ~ /^"?--/) {
				       gsub(/"/, "", $i)
				       print command, $i
			       } }' "$page" | sort -u
}

# Shared rows stand once in the page, in the parts "guest" and "common".
spread() {
	local command
	while read -r section option; do
		case $section in
		common) for command in $(commands); do
				echo "$command $option"
			done ;;
		guest) for command in run step exits vmcs ept; do
				echo "$command $option"
			done ;;
		*) echo "$section $option" ;;
		esac
	done | sort -u
}

status=0
[ "$(commands | wc -l)" -ge 8 ] || status=1
check $status "--help lists the commands"

options_of_help >"$scratch/help"
options_of_page | spread >"$scratch/page"
status=0
diff "$scratch/page" "$scratch/help" >"$scratch/notes" || status=1
[ "$(wc -l <"$scratch/help")" -gt 60 ] || status=1
check $status "the manual page has the options of --help, and no others"

# The page's list of commands, in the section DESCRIPTION: ".B x" or ".BR x ", " y".
commands_of_page() {
	awk '/^\.SH / { on = $2 == "DESCRIPTION" }
	     on && term { for (i = 2; i <= NF; i++)
				if ($i ~ /^[a-z]+$/)
					print $i }
	     { term = /^\.TP/ }' "$page" | sort
}

status=0
diff <(commands_of_page) <(commands | sort) >"$scratch/notes" || status=1
check $status "the manual page has the commands of --help, and no others"

status=0
if command -v man >/dev/null; then
	LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l \
		-Tutf8 -Z "$page" >/dev/null 2>"$scratch/notes" || status=1
	[ ! -s "$scratch/notes" ] || status=1
	check $status "man --warnings is content with the page"
else
	check 0 "man --warnings is content with the page # SKIP no man here"
fi

status=0
awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$readme" \
	>"$scratch/example.c"
[ "$(wc -l <"$scratch/example.c")" -gt 100 ] || status=1
${CC:-gcc} -std=gnu11 -Wall -Wextra -Werror -I"$here/../ioctl-uapi" \
	-o "$scratch/example" "$scratch/example.c" \
	2>"$scratch/notes" || status=1
check $status "the program in ioctl-uapi/README.md compiles"

status=0
for call in $(sed -n 's/^#define \(VTR_[A-Z_]*\)\t*_IO(.*/\1/p' \
	"$here/../ioctl-uapi/vitrine.h"); do
	grep -q "^###.*\b$call\b" "$readme" ||
		{ echo "$call has no section"; status=1; }
	grep -q "ioctl([a-z]*, $call\b" "$scratch/example.c" ||
		{ echo "$call is not in the program"; status=1; }
done >"$scratch/notes"
check $status "each call has its section and its place in the program"

status=0
for name in $("$1/gen-reference"); do
	"$1/gen-reference" "$name" >"$scratch/page.md"
	cmp -s "$scratch/page.md" "$here/../docs/reference/$name.md" ||
		{ echo "docs/reference/$name.md: run make reference"; status=1; }
done >"$scratch/notes"
for file in "$here"/../docs/reference/*.md; do
	"$1/gen-reference" | grep -qx "$(basename "$file" .md)" ||
		{ echo "$file is nobody's"; status=1; }
done >>"$scratch/notes"
check $status "docs/reference/ is what make reference makes"

# Errors have names of several words, without marks.
status=0
cat "$here"/../docs/reference/*.md >"$scratch/all.md"
"$tool" explain --list | while read -r name; do
	grep -qF -e "\`$name\` |" -e "| $name |" "$scratch/all.md" || echo "$name"
done >"$scratch/notes"
[ ! -s "$scratch/notes" ] || status=1
[ "$("$tool" explain --list | wc -l)" -gt 400 ] || status=1
check $status "all that vitrine explain knows is in docs/reference/"

echo "1..$nr"
exit $bad
