/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Where things lie in a BPF object of either byte order: an ELF reader that
 * believes nothing, and shares nothing with the one in the library.
 */
#ifndef CORELO_ELF_FILE_H
#define CORELO_ELF_FILE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	uint8_t *data;
	size_t size;
};

/* Part of a file; len 0 when there is none. */
struct place {
	size_t off, len;
};

struct section {
	struct place place;
	uint32_t type, link;
	uint64_t flags;
	/* NULL where it is outside the file or has no end */
	const char *name;
};

static inline int is_big(const struct input *in)
{
	return in->size > EI_DATA && in->data[EI_DATA] == ELFDATA2MSB;
}

/* @len bytes at @off as a number; 0 outside the file. */
static inline uint64_t number_at(const struct input *in, uint64_t off, unsigned int len)
{
	uint64_t value = 0;
	unsigned int i;

	if (off > in->size || in->size - off < len)
		return 0;
	for (i = 0; i < len; i++)
		value = value << 8 | in->data[is_big(in) ? off + i : off + len - 1 - i];
	return value;
}

static inline void set_number(struct input *in, int big, size_t off, unsigned int len, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < len && off + i < in->size; i++)
		in->data[off + i] = (uint8_t)(value >> 8 * (big ? len - 1 - i : i));
}

static inline uint64_t header_of(const struct input *in, uint32_t index)
{
	return number_at(in, offsetof(Elf64_Ehdr, e_shoff), 8) + (uint64_t)index * sizeof(Elf64_Shdr);
}

static inline uint32_t section_count(const struct input *in)
{
	uint32_t count = (uint32_t)number_at(in, offsetof(Elf64_Ehdr, e_shnum), 2);

	/* more than fit are in the size of the first one */
	if (!count)
		count = (uint32_t)number_at(in, header_of(in, 0) + offsetof(Elf64_Shdr, sh_size), 8);
	return count < 4096 ? count : 4096;
}

static inline const char *string_at(const struct input *in, uint64_t off)
{
	if (off >= in->size || !memchr(in->data + off, 0, in->size - off))
		return NULL;
	return (const char *)in->data + off;
}

static inline struct section section_at(const struct input *in, uint32_t index)
{
	uint64_t header = header_of(in, index), strings;
	uint32_t strndx = (uint32_t)number_at(in, offsetof(Elf64_Ehdr, e_shstrndx), 2);
	struct section s = { { 0, 0 }, 0, 0, 0, NULL };
	uint64_t off = number_at(in, header + offsetof(Elf64_Shdr, sh_offset), 8);
	uint64_t len = number_at(in, header + offsetof(Elf64_Shdr, sh_size), 8);

	if (strndx == SHN_XINDEX)
		strndx = (uint32_t)number_at(in, header_of(in, 0) + offsetof(Elf64_Shdr, sh_link), 4);
	strings = number_at(in, header_of(in, strndx) + offsetof(Elf64_Shdr, sh_offset), 8);
	s.type = (uint32_t)number_at(in, header + offsetof(Elf64_Shdr, sh_type), 4);
	s.link = (uint32_t)number_at(in, header + offsetof(Elf64_Shdr, sh_link), 4);
	s.flags = number_at(in, header + offsetof(Elf64_Shdr, sh_flags), 8);
	s.name = string_at(in, strings + number_at(in, header + offsetof(Elf64_Shdr, sh_name), 4));
	if (s.type != SHT_NOBITS && off <= in->size && len <= in->size - off) {
		s.place.off = (size_t)off;
		s.place.len = (size_t)len;
	}
	return s;
}

static inline struct section section_named(const struct input *in, const char *name)
{
	struct section none = { { 0, 0 }, 0, 0, 0, NULL };
	uint32_t i;

	for (i = 1; i < section_count(in); i++) {
		struct section s = section_at(in, i);

		if (s.name && !strcmp(s.name, name))
			return s;
	}
	return none;
}

/* The symbol table: ELF allows one. */
static inline struct section symbol_table(const struct input *in)
{
	struct section none = { { 0, 0 }, 0, 0, 0, NULL };
	uint32_t i;

	for (i = 1; i < section_count(in); i++) {
		struct section s = section_at(in, i);

		if (s.type == SHT_SYMTAB)
			return s;
	}
	return none;
}

struct symbol {
	/* in the file */
	size_t off;
	const char *name;
	unsigned int info, section;
	uint64_t value, size;
};

/* Symbol @index of @table; 0 past the end. */
static inline int symbol_at(const struct input *in, const struct section *table, uint64_t index, struct symbol *sym)
{
	if (index >= table->place.len / sizeof(Elf64_Sym))
		return 0;
	sym->off = table->place.off + index * sizeof(Elf64_Sym);
	sym->name = string_at(in, section_at(in, table->link).place.off +
				  number_at(in, sym->off + offsetof(Elf64_Sym, st_name), 4));
	sym->info = number_at(in, sym->off + offsetof(Elf64_Sym, st_info), 1);
	sym->section = number_at(in, sym->off + offsetof(Elf64_Sym, st_shndx), 2);
	sym->value = number_at(in, sym->off + offsetof(Elf64_Sym, st_value), 8);
	sym->size = number_at(in, sym->off + offsetof(Elf64_Sym, st_size), 8);
	return 1;
}

static inline int is_code(const struct section *s)
{
	return s->type == SHT_PROGBITS && (s->flags & SHF_EXECINSTR);
}

/* An extern that isn't there stops libbpf before the relocation step, unless it is weak. */
static inline void weaken_externs(struct input *elf)
{
	struct section table = symbol_table(elf);
	struct symbol sym;
	uint64_t i;

	for (i = 1; symbol_at(elf, &table, i, &sym); i++)
		if (sym.section == SHN_UNDEF && ELF64_ST_BIND(sym.info) == STB_GLOBAL)
			elf->data[sym.off + offsetof(Elf64_Sym, st_info)] =
				ELF64_ST_INFO(STB_WEAK, ELF64_ST_TYPE(sym.info));
}

#endif
