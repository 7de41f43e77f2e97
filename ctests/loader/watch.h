/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What both loaders note down, so that the same loader on libbpf's own
 * relocation step and on corelo's can be compared: the instructions that
 * libbpf loads, and who wrote the log lines of the relocation step.
 *
 * Include it before any system header: dladdr() is a GNU extension.
 */
#ifndef WATCH_H
#define WATCH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Status of a loader that may not use bpf(2); not that of a failed test. */
#define WATCH_CANNOT 77

/*
 * Lines that only a relocation step prints, of those that came by way of
 * libbpf. corelo's among them stay away with CORELO_LOG=off, libbpf's do not.
 */
static unsigned long watch_lines;

/* All log lines, where WATCH_LOG in the environment names a file for them. */
static FILE *watch_log;

static inline int watch_print(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[4096];

	vsnprintf(line, sizeof(line), format, args);
	if (watch_log)
		fputs(line, watch_log);
	watch_lines += strstr(line, "matching candidate #") != NULL;
	if (level != LIBBPF_DEBUG)
		fputs(line, stderr);
	return 0;
}

/*
 * What libbpf made of each program, whether or not the kernel took it. File
 * descriptors differ from run to run, and are left out.
 */
static inline void watch_programs(const struct bpf_object *obj)
{
	struct bpf_program *prog = NULL;
	const struct bpf_insn *insns;
	struct bpf_insn insn;
	size_t i, byte, count;
	uint64_t hash;

	while ((prog = bpf_object__next_program(obj, prog))) {
		insns = bpf_program__insns(prog);
		count = bpf_program__insn_cnt(prog);
		hash = 0xcbf29ce484222325;	/* FNV-1a */
		for (i = 0; i < count; i++) {
			insn = insns[i];
			if (insn.code == (BPF_LD | BPF_DW | BPF_IMM) && insn.src_reg)
				insn.imm = 0;
			for (byte = 0; byte < sizeof(insn); byte++)
				hash = (hash ^ ((unsigned char *)&insn)[byte]) * 0x100000001b3;
		}
		printf("    %s: %zu instructions, %016llx\n", bpf_program__name(prog), count, (unsigned long long)hash);
	}
}

/* The first statement of main(). Its lines differ from build to build, and are not compared: they begin with '#'. */
static inline void watch_start(void)
{
	void (*fn)(void) = (void (*)(void))bpf_object__load;
	Dl_info info;
	void *addr;

	setvbuf(stdout, NULL, _IOLBF, 0);
	memcpy(&addr, &fn, sizeof(addr));
	printf("# libbpf %s in %s\n", libbpf_version_string() + 1, dladdr(addr, &info) ? info.dli_fname : "?");
	if (getenv("WATCH_LOG"))
		watch_log = fopen(getenv("WATCH_LOG"), "w");
	libbpf_set_print(watch_print);
	if (access("/sys/kernel/btf/vmlinux", R_OK) || libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL) != 1) {
		puts("# no bpf(2), or no BTF of the kernel");
		exit(WATCH_CANNOT);
	}
}

static inline void watch_end(void)
{
	printf("# %lu lines by way of libbpf\n", watch_lines);
}

#endif
