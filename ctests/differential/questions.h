/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What is asked about a pair: access strings that lead through the local
 * types, relocations of all kinds, instructions of all forms.
 */
#ifndef DIFFERENTIAL_QUESTIONS_H
#define DIFFERENTIAL_QUESTIONS_H

#include "exchange.h"
#include "mutate.h"

#define ACCESSES 72
#define ACCESS_SIZE 160

struct access {
	uint32_t root;
	uint32_t str_off;
	char text[ACCESS_SIZE];
};

/* Those of one local type, as pruned by the relocations so far. */
struct cands {
	int known;
	uint32_t count;
	struct cand cands[MAX_CANDS];
};

/* A pair under construction, and what questions need to know of it. */
struct plan {
	struct random random;
	struct temper temper;
	int big;
	struct model local, target[TARGETS];
	uint32_t access_count;
	struct access accesses[ACCESSES];
	/* of the string "0", which type-based relocations have */
	uint32_t zero_off;
	struct cands cands[MODEL_TYPES + 1];
};

/* The text is long enough for 70 steps of one digit; what goes beyond is cut, and so a wrong string. */
static inline void add_step(char *text, uint32_t idx)
{
	size_t len = strlen(text);

	snprintf(text + len, ACCESS_SIZE - len, *text ? ":%u" : "%u", idx);
}

static inline void make_access(struct random *r, const struct model *m, uint32_t root, char *text)
{
	static const char *const odd[] = {
		"", "x", ":0", "0:", "0::1", " 0:1", "0: 1", "0:+1", "0:-1", "-1", "-1:0", "0+1", "0:1 ", "00:01",
		"0:1x", "0:2147483647", "0:2147483648", "0:4294967295", "4294967296:0", "1 1", "0:1:", "\t0", "0:\v1",
	};
	const struct model_type *t = model_resolve(m, root);
	uint32_t steps = random_chance(r, 85) ? 1 + random_below(r, 5) : 0;

	*text = 0;
	if (random_chance(r, 2)) {
		strcpy(text, RANDOM_OF(r, odd));
		return;
	}
	if (random_below(r, 500) == 0) {
		for (steps = 60 + random_below(r, 9); steps; steps--)
			add_step(text, 0);
		return;
	}
	if (t && model_is_enum(t)) {
		add_step(text, random_below(r, t->parts + 1));
		return;
	}
	add_step(text, random_chance(r, 85) ? 0 : random_below(r, 4));
	for (; t && steps; steps--) {
		uint32_t i;

		if (model_is_composite(t) && t->parts) {
			/* past the end once in a while */
			i = random_below(r, t->parts + random_chance(r, 3));
			add_step(text, i);
			t = i < t->parts ? model_resolve(m, t->part[i].type) : NULL;
		} else if (t->kind == BTF_KIND_ARRAY) {
			i = t->part[0].value < 5 ? t->part[0].value : 5;
			add_step(text, random_chance(r, 80) ? random_below(r, i + 1) : random_below(r, 3));
			t = model_resolve(m, t->part[0].type);
		} else {
			if (random_chance(r, 3))
				add_step(text, 0);
			break;
		}
	}
}

static inline void write_file(struct file *file, const struct build *b)
{
	size_t size;
	unsigned char *data = build_btf(b, &size);

	if (size > sizeof(file->data))
		abort();
	memcpy(file->data, data, size);
	file->size = (uint32_t)size;
	free(data);
}

