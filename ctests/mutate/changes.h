/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What becomes of a file in bad hands. Most changes go where a parser looks:
 * a random byte of an object is one of its strings or line numbers.
 */
#ifndef MUTATE_CHANGES_H
#define MUTATE_CHANGES_H

#include "../differential/random.h"
#include "../elf_file.h"

#define MAX_PLACES 64

/* The parts of a file that are worth changing, each as likely as the other. */
struct places {
	struct place place[MAX_PLACES];
	unsigned int count;
	/* byte order of the words in it */
	int big;
};

static inline void add_place(struct places *p, size_t off, size_t len, size_t size)
{
	if (p->count == MAX_PLACES || off >= size || !len)
		return;
	p->place[p->count].off = off;
	p->place[p->count].len = len < size - off ? len : size - off;
	p->count++;
}

/* Header, types and strings of BTF at @off. */
static inline void add_btf(struct places *p, const struct input *in, size_t off)
{
	size_t hdr_len = (size_t)number_at(in, off + 4, 4);

	add_place(p, off, 32, in->size);
	add_place(p, off + hdr_len + number_at(in, off + 8, 4), (size_t)number_at(in, off + 12, 4), in->size);
	add_place(p, off + hdr_len + number_at(in, off + 16, 4), (size_t)number_at(in, off + 20, 4), in->size);
}

static inline void add_btf_ext(struct places *p, const struct input *in, size_t off)
{
	size_t hdr_len = (size_t)number_at(in, off + 4, 4);
	unsigned int part;

	add_place(p, off, hdr_len, in->size);
	/* functions, lines, relocations: the last are what this is about */
	for (part = 8; part <= 24; part += 8)
		add_place(p, off + hdr_len + number_at(in, off + part, 4), (size_t)number_at(in, off + part + 4, 4), in->size);
	add_place(p, off + hdr_len + number_at(in, off + 24, 4), (size_t)number_at(in, off + 28, 4), in->size);
}

static inline void find_places(struct places *p, const struct input *in)
{
	uint32_t i, count = section_count(in);

	memset(p, 0, sizeof(*p));
	p->big = is_big(in);
	add_place(p, 0, in->size, in->size);
	add_place(p, 0, sizeof(Elf64_Ehdr), in->size);
	/* twice, for all that is said in them */
	add_place(p, (size_t)header_of(in, 0), count * sizeof(Elf64_Shdr), in->size);
	add_place(p, (size_t)header_of(in, 0), count * sizeof(Elf64_Shdr), in->size);
	for (i = 1; i < count; i++) {
		struct section s = section_at(in, i);

		if (!s.name)
			continue;
		if (!strcmp(s.name, ".BTF"))
			add_btf(p, in, s.place.off);
		else if (!strcmp(s.name, ".BTF.ext"))
			add_btf_ext(p, in, s.place.off);
		else if (s.type == SHT_SYMTAB || s.type == SHT_STRTAB || is_code(&s))
			add_place(p, s.place.off, s.place.len, in->size);
	}
}

static inline uint64_t interesting(struct random *r, const struct input *in)
{
	static const uint64_t words[] = {
		0, 1, 2, 3, 4, 7, 8, 12, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000,
		0x00ffffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff, 0x7fffffffffffffffULL, 0x8000000000000000ULL,
		0xfffffffffffffff8ULL, 0xffffffffffffffffULL,
	};

	switch (random_below(r, 4)) {
	case 0:
		/* an id or an index that may well exist */
		return random_below(r, 512);
	case 1:
		/* an offset that may well be inside, or just not */
		return random_chance(r, 50) ? in->size - random_below(r, 64) : random_below(r, in->size + 16);
	default:
		return RANDOM_OF(r, words);
	}
}

/* A word, aligned as in its place, is replaced, or is a little more or less. */
static inline void change_word(struct random *r, struct input *in, const struct places *p, const struct place *at)
{
	static const unsigned int sizes[] = { 1, 2, 4, 4, 4, 8 };
	unsigned int len = RANDOM_OF(r, sizes);
	size_t words = at->len / len;
	size_t off = at->off + (size_t)random_below(r, words) * len;
	uint64_t old;

	if (off > in->size || in->size - off < len)
		return;
	old = number_at(in, off, len);
	switch (random_below(r, 3)) {
	case 0:
		set_number(in, p->big, off, len, old + random_below(r, 17) - 8);
		break;
	default:
		set_number(in, p->big, off, len, interesting(r, in));
	}
}

static inline void change_block(struct random *r, struct input *in, const struct place *at)
{
	/* whole records as often as anything else */
	static const size_t sizes[] = { 4, 8, 12, 16, 24, 64 };
	size_t len = random_chance(r, 80) ? RANDOM_OF(r, sizes) : random_below(r, 300);
	size_t to = at->off + random_below(r, at->len), from = random_below(r, in->size);

	if (random_chance(r, 70)) {
		to &= ~(size_t)3;
		from = at->off + random_below(r, at->len);
	}
	if (to >= in->size || from >= in->size)
		return;
	if (len > in->size - to)
		len = in->size - to;
	if (len > in->size - from)
		len = in->size - from;
	if (random_chance(r, 30))
		memset(in->data + to, random_chance(r, 80) ? 0 : 0xff, len);
	else
		memmove(in->data + to, in->data + from, len);
}

/* One to four changes. The size may be less afterwards; the data then ends where @in says. */
static inline void mutate_input(struct random *r, struct input *in, const struct places *p)
{
	unsigned int changes = 1 + random_below(r, 4);

	if (random_chance(r, 4))
		in->size = random_below(r, in->size);
	while (changes--) {
		const struct place *at = &p->place[random_below(r, p->count)];
		size_t off = at->off + random_below(r, at->len);

		switch (random_below(r, 8)) {
		case 0:
			if (off < in->size)
				in->data[off] ^= (uint8_t)(1u << random_below(r, 8));
			break;
		case 1:
			if (off < in->size)
				in->data[off] = (uint8_t)random_bits(r);
			break;
		case 2:
		case 3:
			change_block(r, in, at);
			break;
		default:
			change_word(r, in, p, at);
		}
	}
}

#endif
