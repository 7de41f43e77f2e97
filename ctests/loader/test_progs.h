/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Stands in for the header of the same name in the kernel's BPF selftests: as
 * much of their harness as the core_reloc test uses. What each name has to do
 * is seen from how that test uses it. core_reloc.c is the other half.
 */
#ifndef TEST_PROGS_H
#define TEST_PROGS_H

#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>

/* The kernel's own names, which the header of the module uses. */
typedef uint64_t u64;
typedef int64_t s64;

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The module of the selftests is none that a distribution ships. */
struct test_env {
	bool has_testmod;
};
extern struct test_env env;

bool test__start_subtest(const char *name);
void test__skip(void);

/* Yields @holds, and counts against the case when it does not. */
bool test_holds(bool holds, const char *name, const char *file, int line);

#define ASSERT_THAT(holds, name) test_holds(holds, name, __FILE__, __LINE__)
#define ASSERT_OK(result, name) ASSERT_THAT((result) == 0, name)
#define ASSERT_FALSE(actual, name) ASSERT_THAT(!(actual), name)
#define ASSERT_GE(actual, least, name) ASSERT_THAT((actual) >= (least), name)
#define ASSERT_OK_PTR(ptr, name) ASSERT_THAT(libbpf_get_error(ptr) == 0, name)

/* These yield whether it failed. */
#define CHECK(failed, name, ...) (!ASSERT_THAT(!(failed), name) && (printf(__VA_ARGS__), true))
#define CHECK_FAIL(failed) (!ASSERT_THAT(!(failed), #failed))

static inline pid_t sys_gettid(void)
{
	return syscall(SYS_gettid);
}

static inline int trigger_module_test_read(int size)
{
	(void)size;
	return -ENOSYS;
}

/* In the test, each load is also noted down. */
int test_load(struct bpf_object *obj);
#define bpf_object__load test_load

#endif