/* The types of both sides, as files. */
static inline void plan_pair(struct plan *plan, uint64_t seed, struct pair *p)
{
	static struct build build, split;
	struct random *r = &plan->random;
	uint32_t i, root;

	random_seed(r, seed);
	temper_start(r, &plan->temper);
	generate(r, &plan->temper, &plan->local);
	for (i = 0; i < TARGETS; i++) {
		if (random_chance(r, 75))
			mutate(r, &plan->temper, &plan->local, &plan->target[i]);
		else
			generate(r, &plan->temper, &plan->target[i]);
	}
	plan->big = random_chance(r, 15) ? !BUILD_IS_BIG : BUILD_IS_BIG;
	memset(plan->cands, 0, sizeof(plan->cands));

	build_start(&build, plan->big);
	model_write(&plan->local, &build, 1);
	plan->access_count = 0;
	for (root = 1; root <= plan->local.count; root++) {
		for (i = 0; i < 3; i++) {
			struct access *access = &plan->accesses[plan->access_count++];

			access->root = root;
			make_access(r, &plan->local, root, access->text);
			access->str_off = model_optional_str(&build, access->text);
		}
	}
	plan->zero_off = build_str(&build, "0");
	write_file(&p->local, &build);

	build_start(&build, plan->big);
	model_write(&plan->target[0], &build, 1);
	write_file(&p->target[0], &build);
	p->first_id[0] = 1;
	p->targets = 1;
	if (random_chance(r, 20)) {
		/* a module */
		build_start_split(&split, &build);
		p->first_id[1] = split.next_id;
		make_module(&plan->target[1]);
		model_write(&plan->target[1], &split, split.next_id);
		write_file(&p->target[1], &split);
		p->targets = 2;
	}
	p->refused = 0;
	p->cases = 0;
}

static inline uint32_t any_target_id(struct random *r, const struct plan *plan, uint32_t targets, uint32_t target)
{
	uint32_t count = plan->target[0].count + (targets > 1 && target ? plan->target[1].count : 0);

	return random_below(r, count + 1);
}

/* The candidates for a root type, the first time it comes up. */
static inline void plan_cands(struct plan *plan, const struct pair *p, const struct answer *a, uint32_t root)
{
	struct cands *cands = &plan->cands[root];
	struct random *r = &plan->random;
	uint32_t i;

	if (cands->known)
		return;
	cands->known = 1;
	cands->count = a->added_count;
	memcpy(cands->cands, a->added, sizeof(cands->cands));
	if (!random_chance(r, 8))
		return;
	/* ones that nobody's search would have found */
	cands->count = random_below(r, 4);
	for (i = 0; i < cands->count; i++) {
		cands->cands[i].target = random_below(r, p->targets);
		cands->cands[i].id = any_target_id(r, plan, p->targets, cands->cands[i].target);
	}
}

static inline uint32_t any_relo_kind(struct random *r, const struct model_type *t, const char *access, int field)
{
	static const uint32_t of_types[] = {
		BPF_CORE_TYPE_ID_LOCAL, BPF_CORE_TYPE_ID_TARGET, BPF_CORE_TYPE_EXISTS, BPF_CORE_TYPE_SIZE,
		BPF_CORE_TYPE_MATCHES, BPF_CORE_TYPE_MATCHES, BPF_CORE_TYPE_MATCHES,
	};

	if (random_chance(r, 1))
		return random_below(r, 20);
	if (random_chance(r, t && model_is_enum(t) ? 80 : 1))
		return BPF_CORE_ENUMVAL_EXISTS + random_below(r, 2);
	if (!field && random_chance(r, 60))
		return RANDOM_OF(r, of_types);
	/* of an element, as the root is one, sign and shifts can't be asked */
	if (strchr(access, ':') || random_chance(r, 5))
		return random_below(r, BPF_CORE_TYPE_ID_LOCAL);
	return random_below(r, BPF_CORE_FIELD_SIGNED);
}

static inline int is_type_based(uint32_t kind)
{
	return (kind >= BPF_CORE_TYPE_ID_LOCAL && kind <= BPF_CORE_TYPE_SIZE) || kind == BPF_CORE_TYPE_MATCHES;
}

