/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The layout of libbpf's structs, as libbpf 1.0 to 1.8 have them. Of what is ours, scripts/abi.sh keeps layout and values
 * from one release to the next.
 */
#include "check.h"

#include <corelo.h>
#include <corelo/relo_core.h>
#include <stddef.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

/* The library that is loaded is the one that the header describes. */
static void version(void)
{
	const char *macros = TEXT(CORELO_VERSION_MAJOR) "." TEXT(CORELO_VERSION_MINOR) "." TEXT(CORELO_VERSION_PATCH);

	CHECK(!strcmp(corelo_version(), CORELO_VERSION));
	/* a pre-release has more behind it */
	CHECK(!strncmp(CORELO_VERSION, macros, strlen(macros)));
}

#define FIELD(type, field, offset, bytes)					\
	do {									\
		CHECK(offsetof(struct type, field) == (offset));		\
		CHECK(sizeof(((struct type *)0)->field) == (bytes));		\
	} while (0)

static void libbpf_structs(void)
{
	FIELD(bpf_core_cand, btf, 0, 8);
	FIELD(bpf_core_cand, id, 8, 4);
	CHECK(sizeof(struct bpf_core_cand) == 16);

	FIELD(bpf_core_cand_list, cands, 0, 8);
	FIELD(bpf_core_cand_list, len, 8, 4);
	CHECK(sizeof(struct bpf_core_cand_list) == 16);

	FIELD(bpf_core_accessor, type_id, 0, 4);
	FIELD(bpf_core_accessor, idx, 4, 4);
	FIELD(bpf_core_accessor, name, 8, 8);
	CHECK(sizeof(struct bpf_core_accessor) == 16);

	FIELD(bpf_core_spec, btf, 0, 8);
	FIELD(bpf_core_spec, spec, 8, 64 * 16);
	FIELD(bpf_core_spec, root_type_id, 1032, 4);
	FIELD(bpf_core_spec, relo_kind, 1036, 4);
	FIELD(bpf_core_spec, len, 1040, 4);
	FIELD(bpf_core_spec, raw_spec, 1044, 64 * 4);
	FIELD(bpf_core_spec, raw_len, 1300, 4);
	FIELD(bpf_core_spec, bit_offset, 1304, 4);
	CHECK(sizeof(struct bpf_core_spec) == 1312);

	FIELD(bpf_core_relo_res, orig_val, 0, 8);
	FIELD(bpf_core_relo_res, new_val, 8, 8);
	FIELD(bpf_core_relo_res, poison, 16, 1);
	FIELD(bpf_core_relo_res, validate, 17, 1);
	FIELD(bpf_core_relo_res, fail_memsz_adjust, 18, 1);
	FIELD(bpf_core_relo_res, orig_sz, 20, 4);
	FIELD(bpf_core_relo_res, orig_type_id, 24, 4);
	FIELD(bpf_core_relo_res, new_sz, 28, 4);
	FIELD(bpf_core_relo_res, new_type_id, 32, 4);
	CHECK(sizeof(struct bpf_core_relo_res) == 40);
}

static void enums(void)
{
	/* no function has these enums, so that scripts/abi.sh does not see them */
	CHECK(CORELO_DETAIL_CANDIDATES == 1 && CORELO_DETAIL_HINTS == 2 && CORELO_DETAIL_REACH == 4);
	CHECK(CORELO_RELOCATE_TAG_POISON == 1 && CORELO_MIN_BTF_KEEP_IDS == 1);
	/* an enum of C is an int, whatever Rust would take */
	CHECK(sizeof(enum corelo_semantics) == sizeof(int));
	CHECK(sizeof(enum corelo_outcome) == sizeof(int));
	CHECK(sizeof(enum corelo_reach) == sizeof(int));
	CHECK(sizeof(enum corelo_reason) == sizeof(int));
	CHECK(sizeof(enum corelo_hint_kind) == sizeof(int));
	CHECK(sizeof(enum corelo_log_level) == sizeof(int));
}

int main(void)
{
	CHECK_LIBRARY();
	version();
	enums();
	if (sizeof(void *) == 8)
		libbpf_structs();
	else
		SKIP("layout", "the numbers are those of 64-bit machines");
	return check_summary("abi");
}
