/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Types by chance: small, with few names, so that much is found again on the
 * other side; and changes to them, as kernels make from version to version.
 */
#ifndef DIFFERENTIAL_GENERATE_H
#define DIFFERENTIAL_GENERATE_H

#include "model.h"
#include "random.h"

/* Of a pair: how alike, and how broken, its types are. */
struct temper {
	/* of 100 names, how many no other type has */
	uint32_t unique;
	/* of 100 references, how many lead anywhere, round in circles too */
	uint32_t wild;
	/* two members may have one name */
	int duplicates;
	/* of 1000 names, how many are no UTF-8 */
	uint32_t binary;
	/* names given so far */
	uint32_t names;
};

static inline void temper_start(struct random *r, struct temper *temper)
{
	static const uint32_t unique[] = { 0, 40, 80, 90 };

	temper->unique = RANDOM_OF(r, unique);
	temper->wild = random_chance(r, 10) ? 25 : 0;
	temper->duplicates = random_chance(r, 10);
	temper->binary = random_chance(r, 5) ? 100 : 0;
	temper->names = 0;
}

static inline void set_name(char *name, const char *to)
{
	snprintf(name, MODEL_NAME, "%s", to);
}

/* A name with up to two flavors, and with what only looks like one: few of each, so that names meet again. */
static inline void flavor(struct random *r, char *name, const char *stem)
{
	static const char *const separators[] = { "___", "___", "___", "___", "___", "____", "__", "_____" };
	static const char *const flavors[] = { "q", "q", "q", "r", "" };
	static const uint32_t counts[] = { 0, 0, 0, 1, 2, 2 };
	uint32_t left = RANDOM_OF(r, counts);
	int len;

	len = snprintf(name, MODEL_NAME, "%s%s", random_chance(r, 4) ? "___" : "", stem);
	while (left--) {
		const char *separator = RANDOM_OF(r, separators);

		len += snprintf(name + len, (size_t)(MODEL_NAME - len), "%s%s", separator, RANDOM_OF(r, flavors));
	}
}

static inline void flavored_type_name(struct random *r, char *name)
{
	static const char *const stems[] = { "s", "t", "e" };

	flavor(r, name, RANDOM_OF(r, stems));
}

static inline void name_type(struct random *r, struct temper *temper, char *name)
{
	if (random_chance(r, 12))
		set_name(name, "");
	else if (random_chance(r, temper->unique))
		snprintf(name, MODEL_NAME, "u%u", ++temper->names);
	else if (random_chance(r, 60))
		set_name(name, "s");
	else
		flavored_type_name(r, name);
}

static inline void name_part(struct random *r, const struct temper *temper, const struct model_type *t, char *name)
{
	static const char *const enumerators[] = { "A", "B", "C" };
	static const char *const members[] = { "a", "b", "c", "d", "", "", "" };
	const char *stem = model_is_enum(t) ? RANDOM_OF(r, enumerators) : RANDOM_OF(r, members);

	set_name(name, "");
	if (*stem)
		flavor(r, name, stem);
	if (*name && random_below(r, 1000) < temper->binary)
		set_name(name, "\xff\xc3(");
}

/* A type to refer to: one that is there already, so that nothing goes round, unless it's wild. */
static inline uint32_t any_type(struct random *r, const struct temper *temper, uint32_t so_far, uint32_t count)
{
	if (random_chance(r, temper->wild))
		return random_below(r, count + 1);
	return random_chance(r, 6) ? 0 : random_below(r, so_far + 1);
}

static inline int may_have_size(const struct model_type *t)
{
	return t && t->kind != BTF_KIND_FWD && t->kind != BTF_KIND_FUNC && t->kind != BTF_KIND_FUNC_PROTO &&
	       t->kind != BTF_KIND_DATASEC && t->kind != BTF_KIND_VAR && t->kind != BTF_KIND_DECL_TAG;
}

/* The same for a member or element, which seldom is what C would not let it be. */
static inline uint32_t any_object(struct random *r, const struct temper *temper, const struct model *m,
				  uint32_t so_far)
{
	uint32_t id = any_type(r, temper, so_far, m->count), tries;

	for (tries = random_below(r, 10); tries && !may_have_size(model_resolve(m, id)); tries--)
		id = any_type(r, temper, so_far, m->count);
	return id;
}

