/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Asks the functions. The same code in both programs: of the one that compares,
 * libcorelo answers, of the oracle, libbpf.a.
 */
#ifndef DIFFERENTIAL_ANSWER_H
#define DIFFERENTIAL_ANSWER_H

#include "exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct handles {
	const struct btf *local;
	const struct btf *target[TARGETS];
};

/* What is not written still has it. */
#define UNWRITTEN 0x5a

static inline int is_unwritten(const void *data, size_t size)
{
	const unsigned char *bytes = data;

	return !size || (bytes[0] == UNWRITTEN && !memcmp(bytes, bytes + 1, size - 1));
}

static inline uint32_t name_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	if (!name)
		return 0;
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash | 1;
}

static inline uint32_t target_of(const struct handles *h, const struct btf *btf)
{
	return btf == h->target[0] ? 0 : btf == h->target[1] ? 1 : 99;
}

static inline void answer_text(struct spec_answer *a, const struct bpf_core_spec *spec, size_t size)
{
	memset(a->text, UNWRITTEN, size + 8);
	a->text_len = bpf_core_format_spec(a->text, size, spec);
	a->text_overrun = !is_unwritten(a->text + size, 8);
	if (!size || is_unwritten(a->text, size))
		a->text[0] = 0;
}

static inline void answer_spec(struct spec_answer *a, const struct handles *h, const struct bpf_core_spec *spec,
			       size_t text_size)
{
	int i;

	a->stored = !is_unwritten(spec, sizeof(*spec));
	if (!a->stored)
		return;
	a->btf = spec->btf == h->local ? 0 : spec->btf == h->target[0] ? 1 : spec->btf == h->target[1] ? 2 : -1;
	a->root = spec->root_type_id;
	a->kind = spec->relo_kind;
	a->bit_offset = spec->bit_offset;
	a->len = spec->len;
	a->raw_len = spec->raw_len;
	for (i = 0; i < a->len && i < BPF_CORE_SPEC_MAX_LEN; i++) {
		a->steps[i].type_id = spec->spec[i].type_id;
		a->steps[i].idx = spec->spec[i].idx;
		a->steps[i].name = name_hash(spec->spec[i].name);
	}
	for (i = 0; i < a->raw_len && i < BPF_CORE_SPEC_MAX_LEN; i++)
		a->raw[i] = spec->raw_spec[i];
	answer_text(a, spec, text_size);
}

static inline int answer_add_cands(const struct question *q, const struct pair *p, const struct handles *h,
				   struct answer *a)
{
	struct bpf_core_cand_list *list = calloc(1, sizeof(*list));
	struct bpf_core_cand local = { h->local, q->relo.type_id };
	size_t len = bpf_core_essential_name_len(q->name);
	uint32_t i;
	int ret = list ? 0 : -ENOMEM;

	/* libbpf never asks for types without a name */
	for (i = 0; i < p->targets && len && !ret; i++)
		ret = bpf_core_add_cands(&local, len, h->target[i], "target", (int)p->first_id[i], list);
	a->added_count = list ? (uint32_t)list->len : 0;
	for (i = 0; i < a->added_count && i < MAX_CANDS; i++)
		a->added[i] = (struct cand){ target_of(h, list->cands[i].btf), list->cands[i].id };
	bpf_core_free_cands(list);
	return ret;
}

static inline int answer_parse(const struct question *q, const struct handles *h, struct answer *a)
{
	struct bpf_core_spec spec;
	int ret;

	memset(&spec, UNWRITTEN, sizeof(spec));
	ret = bpf_core_parse_spec("prog", h->local, &q->relo, &spec);
	a->touched[PARSE] = ret && !is_unwritten(&spec, sizeof(spec));
	if (!ret)
		answer_spec(&a->parsed, h, &spec, q->text_size);
	return ret;
}

static inline int answer_calc(const struct question *q, const struct handles *h, struct answer *a)
{
	struct bpf_core_cand given[MAX_CANDS], cands[MAX_CANDS];
	struct bpf_core_cand_list list = { cands, (int)q->cand_count };
	struct bpf_core_spec specs[3];
	struct bpf_core_relo_res res;
	uint32_t i;
	int ret;

	memset(specs, UNWRITTEN, sizeof(specs));
	memset(&res, UNWRITTEN, sizeof(res));
	memset(given, 0, sizeof(given));
	for (i = 0; i < q->cand_count; i++) {
		given[i].btf = h->target[q->cands[i].target];
		given[i].id = q->cands[i].id;
	}
	memcpy(cands, given, sizeof(cands));
	ret = bpf_core_calc_relo_insn("prog", &q->relo, 0, h->local, &list, specs, &res);
	if (ret) {
		a->touched[CALC] = list.cands != cands || list.len != (int)q->cand_count ||
				   memcmp(cands, given, sizeof(cands)) || !is_unwritten(specs, sizeof(specs)) ||
				   !is_unwritten(&res, sizeof(res));
		return ret;
	}
	a->res = res;
	a->cand_count = (uint32_t)list.len;
	for (i = 0; i < a->cand_count && i < MAX_CANDS; i++)
		a->cands[i] = (struct cand){ target_of(h, cands[i].btf), cands[i].id };
	answer_spec(&a->local, h, &specs[0], q->text_size);
	answer_spec(&a->target, h, &specs[2], q->text_size);
	return 0;
}