/* A relocation, and all else that doesn't depend on its answer. */
static inline void plan_question(struct plan *plan, const struct pair *p, struct question *q)
{
	static const uint32_t text_sizes[] = { 500, 500, 500, 500, 0, 1, 7, 20 };
	struct random *r = &plan->random;
	int field = random_chance(r, 60), i;
	const struct access *access = &plan->accesses[random_below(r, plan->access_count)];
	const struct model_type *t;

	/* half of all types have neither name nor members, and nothing to relocate */
	for (i = 0; i < 12; i++) {
		t = model_type(&plan->local, access->root);
		if (*t->name ? !field || strchr(access->text, ':') : random_chance(r, 5))
			break;
		access = &plan->accesses[random_below(r, plan->access_count)];
	}
	t = model_type(&plan->local, access->root);
	memset(q, 0, sizeof(*q));
	snprintf(q->name, sizeof(q->name), "%s", t->name);
	q->relo.insn_off = 8 * random_below(r, 100);
	q->relo.type_id = access->root;
	q->relo.kind = any_relo_kind(r, t, access->text, field);
	q->relo.access_str_off = is_type_based(q->relo.kind) && random_chance(r, 97) ? plan->zero_off : access->str_off;
	if (random_below(r, 1000) == 0)
		q->relo.type_id = plan->local.count + 1 + random_below(r, 3);
	q->text_size = RANDOM_OF(r, text_sizes);

	q->types.local_id = random_below(r, plan->local.count + 1);
	q->types.target = random_below(r, p->targets);
	q->types.target_id = random_chance(r, 60) && q->types.local_id <= plan->target[0].count
			     ? q->types.local_id : any_target_id(r, plan, p->targets, q->types.target);
	if (random_below(r, 1000) == 0)
		q->types.target_id += 2 * MODEL_TYPES;
	q->types.plain = random_chance(r, 30);
	q->types.level = random_chance(r, 60) ? 32 : (int)random_below(r, 6);
	q->types.behind_ptr = random_chance(r, 30);
}

/* An instruction of a form that fits the answer more often than not, and an answer that is not always the true one. */
static inline void plan_patch(struct random *r, const struct bpf_core_relo_res *answer, struct bpf_insn *insns,
			      struct bpf_core_relo_res *res)
{
	static const uint8_t codes[] = {
		/* ALU64, ALU: mov, add; LDX of each size, MEMSX */
		0xb7, 0xb4, 0x07, 0x04, 0x61, 0x69, 0x71, 0x79, 0x81, 0x89, 0x91,
		/* ST, STX of each size, LDIMM64 */
		0x62, 0x6a, 0x72, 0x7a, 0x63, 0x6b, 0x73, 0x7b, 0x18, 0x18, 0x18,
		/* what can't be relocated: mov of a register, ja, call, exit */
		0xbf, 0x05, 0x85, 0x95,
	};
	static const uint32_t sizes[] = { 1, 2, 4, 8, 3 };
	uint64_t value = random_chance(r, 85) ? answer->orig_val : random_bits(r);
	uint8_t code = random_chance(r, 95) ? RANDOM_OF(r, codes) : (uint8_t)random_bits(r), class = code & 7;
	int memory = class == BPF_LDX || class == BPF_ST || class == BPF_STX, i;

	*res = *answer;
	if (random_chance(r, 10))
		res->new_val = random_bits(r) >> random_below(r, 64);
	if (random_chance(r, 8)) {
		res->orig_sz = RANDOM_OF(r, sizes);
		res->new_sz = RANDOM_OF(r, sizes);
	}
	res->poison = res->poison || random_chance(r, 3);
	res->fail_memsz_adjust = res->fail_memsz_adjust || random_chance(r, 3);

	for (i = 0; i < 2; i++)
		memset(&insns[i], 0, sizeof(insns[i]));
	insns[0].code = code;
	insns[0].dst_reg = random_below(r, 11);
	insns[0].src_reg = code == 0x18 && random_chance(r, 90) ? 0 : random_below(r, 16);
	insns[0].off = memory ? (int16_t)value : random_chance(r, 90) ? 0 : (int16_t)random_bits(r);
	insns[0].imm = memory ? 0 : (int32_t)value;
	insns[1].imm = (int32_t)(value >> 32);
	if (code != 0x18 || random_chance(r, 5)) {
		uint64_t bits = random_bits(r) & random_bits(r) & random_bits(r);

		memcpy(&insns[1], &bits, sizeof(bits));
	}
}

#endif
