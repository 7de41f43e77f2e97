/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Types as the generator has them: easier to change than BTF, which is written
 * from them at the end.
 */
#ifndef DIFFERENTIAL_MODEL_H
#define DIFFERENTIAL_MODEL_H

/* a pair's strings are not shared: 24 types of 12 members, and access strings */
#define BUILD_MAX 16384
#include "../build.h"

#define MODEL_TYPES 24
#define MODEL_PARTS 12
#define MODEL_NAME 24

/* A member, an enumerator, a parameter; of an array, its element; of an int, its encoding. */
struct model_part {
	char name[MODEL_NAME];
	uint32_t type;
	/* offset of a member, number of elements, lower half of a value, encoding */
	uint32_t value;
	/* upper half of a value of an enum64 */
	uint32_t high;
};

struct model_type {
	unsigned int kind;
	int kflag;
	char name[MODEL_NAME];
	uint32_t size_or_type;
	uint32_t parts;
	struct model_part part[MODEL_PARTS];
};

/* Type id i is types[i - 1]. */
struct model {
	uint32_t count;
	struct model_type types[MODEL_TYPES];
};

static inline int model_is_composite(const struct model_type *t)
{
	return t->kind == BTF_KIND_STRUCT || t->kind == BTF_KIND_UNION;
}

static inline int model_is_enum(const struct model_type *t)
{
	return t->kind == BTF_KIND_ENUM || t->kind == BTF_KIND_ENUM64;
}

/* What libbpf and corelo look through. */
static inline int model_is_modifier(const struct model_type *t)
{
	return t->kind == BTF_KIND_TYPEDEF || t->kind == BTF_KIND_VOLATILE || t->kind == BTF_KIND_CONST ||
	       t->kind == BTF_KIND_RESTRICT || t->kind == BTF_KIND_TYPE_TAG;
}

/* Whether size_or_type is a type. */
static inline int model_refers(const struct model_type *t)
{
	return model_is_modifier(t) || t->kind == BTF_KIND_PTR || t->kind == BTF_KIND_FUNC ||
	       t->kind == BTF_KIND_FUNC_PROTO || t->kind == BTF_KIND_VAR || t->kind == BTF_KIND_DECL_TAG;
}

/* The type with this id; NULL for void and for ids that no type has. */
static inline const struct model_type *model_type(const struct model *m, uint32_t id)
{
	return id && id <= m->count ? &m->types[id - 1] : NULL;
}

/* The type under all modifiers, or NULL; these may go round. */
static inline const struct model_type *model_resolve(const struct model *m, uint32_t id)
{
	const struct model_type *t = model_type(m, id);
	int i;

	for (i = 0; t && model_is_modifier(t) && i < 300; i++)
		t = model_type(m, t->size_or_type);
	return t;
}

static inline uint32_t model_optional_str(struct build *b, const char *str)
{
	return *str ? build_str(b, str) : 0;
}

static inline void model_write_part(struct build *b, const struct model_type *t, const struct model_part *part,
				    uint32_t type)
{
	switch (t->kind) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		build_u32(b, part->value);
		break;
	case BTF_KIND_ARRAY:
		build_u32(b, type);
		/* of the index; nobody looks */
		build_u32(b, type);
		build_u32(b, part->value);
		break;
	case BTF_KIND_ENUM:
		build_u32(b, model_optional_str(b, part->name));
		build_u32(b, part->value);
		break;
	case BTF_KIND_ENUM64:
		build_u32(b, model_optional_str(b, part->name));
		build_u32(b, part->value);
		build_u32(b, part->high);
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		build_member(b, part->name, type, part->value);
		break;
	case BTF_KIND_FUNC_PROTO:
		build_param(b, part->name, type);
		break;
	}
}

/* Adds all types to @b. In split BTF, @first is the id that the first one gets, else 1. */
static inline void model_write(const struct model *m, struct build *b, uint32_t first)
{
	uint32_t i, j;

	for (i = 0; i < m->count; i++) {
		const struct model_type *t = &m->types[i];
		int counts = model_is_composite(t) || model_is_enum(t) || t->kind == BTF_KIND_FUNC_PROTO;
		uint32_t to = t->size_or_type;

		if (model_refers(t) && to)
			to += first - 1;
		build_type(b, t->name, t->kind | (t->kflag ? BUILD_KFLAG : 0), counts ? t->parts : 0, to);
		for (j = 0; j < t->parts; j++)
			model_write_part(b, t, &t->part[j], t->part[j].type ? t->part[j].type + first - 1 : 0);
	}
}

/* For those who look into a difference. */
static inline void model_print(const struct model *m, const char *title, uint32_t first)
{
	static const char *const kinds[] = {
		"void", "int", "ptr", "array", "struct", "union", "enum", "fwd", "typedef", "volatile", "const",
		"restrict", "func", "func_proto", "var", "datasec", "float", "decl_tag", "type_tag", "enum64",
	};
	uint32_t i, j;

	printf("  %s:\n", title);
	for (i = 0; i < m->count; i++) {
		const struct model_type *t = &m->types[i];

		printf("    [%u] %s '%s' %s %u%s\n", first + i, kinds[t->kind], t->name,
		       model_refers(t) ? "to" : "size", t->size_or_type, t->kflag ? " kflag" : "");
		for (j = 0; j < t->parts; j++) {
			const struct model_part *part = &t->part[j];

			printf("        #%u '%s' type %u value 0x%x", j, part->name, part->type, part->value);
			if (t->kflag && model_is_composite(t))
				printf(" (%u bits at %u)", part->value >> 24, part->value & 0xffffff);
			printf(part->high ? " high 0x%x\n" : "\n", part->high);
		}
	}
}

#endif
