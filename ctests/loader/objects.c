/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A loader as any other, with libbpf's functions alone: opens and loads the
 * demo's object, runs its program and checks what it read in the kernel; then
 * opens and loads each fixture against the types it was made for. Which of
 * those load, and with which instructions, is printed for comparison: the
 * kernel refuses some, whose pointers lead nowhere in it, and others are there
 * to fail.
 */
#include "watch.h"
#include "../check.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../../examples/demo.h"

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

#define IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define DEMO (IS_LITTLE ? "examples/demo.bpf.o" : "examples/demo.bpf.eb.o")
#define FIXTURE(name, ext) (IS_LITTLE ? "tests/fixtures/" name ".el" ext : "tests/fixtures/" name ".eb" ext)

/* Inode of the first pid namespace, whose pids are those in struct task_struct. */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCU

static void check_pids(const struct demo_ctx *ctx)
{
	static int told;
	struct stat ns;

	CHECK(ctx->pid && ctx->tgid && ctx->parent_tgid);
	CHECK(ctx->pid == ctx->direct_pid && ctx->tgid == ctx->direct_tgid);
	if (stat("/proc/self/ns/pid", &ns) || ns.st_ino != FIRST_PID_NAMESPACE) {
		if (!told++)
			SKIP("demo, pids", "this is another pid namespace than the kernel's, or without /proc");
		return;
	}
	CHECK(ctx->pid == (unsigned int)syscall(SYS_gettid));
	CHECK(ctx->tgid == (unsigned int)getpid());
	CHECK(ctx->parent_tgid == (unsigned int)getppid());
}

static void run_demo(void)
{
	struct bpf_object *obj = bpf_object__open_file(DEMO, NULL);
	struct sched_param param = { .sched_priority = 0 };
	struct demo_ctx ctx;
	struct bpf_program *prog;
	int bit;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx));

	if (!CHECK(!libbpf_get_error(obj)))
		return;
	CHECK(!bpf_object__load(obj));
	puts(DEMO);
	watch_programs(obj);
	prog = bpf_object__find_program_by_name(obj, "demo");
	CHECK(!prctl(PR_SET_NAME, "loader", 0, 0, 0));
	for (bit = 0; CHECK(prog) && bit < 2; bit++) {
		/* the program has to write every member that a check expects to be 0 */
		memset(&ctx, 0xa5, sizeof(ctx));
		CHECK(!sched_setscheduler(0, bit ? SCHED_OTHER | SCHED_RESET_ON_FORK : SCHED_OTHER, &param));
		if (!CHECK(!bpf_prog_test_run_opts(bpf_program__fd(prog), &opts)))
			break;
		CHECK(opts.retval == 0);
		CHECK(ctx.done == 1);
		CHECK(!strcmp(ctx.comm, "loader"));
		check_pids(&ctx);
		CHECK(ctx.reset_on_fork == (unsigned int)bit);
		CHECK((ctx.has_state ^ ctx.has___state) == 1);
		CHECK(ctx.has_task == 1 && ctx.has_nonsense == 0);
		CHECK(ctx.pid_signed == 1 && ctx.bit_signed == 0);
		/* larger than the object's own, which has six members */
		CHECK(ctx.task_size > 64);
		CHECK(ctx.task_local_id && ctx.task_kernel_id);
		CHECK(ctx.atomic_matches == 1);
		CHECK(ctx.has_pidtype_sid == 1 && ctx.pidtype_sid == 3 && ctx.has_pidtype_odd == 0);
	}
	bpf_object__close(obj);
}

static int loaded, relocated;

static void load(const char *path)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = FIXTURE("target", ".o"));
	struct bpf_object *obj = bpf_object__open_file(path, &opts);
	struct bpf_program *prog;
	int err;

	puts(path);
	err = libbpf_get_error(obj);
	if (!err) {
		/* also those that are not loaded unless asked for */
		bpf_object__for_each_program(prog, obj)
			bpf_program__set_autoload(prog, true);
		err = bpf_object__load(obj);
		watch_programs(obj);
		bpf_object__close(obj);
		relocated++;
	}
	loaded += !err;
	printf("    %d\n", err);
}

int main(void)
{
	static const char *const fixtures[] = {
		FIXTURE("ambiguous", ".bpf.o"), FIXTURE("bitfields", ".bpf.o"), FIXTURE("depth", ".bpf.o"),
		FIXTURE("duplicate", ".bpf.o"), FIXTURE("enums", ".bpf.o"), FIXTURE("fields", ".bpf.o"),
		FIXTURE("insns", ".bpf.o"), FIXTURE("negative", ".bpf.o"), FIXTURE("nobtf", ".bpf.o"),
		FIXTURE("optional", ".bpf.o"), FIXTURE("plain", ".bpf.o"), FIXTURE("poison", ".bpf.o"),
		FIXTURE("prune", ".bpf.o"), FIXTURE("prune_ambiguous", ".bpf.o"), FIXTURE("range", ".bpf.o"),
		FIXTURE("range_ldx", ".bpf.o"), FIXTURE("subprogs", ".bpf.o"), FIXTURE("types", ".bpf.o"),
		FIXTURE("wide_bits", ".bpf.o"),
	};
	size_t i;

	watch_start();
	run_demo();
	for (i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++)
		load(fixtures[i]);
	CHECK(relocated > 15);
	CHECK(loaded);
	printf("%d of the fixtures loaded\n", loaded);
	watch_end();
	return check_summary("objects");
}
