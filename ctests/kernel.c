/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The kernel as the judge of what was poisoned: it refuses that, once it would
 * run. That it runs what was resolved, examples/demo.c shows.
 */
#include "check.h"
#include "../examples/load.h"

#include <corelo.h>

#define IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define POISON (IS_LITTLE ? "tests/fixtures/poison.el.bpf.o" : "tests/fixtures/poison.eb.bpf.o")

#define POISON_IMM 195896080

static char verifier_log[1 << 20];

/* What libbpf's users look for in the log: the number of the poison is part of the interface. */
static void reachable_poison_is_refused(void)
{
	struct bpf_insn insn;
	size_t size = 0, left;
	const char *code = NULL;
	char *elf = load_file(POISON, &size);
	int fd, calls = 0;

	if (!CHECK(elf) || !CHECK(!corelo_relocate(elf, size, NULL))) {
		printf("%s: %s\n", POISON, corelo_last_error());
		free(elf);
		return;
	}
	for (left = load_find(elf, size, "poison", &code); left; left--, code += sizeof(insn)) {
		memcpy(&insn, code, sizeof(insn));
		calls += insn.code == (BPF_JMP | BPF_CALL) && insn.imm == POISON_IMM;
	}
	CHECK(calls == 1);

	fd = load_program(elf, size, "poison", verifier_log, sizeof(verifier_log));
	if (!CHECK(fd == -EINVAL) && fd >= 0)
		close(fd);
	if (!CHECK(strstr(verifier_log, "invalid func unknown#195896080")))
		fputs(verifier_log, stdout);
	free(elf);
}

/* A program that any kernel with SEC("syscall") accepts: may we load at all? */
static int probe(void)
{
	struct bpf_insn insns[] = {
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.prog_flags = BPF_F_SLEEPABLE;
	attr.insns = load_ptr(insns);
	attr.insn_cnt = sizeof(insns) / sizeof(insns[0]);
	attr.license = load_ptr("Dual BSD/GPL");
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int main(void)
{
	struct corelo_btf *kernel;
	int err = probe();

	CHECK_LIBRARY();
	if (err) {
		SKIP("kernel", load_not_permitted(err) ? "bpf(2) is not permitted"
						       : "no programs of type syscall (Linux 5.14)");
		return check_summary("kernel");
	}
	kernel = corelo_btf_open_kernel();
	if (!kernel) {
		/* not having it is fine, not being able to read it is not */
		if (CHECK(access("/sys/kernel/btf/vmlinux", F_OK)))
			SKIP("kernel", "the kernel has no BTF");
		return check_summary("kernel");
	}
	corelo_btf_free(kernel);
	reachable_poison_is_refused();
	return check_summary("kernel");
}
