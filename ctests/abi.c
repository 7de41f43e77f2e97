/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Sizes, offsets and values that programs have compiled in. A number that changes here is an ABI break; those of
 * libbpf's structs are what libbpf 1.0 to 1.8 has.
 */
#include "check.h"

#include <corelo.h>
#include <corelo/relo_core.h>
#include <stddef.h>

#define FIELD(type, field, offset, bytes)					\
	do {									\
		CHECK(offsetof(struct type, field) == (offset));		\
		CHECK(sizeof(((struct type *)0)->field) == (bytes));		\
	} while (0)

static void options_and_report(void)
{
	FIELD(corelo_relocate_opts, sz, 0, 8);
	FIELD(corelo_relocate_opts, targets, 8, 8);
	FIELD(corelo_relocate_opts, report, 16, 8);
	FIELD(corelo_relocate_opts, log_fn, 24, 8);
	FIELD(corelo_relocate_opts, log_ctx, 32, 8);
	FIELD(corelo_relocate_opts, log_max, 40, 4);
	FIELD(corelo_relocate_opts, semantics, 44, 4);
	FIELD(corelo_relocate_opts, flags, 48, 4);
	FIELD(corelo_relocate_opts, detail, 52, 4);
	FIELD(corelo_relocate_opts, kernel_config, 56, 8);
	FIELD(corelo_relocate_opts, kernel_version, 64, 4);
	FIELD(corelo_relocate_opts, reserved, 68, 4);
	CHECK(sizeof(struct corelo_relocate_opts) == 72);

	FIELD(corelo_report_entry, outcome, 0, 4);
	FIELD(corelo_report_entry, error, 4, 4);
	FIELD(corelo_report_entry, section, 8, 8);
	FIELD(corelo_report_entry, program, 16, 8);
	FIELD(corelo_report_entry, insn_off, 24, 4);
	FIELD(corelo_report_entry, kind, 28, 4);
	FIELD(corelo_report_entry, type_id, 32, 4);
	FIELD(corelo_report_entry, access, 40, 8);
	FIELD(corelo_report_entry, local_spec, 48, 8);
	FIELD(corelo_report_entry, target_spec, 56, 8);
	FIELD(corelo_report_entry, target, 64, 8);
	FIELD(corelo_report_entry, orig_val, 72, 8);
	FIELD(corelo_report_entry, new_val, 80, 8);
	FIELD(corelo_report_entry, file, 88, 8);
	FIELD(corelo_report_entry, line, 96, 4);
	FIELD(corelo_report_entry, message, 104, 8);
	FIELD(corelo_report_entry, access_str, 112, 8);
	FIELD(corelo_report_entry, reach, 120, 4);
	FIELD(corelo_report_entry, kernel_differs, 124, 4);
	CHECK(sizeof(struct corelo_report_entry) == 128);

	FIELD(corelo_candidate, target, 0, 8);
	FIELD(corelo_candidate, type_id, 8, 4);
	FIELD(corelo_candidate, reason, 12, 4);
	FIELD(corelo_candidate, spec, 16, 8);
	FIELD(corelo_candidate, at, 24, 8);
	FIELD(corelo_candidate, message, 32, 8);
	FIELD(corelo_candidate, dropped_by, 40, 8);
	CHECK(sizeof(struct corelo_candidate) == 48);

	FIELD(corelo_hint, kind, 0, 4);
	FIELD(corelo_hint, text, 8, 8);
	FIELD(corelo_hint, flavor, 16, 8);
	FIELD(corelo_hint, guard, 24, 8);
	CHECK(sizeof(struct corelo_hint) == 32);
}

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

static void values(void)
{
	CHECK(CORELO_LOG_WARN == 0);
	CHECK(CORELO_LOG_INFO == 1);
	CHECK(CORELO_LOG_DEBUG == 2);
	CHECK(CORELO_SEMANTICS_LIBBPF == 0);
	CHECK(CORELO_SEMANTICS_KERNEL == 1);
	CHECK(CORELO_OUTCOME_RESOLVED == 0);
	CHECK(CORELO_OUTCOME_POISONED == 1);
	CHECK(CORELO_OUTCOME_SKIPPED == 2);
	CHECK(CORELO_OUTCOME_FAILED == 3);
	CHECK(CORELO_RELOCATE_TAG_POISON == 1);
	CHECK(CORELO_DETAIL_CANDIDATES == 1);
	CHECK(CORELO_DETAIL_HINTS == 2);
	CHECK(CORELO_DETAIL_REACH == 4);
	CHECK(CORELO_REACH_UNKNOWN == 0);
	CHECK(CORELO_REACH_REACHABLE == 1);
	CHECK(CORELO_REACH_DEAD == 2);
	CHECK(CORELO_REACH_DEAD_BY_RODATA == 3);
	CHECK(CORELO_REASON_MATCHED == 0);
	CHECK(CORELO_REASON_NO_MEMBER == 1);
	CHECK(CORELO_REASON_MEMBER_KIND == 2);
	CHECK(CORELO_REASON_MEMBER_COMPAT == 3);
	CHECK(CORELO_REASON_INDEX_BOUNDS == 4);
	CHECK(CORELO_REASON_NOT_COMPOSITE == 5);
	CHECK(CORELO_REASON_NOT_ARRAY == 6);
	CHECK(CORELO_REASON_NO_ENUMERATOR == 7);
	CHECK(CORELO_REASON_TYPE_INCOMPATIBLE == 8);
	CHECK(CORELO_REASON_TYPE_MISMATCH == 9);
	CHECK(CORELO_REASON_TOO_DEEP == 10);
	CHECK(CORELO_REASON_ERROR == 11);
	CHECK(CORELO_REASON_DROPPED_BY == 12);
	CHECK(CORELO_REASON_DISAGREES == 13);
	CHECK(CORELO_REASON_KIND_DIFFERS == 14);
	CHECK(CORELO_REASON_IN_MODULE_NOT_SEARCHED == 15);
	CHECK(CORELO_HINT_NEIGHBOR == 0);
	CHECK(CORELO_HINT_MOVED == 1);
	CHECK(CORELO_HINT_MOVED_TO_BIT == 2);
	CHECK(CORELO_HINT_SIMILAR_NAME == 3);
	CHECK(CORELO_HINT_OTHER_TYPE == 4);
	CHECK(CORELO_HINT_OTHER_SIZE == 5);
	CHECK(CORELO_HINT_OTHER_ARCHITECTURE == 6);
	CHECK(CORELO_HINT_NO_MODULES == 7);
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
	values();
	if (sizeof(void *) == 8) {
		options_and_report();
		libbpf_structs();
	} else {
		SKIP("layout", "the numbers are those of 64-bit machines");
	}
	return check_summary("abi");
}
