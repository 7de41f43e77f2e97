/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Small BTF, byte by byte and in either byte order, so that a test needs no
 * compiler for BPF and no other library.
 */
#ifndef CORELO_BUILD_H
#define CORELO_BUILD_H

#include <linux/btf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUILD_IS_BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#ifndef BUILD_MAX
#define BUILD_MAX 4096
#endif

/* BTF under construction; aborts when it is full. */
struct build {
	int big;
	uint32_t next_id;	/* that the next type gets */
	uint32_t first_str;	/* offset of the first of its own strings */
	size_t types_len, strs_len;
	unsigned char types[BUILD_MAX];
	char strs[BUILD_MAX];
};

static inline void build_put(unsigned char *at, uint64_t value, size_t bytes, int big)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		at[big ? bytes - 1 - i : i] = value >> (8 * i);
}

static inline uint64_t build_get(const unsigned char *at, size_t bytes, int big)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < bytes; i++)
		value |= (uint64_t)at[big ? bytes - 1 - i : i] << (8 * i);
	return value;
}

static inline uint32_t build_str(struct build *b, const char *str)
{
	size_t len = strlen(str) + 1, at = b->strs_len;

	if (at && !*str)
		return 0;
	if (at + len > BUILD_MAX)
		abort();
	memcpy(b->strs + at, str, len);
	b->strs_len += len;
	return b->first_str + at;
}

static inline void build_u32(struct build *b, uint32_t value)
{
	if (b->types_len + 4 > BUILD_MAX)
		abort();
	build_put(b->types + b->types_len, value, 4, b->big);
	b->types_len += 4;
}

static inline void build_start(struct build *b, int big)
{
	memset(b, 0, sizeof(*b));
	b->big = big;
	b->next_id = 1;
	build_str(b, "");
}

/* Goes on where @base ends. */
static inline void build_start_split(struct build *b, const struct build *base)
{
	memset(b, 0, sizeof(*b));
	b->big = base->big;
	b->next_id = base->next_id;
	b->first_str = base->first_str + base->strs_len;
	/* the first string of the base is for all: here, the first is no empty one */
	build_str(b, "split");
}

#define BUILD_KFLAG 0x80

/* @kind may be or'ed with BUILD_KFLAG. */
static inline uint32_t build_type(struct build *b, const char *name, unsigned int kind,
				  uint32_t vlen, uint32_t size_or_type)
{
	build_u32(b, *name ? build_str(b, name) : 0);
	build_u32(b, (uint32_t)kind << 24 | vlen);
	build_u32(b, size_or_type);
	return b->next_id++;
}

static inline uint32_t build_int(struct build *b, const char *name, uint32_t bytes, uint32_t encoding)
{
	uint32_t id = build_type(b, name, BTF_KIND_INT, 0, bytes);

	build_u32(b, encoding << 24 | bytes * 8);
	return id;
}

static inline uint32_t build_array(struct build *b, uint32_t elem, uint32_t index, uint32_t nelems)
{
	uint32_t id = build_type(b, "", BTF_KIND_ARRAY, 0, 0);

	build_u32(b, elem);
	build_u32(b, index);
	build_u32(b, nelems);
	return id;
}

/* Follows its struct or union; with the kflag, @bits_off is size << 24 | offset. */
static inline void build_member(struct build *b, const char *name, uint32_t type, uint32_t bits_off)
{
	build_u32(b, *name ? build_str(b, name) : 0);
	build_u32(b, type);
	build_u32(b, bits_off);
}

/* Follows its enum. */
static inline void build_enumerator(struct build *b, const char *name, uint32_t value)
{
	build_u32(b, build_str(b, name));
	build_u32(b, value);
}

/* Follows its function prototype. */
static inline void build_param(struct build *b, const char *name, uint32_t type)
{
	build_u32(b, *name ? build_str(b, name) : 0);
	build_u32(b, type);
}

/* A copy in memory of just its size, so that nothing is read behind it unnoticed. */
static inline void *build_copy(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* To be freed. */
static inline unsigned char *build_btf(const struct build *b, size_t *size)
{
	const uint32_t hdr_len = 24;
	unsigned char *data;

	*size = hdr_len + b->types_len + b->strs_len;
	data = calloc(1, *size);
	if (!data)
		abort();
	build_put(data, 0xeb9f, 2, b->big);
	data[2] = 1;
	build_put(data + 4, hdr_len, 4, b->big);
	build_put(data + 12, b->types_len, 4, b->big);
	build_put(data + 16, b->types_len, 4, b->big);
	build_put(data + 20, b->strs_len, 4, b->big);
	memcpy(data + hdr_len, b->types, b->types_len);
	memcpy(data + hdr_len + b->types_len, b->strs, b->strs_len);
	return data;
}

/* The whole file in memory of just its size, or NULL; to be freed. */
static inline unsigned char *build_load(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	unsigned char *data, *exact = NULL;
	size_t room = 1 << 16, got;

	*size = 0;
	if (!file)
		return NULL;
	data = malloc(room);
	while (data && (got = fread(data + *size, 1, room - *size, file)) > 0) {
		*size += got;
		if (*size == room)
			data = realloc(data, room *= 2);
	}
	fclose(file);
	if (data)
		exact = build_copy(data, *size);
	free(data);
	return exact;
}

/* A new file, whose name replaces the XXXXXX at the end of @path. 0 when that fails. */
static inline int build_file(char *path, const void *data, size_t size)
{
	int fd = mkstemp(path);
	int ok = fd >= 0 && write(fd, data, size) == (ssize_t)size;

	if (fd >= 0)
		close(fd);
	return ok;
}

#endif /* CORELO_BUILD_H */
