/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * libcorelo.a beside another Rust static library. Each has a std of its own,
 * relocates or counts arguments, and catches its panics, again and again in
 * turn. With FAULT, libcorelo.a is the one that panics when it is told to.
 */
#include "check.h"
#include "fixture.h"

#include <errno.h>

int other_catches(void);
int other_argc(void);
uint32_t corelo_fault_at(uint32_t point);

static void corelo_catches(void)
{
#ifdef FAULT
	errno = 0;
	corelo_fault_at(1);
	CHECK(!corelo_btf_open(TARGET(BUILD_IS_BIG), NULL) && errno == ENOTRECOVERABLE);
	CHECK(strstr(corelo_last_error(), "bug"));
	CHECK(!corelo_fault_at(0));
#endif
}

static void corelo_relocates(void)
{
	struct corelo_btf *target = corelo_btf_open(TARGET(BUILD_IS_BIG), NULL);
	unsigned char *elf, *before;
	size_t size;

	elf = fixture("fields", BUILD_IS_BIG, &size);
	if (!CHECK(target) || !CHECK(elf))
		return;
	before = build_copy(elf, size);
	CHECK(!relocate(elf, size, target, NULL));
	CHECK(memcmp(elf, before, size));
	free(before);
	free(elf);
	corelo_btf_free(target);
}

int main(int argc, char **argv)
{
	int i;

	(void)argv;
	CHECK(other_argc() == argc);
	for (i = 0; i < 3; i++) {
		corelo_catches();
		CHECK(other_catches() == 1);
		corelo_relocates();
	}
	return check_summary("beside_rust");
}
