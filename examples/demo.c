// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * demo: relocates an object with libcorelo, says what became of every
 * relocation, then has the kernel run it and checks what the program read at
 * the relocated offsets.
 *
 *	cc -o demo demo.c $(pkg-config --cflags --libs corelo)
 */
#include "load.h"

#include <corelo.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "demo.h"

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

/* Inode of the first pid namespace, whose pids are those in struct task_struct. */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCU

/* Indexed by enum bpf_core_relo_kind. */
static const char *const kinds[] = {
	"byte_off", "byte_sz", "field_exists", "signed", "lshift_u64", "rshift_u64",
	"local_type_id", "target_type_id", "type_exists", "type_size",
	"enumval_exists", "enumval_value", "type_matches",
};

static void usage(FILE *out)
{
	fprintf(out, "usage: demo [OBJECT [FALLBACK_BTF]]\n"
		"Relocates OBJECT (examples/demo.bpf.o) against the running kernel, or against\n"
		"FALLBACK_BTF (examples/demo.btf) where the kernel has no BTF or the other byte\n"
		"order; then loads and runs the program \"demo\" in it.\n");
}

static void print_relo(const struct corelo_report_entry *relo)
{
	char change[64];

	switch (relo->outcome) {
	case CORELO_OUTCOME_RESOLVED:
		snprintf(change, sizeof(change), "%llu -> %llu", (unsigned long long)relo->orig_val,
			 (unsigned long long)relo->new_val);
		break;
	case CORELO_OUTCOME_POISONED:
		snprintf(change, sizeof(change), "%llu -> poisoned", (unsigned long long)relo->orig_val);
		break;
	case CORELO_OUTCOME_SKIPPED:
		snprintf(change, sizeof(change), "skipped");
		break;
	default:
		snprintf(change, sizeof(change), "failed: %s", strerror(-relo->error));
	}
	printf("%-8s %4u  %-14s  %-38s  %-16s  %s:%u\n", relo->program ? relo->program : "-",
	       (unsigned int)(relo->insn_off / sizeof(struct bpf_insn)),
	       relo->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[relo->kind] : "?",
	       relo->access ? relo->access : "?", change, relo->file ? relo->file : "?",
	       (unsigned int)relo->line);
}

static int values_failed;

static void compare(const char *what, unsigned long long read, unsigned long long known)
{
	printf("%-22s %10llu  %10llu%s\n", what, read, known, read == known ? "" : "  DIFFERS");
	values_failed += read != known;
}

/* Asks for something that a bit in struct task_struct then says. */
static unsigned int reset_on_fork(void)
{
	struct sched_param param = { 0 };

	sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &param);
	return !!(sched_getscheduler(0) & SCHED_RESET_ON_FORK);
}

static void compare_values(const struct demo_ctx *ctx, unsigned int bit)
{
	char comm[DEMO_COMM_LEN] = "";
	struct stat ns;

	prctl(PR_GET_NAME, comm);
	printf("\n%-22s %10s  %10s\n", "", "program", "C");
	printf("%-22s %10.*s  %10.*s\n", "comm", DEMO_COMM_LEN, ctx->comm, DEMO_COMM_LEN, comm);
	values_failed += !!strncmp(ctx->comm, comm, DEMO_COMM_LEN);
	if (!stat("/proc/self/ns/pid", &ns) && ns.st_ino != FIRST_PID_NAMESPACE) {
		printf("pid %u, tgid %u, parent %u: of another pid namespace, not compared\n",
		       ctx->pid, ctx->tgid, ctx->parent_tgid);
	} else {
		compare("pid", ctx->pid, syscall(SYS_gettid));
		compare("tgid", ctx->tgid, getpid());
		compare("real_parent->tgid", ctx->parent_tgid, getppid());
	}
	compare("pid, patched load", ctx->direct_pid, ctx->pid);
	compare("tgid, patched load", ctx->direct_tgid, ctx->tgid);
	compare("sched_reset_on_fork", ctx->reset_on_fork, bit);
	compare("state: it runs", ctx->state, 0);
	compare("state xor __state", ctx->has_state ^ ctx->has___state, 1);
	compare("task_struct exists", ctx->has_task, 1);
	compare("nonsense exists", ctx->has_nonsense, 0);
	compare("pid is signed", ctx->pid_signed, 1);
	compare("bit is signed", ctx->bit_signed, 0);
	compare("atomic_t matches", ctx->atomic_matches, 1);
	compare("PIDTYPE_SID exists", ctx->has_pidtype_sid, 1);
	compare("PIDTYPE_SID", ctx->pidtype_sid, 3);
	compare("PIDTYPE_ODD exists", ctx->has_pidtype_odd, 0);
	compare("ran to its end", ctx->done, 1);
	printf("struct task_struct: %u bytes, type %u of the kernel (%u of the object)\n\n",
	       ctx->task_size, ctx->task_kernel_id, ctx->task_local_id);
}

