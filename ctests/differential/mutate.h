/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What differs between two kernels' types.
 */
#ifndef DIFFERENTIAL_MUTATE_H
#define DIFFERENTIAL_MUTATE_H

#include "generate.h"

static inline void reverse_parts(struct model_type *t)
{
	uint32_t i;

	for (i = 0; i < t->parts / 2; i++) {
		struct model_part other = t->part[t->parts - 1 - i];

		t->part[t->parts - 1 - i] = t->part[i];
		t->part[i] = other;
	}
}

static inline void insert_part(struct random *r, const struct temper *temper, struct model_type *t, uint32_t so_far)
{
	uint32_t at = random_below(r, t->parts + 1);

	if (t->parts == MODEL_PARTS || !(model_is_composite(t) || model_is_enum(t)))
		return;
	memmove(&t->part[at + 1], &t->part[at], (t->parts - at) * sizeof(t->part[0]));
	memset(&t->part[at], 0, sizeof(t->part[at]));
	t->parts++;
	name_part(r, temper, t, t->part[at].name);
	if (model_is_composite(t))
		t->part[at].type = random_below(r, so_far + 1);
	else
		t->part[at].value = random_below(r, 9);
}

static inline void remove_part(struct random *r, struct model_type *t)
{
	uint32_t at = random_below(r, t->parts);

	if (!t->parts || !(model_is_composite(t) || model_is_enum(t) || t->kind == BTF_KIND_FUNC_PROTO))
		return;
	t->parts--;
	memmove(&t->part[at], &t->part[at + 1], (t->parts - at) * sizeof(t->part[0]));
	memset(&t->part[t->parts], 0, sizeof(t->part[0]));
}

static inline void resize(struct random *r, struct model_type *t)
{
	static const uint32_t sizes[] = { 1, 2, 4, 8 };

	if (t->kind == BTF_KIND_INT) {
		t->size_or_type = RANDOM_OF(r, sizes);
		t->part[0].value = (t->part[0].value & 0xff000000) | t->size_or_type * 8;
	} else if (t->kind == BTF_KIND_ARRAY) {
		t->part[0].value = random_below(r, 6);
	} else if (model_is_composite(t)) {
		t->size_or_type = random_below(r, 50);
	}
}

static inline void change_kind(struct model_type *t)
{
	switch (t->kind) {
	case BTF_KIND_STRUCT:
		t->kind = BTF_KIND_UNION;
		break;
	case BTF_KIND_UNION:
		t->kind = BTF_KIND_STRUCT;
		break;
	case BTF_KIND_ENUM:
		t->kind = BTF_KIND_ENUM64;
		t->size_or_type = 8;
		break;
	case BTF_KIND_VOLATILE:
		t->kind = BTF_KIND_CONST;
		break;
	case BTF_KIND_FWD:
		t->kflag = !t->kflag;
		break;
	}
}

/* The last members go into an anonymous struct or union: C code that uses them stays as it is. */
static inline void nest_parts(struct random *r, struct model *m, struct model_type *t)
{
	uint32_t cut = random_below(r, t->parts);
	struct model_type *inner;

	if (!model_is_composite(t) || t->parts < 2 || m->count == MODEL_TYPES)
		return;
	inner = &m->types[m->count++];
	memset(inner, 0, sizeof(*inner));
	inner->kind = random_chance(r, 50) ? BTF_KIND_STRUCT : BTF_KIND_UNION;
	inner->kflag = t->kflag;
	inner->size_or_type = 32;
	inner->parts = t->parts - cut;
	memcpy(inner->part, &t->part[cut], inner->parts * sizeof(t->part[0]));
	memset(&t->part[cut], 0, inner->parts * sizeof(t->part[0]));
	t->part[cut].type = m->count;
	t->part[cut].value = inner->part[0].value & 0xffffff;
	t->parts = cut + 1;
}

/* A second type of the same essential name. */
static inline void duplicate(struct random *r, struct model *m, const struct model_type *t)
{
	struct model_type *copy;

	if (m->count == MODEL_TYPES)
		return;
	copy = &m->types[m->count++];
	*copy = *t;
	if (*copy->name && random_chance(r, 50))
		strncat(copy->name, "___f", MODEL_NAME - 1 - strlen(copy->name));
}

static inline void mutate_once(struct random *r, const struct temper *temper, struct model *m)
{
	uint32_t i = random_below(r, m->count);
	struct model_type *t = &m->types[i];

	switch (random_below(r, 9)) {
	case 0:
		if (t->kind != BTF_KIND_INT)
			reverse_parts(t);
		break;
	case 1:
		if (model_is_composite(t) && t->parts)
			t->part[random_below(r, t->parts)].value ^= 1u << random_below(r, 12);
		break;
	case 2:
		insert_part(r, temper, t, i);
		break;
	case 3:
		remove_part(r, t);
		break;
	case 4:
		if (*t->name && t->kind != BTF_KIND_INT)
			flavored_type_name(r, t->name);
		break;
	case 5:
		resize(r, t);
		break;
	case 6:
		change_kind(t);
		break;
	case 7:
		nest_parts(r, m, t);
		break;
	case 8:
		duplicate(r, m, t);
		break;
	}
}

/* Where a module's BTF may lead; other references are refused when it is opened, by corelo and by newer versions of libbpf. */
static inline uint32_t allowed_reference(const struct model *m, uint32_t id)
{
	const struct model_type *t = model_type(m, id);

	if (!t)
		return 0;
	switch (t->kind) {
	case BTF_KIND_FUNC:
	case BTF_KIND_VAR:
	case BTF_KIND_DATASEC:
	case BTF_KIND_DECL_TAG:
		return 0;
	default:
		return id;
	}
}

static inline uint32_t first_of_kind(const struct model *m, unsigned int kind)
{
	uint32_t id;

	for (id = 1; id <= m->count && m->types[id - 1].kind != kind; id++)
		;
	return id <= m->count ? id : 0;
}

static inline void make_module(struct model *m)
{
	uint32_t proto = first_of_kind(m, BTF_KIND_FUNC_PROTO), i, part;

	for (i = 0; i < m->count; i++) {
		struct model_type *t = &m->types[i];

		if (t->kind == BTF_KIND_FUNC && !proto)
			t->kind = BTF_KIND_TYPEDEF;
		if (t->kind == BTF_KIND_FUNC)
			t->size_or_type = proto;
		else if (model_refers(t))
			t->size_or_type = allowed_reference(m, t->size_or_type);
		for (part = 0; part < t->parts; part++)
			t->part[part].type = allowed_reference(m, t->part[part].type);
	}
}

static inline void mutate(struct random *r, const struct temper *temper, const struct model *from, struct model *to)
{
	uint32_t changes = random_below(r, 5);

	*to = *from;
	while (changes--)
		mutate_once(r, temper, to);
}

#endif
