/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A difference in full, for those who look into it.
 */
#ifndef DIFFERENTIAL_PRINT_H
#define DIFFERENTIAL_PRINT_H

#include "deviations.h"

#include <inttypes.h>

static inline void print_values(const char *whose, const struct bpf_core_relo_res *res)
{
	printf("  %s: %" PRIu64 " -> %" PRIu64 " poison %d validate %d fail_memsz_adjust %d", whose,
	       (uint64_t)res->orig_val, (uint64_t)res->new_val, res->poison, res->validate, res->fail_memsz_adjust);
	printf(" size %u of [%u] -> %u of [%u]\n", res->orig_sz, res->orig_type_id, res->new_sz, res->new_type_id);
}

static inline void print_insns(const char *whose, const struct bpf_insn *insns)
{
	uint64_t slots[2];

	memcpy(slots, insns, sizeof(slots));
	printf("  %s: %016" PRIx64 " %016" PRIx64 "\n", whose, slots[0], slots[1]);
}

static inline void print_question(const struct difference *d)
{
	const struct question *q = d->question;
	uint32_t i;

	printf("  relocation: type [%u] kind %u access '%s'; candidates:", q->relo.type_id, (uint32_t)q->relo.kind,
	       q->relo.type_id <= d->plan->local.count ? access_text(d) : "");
	for (i = 0; i < q->cand_count; i++)
		printf(" %s[%u]", q->cands[i].target ? "module " : "", q->cands[i].id);
	printf("\n");
	if (d->stage == COMPAT || d->stage == MATCH)
		printf("  types: [%u] and %s[%u], %s%d%s\n", q->types.local_id, q->types.target ? "module " : "",
		       q->types.target_id, q->types.plain ? "plain, not " : "level ", q->types.level,
		       q->types.behind_ptr ? ", behind a pointer" : "");
}

static inline void print_difference(const struct difference *d)
{
	print_question(d);
	printf("  corelo %d %s\n  libbpf %d, signal %d\n", d->ours->ret[d->stage], d->words,
	       d->theirs->signal[d->stage] ? 0 : d->theirs->ret[d->stage], d->theirs->signal[d->stage]);
	if (d->our_spec && d->our_spec->stored && d->their_spec->stored)
		printf("  corelo %d '%s'\n  libbpf %d '%s'\n", d->our_spec->text_len, d->our_spec->text,
		       d->their_spec->text_len, d->their_spec->text);
	if (d->facet == VALUES) {
		print_values("corelo", &d->ours->res);
		print_values("libbpf", &d->theirs->res);
	}
	if (d->stage >= PATCH) {
		print_insns("asked ", d->question->patch[d->stage - PATCH].insns);
		print_values("answer", &d->question->patch[d->stage - PATCH].res);
		print_insns("corelo", d->ours->insns[d->stage - PATCH]);
		print_insns("libbpf", d->theirs->insns[d->stage - PATCH]);
	}
}

#endif