static inline int answer_compat(const struct question *q, const struct handles *h)
{
	const struct btf *target = h->target[q->types.target];

	if (q->types.plain)
		return bpf_core_types_are_compat(h->local, q->types.local_id, target, q->types.target_id);
	return __bpf_core_types_are_compat(h->local, q->types.local_id, target, q->types.target_id, q->types.level);
}

static inline int answer_match(const struct question *q, const struct handles *h)
{
	const struct btf *target = h->target[q->types.target];

	if (q->types.plain)
		return bpf_core_types_match(h->local, q->types.local_id, target, q->types.target_id);
	return __bpf_core_types_match(h->local, q->types.local_id, target, q->types.target_id,
				      q->types.behind_ptr, q->types.level);
}

static inline int answer_patch(const struct question *q, struct answer *a, int i)
{
	struct bpf_insn *insns = a->insns[i];
	int ret;

	memcpy(insns, q->patch[i].insns, sizeof(a->insns[i]));
	ret = bpf_core_patch_insn("prog", insns, 0, &q->relo, 0, &q->patch[i].res);
	a->touched[PATCH + i] = ret && memcmp(insns, q->patch[i].insns, sizeof(a->insns[i]));
	return ret;
}

static inline int answer_stage(const struct question *q, const struct pair *p, const struct handles *h,
			       struct answer *a, int stage)
{
	switch (stage) {
	case NAME_LEN:
		return (int)bpf_core_essential_name_len(q->name);
	case ADD_CANDS:
		return answer_add_cands(q, p, h, a);
	case PARSE:
		return answer_parse(q, h, a);
	case CALC:
		return answer_calc(q, h, a);
	case COMPAT:
		return answer_compat(q, h);
	case MATCH:
		return answer_match(q, h);
	default:
		return answer_patch(q, a, stage - PATCH);
	}
}

/* All that is compared, whatever was in it. */
static inline void answer_start(struct answer *a)
{
	memset(a->signal, 0, sizeof(a->signal));
	memset(a->touched, 0, sizeof(a->touched));
	a->parsed.stored = a->local.stored = a->target.stored = 0;
	a->added_count = a->cand_count = 0;
}

/* An answer's spec is NULL-like when it was not stored. */
static inline int specs_differ(const struct spec_answer *a, const struct spec_answer *b)
{
	size_t steps = a->len > 0 ? (size_t)a->len * sizeof(a->steps[0]) : 0;
	size_t raw = a->raw_len > 0 ? (size_t)a->raw_len * sizeof(a->raw[0]) : 0;

	if (a->stored != b->stored)
		return 1;
	if (!a->stored)
		return 0;
	return a->btf != b->btf || a->root != b->root || a->kind != b->kind || a->bit_offset != b->bit_offset ||
	       a->len != b->len || a->raw_len != b->raw_len || memcmp(a->steps, b->steps, steps) ||
	       memcmp(a->raw, b->raw, raw);
}

static inline int texts_differ(const struct spec_answer *a, const struct spec_answer *b)
{
	if (!a->stored || !b->stored)
		return 0;
	return a->text_len != b->text_len || a->text_overrun || b->text_overrun || strcmp(a->text, b->text);
}

static inline int cands_differ(uint32_t a_count, const struct cand *a, uint32_t b_count, const struct cand *b)
{
	return a_count != b_count || memcmp(a, b, a_count * sizeof(*a));
}

static inline int values_differ(const struct bpf_core_relo_res *a, const struct bpf_core_relo_res *b)
{
	return a->orig_val != b->orig_val || a->new_val != b->new_val || a->poison != b->poison ||
	       a->validate != b->validate || a->fail_memsz_adjust != b->fail_memsz_adjust ||
	       a->orig_sz != b->orig_sz || a->orig_type_id != b->orig_type_id || a->new_sz != b->new_sz ||
	       a->new_type_id != b->new_type_id;
}

#endif
