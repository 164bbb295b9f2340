# SPDX-License-Identifier: Apache-2.0
#
# make            build/libautotrace.so and build/autotrace
# make V=1        shows the commands
# make SAN=...    address,undefined or thread: the same under build/san-.../
# make CC=clang BUILD=build/clang
# make CC=aarch64-linux-gnu-gcc BUILD=build/aarch64
#
# Adding a source is adding a file: everything below goes by wildcard.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.SUFFIXES:

comma := ,
ifeq ($(origin CC),default)
CC := gcc
endif
# What belongs to the compiler is the machine's that it compiles for.
TRIPLE := $(shell $(CC) -dumpmachine)
MACHINE := $(firstword $(subst -, ,$(TRIPLE)))
tool = $(shell $(CC) -print-prog-name=$(1))
AR := $(call tool,ar)
NM := $(call tool,nm)
OBJCOPY := $(call tool,objcopy)
STRIP := $(call tool,strip)
SAN ?=
BUILD ?= build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))
DEPS := build/deps
CJSON := $(DEPS)/cjson
NGHTTP2 := $(DEPS)/nghttp2
LIBYAML := $(DEPS)/libyaml
ZLIB := $(DEPS)/zlib
BEARSSL := $(DEPS)/bearssl
LIBIBERTY := $(DEPS)/libiberty
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 600

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

# ---- flags -------------------------------------------------------------------------------------

# No fortify and no stack protector: their checks are symbols that musl has not. TLS is
# initial-exec because a general-dynamic access may allocate, and we are inside other people's calls.
CPPFLAGS := -I. -isystem $(CJSON) -isystem $(NGHTTP2)/lib/includes -isystem $(LIBYAML)/include \
	-isystem $(BEARSSL)/inc -D_GNU_SOURCE -U_FORTIFY_SOURCE
# Under a sanitizer what takes long is the compiler.
CFLAGS ?= $(if $(SAN),$(if $(filter fuzzer%,$(SAN)),-O2 -g,-O1 -g1),-O2 -g)
# Nothing is laid at an even address for its own sake: that is a tenth of the text, and more lines of memory.
DENSE := $(foreach f,functions loops jumps labels,$(shell $(CC) -Werror -falign-$(f)=1 -x c -c -o /dev/null /dev/null \
	2>/dev/null && echo -falign-$(f)=1))
