/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Runs the core_reloc selftest of the kernel, which is compiled from where it
 * lies with the test_progs.h beside this file: a line for each case, then what
 * became of its object, then one with the counts. Status 0, whatever the
 * counts: scripts/steps/libbpf.sh judges them.
 *
 *	core_reloc DIRECTORY-OF-THE-BPF-OBJECTS
 */
#include "test_progs.h"

#include <sys/prctl.h>
#undef bpf_object__load

void test_core_reloc(void);

struct test_env env;

static struct {
	const char *name;
	bool failed, skipped;
} current;
static int passed, skipped, failed;

static void end_case(void)
{
	if (!current.name)
		return;
	if (current.failed)
		failed++;
	else if (current.skipped)
		skipped++;
	else
		passed++;
	printf("%s: %s\n", current.name, current.failed ? "FAILED" : current.skipped ? "skipped" : "passed");
	current.name = NULL;
}

bool test__start_subtest(const char *name)
{
	end_case();
	current.name = name;
	current.failed = current.skipped = false;
	return true;
}

void test__skip(void)
{
	current.skipped = true;
}

bool test_holds(bool holds, const char *name, const char *file, int line)
{
	if (!holds) {
		printf("    %s:%d: %s\n", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line, name);
		current.failed = true;
	}
	return holds;
}

int test_load(struct bpf_object *obj)
{
	int err = bpf_object__load(obj);

	printf("    load: %d\n", err);
	watch_programs(obj);
	return err;
}

int main(int argc, char **argv)
{
	watch_start();
	if (argc != 2 || chdir(argv[1])) {
		fputs("usage: core_reloc DIRECTORY\n", stderr);
		return 2;
	}
	/* a program of the test looks for this name of the task */
	if (prctl(PR_SET_NAME, "test_progs", 0, 0, 0))
		return 2;
	test_core_reloc();
	end_case();
	watch_end();
	printf("%d passed, %d skipped, %d failed\n", passed, skipped, failed);
	return 0;
}
