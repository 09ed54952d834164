# SPDX-License-Identifier: GPL-2.0-only
#
# What a user types.  Kbuild has what vitrine.ko is made of; this file builds it
# out of tree for one of the nested machine's kernels, builds the tool and the
# tests, and starts the machine.  Everything built lies in build/ (ignored by
# git); kernels and saved machines lie in the user's cache.
#
#	build/<kernel>/		mirror of the module's sources, and its objects
#	build/<kernel>/root/	what the nested machine sees as /vitrine

KERNEL	?= 6.1
CPUS	?= 2
GUEST	?= 6.1

build	:= build
mirror	:= $(build)/$(KERNEL)
root	:= $(mirror)/root
tool	:= $(build)/userspace-tool
sources	:= Kbuild $(wildcard $(foreach dir,module vmx ept ioctl-uapi,\
		$(foreach kind,c h S def,$(dir)/*.$(kind))))

.PHONY: help all tree module tool test-programs reference demo shell test test-long coverage kunit style clean distclean

help:
	@echo 'make demo              a guest in a nested machine, each exit shown'
	@echo 'make linux             a shell in a stock Debian kernel, Vitrine'"'"'s guest; CMD=... runs that'
	@echo 'make shell             a shell in the nested machine, with vitrine in PATH'
	@echo 'make test              all tests (tests/run --help for single suites)'
	@echo 'make test-long         before a release: the same with more rounds, on the slow kernel'
	@echo 'make test-labs         the graders of the labs: all known-wrong submissions'
	@echo 'make coverage          which lines the tests execute (gcov, slow)'
	@echo 'make all               module, tool and tests for one kernel'
	@echo 'make module            vitrine.ko only'
	@echo 'make reference         docs/reference/ from the tables of vmx/'
	@echo 'make pictures          labs/pictures/ from the tables of the source'
	@echo 'make handouts          the pages of the labs as HTML and PDF, in build/handouts'
	@echo 'make clean             remove build/'
	@echo 'make distclean         remove build/ and the cached kernels and machines'
	@echo
	@echo 'KERNEL=6.1|6.12|lean|debug (now $(KERNEL))   CPUS=1|2 (now $(CPUS))'
	@echo 'To build for the running kernel: make host-module (needs its headers)'

all: tree

tree: module tool test-programs

# Sources are mirrored, because kbuild writes its objects beside them and each
# kernel needs its own.
module:
	@nested/ensure-packages build
	@mkdir -p $(root)
	@cp -u --parents $(sources) $(mirror)/
	@dir=$$(nested/kernels get $(KERNEL)) && \
		$(MAKE) --no-print-directory -C "$$(cat $$dir/kdir)" M=$(CURDIR)/$(mirror) \
			W=1 modules >$(mirror)/build.log 2>&1 || \
		{ tail -n 30 $(mirror)/build.log >&2; exit 1; }
	@! grep -E 'warning:|objtool:' $(mirror)/build.log >&2
	@strip -g -o $(root)/vitrine.ko.new $(mirror)/vitrine.ko
	@mv $(root)/vitrine.ko.new $(root)/vitrine.ko

.PHONY: host-module
host-module:
	@mkdir -p $(build)/host
	@cp -u --parents $(sources) $(build)/host/
	$(MAKE) -C /lib/modules/$(shell uname -r)/build M=$(CURDIR)/$(build)/host modules
	@echo 'built $(build)/host/vitrine.ko'

tool:
	@nested/ensure-packages tool
	@$(MAKE) --no-print-directory -s -C userspace-tool O=$(CURDIR)/$(tool)
	@userspace-tool/install-tree.sh $(tool)/vitrine $(root)

# Guests, test programs and scripts for the machine.
test-programs: tool
	@$(MAKE) --no-print-directory -s -C tests/guests O=$(CURDIR)/$(root)/guests \
		OBJ=$(CURDIR)/$(build)/guests-obj
	@$(MAKE) --no-print-directory -s -C tests/ioctl O=$(CURDIR)/$(root)/tests \
		OBJ=$(CURDIR)/$(build)/tests-obj
	@$(MAKE) --no-print-directory -s -C tests/life O=$(CURDIR)/$(root)/tests/life \
		KDIR="$$(cat "$$(nested/kernels get $(KERNEL))/kdir")"
	@$(MAKE) --no-print-directory -s -C tests/fuzz O=$(CURDIR)/$(root)/tests/fuzz \
		OBJ=$(CURDIR)/$(build)/fuzz-obj
	@install -D -m 755 -t $(root)/tests/tool tests/tool/*.sh
	@$(CC) -O2 -Wall -Wextra -Werror -static -s -o $(root)/tests/tool/pty tests/tool/pty.c -lutil
	@install -D -m 755 tests/demo.sh $(root)/bin/demo

# The pages of docs/reference/ out of the tables of vmx/.
reference:
	@$(MAKE) --no-print-directory -s -C userspace-tool O=$(CURDIR)/$(tool) reference

# The figures of the labs' handouts, which are tracked.
.PHONY: pictures
pictures:
	@labs/pictures/make

# Pages of the labs for paper and screen.
.PHONY: handouts
handouts:
	@nested/ensure-packages handouts
	@labs/handouts

demo: tree
	@nested/ensure-packages bochs
	@nested/run --kernel $(KERNEL) --cpus $(CPUS) -- demo

shell: tree
	@nested/ensure-packages bochs
	@nested/run --kernel $(KERNEL) --cpus $(CPUS) --shell

# A shell in a stock Linux in Vitrine; with CMD: that command, and its status.
.PHONY: linux
linux: tree
	@nested/ensure-packages bochs
	@nested/linux --host $(KERNEL) --guest $(GUEST) --guest-cpus $(CPUS) \
		$(if $(CMD),-- '$(subst ','\'',$(CMD))')

test:
	@nested/ensure-packages build bochs tool test
	@tests/run

# The labs' graders, thoroughly: before a release, or before a term.
.PHONY: test-labs
test-labs:
	@nested/ensure-packages build bochs tool test
	@tests/run labs-all labs-agree labs-handouts labs-tools

test-long:
	@nested/ensure-packages build bochs tool test
	@tests/run --group long

coverage:
	@tests/coverage

kunit:
	@tests/kunit/run

style:
	@tests/style/run

clean:
	rm -rf $(build)

distclean: clean
	nested/kernels clean
	rm -rf "$${VITRINE_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/vitrine}"