ALL_CFLAGS := -std=gnu11 $(CFLAGS) -Wall -Wextra $(if $(WERROR),-Werror) \
	-fvisibility=hidden -fPIC -fno-stack-protector -ftls-model=initial-exec \
	-ffunction-sections -fdata-sections $(DENSE) \
	$(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
# What a program's own calls run through: each function of libc that it uses is found at start,
# since a lookup takes more of a stack than a small thread or a signal's has.
# Text is copied by libc there, and not by the string instructions of x86-64, which take as long to
# begin as most of it takes to copy.
WARM_CFLAGS := -fno-plt $(shell $(CC) -mstringop-strategy=libcall -x c -c -o /dev/null /dev/null 2>/dev/null && \
	echo -mstringop-strategy=libcall)
# The rest: what it alone uses of libc is found when it is first called, most often never.
COLD_CFLAGS := $(filter -Os,$(patsubst -O2,-Os,$(CFLAGS)))
# The one thread-local variable that others look for is to be found by its descriptor; on aarch64 each is.
TLS_DESCRIPTORS := $(shell $(CC) -mtls-dialect=gnu2 -x c -c -o /dev/null /dev/null 2>/dev/null && \
	echo -mtls-dialect=gnu2 -DATR_TLS_DESCRIPTORS)
$(BUILD)/obj/preload/live/profiled.o: private WARM_CFLAGS += $(TLS_DESCRIPTORS)
# Nothing is thrown through what the exporter's thread alone runs: no tables for that.
OWN_CFLAGS := $(if $(SAN),,-fno-asynchronous-unwind-tables -fno-unwind-tables)
cflags_of = $(if $(filter $(COLD_SRC),$(1)),$(COLD_CFLAGS),$(WARM_CFLAGS) $(if $(filter $(SMALL_SRC),$(1)),$(COLD_CFLAGS))) \
	$(if $(filter $(OWN_SRC),$(1)),$(OWN_CFLAGS))
ALL_LDFLAGS := $(LDFLAGS) $(if $(SAN),-fsanitize=$(SAN)) -Wl,--as-needed -Wl,--gc-sections
SO_LDFLAGS := -shared -Wl,-soname,libautotrace.so -Wl,--exclude-libs,ALL -Wl,-Bsymbolic-functions -Wl,-z,text -Wl,-z,relro \
	-Wl,-z,lazy -Wl,-z,noexecstack $(if $(SAN),,-Wl,-z,defs) -Wl,--hash-style=gnu \
	-Wl,-z,noseparate-code $(if $(SAN),,-nostartfiles) -Wl,-T,preload/order.ld

# ---- sources -----------------------------------------------------------------------------------

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

LOW_SRC := $(wildcard propagator/*.c export/*.c export/encode/*.c export/transport/*.c)
ROOM_SRC := $(LOW_SRC) $(wildcard preload/conn/*.c preload/live/*.c preload/proto/*.c) ebpf/seen.c
SO_SRC := $(ROOM_SRC) $(wildcard preload/*.c preload/hook/*.c)
# What runs at a process's start, on the exporter's thread, or not in most programs.
COLD_SRC := $(addprefix export/,exporter.c log_record.c metrics.c options.c published.c resource.c \
		encode/message.c encode/otlp_json.c encode/xray.c encode/encode.c transport/file.c transport/host.c transport/http.c transport/udp.c) \
	$(addprefix preload/conn/,aws.c curlcode.c extension.c faas.c handover.c lambda.c probes.c \
		transfer.c) \
	$(addprefix preload/hook/,dns.c late.c load.c loaded.c process.c program.c seccomp.c \
		signal.c stdio.c) preload/init.c preload/proto/event.c ebpf/seen.c \
	preload/proto/json.c $(addprefix propagator/,b3.c gcp.c ids.c jaeger.c ottrace.c xray.c)
# On the program's threads, but not in each request, or beside a system call that takes far longer.
SMALL_SRC := $(addprefix export/,config.c diag.c env.c heavy.c kernel.c map.c maps.c print.c unserved.c encode/json.c \
		encode/strategy.c encode/xray_rules.c encode/zipkin.c transport/grpc.c transport/stream.c) \
	$(addprefix preload/,apart.c config.c follow.c stacks.c) \
	$(addprefix preload/conn/,cipher.c formats.c http2.c http2_sending.c http2_streams.c logs.c names.c routes.c \
		rpc.c rules.c tls.c) \
	$(addprefix preload/hook/,curl.c functions.c gnutls.c memory.c namespaces.c object.c patches.c polls.c real.c slots.c socket.c thread.c tls.c) \
	$(addprefix preload/live/,carrier.c cfa.c glob.c jaeger.c outcome.c rules.c symbols.c wanted.c xray.c) \
	preload/proto/clienthello.c propagator/baggage.c
# What only the exporter's thread runs.
OWN_SRC := $(wildcard export/encode/*.c export/transport/*.c) $(addprefix export/,published.c resource.c)
CONFIG_SRC := $(wildcard export/config/*.c)
TOOL_SRC := $(wildcard tools/*.c)
UNIT_SRC := tests/main.c $(wildcard tests/unit/*_test.c)
HOOKED_SRC := $(wildcard tests/hooked/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
BENCH_SRC := $(wildcard tests/bench/*.c)
MAN_SRC := $(wildcard tools/man/*.scd)

HEAVY_SRC := $(wildcard export/heavy/*.c)
STACKS_SRC := $(wildcard export/stacks/*.c)
EBPF_SRC := $(filter-out ebpf/seen.c %.bpf.c,$(wildcard ebpf/*.c))
# The command alone observes what the library cannot be in.
EBPF_SO_SRC := $(filter-out ebpf/observe.c,$(EBPF_SRC))

SO := $(BUILD)/libautotrace.so
CONFIG_SO := $(BUILD)/libautotrace-config.so
HEAVY := $(BUILD)/libautotrace-tls.so
STACKS := $(BUILD)/libautotrace-stacks.so
EBPF_SO := $(BUILD)/libautotrace-ebpf.so
TOOL := $(BUILD)/autotrace
UNIT := $(BUILD)/tests/unit
HOOKED := $(patsubst tests/hooked/%.c,$(BUILD)/tests/hooked_%,$(HOOKED_SRC))
REPLAYS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/replay_%,$(FUZZ_SRC))
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/fuzz_%,$(FUZZ_SRC))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(BENCH_SRC))
MAN := $(patsubst tools/man/%.scd,$(BUILD)/man/%,$(MAN_SRC))

# The rooms as an archive: the command and the tests link what they use of them and no more.
ROOMS := $(BUILD)/rooms.a

# cJSON twice: the command's uses the heap, the library's allocates from export/encode/arena.h.
CJSON_HEAP := $(BUILD)/obj/cjson/heap.o
CJSON_ARENA := $(BUILD)/obj/cjson/arena.o
# Of nghttp2 what reads HPACK, under names of ours; preload/proto/hpack.c is where it allocates.
NGHTTP2_OBJ := $(patsubst %,$(BUILD)/obj/nghttp2/%.o,nghttp2_hd nghttp2_hd_huffman \
	nghttp2_hd_huffman_data nghttp2_rcbuf nghttp2_buf nghttp2_helper)

# Of libyaml what reads. It and what reads OTEL_CONFIG_FILE by it are an object of their own, which the
# library loads when the variable is set; it too allocates from the arena.
LIBYAML_OBJ := $(patsubst %,$(BUILD)/obj/libyaml/%.o,api reader scanner parser loader)
CONFIG_OBJ := $(call objects,$(CONFIG_SRC)) $(LIBYAML_OBJ)
# What is in the object beside the library: zlib's deflate, without its heap, and of BearSSL what a client
# needs, without asking the system for the time or for random numbers.
ZLIB_OBJ := $(patsubst %,$(BUILD)/obj/zlib/%.o,adler32 crc32 deflate trees zutil)
BEARSSL_LIB := $(BEARSSL)/$(MACHINE)/bearssl.a
# In the object for stacks: zlib's inflate, for packed sections, and of libiberty what reads the names of
# C++ and Rust.
INFLATE_OBJ := $(patsubst %,$(BUILD)/obj/zlib/%.o,adler32 crc32 inffast inflate inftrees zutil)
LIBIBERTY_OBJ := $(patsubst %,$(BUILD)/obj/libiberty/%.o,cp-demangle rust-demangle safe-ctype)
STACKS_LIB := $(BUILD)/stacks.a
# nghttp2 whole; where it would ask libc for memory and the time, export/heavy/grpc.c answers.
SESSION_OBJ := $(patsubst %,$(BUILD)/obj/session/nghttp2_%.o,buf callbacks extpri frame hd hd_huffman \
	hd_huffman_data helper http map option outbound_item pq priority_spec queue ratelim rcbuf session stream \
	submit)

# ---- what is built -----------------------------------------------------------------------------

.PHONY: all
all: $(SO) $(CONFIG_SO) $(HEAVY) $(STACKS) $(EBPF_SO) $(TOOL) $(MAN) ## the library and what it loads, the command, the manual (default)

$(SO): $(call objects,$(SO_SRC)) $(CJSON_ARENA) $(NGHTTP2_OBJ) $(BUILD)/autotrace.map preload/order.ld \
		$(BUILD)/near.ld
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(SO_LDFLAGS) -Wl,--version-script=$(BUILD)/autotrace.map \
		-Wl,-T,$(BUILD)/near.ld -o $@ $(filter %.o,$^)

$(CONFIG_SO): $(CONFIG_OBJ) $(ROOMS)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(subst libautotrace.so,$(@F),$(SO_LDFLAGS)) -o $@ $^

# Of its own names none is seen, and no other library's are looked for but libc's.
$(HEAVY): $(call objects,$(HEAVY_SRC)) $(ZLIB_OBJ) $(SESSION_OBJ) $(BEARSSL_LIB) $(BUILD)/heavy.map
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(subst libautotrace.so,libautotrace-tls.so,$(SO_LDFLAGS)) -Wl,-Bsymbolic \
		-Wl,--version-script=$(BUILD)/heavy.map -o $@ $(filter %.o %.a,$^)

$(BUILD)/heavy.map: Makefile
	$(Q)mkdir -p $(@D)
	$(Q)echo '{ global: atr_heavy_table; local: *; };' > $@

$(STACKS): $(call objects,$(STACKS_SRC) export/auxval.c) $(INFLATE_OBJ) $(LIBIBERTY_OBJ) $(ROOMS) $(BUILD)/stacks.map
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(subst libautotrace.so,libautotrace-stacks.so,$(SO_LDFLAGS)) -Wl,-Bsymbolic \
		-Wl,--version-script=$(BUILD)/stacks.map -o $@ $(filter %.o %.a,$^)

# For tests, beside the rooms.
$(STACKS_LIB): $(call objects,$(STACKS_SRC)) $(INFLATE_OBJ) $(LIBIBERTY_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/stacks.map: Makefile
	$(Q)mkdir -p $(@D)
	$(Q)echo '{ global: atr_stacks_table; local: *; };' > $@

$(EBPF_SO): $(call objects,$(EBPF_SO_SRC)) $(BUILD)/ebpf.map
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(subst libautotrace.so,$(@F),$(SO_LDFLAGS)) -Wl,-Bsymbolic \
		-Wl,--version-script=$(BUILD)/ebpf.map -o $@ $(filter %.o,$^)

$(BUILD)/ebpf.map: Makefile
	$(Q)mkdir -p $(@D)
	$(Q)echo '{ global: atr_ebpf_table; local: *; };' > $@

# The kernel's side. Its kernel need not be the one that this is built on: nothing of that is asked.
# (Its headers lie in one folder where its libraries may be installed, in the other where they cannot.)
BPF_ARCH := $(if $(filter aarch64,$(MACHINE)),arm64,x86)
BPF_FLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -I. \
	-I/usr/include/$(MACHINE)-linux-gnu -I/usr/$(MACHINE)-linux-gnu/include -Wall -Wextra $(if $(WERROR),-Werror)
$(BUILD)/gen/%.lskel.h: ebpf/%.bpf.c $(wildcard ebpf/*.h ebpf/*.bpf.c) Makefile | $(CJSON)/cJSON.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(BPF_FLAGS) -c -o $(@D)/$*.bpf.o $<
	$(Q)llvm-strip -g $(@D)/$*.bpf.o
	$(Q)PATH="$$PATH:/usr/sbin:/sbin" bpftool gen skeleton -L $(@D)/$*.bpf.o > $@
$(BUILD)/gen/syscalls.def: Makefile
	$(Q)mkdir -p $(@D)
	$(Q)echo '#include <sys/syscall.h>' | $(CC) -E -dM -x c - | \
		sed -nE 's/^#define SYS_([a-z0-9_]+) .*/ATR_SYSCALL(\1)/p' | sort > $@
$(call objects,ebpf/follow.c ebpf/observe.c ebpf/probe.c ebpf/names.c): private CPPFLAGS += -isystem $(BUILD)/gen
$(call objects,ebpf/follow.c): $(BUILD)/gen/follow.lskel.h
$(call objects,ebpf/probe.c): $(BUILD)/gen/calls.lskel.h $(BUILD)/gen/calls_plain.lskel.h
$(call objects,ebpf/observe.c): $(BUILD)/gen/wire.lskel.h
$(call objects,ebpf/names.c): $(BUILD)/gen/syscalls.def

$(TOOL): $(call objects,$(TOOL_SRC) $(EBPF_SRC)) $(CJSON_HEAP) $(CONFIG_OBJ) $(ROOMS)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lm

$(ROOMS): $(call objects,$(ROOM_SRC)) $(NGHTTP2_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Exported: the names of the hook table and no others.
$(BUILD)/autotrace.map: preload/hook/hooks.def | $(CJSON)/cJSON.c
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q){ echo '{ global:'; \
		$(CC) -E -P -x c -D'ATR_HOOK(name,need)=name;' -D'ATR_HOOK_OF(of,name)=name;' \
			-D'ATR_EXPORTED(name)=name;' $<; \
		echo 'local: *; };'; } > $@

# Which functions lie side by side: added to the linker's own script.
$(BUILD)/near.ld: preload/near.list
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q){ echo 'SECTIONS { .text.near : {'; \
		awk '/^[^#]/ { sub(/:/, "", $$1); for (i = 2; i <= NF; i++) \
			print "*/" $$1 ".o(.text." $$i " .text." $$i ".*)" }' $<; \
		echo '} } INSERT BEFORE .text;'; } > $@

ZLIB_FLAGS := -DZ_SOLO -DZ_PREFIX -DHAVE_MEMCPY
$(BUILD)/obj/export/heavy/gzip.o: CPPFLAGS += $(ZLIB_FLAGS) -isystem $(ZLIB)
$(BUILD)/obj/export/stacks/image.o: CPPFLAGS += $(ZLIB_FLAGS) -isystem $(ZLIB)
$(BUILD)/obj/export/stacks/names.o: CPPFLAGS += -isystem $(LIBIBERTY)/include
$(BUILD)/obj/%.o: %.c $(BUILD)/flags | $(CJSON)/cJSON.c $(NGHTTP2)/fetched $(LIBYAML)/fetched $(ZLIB)/zlib.h \
		$(BEARSSL)/inc/bearssl.h $(LIBIBERTY)/fetched
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(call cflags_of,$<) -MMD -MP -c -o $@ $<

$(CJSON_ARENA): CJSON_FLAGS := $(foreach f,malloc realloc free,-D$(f)=atr_arena_$(f)) -DCJSON_NESTING_LIMIT=64
$(CJSON_HEAP) $(CJSON_ARENA): $(CJSON)/cJSON.c $(BUILD)/flags
	$(call say,CC,$< ($(notdir $(basename $@))))
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -U_FORTIFY_SOURCE -DCJSON_HIDE_SYMBOLS $(CJSON_FLAGS) $(ALL_CFLAGS) $(COLD_CFLAGS) $(OWN_CFLAGS) -w -c -o $@ $<

$(NGHTTP2_OBJ): $(BUILD)/obj/nghttp2/%.o: $(NGHTTP2)/fetched $(BUILD)/flags
	$(call say,CC,$(NGHTTP2)/lib/$*.c)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -U_FORTIFY_SOURCE -DNDEBUG -DHAVE_ARPA_INET_H -I$(NGHTTP2)/lib/includes $(ALL_CFLAGS) $(WARM_CFLAGS) -w -c \
		-o $@ $(NGHTTP2)/lib/$*.c
	$(Q)$(NM) --format=posix $@ | awk '$$1 ~ /^(nghttp2|huff)_/ { print $$1, "atr_" $$1 }' > $@.names
	$(Q)$(OBJCOPY) --redefine-syms=$@.names $@

$(LIBYAML_OBJ): $(BUILD)/obj/libyaml/%.o: $(LIBYAML)/fetched $(BUILD)/flags
	$(call say,CC,$(LIBYAML)/src/$*.c)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -U_FORTIFY_SOURCE -DNDEBUG -DYAML_DECLARE_STATIC $(foreach v,MAJOR MINOR PATCH,-DYAML_VERSION_$(v)=0) \
		-DYAML_VERSION_STRING='"of Debian"' $(foreach f,malloc realloc free,-D$(f)=atr_arena_$(f)) \
		-Dstrdup=atr_yaml_strdup -I$(LIBYAML)/include $(ALL_CFLAGS) -w -c -o $@ $(LIBYAML)/src/$*.c

$(sort $(ZLIB_OBJ) $(INFLATE_OBJ)): $(BUILD)/obj/zlib/%.o: $(ZLIB)/zlib.h $(BUILD)/flags
	$(call say,CC,$(ZLIB)/$*.c)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -U_FORTIFY_SOURCE $(ZLIB_FLAGS) $(ALL_CFLAGS) -w -c -o $@ $(ZLIB)/$*.c

$(SESSION_OBJ): $(BUILD)/obj/session/%.o: $(NGHTTP2)/fetched $(BUILD)/flags
	$(call say,CC,$(NGHTTP2)/lib/$*.c (whole))
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -U_FORTIFY_SOURCE -DNDEBUG -DHAVE_ARPA_INET_H -I$(NGHTTP2)/lib/includes $(ALL_CFLAGS) -w -c \
		-o $@ $(NGHTTP2)/lib/$*.c

# Without a config.h these take what every libc has.
$(LIBIBERTY_OBJ): $(BUILD)/obj/libiberty/%.o: $(LIBIBERTY)/fetched $(BUILD)/flags
	$(call say,CC,$(LIBIBERTY)/libiberty/$*.c)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -U_FORTIFY_SOURCE -DHAVE_STDLIB_H -DHAVE_STRING_H -DHAVE_ALLOCA_H -DHAVE_LIMITS_H \
		$(foreach f,malloc realloc free,-D$(f)=atr_arena_$(f)) \
		-I$(LIBIBERTY)/include $(ALL_CFLAGS) \
		$(if $(SAN),-fno-sanitize=undefined) -w -c -o $@ $(LIBIBERTY)/libiberty/$*.c

# Some three hundred small files, of which the link takes a third: once for all, whatever is built with it.
BEARSSL_FLAGS := -std=gnu11 -O2 -g -w -fPIC -fvisibility=hidden -fno-stack-protector -ffunction-sections \
	-fdata-sections -U_FORTIFY_SOURCE -DBR_USE_URANDOM=0 -DBR_USE_UNIX_TIME=0 -DBR_RDRAND=0
$(BEARSSL_LIB): $(BEARSSL)/inc/bearssl.h Makefile
	$(call say,CC,$(BEARSSL)/src)
	$(Q)rm -rf $(@D) && mkdir -p $(@D)
	$(Q)cd $(@D) && find ../src -name '*.c' | xargs -P 2 -n 40 $(CC) $(BEARSSL_FLAGS) -I../inc -I../src -c
	$(Q)find $(@D) -name '*.o' | sort | xargs $(AR) rcs $@

$(BUILD)/man/%: tools/man/%.scd | $(CJSON)/cJSON.c
	$(call say,MAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)scdoc < $< > $@

# Rewritten only when the compiler or a flag changed, and then everything is compiled again.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(WARM_CFLAGS) $(COLD_SRC) $(SMALL_SRC) $(OWN_SRC)' | cmp -s - $@ || \
		echo '$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(WARM_CFLAGS) $(COLD_SRC) $(SMALL_SRC) $(OWN_SRC)' > $@

.PHONY: FORCE
FORCE:

-include $(patsubst %.o,%.d,$(call objects,$(SO_SRC) $(CONFIG_SRC) $(HEAVY_SRC) $(STACKS_SRC) $(EBPF_SRC) $(TOOL_SRC) $(UNIT_SRC) $(HOOKED_SRC) $(FUZZ_SRC) $(BENCH_SRC)))

# ---- dependencies ------------------------------------------------------------------------------

.PHONY: deps packages modules
deps: packages modules $(CJSON)/cJSON.c $(NGHTTP2)/fetched $(LIBYAML)/fetched $(ZLIB)/zlib.h $(BEARSSL)/inc/bearssl.h $(LIBIBERTY)/fetched ## installs by apt and npm what the build, the demo and the tests need
packages:
	$(Q).ci/deps $(DEPS) $(if $(filter-out demo,$(MAKECMDGOALS)),packages,demo)
# What npm has takes minutes, and nothing is built with it.
modules: packages
	$(Q)$(if $(filter-out demo,$(MAKECMDGOALS)),.ci/deps $(DEPS) modules)

# Everything that is built comes after this one, and so after the packages where those are wanted.
$(CJSON)/cJSON.c: $(if $(filter deps demo check bench soak portability transparency,$(MAKECMDGOALS)),| packages)
	$(call say,FETCH,$(CJSON))
	$(Q).ci/debian-source cjson $(CJSON)
# Its own build would write the header with its version.
$(NGHTTP2)/fetched: $(if $(filter deps demo check bench soak portability transparency,$(MAKECMDGOALS)),| packages)
	$(call say,FETCH,$(NGHTTP2))
	$(Q).ci/debian-source nghttp2 $(NGHTTP2)
	$(Q)echo '#define NGHTTP2_VERSION "of Debian"' > $(NGHTTP2)/lib/includes/nghttp2/nghttp2ver.h
	$(Q)echo '#define NGHTTP2_VERSION_NUM 0x013400' >> $(NGHTTP2)/lib/includes/nghttp2/nghttp2ver.h
	$(Q)touch $@

$(LIBYAML)/fetched: $(if $(filter deps demo check bench soak portability transparency,$(MAKECMDGOALS)),| packages)
	$(call say,FETCH,$(LIBYAML))
	$(Q).ci/debian-source libyaml $(LIBYAML)
	$(Q)touch $@

$(ZLIB)/zlib.h: $(if $(filter deps demo check bench soak portability transparency,$(MAKECMDGOALS)),| packages)
	$(call say,FETCH,$(ZLIB))
	$(Q).ci/debian-source zlib $(ZLIB)
	$(Q)touch $@
$(BEARSSL)/inc/bearssl.h: $(if $(filter deps demo check bench soak portability transparency,$(MAKECMDGOALS)),| packages)
	$(call say,FETCH,$(BEARSSL))
	$(Q).ci/debian-source bearssl $(BEARSSL)
	$(Q)touch $@

$(LIBIBERTY)/fetched: $(if $(filter deps demo check bench soak portability transparency,$(MAKECMDGOALS)),| packages)
	$(call say,FETCH,$(LIBIBERTY))
	$(Q).ci/debian-source libiberty $(LIBIBERTY)
	$(Q)touch $@

# ---- tests -------------------------------------------------------------------------------------

$(UNIT): $(call objects,$(UNIT_SRC) $(filter-out tools/autotrace.c,$(TOOL_SRC)) $(HEAVY_SRC) $(EBPF_SRC)) $(ZLIB_OBJ) \
		$(CJSON_ARENA) $(CONFIG_OBJ) $(BEARSSL_LIB) $(STACKS_LIB) $(ROOMS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka -lnghttp2 -lz -lpthread -lm

.PHONY: compiled
compiled: $(call objects,$(SO_SRC) $(CONFIG_SRC) $(HEAVY_SRC) $(STACKS_SRC) $(EBPF_SRC) $(TOOL_SRC) $(UNIT_SRC) $(HOOKED_SRC))

.PHONY: unit
unit: $(UNIT)

# Programs with the library's own objects in them: the sanitizers see into both.
.PHONY: hooked
hooked: $(HOOKED)
$(HOOKED): $(BUILD)/tests/hooked_%: $(BUILD)/obj/tests/hooked/%.o $(call objects,$(SO_SRC)) $(CJSON_ARENA) $(NGHTTP2_OBJ)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lpthread -ldl

# A fuzz target that compares with another library says which: LIBS_<target>.
LIBS_http1 := -lhttp_parser
# Those of which what is read allocates from the arena, and not from the heap.
FUZZ_ARENA := xray_rules config rules strategy
fuzz_cjson = $(if $(filter $(1),$(FUZZ_ARENA)),$(CJSON_ARENA),$(CJSON_HEAP))

.PHONY: replays fuzzers
replays: $(REPLAYS)
$(REPLAYS): $(BUILD)/tests/replay_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay.o \
		$(CONFIG_OBJ) $(CJSON_HEAP) $(CJSON_ARENA) $(STACKS_LIB) $(ROOMS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter-out $(CJSON_HEAP) $(CJSON_ARENA),$^) $(call fuzz_cjson,$*) $(ROOMS) \
		$(LIBS_$*) -lm

fuzzers: $(FUZZERS)
$(FUZZERS): $(BUILD)/tests/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(CONFIG_OBJ) $(CJSON_HEAP) $(CJSON_ARENA) $(STACKS_LIB) $(ROOMS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter-out $(CJSON_HEAP) $(CJSON_ARENA),$^) \
		$(call fuzz_cjson,$*) $(ROOMS) $(LIBS_$*) -lm

.PHONY: check check-unit check-fuzz check-structure check-integration
check: deps all ## every test; the last line is the count
	$(Q)tests/run.sh $(BUILD) unit fuzz structure integration
check-unit: ## unit tests: plain, under ASan and UBSan, under TSan
	$(Q)tests/run.sh $(BUILD) unit
check-fuzz: ## the fuzzers' corpora once more, under ASan and UBSan
	$(Q)tests/run.sh $(BUILD) fuzz
check-structure: all ## includes, exported names, glibc floor, musl, compiler warnings
	$(Q)tests/run.sh $(BUILD) structure
check-integration: all ## real programs; ONLY=pattern picks some
	$(Q)tests/run.sh $(BUILD) integration

.PHONY: fuzz
fuzz: ## libFuzzer on every parser, FUZZ_SECONDS (60) each
	$(Q)$(MAKE) CC=clang SAN=fuzzer-no-link,address,undefined fuzzers
	$(Q)tests/fuzz/run.sh build/san-fuzzer-no-link-address-undefined/tests $(FUZZ_SECONDS)

.PHONY: demo bench
demo: deps all ## one trace across several real programs
	$(Q)AUTOTRACE_BUILD=$(abspath $(BUILD)) tests/demo/run.sh
bench: deps all $(BENCHES) ## what it costs, beside the plain program; BENCH=part runs a part
	$(Q)AUTOTRACE_BUILD=$(abspath $(BUILD)) CC='$(CC)' BENCH='$(BENCH)' tests/bench/run.sh

LIBS_http1_parse := -lhttp_parser
$(BUILD)/tests/bench/ebpf: $(call objects,$(EBPF_SRC))
$(BENCHES): $(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(CJSON_ARENA) $(ROOMS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_$*) -lpthread -lm

.PHONY: soak portability transparency
soak: deps all ## load for SOAK_SECONDS (600) while the collector fails in every way
	$(Q)CC="$(CC)" tests/soak/run.sh $(BUILD) $(SOAK_SECONDS)

portability: deps all ## this very library in older and newer releases of Debian (debootstrap)
	$(Q)tests/portability/run.sh $(BUILD)

transparency: deps all ## other people's tests, plain and with the library; takes long
	$(Q)tests/transparency/run.sh $(BUILD)

# ---- the rest ----------------------------------------------------------------------------------

LIBDIR := $(DESTDIR)$(PREFIX)/lib
BINDIR := $(DESTDIR)$(PREFIX)/bin
MANDIR := $(DESTDIR)$(PREFIX)/share/man
BASHDIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR := $(DESTDIR)$(PREFIX)/share/zsh/site-functions

.PHONY: install
install: all ## into DESTDIR and PREFIX (/usr/local), stripped; what was stripped goes to lib/debug
	$(Q)install -d $(LIBDIR)/debug $(BINDIR) $(MANDIR)
	$(Q)install -m 755 $(SO) $(CONFIG_SO) $(HEAVY) $(STACKS) $(EBPF_SO) $(LIBDIR)
	$(Q)install -m 755 $(TOOL) $(BINDIR)/autotrace
	$(Q)$(OBJCOPY) --only-keep-debug $(SO) $(LIBDIR)/debug/libautotrace.so.debug
	$(Q)$(STRIP) --strip-unneeded $(LIBDIR)/libautotrace.so $(LIBDIR)/libautotrace-config.so $(LIBDIR)/libautotrace-tls.so $(LIBDIR)/libautotrace-stacks.so $(LIBDIR)/libautotrace-ebpf.so $(BINDIR)/autotrace
	$(Q)$(OBJCOPY) --add-gnu-debuglink=$(LIBDIR)/debug/libautotrace.so.debug $(LIBDIR)/libautotrace.so
	$(Q)for page in $(MAN); do \
		install -D -m 644 $$page $(MANDIR)/man$${page##*.}/$${page##*/} || exit 1; done
	$(Q)for file in $(wildcard tools/completion/autotrace.bash); do \
		install -D -m 644 $$file $(BASHDIR)/autotrace || exit 1; done
	$(Q)for file in $(wildcard tools/completion/_autotrace); do \
		install -D -m 644 $$file $(ZSHDIR)/_autotrace || exit 1; done
	$(Q)stat -c 'libautotrace.so: %s bytes, stripped' $(LIBDIR)/libautotrace.so

LAYER ?= $(BUILD)/autotrace-layer-$(MACHINE).zip
.PHONY: lambda-layer lambda-layer-aarch64
lambda-layer: $(SO) $(CONFIG_SO) $(HEAVY) $(STACKS) ## build/autotrace-layer-x86_64.zip: a layer for AWS Lambda, the library at lib/
	$(Q)STRIP=$(STRIP) NM=$(NM) OBJDUMP=$(call tool,objdump) .ci/lambda-layer $(SO) $(LAYER)
lambda-layer-aarch64: ## build/autotrace-layer-aarch64.zip: the same for functions on arm64, cross-built
	$(Q)$(MAKE) CC=aarch64-linux-gnu-gcc BUILD=$(BUILD)/aarch64 LAYER=$(BUILD)/autotrace-layer-aarch64.zip lambda-layer

.PHONY: format
format: ## clang-format over every source
	$(Q)find propagator export preload tools tests -name '*.[ch]' -exec clang-format -i {} +

.PHONY: clean
clean: ## removes what was built, keeps what was fetched
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name deps -exec rm -rf {} + 2>/dev/null || true

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' Makefile
