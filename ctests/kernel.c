/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The kernel as the judge: it loads what was relocated against its own BTF and
 * the program reads what C knows; what was poisoned it refuses, once it would
 * run.
 */
#include "check.h"
#include "../examples/load.h"

#include <corelo.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "../examples/demo.h"

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

/* Inode of the first pid namespace, whose pids are those in struct task_struct. */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCU

#define IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define DEMO (IS_LITTLE ? "examples/demo.bpf.o" : "examples/demo.bpf.eb.o")
#define POISON (IS_LITTLE ? "tests/fixtures/poison.el.bpf.o" : "tests/fixtures/poison.eb.bpf.o")

#define POISON_IMM 195896080

static char verifier_log[1 << 20];

/* The object, relocated against the running kernel; NULL after a failed check. */
static char *relocated(const char *path, size_t *size, struct corelo_report **report)
{
	struct corelo_relocate_opts opts;
	char *elf = load_file(path, size);

	if (!CHECK(elf))
		return NULL;
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.report = report;
	if (!CHECK(!corelo_relocate(elf, *size, &opts))) {
		printf("%s: %s\n", path, corelo_last_error());
		free(elf);
		return NULL;
	}
	return elf;
}

static size_t count(const struct corelo_report *report, enum corelo_outcome outcome)
{
	size_t i, n = 0;

	for (i = 0; i < corelo_report_entry_cnt(report); i++)
		n += corelo_report_get(report, i)->outcome == outcome;
	return n;
}

static void check_demo_values(const struct demo_ctx *ctx, unsigned int bit)
{
	static int told;
	char comm[DEMO_COMM_LEN] = "";
	struct stat ns;

	CHECK(!prctl(PR_GET_NAME, comm));
	CHECK(!strncmp(ctx->comm, comm, DEMO_COMM_LEN));
	if (stat("/proc/self/ns/pid", &ns) || ns.st_ino != FIRST_PID_NAMESPACE) {
		if (!told++)
			SKIP("kernel, pids", "this is another pid namespace than the kernel's, or without /proc");
	} else {
		CHECK(ctx->pid == (unsigned int)syscall(SYS_gettid));
		CHECK(ctx->tgid == (unsigned int)getpid());
		CHECK(ctx->parent_tgid == (unsigned int)getppid());
	}
	CHECK(ctx->direct_pid == ctx->pid && ctx->pid);
	CHECK(ctx->direct_tgid == ctx->tgid && ctx->tgid);
	CHECK(ctx->reset_on_fork == bit);
	CHECK(ctx->state == 0);
	CHECK(ctx->has_state ^ ctx->has___state);
	CHECK(ctx->has_task == 1);
	CHECK(ctx->has_nonsense == 0);
	CHECK(ctx->pid_signed == 1);
	CHECK(ctx->bit_signed == 0);
	/* larger than the object's own, which has six members */
	CHECK(ctx->task_size > 64);
	CHECK(ctx->task_local_id && ctx->task_kernel_id);
	CHECK(ctx->atomic_matches == 1);
	CHECK(ctx->has_pidtype_sid == 1);
	CHECK(ctx->pidtype_sid == 3);
	CHECK(ctx->has_pidtype_odd == 0);
	CHECK(ctx->done == 1);
}

static int run_demo(int fd, struct demo_ctx *ctx)
{
	uint32_t retval = 1;

	/* the program has to write every member that a check expects to be 0 */
	memset(ctx, 0xa5, sizeof(*ctx));
	return CHECK(!load_run(fd, ctx, sizeof(*ctx), &retval)) && CHECK(retval == 0);
}

/* Relocated, loaded, run; a bit of the task is read before and after it is set. */
static void demo_runs_and_reads_what_c_knows(void)
{
	const int policy = SCHED_OTHER | SCHED_RESET_ON_FORK;
	struct sched_param param = { 0 };
	struct corelo_report *report = NULL;
	struct demo_ctx ctx;
	size_t size = 0;
	char *elf = relocated(DEMO, &size, &report);
	int fd;

	if (!elf)
		return;
	CHECK(corelo_report_entry_cnt(report) > 20);
	/* state or __state: one of them is gone, whichever the kernel */
	CHECK(count(report, CORELO_OUTCOME_POISONED) == 1);
	CHECK(count(report, CORELO_OUTCOME_RESOLVED) + 1 == corelo_report_entry_cnt(report));

	fd = load_program(elf, size, "demo", verifier_log, sizeof(verifier_log));
	if (!CHECK(fd >= 0)) {
		printf("%s: %s\n%s", DEMO, strerror(-fd), verifier_log);
	} else {
		if (run_demo(fd, &ctx))
			check_demo_values(&ctx, !!(sched_getscheduler(0) & SCHED_RESET_ON_FORK));
		CHECK(!sched_setscheduler(0, policy, &param));
		if (run_demo(fd, &ctx))
			check_demo_values(&ctx, 1);
		close(fd);
	}
	corelo_report_free(report);
	free(elf);
}

/* What libbpf's users look for in the log: the number of the poison is part of the interface. */
static void reachable_poison_is_refused(void)
{
	struct corelo_report *report = NULL;
	struct bpf_insn insn;
	size_t size = 0, left;
	const char *code = NULL;
	char *elf = relocated(POISON, &size, &report);
	int fd, calls = 0;

	if (!elf)
		return;
	CHECK(corelo_report_entry_cnt(report) == 1);
	CHECK(count(report, CORELO_OUTCOME_POISONED) == 1);
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
	corelo_report_free(report);
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

	demo_runs_and_reads_what_c_knows();
	reachable_poison_is_refused();
	return check_summary("kernel");
}