/* Says in @verdict what came of it; 0 if that is no failure. */
static int run(const char *elf, size_t size, char *verdict, size_t verdict_size)
{
	static char log[1 << 20];
	struct demo_ctx ctx = { 0 };
	unsigned int bit = reset_on_fork();
	uint32_t retval = 0;
	int fd, err;

	fd = load_program(elf, size, "demo", NULL, 0);
	if (load_not_permitted(fd)) {
		snprintf(verdict, verdict_size, "not permitted (%s)", fd == -EPERM ? "EPERM" : "ENOSYS");
		return 0;
	}
	if (fd == -ENOENT) {
		snprintf(verdict, verdict_size, "not loaded: no program named demo");
		return 1;
	}
	if (fd < 0) {
		load_program(elf, size, "demo", log, sizeof(log));
		fputs(log, stderr);
		snprintf(verdict, verdict_size, "not loaded (%s)", strerror(-fd));
		return 1;
	}
	err = load_run(fd, &ctx, sizeof(ctx), &retval);
	close(fd);
	if (err || retval) {
		snprintf(verdict, verdict_size, "loaded, not run (%s, returned %u)", strerror(-err),
			 (unsigned int)retval);
		return 1;
	}
	compare_values(&ctx, bit);
	snprintf(verdict, verdict_size, "loaded, ran, values %s", values_failed ? "DIFFER" : "equal");
	return values_failed;
}

int main(int argc, char **argv)
{
	const uint16_t one = 1;
	int little = *(const unsigned char *)&one;
	const char *path = argc > 1 ? argv[1] : little ? "examples/demo.bpf.o" : "examples/demo.bpf.eb.o";
	const char *fallback = argc > 2 ? argv[2] : NULL;
	struct corelo_relocate_opts opts;
	struct corelo_targets *targets = NULL;
	struct corelo_report *report = NULL;
	struct corelo_btf *btf = NULL;
	size_t size = 0, i, count;
	int native, err, status = 1;
	char verdict[128] = "not loaded";
	char *elf;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc > 3 || path[0] == '-') {
		usage(stderr);
		return 1;
	}

	elf = load_file(path, &size);
	if (!elf) {
		fprintf(stderr, "demo: %s: %s\n", path, strerror(errno));
		return 1;
	}
	native = load_is_native((unsigned char *)elf, size);
	if (!fallback)
		fallback = native == little ? "examples/demo.btf" : "examples/demo.eb.btf";

	if (native) {
		btf = corelo_btf_open_kernel();
		if (!btf)
			printf("no BTF of the kernel: %s\n", corelo_last_error());
	}
	if (!btf) {
		snprintf(verdict, sizeof(verdict), "not tried (%s)",
			 native ? "it has no BTF" : "the object has the other byte order");
		native = 0;
		btf = corelo_btf_open(fallback, NULL);
		if (!btf) {
			fprintf(stderr, "demo: %s: %s\n", fallback, corelo_last_error());
			goto out;
		}
		printf("relocating %s against %s\n", path, fallback);
	} else {
		printf("relocating %s against the running kernel\n", path);
	}

	targets = corelo_targets_new(btf, NULL, 0);
	if (!targets) {
		fprintf(stderr, "demo: %s\n", corelo_last_error());
		goto out;
	}
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.targets = targets;
	opts.report = &report;
	err = corelo_relocate(elf, size, &opts);

	count = corelo_report_entry_cnt(report);
	for (i = 0; i < count; i++)
		print_relo(corelo_report_get(report, i));
	if (err)
		fprintf(stderr, "demo: %s: %s (%s)\n", path, corelo_last_error(), strerror(-err));
	else if (!native)
		status = 0;
	else
		status = run(elf, size, verdict, sizeof(verdict));

	printf("demo: %zu relocations: %zu resolved, %zu poisoned; kernel: %s\n", count,
	       corelo_report_outcome_cnt(report, CORELO_OUTCOME_RESOLVED),
	       corelo_report_outcome_cnt(report, CORELO_OUTCOME_POISONED), verdict);
out:
	corelo_report_free(report);
	corelo_targets_free(targets);
	corelo_btf_free(btf);
	free(elf);
	return status;
}