static inline void make_int(struct random *r, struct temper *temper, struct model_type *t)
{
	static const uint32_t sizes[] = { 1, 2, 4, 8, 4, 16, 4, 8 };
	static const uint32_t encodings[] = { 0, 0, 1, 1, 2, 4, 3 };
	uint32_t bits, offset, encoding;

	if (random_chance(r, 10))
		set_name(t->name, "long");
	else if (random_chance(r, 65))
		set_name(t->name, "int");
	else
		name_type(r, temper, t->name);
	t->size_or_type = RANDOM_OF(r, sizes);
	encoding = RANDOM_OF(r, encodings);
	offset = random_chance(r, 4) ? random_below(r, 9) : 0;
	bits = random_chance(r, 90) ? t->size_or_type * 8 : random_below(r, t->size_or_type * 8 + 1);
	t->parts = 1;
	t->part[0].value = encoding << 24 | offset << 16 | bits;
}

static inline void make_array(struct random *r, const struct temper *temper, const struct model *m,
			      struct model_type *t, uint32_t so_far)
{
	uint32_t dice = random_below(r, 24);

	t->parts = 1;
	t->part[0].type = any_object(r, temper, m, so_far);
	if (dice < 6)
		t->part[0].value = 0;
	else if (dice < 22)
		t->part[0].value = 1 + random_below(r, 5);
	else
		t->part[0].value = dice == 22 ? 0x40000000 : (uint32_t)random_bits(r);
}

static inline void make_composite(struct random *r, struct temper *temper, const struct model *m,
				  struct model_type *t, uint32_t so_far)
{
	static const uint32_t strides[] = { 8, 32, 64, 3 };
	static const uint32_t odd_sizes[] = { 0, 0xffffffff, 0x80000000, 0x20000000, 0x10000001 };
	const struct model_type *of;
	uint32_t i, j, offset, bits;

	name_type(r, temper, t->name);
	t->kflag = random_chance(r, 40);
	t->size_or_type = random_chance(r, 5) ? RANDOM_OF(r, odd_sizes) : 1 + random_below(r, 64);
	t->parts = random_below(r, 6);
	for (i = 0; i < t->parts; i++) {
		struct model_part *part = &t->part[i];

		name_part(r, temper, t, part->name);
		for (j = 0; j < i && !temper->duplicates; j++)
			if (!strcmp(t->part[j].name, part->name))
				set_name(part->name, "");
		part->type = any_object(r, temper, m, so_far);
		if (t->kind == BTF_KIND_UNION && random_chance(r, 80))
			offset = 0;
		else if (random_chance(r, 95))
			offset = i * RANDOM_OF(r, strides);
		else
			offset = (uint32_t)random_bits(r) & 0xffffff;
		bits = 0;
		of = model_resolve(m, part->type);
		if (t->kflag && random_chance(r, of && (of->kind == BTF_KIND_INT || model_is_enum(of)) ? 70 : 4))
			bits = 1 + random_below(r, random_chance(r, 90) ? 40 : 255);
		part->value = bits << 24 | offset;
	}
}

static inline void make_enum(struct random *r, struct temper *temper, struct model_type *t)
{
	static const uint32_t sizes[] = { 4, 4, 4, 1, 8, 2 };
	uint32_t i;

	name_type(r, temper, t->name);
	t->kflag = random_chance(r, 50);
	t->size_or_type = t->kind == BTF_KIND_ENUM64 ? 8 : RANDOM_OF(r, sizes);
	t->parts = random_below(r, 5);
	for (i = 0; i < t->parts; i++) {
		name_part(r, temper, t, t->part[i].name);
		t->part[i].value = random_chance(r, 70) ? random_below(r, 5) : (uint32_t)random_bits(r);
		if (t->kind == BTF_KIND_ENUM64 && random_chance(r, 40))
			t->part[i].high = (uint32_t)random_bits(r);
	}
}

static inline void make_proto(struct random *r, const struct temper *temper, struct model_type *t, uint32_t so_far,
			      uint32_t count)
{
	uint32_t i;

	t->size_or_type = any_type(r, temper, so_far, count);
	t->parts = random_below(r, 4);
	for (i = 0; i < t->parts; i++)
		t->part[i].type = any_type(r, temper, so_far, count);
}

