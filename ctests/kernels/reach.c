// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Programs with poison in all code that is dead for corelo.
 *
 * libbpf prepares a program; the system call that loads it is caught here
 * (--wrap=syscall), and made once more with other instructions.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "guest.h"

#define POISON 0x0bad2310
/* The mark REACHED of tests/reach/programs.bpf.c. */
#define MARK 0x5ead0003
#define FUNCTION_MAX 128

/* An instruction by its number in a function. */
struct dead {
	char function[FUNCTION_MAX];
	unsigned int number;
};

static struct dead *dead;
static size_t dead_count;
static const char *path;
static const struct bpf_object *object;
static char program_name[FUNCTION_MAX];

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static bool is_dead(const char *function, unsigned int number)
{
	size_t i;

	for (i = 0; i < dead_count; i++)
		if (dead[i].number == number && !strcmp(dead[i].function, function))
			return true;
	return false;
}

/* Without what the control flow or a callback's existence hangs on: verifiers look at that in dead code, too. */
static bool can_be_poisoned(const struct bpf_insn *insn)
{
	if (BPF_CLASS(insn->code) == BPF_JMP || BPF_CLASS(insn->code) == BPF_JMP32)
		return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg != BPF_PSEUDO_CALL;
	return insn->code != (BPF_LD | BPF_IMM | BPF_DW) || insn->src_reg != BPF_PSEUDO_FUNC;
}

static void poison(struct bpf_insn *insn)
{
	static const struct bpf_insn call = { .code = BPF_JMP | BPF_CALL, .imm = POISON };

	if (insn->code == (BPF_LD | BPF_IMM | BPF_DW))
		insn[1] = call;
	insn[0] = call;
}

static void load_changed(const char *way, const char *name, const union bpf_attr *original, unsigned int size,
			 const struct bpf_insn *insns)
{
	struct verdict verdict;
	union bpf_attr attr;
	long fd;

	memcpy(&attr, original, sizeof(attr));
	attr.insns = (unsigned long)insns;
	/* no more of the log than errors and statistics */
	attr.log_level = 4;
	attr.log_buf = (unsigned long)verifier_log;
	attr.log_size = sizeof(verifier_log);
	memset(&verdict, 0, sizeof(verdict));
	*verifier_log = *libbpf_warning = '\0';
	fd = __real_syscall(SYS_bpf, BPF_PROG_LOAD, &attr, size);
	if (fd < 0)
		verdict_of_failure(&verdict, -1);
	else
		verdict_of_program(&verdict, fd);
	print_row(way, path, name, &verdict);
}

/* The function that an instruction is in, and where that begins. */
static const char *function_at(const union bpf_attr *attr, unsigned int number, unsigned int *start)
{
	const char *records = (const char *)(unsigned long)attr->func_info;
	const struct btf *btf = bpf_object__btf(object);
	const struct bpf_func_info *info;
	const char *name = program_name;
	unsigned int i;

	*start = 0;
	for (i = 0; i < attr->func_info_cnt; i++) {
		info = (const void *)(records + i * attr->func_info_rec_size);
		if (info->insn_off > number)
			break;
		*start = info->insn_off;
		name = btf__name_by_offset(btf, btf__type_by_id(btf, info->type_id)->name_off);
	}
	return name;
}

static void load_poisoned(const union bpf_attr *attr, unsigned int size)
{
	const struct bpf_insn *original = (const void *)(unsigned long)attr->insns;
	size_t bytes = attr->insn_cnt * sizeof(*original);
	struct bpf_insn *all = malloc(bytes), *one = malloc(bytes);
	unsigned int i, start, count = 0;
	char name[2 * FUNCTION_MAX];
	const char *function;

	if (!all || !one)
		abort();
	memcpy(all, original, bytes);
	for (i = 0; i < attr->insn_cnt; i++) {
		function = function_at(attr, i, &start);
		if (is_dead(function, i - start) && can_be_poisoned(original + i)) {
			poison(all + i);
			count++;
		} else if (original[i].imm == MARK && original[i].code == (BPF_ALU64 | BPF_MOV | BPF_K)) {
			memcpy(one, original, bytes);
			poison(one + i);
			snprintf(name, sizeof(name), "%s+%u", program_name, i);
			load_changed("reached", name, attr, size, one);
		}
		/* its second half */
		i += original[i].code == (BPF_LD | BPF_IMM | BPF_DW);
	}
	if (count)
		load_changed("dead", program_name, attr, size, all);
	free(all);
	free(one);
}

long __wrap_syscall(long number, ...)
{
	long args[6], result;
	va_list list;
	size_t i;

	va_start(list, number);
	for (i = 0; i < sizeof(args) / sizeof(*args); i++)
		args[i] = va_arg(list, long);
	va_end(list);
	result = __real_syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	/* libbpf's probes have other names */
	if (result >= 0 && object && number == SYS_bpf && args[0] == BPF_PROG_LOAD &&
	    !strncmp(((const union bpf_attr *)args[1])->prog_name, program_name, BPF_OBJ_NAME_LEN - 1))
		load_poisoned((const union bpf_attr *)args[1], args[2]);
	return result;
}

void load_again_poisoned(const struct bpf_object *of, const struct bpf_program *program)
{
	object = of;
	snprintf(program_name, sizeof(program_name), "%s", program ? bpf_program__name(program) : "");
}

int read_dead(const char *object_path, const char *list)
{
	FILE *file = fopen(list, "r");
	struct dead one, *more;

	path = object_path;
	dead_count = 0;
	while (file && fscanf(file, "%127s %u", one.function, &one.number) == 2) {
		more = realloc(dead, (dead_count + 1) * sizeof(*dead));
		if (!more)
			abort();
		dead = more;
		dead[dead_count++] = one;
	}
	return file ? fclose(file) : -1;
}
