// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Each instruction that has CO-RE records by itself, in a program that does not
 * come to it. The verifier has nothing against such an instruction, poisoned or
 * not, so that the tag of each shows what the kernel has made of it.
 */
#include <errno.h>
#include <sys/syscall.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "../build.h"
#include "../elf_file.h"
#include "guest.h"

/* The layout of .BTF.ext, which libbpf does not install. */
struct ext_header {
	__u16 magic;
	__u8 version, flags;
	__u32 hdr_len, func_info_off, func_info_len, line_info_off, line_info_len, core_relo_off, core_relo_len;
};

struct ext_section {
	__u32 name_off, count;
	struct bpf_core_relo relos[];
};

/* With what follows it, in case it has two halves. */
static bool read_insn(const struct input *elf, const char *section, __u32 offset, struct bpf_insn insn[2])
{
	struct place code = section_named(elf, section).place;

	memset(insn, 0, 2 * sizeof(*insn));
	if (offset + sizeof(*insn) > code.len)
		return false;
	memcpy(insn, elf->data + code.off + offset,
	       code.len - offset < 2 * sizeof(*insn) ? sizeof(*insn) : 2 * sizeof(*insn));
	return true;
}

/* An object with its BTF in the kernel, and another that has been relocated. */
struct pair {
	const char *path;
	struct input elf, relocated;
	int btf_fd;
	/* a function's type: without one the kernel does not look at records */
	__u32 function;
};

static __u32 any_function(const struct btf *btf)
{
	const struct btf_type *type;
	__u32 id;

	for (id = 1; id < btf__type_cnt(btf); id++) {
		type = btf__type_by_id(btf, id);
		if (btf_is_func(type) && btf_vlen(type) != BTF_FUNC_EXTERN)
			return id;
	}
	return 0;
}

static void load_unreached(const struct pair *pair, const char *way, const char *name, const struct bpf_insn insn[2],
			   bool two_halves, const struct bpf_core_relo *relos, size_t count)
{
	const struct bpf_insn exit_insn = { .code = BPF_JMP | BPF_EXIT };
	const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		/* r0 is 0: never jumps */
		{ .code = BPF_JMP | BPF_JNE | BPF_K, .off = 1 },
		exit_insn,
		insn[0],
		two_halves ? insn[1] : exit_insn,
		exit_insn,
	};
	const struct bpf_func_info info = { .insn_off = 0, .type_id = pair->function };
	struct bpf_core_relo *moved = calloc(count + 1, sizeof(*moved));
	struct verdict verdict;
	union bpf_attr attr;
	size_t i;
	int fd;

	if (!moved)
		return;
	for (i = 0; i < count; i++) {
		moved[i] = relos[i];
		moved[i].insn_off = 3 * sizeof(*insn);
	}
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (unsigned long)code;
	attr.insn_cnt = 5 + two_halves;
	attr.license = (unsigned long)"GPL";
	attr.log_level = 1;
	attr.log_buf = (unsigned long)verifier_log;
	attr.log_size = sizeof(verifier_log);
	attr.prog_btf_fd = pair->btf_fd;
	attr.func_info = (unsigned long)&info;
	attr.func_info_cnt = 1;
	attr.func_info_rec_size = sizeof(info);
	attr.core_relos = (unsigned long)(count ? moved : NULL);
	attr.core_relo_cnt = count;
	attr.core_relo_rec_size = count ? sizeof(*moved) : 0;

	memset(&verdict, 0, sizeof(verdict));
	*verifier_log = *libbpf_warning = '\0';
	fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		verdict_of_failure(&verdict, -errno);
	else
		verdict_of_program(&verdict, fd);
	print_row(way, pair->path, name, &verdict);
	free(moved);
}

/* With all the records that it has. */
static bool load_instruction(const struct pair *pair, const char *section, const struct bpf_core_relo *relos, size_t count)
{
	struct bpf_insn insn[2];
	bool two_halves;
	char name[256];

	snprintf(name, sizeof(name), "%s+%u", section, relos->insn_off);
	if (!read_insn(&pair->elf, section, relos->insn_off, insn))
		return false;
	/* both halves of a poisoned one are calls */
	two_halves = insn->code == (BPF_LD | BPF_IMM | BPF_DW);
	load_unreached(pair, "instructions", name, insn, two_halves, relos, count);
	if (!pair->relocated.data)
		return true;
	if (!read_insn(&pair->relocated, section, relos->insn_off, insn))
		return false;
	load_unreached(pair, "relocated", name, insn, two_halves, NULL, 0);
	return true;
}

static bool load_section(const struct pair *pair, const char *name, const struct ext_section *section)
{
	const struct bpf_core_relo *relos = section->relos;
	__u32 first, end;

	for (first = 0; first < section->count; first = end) {
		for (end = first + 1; end < section->count && relos[end].insn_off == relos[first].insn_off; )
			end++;
		if (!load_instruction(pair, name, relos + first, end - first))
			return false;
	}
	return true;
}

/* Files are the project's own or Debian's, and are as they should be. */
static bool load_records(const struct pair *pair, const struct btf *btf)
{
	struct place ext = section_named(&pair->elf, ".BTF.ext").place;
	const struct ext_header *header = (const void *)(pair->elf.data + ext.off);
	const struct ext_section *section;
	const char *at, *end;

	if (!ext.len || header->hdr_len < sizeof(*header))
		return false;
	if (!header->core_relo_len)
		return true;
	/* the size of a record comes first */
	at = (const char *)header + header->hdr_len + header->core_relo_off;
	end = at + header->core_relo_len;
	for (at += sizeof(__u32); at < end; at = (const char *)(section->relos + section->count)) {
		section = (const void *)at;
		if (!load_section(pair, btf__str_by_offset(btf, section->name_off), section))
			return false;
	}
	return true;
}

/* libbpf loads the object's BTF as it would for its programs, of which none are loaded. */
static struct bpf_object *load_btf(const char *path)
{
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *program;
	struct bpf_map *map;

	if (!obj)
		return NULL;
	bpf_object__for_each_program(program, obj)
		bpf_program__set_autoload(program, false);
	bpf_object__for_each_map(map, obj)
		bpf_map__set_autocreate(map, false);
	if (bpf_object__load(obj)) {
		bpf_object__close(obj);
		return NULL;
	}
	return obj;
}

int load_instructions(const char *object, const char *relocated)
{
	struct bpf_object *obj = load_btf(object);
	struct pair pair = { .path = object };
	bool done = false;

	if (!obj)
		return -1;
	pair.elf.data = build_load(object, &pair.elf.size);
	if (relocated)
		pair.relocated.data = build_load(relocated, &pair.relocated.size);
	if (pair.elf.data && (!relocated || pair.relocated.data)) {
		/* of an object without BTF there is nothing to load */
		pair.btf_fd = bpf_object__btf_fd(obj);
		pair.function = bpf_object__btf(obj) ? any_function(bpf_object__btf(obj)) : 0;
		done = !bpf_object__btf(obj) || (pair.function && load_records(&pair, bpf_object__btf(obj)));
	}
	free(pair.relocated.data);
	free(pair.elf.data);
	bpf_object__close(obj);
	return done ? 0 : -1;
}