static inline unsigned int choose_kind(struct random *r, uint32_t so_far)
{
	/* as often as they're worth: all that relocation treats in a way of its own */
	static const unsigned int kinds[] = {
		BTF_KIND_INT, BTF_KIND_INT, BTF_KIND_INT, BTF_KIND_PTR, BTF_KIND_ARRAY, BTF_KIND_ARRAY,
		BTF_KIND_STRUCT, BTF_KIND_STRUCT, BTF_KIND_STRUCT, BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_UNION,
		BTF_KIND_ENUM, BTF_KIND_ENUM, BTF_KIND_FWD, BTF_KIND_TYPEDEF, BTF_KIND_TYPEDEF, BTF_KIND_VOLATILE,
		BTF_KIND_CONST, BTF_KIND_RESTRICT, BTF_KIND_FUNC, BTF_KIND_FUNC_PROTO, BTF_KIND_FUNC_PROTO,
		BTF_KIND_FLOAT, BTF_KIND_DECL_TAG, BTF_KIND_TYPE_TAG, BTF_KIND_ENUM64, BTF_KIND_ENUM64,
		BTF_KIND_VAR, BTF_KIND_DATASEC,
	};

	if (so_far < 2 && random_chance(r, 80))
		return BTF_KIND_INT;
	if (so_far > 2 && random_chance(r, 30))
		return BTF_KIND_STRUCT;
	return RANDOM_OF(r, kinds);
}

static inline void generate_type(struct random *r, struct temper *temper, struct model *m, uint32_t so_far)
{
	static const uint32_t float_sizes[] = { 4, 8, 2, 16 };
	struct model_type *t = &m->types[so_far];

	t->kind = choose_kind(r, so_far);
	/* of a prototype, or libbpf 1.8 refuses the file */
	if (t->kind == BTF_KIND_FUNC && (!so_far || m->types[so_far - 1].kind != BTF_KIND_FUNC_PROTO))
		t->kind = BTF_KIND_FUNC_PROTO;
	if (t->kind == BTF_KIND_INT) {
		make_int(r, temper, t);
	} else if (t->kind == BTF_KIND_ARRAY) {
		make_array(r, temper, m, t, so_far);
	} else if (model_is_composite(t)) {
		make_composite(r, temper, m, t, so_far);
	} else if (model_is_enum(t)) {
		make_enum(r, temper, t);
	} else if (t->kind == BTF_KIND_FUNC_PROTO) {
		make_proto(r, temper, t, so_far, m->count);
	} else if (t->kind == BTF_KIND_FUNC) {
		set_name(t->name, "s");
		t->size_or_type = so_far;
	} else if (t->kind == BTF_KIND_FWD) {
		flavored_type_name(r, t->name);
		t->kflag = random_chance(r, 40);
	} else if (t->kind == BTF_KIND_FLOAT) {
		set_name(t->name, random_chance(r, 50) ? "float" : "s");
		t->size_or_type = RANDOM_OF(r, float_sizes);
	} else if (t->kind == BTF_KIND_DATASEC) {
		set_name(t->name, "s");
		t->size_or_type = random_below(r, 20);
	} else {
		/* typedefs, modifiers, pointers, tags, variables */
		t->size_or_type = any_type(r, temper, so_far, m->count);
		if (t->kind == BTF_KIND_TYPEDEF || t->kind == BTF_KIND_TYPE_TAG)
			name_type(r, temper, t->name);
		if (t->kind == BTF_KIND_VAR || t->kind == BTF_KIND_DECL_TAG)
			t->parts = 1;
		if (t->kind == BTF_KIND_DECL_TAG)
			t->part[0].value = 0xffffffff;
		if (t->kind != BTF_KIND_PTR && !model_is_modifier(t))
			set_name(t->name, "s");
		else if (!*t->name && (t->kind == BTF_KIND_TYPEDEF || t->kind == BTF_KIND_TYPE_TAG))
			set_name(t->name, "s");
	}
}

static inline void generate(struct random *r, struct temper *temper, struct model *m)
{
	uint32_t i;

	memset(m, 0, sizeof(*m));
	m->count = 2 + random_below(r, 14);
	for (i = 0; i < m->count; i++)
		generate_type(r, temper, m, i);
}

#endif
