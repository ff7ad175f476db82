# Eldersafe. The everyday targets (README.md and HACKING.md say more):
#
#   make run            install what is missing, build, start the whole local stack
#   make check          install what is missing, build, run every test
#   make                build everything into build/release
#   make check-source | check-unit | check-sql | check-integration | check-fuzz
#   make asan | tsan    unit and integration tests under the sanitizers
#   make fuzz           let every fuzz target run for FUZZ_SECONDS
#   make bench          side-by-side figures
#   make format         let clang-format decide
#   make install DESTDIR=…
#   make deb            a Debian package under build/
#
# VARIANT=release|asan|tsan|fuzz chooses the flags; each variant builds into its own folder.

VARIANT ?= release
BUILD   := build/$(VARIANT)
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:

CC_release := gcc
CC_asan    := clang
CC_tsan    := clang
CC_fuzz    := clang
CC         := $(CC_$(VARIANT))

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla \
            -Wformat=2 -Wswitch-enum -Wimplicit-fallthrough
FLAGS_release := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
FLAGS_asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan    := -O1 -fno-omit-frame-pointer -fsanitize=thread
FLAGS_fuzz    := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
                 -fno-sanitize-recover=all
LINK_release  := -pie -Wl,-z,relro,-z,now
LINK_asan     := -fsanitize=address,undefined
LINK_tsan     := -fsanitize=thread
LINK_fuzz     := -fsanitize=fuzzer,address,undefined

CFLAGS  := -std=gnu11 -g $(WARNINGS) $(FLAGS_$(VARIANT))
CPPFLAGS := -D_GNU_SOURCE -I. -I$(BUILD)/gen $(shell pg_config --includedir 2>/dev/null | sed 's/^/-I/')
LDFLAGS := $(LINK_$(VARIANT)) -Wl,--as-needed
LDLIBS  := -lmicrohttpd -lpq -lhiredis -lcurl -lssl -lcrypto -ljansson -lsodium -lsecp256k1 -pthread

# V=1 shows whole commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2))

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

# --- what is built -------------------------------------------------------------------------
COMMON_SRC := $(wildcard common/*/*.c)
COMMON_SRC := $(filter-out common/tests/%,$(COMMON_SRC))
TIER1_SRC  := $(filter-out tier1-core/main-% tier1-core/tests/%,$(wildcard tier1-core/*.c \
              tier1-core/*/*.c))
LEDGER_SRC := $(filter-out worker-ledger/main-% worker-ledger/tests/% worker-ledger/verify/%,\
              $(wildcard worker-ledger/*.c worker-ledger/*/*.c))
