/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The text that the oracle writes and the tests read, and the little ELF both
 * of them need.
 *
 * One line an item, words separated by one space, the first word says what it
 * is. Strings are percent-encoded (controls, space, '%', non-ASCII); "-" stands
 * for none. Errors are negative numbers as libbpf returned them.
 *
 *	libbpf VERSION FILE     version string; file that the relocation code is in
 *	modules 0|1             whether the search includes the kernel's modules
 *	relo ...                a relocation that libbpf started, in its order;
 *	                        words numbered by enum oracle_field
 *	warning TEXT            a warning of libbpf's, in order
 *	outcome NAME ERROR FAILED
 *	                        always the last line; FAILED is the position (from 0)
 *	                        of the relocation that libbpf gave up at, or -1
 *
 * Outcomes:
 *
 *	relocated  the relocation step went through
 *	none       the object has no CO-RE relocation
 *	refused    the relocation step failed with ERROR. FAILED is the number of
 *	           "relo" lines when libbpf failed before it looked at candidates
 *	unopened   libbpf cannot open such an object (ERROR)
 *	unreached  libbpf stopped before the relocation step (ERROR)
 *	hung       no answer within the timeout
 *	crashed    killed by signal -ERROR
 */
#ifndef CORELO_ORACLE_H
#define CORELO_ORACLE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest line; a relo line holds two specs of up to 1 KiB, encoded. */
#define ORACLE_LINE_MAX 16384

enum oracle_field {
	ORACLE_TAG,		/* "relo" */
	ORACLE_EXT_OFF,		/* the record's byte offset in .BTF.ext */
	ORACLE_REC,		/* its position in its .BTF.ext section */
	ORACLE_INSN_OFF,	/* bytes from the start of the ELF section */
	ORACLE_KIND,		/* enum bpf_core_relo_kind */
	ORACLE_TYPE_ID,		/* local root type */
	ORACLE_CALC,		/* what bpf_core_calc_relo_insn() returned */
	ORACLE_PATCH,		/* what bpf_core_patch_insn() returned, or - */
	ORACLE_ORIG_VAL,
	ORACLE_NEW_VAL,
	ORACLE_POISON,		/* as calculated; patching may poison as well */
	ORACLE_VALIDATE,
	ORACLE_FAIL_MEMSZ,
	ORACLE_ORIG_SZ,
	ORACLE_ORIG_TYPE_ID,
	ORACLE_NEW_SZ,
	ORACLE_NEW_TYPE_ID,
	ORACLE_ARRAY,		/* the local field is an array */
	ORACLE_INSN,		/* hex after the patch: 16 bytes at a LDIMM64, else 8 */
	ORACLE_SECTION,
	ORACLE_PROGRAM,
	ORACLE_LOCAL_SPEC,
	ORACLE_TARGET_SPEC,	/* - when no candidate matched */
	ORACLE_FIELDS
};

/* An ELF64 file of this machine's byte order in memory. */
struct elf_image {
	unsigned char *data;
	size_t size;
	Elf64_Ehdr header;
};

static inline int elf_image_init(struct elf_image *elf, unsigned char *data, size_t size)
{
	const uint16_t one = 1;
	int little = *(const unsigned char *)&one;

	elf->data = data;
	elf->size = size;
	if (size < sizeof(elf->header))
		return -1;
	memcpy(&elf->header, data, sizeof(elf->header));
	if (memcmp(elf->header.e_ident, ELFMAG, SELFMAG) ||
	    elf->header.e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf->header.e_ident[EI_DATA] != (little ? ELFDATA2LSB : ELFDATA2MSB) ||
	    elf->header.e_shentsize != sizeof(Elf64_Shdr))
		return -1;
	return 0;
}

/* Section @index, or -1 when there is none or its contents aren't all there. */
static inline int elf_image_section(const struct elf_image *elf, unsigned int index, Elf64_Shdr *sh)
{
	uint64_t off = elf->header.e_shoff;

	if (index >= elf->header.e_shnum || off > elf->size ||
	    (elf->size - off) / sizeof(*sh) <= index)
		return -1;
	memcpy(sh, elf->data + off + index * sizeof(*sh), sizeof(*sh));
	if (sh->sh_type == SHT_NOBITS)
		return 0;
	if (sh->sh_offset > elf->size || elf->size - sh->sh_offset < sh->sh_size)
		return -1;
	return 0;
}

/* The string at @off of string table @index; "" when there is none. */
static inline const char *elf_image_str(const struct elf_image *elf, unsigned int index, uint64_t off)
{
	Elf64_Shdr sh;
	const char *str;

	if (elf_image_section(elf, index, &sh) || sh.sh_type != SHT_STRTAB || off >= sh.sh_size)
		return "";
	str = (const char *)elf->data + sh.sh_offset + off;
	return memchr(str, 0, sh.sh_size - off) ? str : "";
}

static inline const char *elf_image_name(const struct elf_image *elf, const Elf64_Shdr *sh)
{
	return elf_image_str(elf, elf->header.e_shstrndx, sh->sh_name);
}

/* The symbol table (ELF allows one), or -1. */
static inline int elf_image_symtab(const struct elf_image *elf, Elf64_Shdr *sh)
{
	unsigned int i;

	for (i = 0; i < elf->header.e_shnum; i++) {
		if (!elf_image_section(elf, i, sh) && sh->sh_type == SHT_SYMTAB)
			return 0;
	}
	return -1;
}

/* Symbol @index of @symtab and where it is in the file, or NULL past the end. */
static inline unsigned char *elf_image_symbol(const struct elf_image *elf, const Elf64_Shdr *symtab,
					      uint64_t index, Elf64_Sym *sym)
{
	unsigned char *at = elf->data + symtab->sh_offset + index * sizeof(*sym);

	if (index >= symtab->sh_size / sizeof(*sym))
		return NULL;
	memcpy(sym, at, sizeof(*sym));
	return at;
}

/* All of a file, or NULL when it is empty or cannot be read; freed by the caller. */
static inline unsigned char *read_file(const char *path, size_t *size)
{
	unsigned char *data = NULL;
	FILE *f = fopen(path, "rb");
	long len;

	if (f && !fseek(f, 0, SEEK_END) && (len = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET)) {
		*size = (size_t)len;
		data = malloc(*size);
		if (data && fread(data, 1, *size, f) != *size) {
			free(data);
			data = NULL;
		}
	}
	if (f)
		fclose(f);
	return data;
}

#endif /* CORELO_ORACLE_H */
