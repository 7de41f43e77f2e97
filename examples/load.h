/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The little that it takes to run a SEC("syscall") program of a relocated
 * object: find its instructions in the ELF, and two calls of bpf(2). No maps,
 * no subprograms, no libbpf. Include it before any system header.
 */
#ifndef LOAD_H
#define LOAD_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* syscall() */
#endif
#include <elf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The whole file in memory from malloc(), or NULL and errno. */
static inline void *load_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *data = NULL;
	long len;

	if (!file)
		return NULL;
	if (!fseek(file, 0, SEEK_END) && (len = ftell(file)) >= 0 && !fseek(file, 0, SEEK_SET)) {
		data = malloc(len ? len : 1);
		if (data && fread(data, 1, len, file) != (size_t)len) {
			free(data);
			data = NULL;
			errno = EIO;
		}
		*size = len;
	}
	fclose(file);
	return data;
}

/* Whether the object's byte order is that of this machine. */
static inline int load_is_native(const unsigned char *elf, size_t size)
{
	const uint16_t one = 1;
	int order = *(const unsigned char *)&one ? ELFDATA2LSB : ELFDATA2MSB;

	return size > EI_DATA && elf[EI_DATA] == order;
}

/* Section @index, 0 when there is none or the file is shorter than it says. */
static inline int load_section(const char *elf, size_t size, unsigned int index, Elf64_Shdr *sh)
{
	Elf64_Ehdr header;

	if (size < sizeof(header))
		return 0;
	memcpy(&header, elf, sizeof(header));
	if (header.e_shentsize != sizeof(*sh) || index >= header.e_shnum || header.e_shoff > size ||
	    (size - header.e_shoff) / sizeof(*sh) <= index)
		return 0;
	memcpy(sh, elf + header.e_shoff + index * sizeof(*sh), sizeof(*sh));
	return sh->sh_type == SHT_NOBITS ||
	       (sh->sh_offset <= size && size - sh->sh_offset >= sh->sh_size);
}

static inline int load_str_is(const char *elf, const Elf64_Shdr *strings, uint64_t off, const char *what)
{
	size_t len = strlen(what) + 1;

	return off <= strings->sh_size && strings->sh_size - off >= len &&
	       !memcmp(elf + strings->sh_offset + off, what, len);
}

/* The instructions of @function; 0 when the object has no such program. */
static inline size_t load_find(const char *elf, size_t size, const char *function, const char **insns)
{
	Elf64_Shdr symtab, strings, section;
	Elf64_Sym sym;
	unsigned int i;
	uint64_t at;

	for (i = 0; load_section(elf, size, i, &symtab); i++) {
		if (symtab.sh_type != SHT_SYMTAB ||
		    !load_section(elf, size, symtab.sh_link, &strings) || strings.sh_type != SHT_STRTAB)
			continue;
		for (at = 0; at + sizeof(sym) <= symtab.sh_size; at += sizeof(sym)) {
			memcpy(&sym, elf + symtab.sh_offset + at, sizeof(sym));
			if (ELF64_ST_TYPE(sym.st_info) != STT_FUNC ||
			    !load_str_is(elf, &strings, sym.st_name, function) ||
			    !load_section(elf, size, sym.st_shndx, &section) ||
			    section.sh_type != SHT_PROGBITS || sym.st_value > section.sh_size ||
			    section.sh_size - sym.st_value < sym.st_size)
				continue;
			*insns = elf + section.sh_offset + sym.st_value;
			return sym.st_size / sizeof(struct bpf_insn);
		}
	}
	return 0;
}

static inline uint64_t load_ptr(const void *ptr)
{
	return (uintptr_t)ptr;
}

/*
 * A file descriptor, or a negative errno. @log, if not NULL, gets what the
 * verifier says.
 */
static inline int load_program(const char *elf, size_t size, const char *function, char *log, uint32_t log_size)
{
	struct bpf_insn *insns;
	const char *code = NULL;
	union bpf_attr attr;
	size_t count = load_find(elf, size, function, &code);
	int fd;

	if (!count)
		return -ENOENT;
	/* where the file has them, they need not be aligned */
	insns = malloc(count * sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	memcpy(insns, code, count * sizeof(*insns));

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.prog_flags = BPF_F_SLEEPABLE;	/* the kernel insists for this type */
	attr.insns = load_ptr(insns);
	attr.insn_cnt = count;
	attr.license = load_ptr("Dual BSD/GPL");	/* as in the object's license section */
	if (log) {
		log[0] = '\0';
		attr.log_buf = load_ptr(log);
		attr.log_size = log_size;
		attr.log_level = 1;
	}
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		fd = -errno;
	free(insns);
	return fd;
}

/* Runs it once; the program reads and writes @ctx. 0 or a negative errno. */
static inline int load_run(int fd, void *ctx, uint32_t ctx_size, uint32_t *retval)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = fd;
	attr.test.ctx_in = load_ptr(ctx);
	attr.test.ctx_size_in = ctx_size;
	if (syscall(SYS_bpf, BPF_PROG_TEST_RUN, &attr, sizeof(attr)))
		return -errno;
	*retval = attr.test.retval;
	return 0;
}

/* Whether bpf(2) refused because of who asks, not because of what was asked. */
static inline int load_not_permitted(int err)
{
	return err == -EPERM || err == -ENOSYS;
}

#endif
