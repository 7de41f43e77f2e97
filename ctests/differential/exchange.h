/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What the program that compares and the oracle have in common: a file, mapped
 * by both, with pairs of local and target BTF, questions about them, and the
 * oracle's answers.
 *
 * A question has all that the functions are given, also what follows from
 * earlier answers, such as candidates that were pruned: after one difference,
 * the next question is the same for both all the same.
 */
#ifndef DIFFERENTIAL_EXCHANGE_H
#define DIFFERENTIAL_EXCHANGE_H

#include <corelo.h>
#include <corelo/relo_core.h>
#include <linux/bpf.h>
#include <stdint.h>

#define EXCHANGE_PAIRS 32
#define PAIR_CASES 32
#define TARGETS 2
#define MAX_CANDS 48
#define PATCHES 4
#define TEXT_SIZE 512
#define NAME_SIZE 40

/* One call each. PATCH + i is the one for instruction i. */
enum stage { NAME_LEN, ADD_CANDS, PARSE, CALC, COMPAT, MATCH, PATCH, STAGES = PATCH + PATCHES };

static const char *const stage_names[STAGES] = {
	"bpf_core_essential_name_len", "bpf_core_add_cands", "bpf_core_parse_spec", "bpf_core_calc_relo_insn",
	"bpf_core_types_are_compat", "bpf_core_types_match", "bpf_core_patch_insn", "bpf_core_patch_insn",
	"bpf_core_patch_insn", "bpf_core_patch_insn",
};

struct file {
	uint32_t size;
	unsigned char data[32768];
};

struct cand {
	uint32_t target;
	uint32_t id;
};

struct question {
	/* for bpf_core_essential_name_len */
	char name[NAME_SIZE];
	struct bpf_core_relo relo;
	uint32_t cand_count;
	struct cand cands[MAX_CANDS];
	/* of the buffer for a spec's text */
	uint32_t text_size;
	struct {
		uint32_t local_id, target, target_id;
		/* else those with a level */
		int plain;
		int level;
		int behind_ptr;
	} types;
	struct {
		struct bpf_insn insns[2];
		struct bpf_core_relo_res res;
	} patch[PATCHES];
};

struct spec_answer {
	int stored;
	/* 0 the local BTF, 1 and 2 the targets, -1 none of them */
	int btf;
	uint32_t root, kind, bit_offset;
	int len, raw_len;
	struct {
		uint32_t type_id, idx;
		/* a hash of it; 0 for none */
		uint32_t name;
	} steps[BPF_CORE_SPEC_MAX_LEN];
	int raw[BPF_CORE_SPEC_MAX_LEN];
	int text_len;
	/* bytes behind the buffer were written */
	int text_overrun;
	char text[TEXT_SIZE];
};

struct answer {
	/* that ended the oracle in this call, or 0 */
	int signal[STAGES];
	int ret[STAGES];
	/* a call that failed has written something */
	int touched[STAGES];
	uint32_t added_count;
	struct cand added[MAX_CANDS];
	uint32_t cand_count;
	struct cand cands[MAX_CANDS];
	struct spec_answer parsed, local, target;
	struct bpf_core_relo_res res;
	struct bpf_insn insns[PATCHES][2];
};

struct pair {
	struct file local, target[TARGETS];
	uint32_t targets;
	/* the first type id of each target; the second one is split BTF on the first */
	uint32_t first_id[TARGETS];
	/* one side could not open one of them */
	int refused;
	uint32_t cases;
	struct question questions[PAIR_CASES];
	struct answer answers[PAIR_CASES];
};

struct exchange {
	/* where the oracle is; to begin with, where it is to start */
	uint32_t at_pair, at_case, at_stage;
	/* of the libbpf it is linked with; 0 until it has made sure of that */
	uint32_t major, minor;
	int finished;
	uint32_t pair_count;
	struct pair pairs[EXCHANGE_PAIRS];
};

#endif