VERIFY_SRC := $(filter-out worker-ledger/verify/main.c,$(wildcard worker-ledger/verify/*.c))
CTL_SRC    := $(filter-out deploy/ctl/main.c,$(wildcard deploy/ctl/*.c))
TESTS_SRC  := $(filter-out common/tests/test-% common/tests/bench-%,$(wildcard common/tests/*.c))

LIB    := $(BUILD)/libeldersafe.a
TIER1  := $(BUILD)/libtier1.a
LEDGER := $(BUILD)/libledger.a
VERIFY := $(BUILD)/libverify.a
CTL    := $(BUILD)/libctl.a
TESTS  := $(BUILD)/libtests.a

PROGRAMS := $(patsubst tier1-core/main-%.c,$(BUILD)/eldersafe-%,$(wildcard tier1-core/main-*.c)) \
            $(patsubst worker-ledger/main-%.c,$(BUILD)/eldersafe-%,$(wildcard worker-ledger/main-*.c)) \
            $(if $(wildcard worker-ledger/verify/main.c),$(BUILD)/eldersafe-verify) \
            $(if $(wildcard deploy/ctl/main.c),$(BUILD)/eldersafectl)

TEST_SRC   := $(wildcard common/tests/test-*.c tier1-core/tests/test-*.c worker-ledger/tests/test-*.c \
              deploy/ctl/tests/test-*.c)
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(TEST_SRC))
# Processes that integration tests run beside the daemons.
TEST_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/programs/*.c))
FUZZERS    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz-*.c))

.PHONY: all
all: $(PROGRAMS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(call objects,$(COMMON_SRC))
$(TIER1): $(call objects,$(TIER1_SRC))
$(LEDGER): $(call objects,$(LEDGER_SRC))
$(VERIFY): $(call objects,$(VERIFY_SRC))
$(CTL): $(call objects,$(CTL_SRC))
$(TESTS): $(call objects,$(TESTS_SRC))
$(BUILD)/%.a:
	@rm -f $@
	$(call say,AR,$@)
	$(Q)ar rcs $@ $^

# The schema this build is for. The folders count too: a file that goes away changes it.
$(BUILD)/gen/schema-version.h: common/db/make-schema-version $(wildcard migrations/* migrations/*/*)
	@mkdir -p $(@D)
	common/db/make-schema-version migrations >$@
$(BUILD)/obj/common/db/schema.o: $(BUILD)/gen/schema-version.h

$(BUILD)/eldersafe-%: $(BUILD)/obj/tier1-core/main-%.o $(TIER1) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(BUILD)/eldersafe-%: $(BUILD)/obj/worker-ledger/main-%.o $(LEDGER) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# The verifier is one static file without database or network code: it must run years from now.
VERIFY_LINK_release := -static-pie
VERIFY_LINK := $(or $(VERIFY_LINK_$(VARIANT)),)
$(BUILD)/eldersafe-verify: $(BUILD)/obj/worker-ledger/verify/main.o $(VERIFY) $(LEDGER) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(filter-out -pie,$(LDFLAGS)) $(VERIFY_LINK) $^ -ljansson -lsodium -pthread -o $@

$(BUILD)/eldersafectl: $(BUILD)/obj/deploy/ctl/main.o $(CTL) $(VERIFY) $(LEDGER) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# --- tests ---------------------------------------------------------------------------------
$(BUILD)/common/tests/%: $(BUILD)/obj/common/tests/%.o $(TESTS) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ -lcmocka $(LDLIBS) -o $@
$(BUILD)/tier1-core/tests/%: $(BUILD)/obj/tier1-core/tests/%.o $(TIER1) $(TESTS) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ -lcmocka $(LDLIBS) -o $@
$(BUILD)/worker-ledger/tests/%: $(BUILD)/obj/worker-ledger/tests/%.o $(VERIFY) $(LEDGER) $(TESTS) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ -lcmocka $(LDLIBS) -o $@
$(BUILD)/deploy/ctl/tests/%: $(BUILD)/obj/deploy/ctl/tests/%.o $(CTL) $(VERIFY) $(LEDGER) $(TESTS) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ -lcmocka $(LDLIBS) -o $@

$(BUILD)/tests/programs/%: $(BUILD)/obj/tests/programs/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(LEDGER) $(TIER1) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

.PHONY: unit-tests check-unit
unit-tests: $(UNIT_TESTS) $(BUILD)/eldersafectl
check-unit: unit-tests
	tests/run-unit $(UNIT_TESTS)

# Every statement of every process against a fresh schema, as the role it is run by.
CHECK_SQL := $(BUILD)/tests/check-sql/check-sql
$(CHECK_SQL): $(call objects,$(wildcard tests/check-sql/*.c)) $(TIER1) $(CTL) $(VERIFY) $(LEDGER) \
              $(TESTS) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ -lcmocka $(LDLIBS) -o $@
.PHONY: check-sql
check-sql: $(CHECK_SQL) $(BUILD)/eldersafectl
	$(CHECK_SQL) $$(tests/check-sql/list-statements)

# --- fuzzing -------------------------------------------------------------------------------
ifeq ($(VARIANT),fuzz)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(CTL) $(TIER1) $(VERIFY) $(LEDGER) $(LIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
.PHONY: fuzzers
fuzzers: $(FUZZERS)
endif

# Fuzzers are instrumented: they are always of the variant fuzz, whatever VARIANT says.
FUZZ_SECONDS ?= 60
FUZZ_BUILD   := build/fuzz
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(FUZZ_BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz-*.c))

.PHONY: check-fuzz fuzz
check-fuzz:
	@$(MAKE) --no-print-directory VARIANT=fuzz BUILD=$(FUZZ_BUILD) fuzzers
	tests/run-fuzz replay $(FUZZ_TARGETS)
fuzz:
	@$(MAKE) --no-print-directory VARIANT=fuzz BUILD=$(FUZZ_BUILD) fuzzers
	tests/run-fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# --- all of it -----------------------------------------------------------------------------
# TESTS_NODE narrows check-integration: make check-integration TESTS_NODE=tests/integration/core-*.js
TESTS_NODE ?= $(wildcard tests/source/test/*.test.js tests/harness/test/*.test.js \
              tests/standins/*/test/*.test.js tests/integration/*.test.js)
RINGS      := source unit sql integration fuzz

.PHONY: bootstrap check check-source check-integration asan tsan run
bootstrap:
	deploy/bootstrap
check: bootstrap
	MAKE='$(MAKE)' tests/check $(RINGS)
check-source:
	tests/check-source
check-integration: all $(TEST_PROGRAMS)
	ELDERSAFE_BUILD=$(BUILD) tests/run-node integration $(TESTS_NODE)
asan tsan:
	MAKE='$(MAKE) VARIANT=$@' tests/check unit integration
run: bootstrap
	@$(MAKE) --jobs=$$(nproc) --no-print-directory all
	@deploy/local/run

# Not part of check: it wants the machine for itself. BENCH_QUICK=1 takes less than four minutes.
BENCH_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c)) \
                  $(BUILD)/common/tests/bench-http

.PHONY: bench
bench:
	deploy/bootstrap --bench
	@$(MAKE) --no-print-directory all $(BENCH_PROGRAMS)
	ELDERSAFE_BUILD=$(BUILD) node tests/bench/main.js

.PHONY: install deb
install: all
	deploy/package/install $(BUILD) $(DESTDIR)
deb: all
	deploy/package/build-deb $(BUILD) $(BUILD)

.PHONY: format
format:
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

.PHONY: clean
clean:
	rm -rf build

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
# Objects made in passing are kept. Never .SECONDARY without a list: make would then leave a new
# source out of an archive that is younger than it.
.SECONDARY: $(call objects,$(TEST_SRC) $(wildcard tests/fuzz/*.c tests/programs/*.c tests/bench/*.c tier1-core/main-*.c \
              worker-ledger/main-*.c))
