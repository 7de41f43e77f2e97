/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Whole objects: each of tests/fixtures against what a person expects of it,
 * byte by byte, and everything that can be wrong with an object, its targets
 * and the options.
 */
#include "check.h"
#include "build.h"

#include <corelo.h>
#include <errno.h>
#include <pthread.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define POISON_IMM 195896080

#define DIR "tests/fixtures/"
#define TARGET(big) ((big) ? DIR "target.eb.o" : DIR "target.el.o")
#define OBJECT(name, big) ((big) ? DIR name ".eb.bpf.o" : DIR name ".el.bpf.o")

static struct corelo_btf *targets[2];	/* little, big endian */

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char last_warning[2048];
static int warnings;

static void log_line(void *ctx, enum corelo_log_level level, const char *message)
{
	pthread_mutex_lock(&log_lock);
	CHECK(ctx == &warnings);
	CHECK(!strchr(message, '\n'));
	if (level == CORELO_LOG_WARN) {
		warnings++;
		snprintf(last_warning, sizeof(last_warning), "%s", message);
	}
	pthread_mutex_unlock(&log_lock);
}

/* Against one target; @report may be NULL. */
static int relocate(void *elf, size_t size, const struct corelo_btf *target,
		    enum corelo_semantics semantics, struct corelo_report **report)
{
	struct corelo_relocate_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.targets = &target;
	opts.target_count = 1;
	opts.semantics = semantics;
	opts.report = report;
	return corelo_relocate(elf, size, &opts);
}

/* A line of expected.txt: what one relocation gives. */
struct line {
	char object[64], section[64], program[64];
	unsigned int insn_off;
	char kind[32], type[64], access[64];
	char orig[32], resolved[32], kernel[32];
};

static struct line lines[1024];
static int line_count;

static int read_lines(void)
{
	FILE *file = fopen(DIR "expected.txt", "r");
	char text[512];

	if (!CHECK(file))
		return 0;
	while (fgets(text, sizeof(text), file)) {
		struct line *line = &lines[line_count];

		if (*text == '#')
			continue;
		if (!CHECK(line_count < (int)ARRAY_SIZE(lines)) ||
		    !CHECK(sscanf(text, "%63s %63s %63s %u %31s %63s %63s %31s %31s %31s", line->object, line->section,
				  line->program, &line->insn_off, line->kind, line->type, line->access, line->orig,
				  line->resolved, line->kernel) == 10))
			break;
		line_count++;
	}
	fclose(file);
	return CHECK(line_count > 200);
}

static unsigned int kind_by_name(const char *name)
{
	static const char *const kinds[] = {
		"byte_off", "byte_sz", "field_exists", "signed", "lshift_u64", "rshift_u64", "local_type_id",
		"target_type_id", "type_exists", "type_size", "enumval_exists", "enumval_value", "type_matches",
	};
	unsigned int kind;

	for (kind = 0; kind < ARRAY_SIZE(kinds); kind++)
		if (!strcmp(kinds[kind], name))
			return kind;
	CHECK(!"a kind of relocation");
	return 0;
}

/* Of "refused:ERRNO"; 0 for anything else. */
static int refused(const char *value)
{
	if (strncmp(value, "refused:", 8))
		return 0;
	value += 8;
	if (!strcmp(value, "EINVAL"))
		return EINVAL;
	if (!strcmp(value, "ERANGE"))
		return ERANGE;
	if (!strcmp(value, "E2BIG"))
		return E2BIG;
	CHECK(!"an errno that is known here");
	return -1;
}

/* Does to an instruction what a value of expected.txt says. */
static void apply(unsigned char *insn, const char *value, int big)
{
	unsigned long long number = strtoull(value, NULL, 10);
	const char *slash = strchr(value, '/');
	int i, slots = *insn == 0x18 ? 2 : 1;

	if (!strcmp(value, "poison")) {
		memset(insn, 0, 8 * slots);
		for (i = 0; i < slots; i++) {
			insn[8 * i] = 0x85;
			build_put(insn + 8 * i + 4, POISON_IMM, 4, big);
		}
		return;
	}
	switch (*insn & 7) {
	case 1: case 2: case 3:		/* LDX, ST, STX */
		build_put(insn + 2, number, 2, big);
		if (CHECK(slash))
			*insn = (*insn & ~0x18) | (slash[1] == '1' ? 0x10 : slash[1] == '2' ? 0x08 : slash[1] == '4' ? 0 : 0x18);
		break;
	case 4: case 7:			/* ALU, ALU64 */
		build_put(insn + 4, number & 0xffffffff, 4, big);
		break;
	default:
		CHECK(*insn == 0x18);	/* LDIMM64 */
		build_put(insn + 4, number & 0xffffffff, 4, big);
		build_put(insn + 12, number >> 32, 4, big);
	}
}

static int ends_with(const char *str, const char *end)
{
	size_t len = strlen(str), n = strlen(end);

	return len >= n && !strcmp(str + len - n, end);
}

/*
 * That the source has a comment about a relocation in the line that the report
 * names. What comes first in a function, clang says to be of its first line.
 */
static void check_source(const struct corelo_report_entry *relo)
{
	char text[512] = "";
	FILE *file;
	uint32_t i;

	if (!CHECK(relo->file) || !CHECK(ends_with(relo->file, ".bpf.c")) || !CHECK(relo->line))
		return;
	file = fopen(relo->file, "r");
	if (!CHECK(file))
		return;
	for (i = 0; i < relo->line; i++)
		CHECK(fgets(text, sizeof(text), file));
	fclose(file);
	if (!CHECK(strstr(text, " -> ") || (strchr(text, '(') && !strchr(text, ';'))))
		printf("\t%s:%u: %s", relo->file, relo->line, text);
}

static void check_entry(const struct corelo_report_entry *relo, const struct line *line, const char *value, const char *target)
{
	char words[256];
	int ok = 1, has_target;

	ok &= CHECK(!strcmp(relo->section, line->section));
	ok &= CHECK(relo->insn_off == line->insn_off);
	ok &= CHECK(relo->kind == kind_by_name(line->kind));
	/* a prefix for each language's taste: "struct moved", "moved.a", "color::RED" */
	ok &= CHECK(relo->access && strstr(relo->access, line->type));
	if (strcmp(line->program, "-"))
		ok &= CHECK(relo->program && !strcmp(relo->program, line->program));
	else
		ok &= CHECK(!relo->program);
	if (strncmp(line->object, "negative", 8)) {
		snprintf(words, sizeof(words), "<%s> [%u] ", line->kind, relo->type_id);
		ok &= CHECK(relo->local_spec && !strncmp(relo->local_spec, words, strlen(words)));
		ok &= CHECK(relo->local_spec && strstr(relo->local_spec, line->type));
		if (relo->kind <= BPF_CORE_FIELD_RSHIFT_U64) {
			snprintf(words, sizeof(words), "(%s @ offset ", line->access);
			ok &= CHECK(relo->local_spec && strstr(relo->local_spec, words));
		}
	} else {
		ok &= CHECK(!relo->local_spec);
	}
	check_source(relo);

	has_target = relo->target_spec != NULL;
	ok &= CHECK(!relo->target == !has_target);
	if (has_target)
		ok &= CHECK(!strcmp(relo->target, target));

	if (refused(value)) {
		ok &= CHECK(relo->outcome == CORELO_OUTCOME_FAILED);
		ok &= CHECK(relo->error == -refused(value));
		ok &= CHECK(relo->message && *relo->message);
	} else if (!strcmp(value, "skipped")) {
		ok &= CHECK(relo->outcome == CORELO_OUTCOME_SKIPPED);
		ok &= CHECK(!relo->error && relo->message);
	} else if (!strcmp(value, "poison")) {
		ok &= CHECK(relo->outcome == CORELO_OUTCOME_POISONED);
		ok &= CHECK(!relo->error && relo->message);
		ok &= CHECK(relo->new_val == 0);
	} else {
		ok &= CHECK(relo->outcome == CORELO_OUTCOME_RESOLVED);
		ok &= CHECK(!relo->error);
		/* reasons() has the words */
		if (relo->kind == BPF_CORE_TYPE_ID_LOCAL)
			ok &= CHECK(!relo->message);
		else if (has_target)
			ok &= CHECK(!relo->message || strstr(relo->message, "bitfield") || strstr(relo->message, "unsigned"));
		else
			ok &= CHECK(relo->message && strstr(relo->message, "the target"));
		ok &= CHECK(relo->orig_val == strtoull(line->orig, NULL, 10));
		ok &= CHECK(relo->new_val == strtoull(value, NULL, 10));
	}
	if (!ok)
		printf("\t%s %s+%u: %s, %s\n", line->object, line->section, line->insn_off, value,
		       relo->message ? relo->message : "no message");
}

/* The lines of one object. */
static void fixture(const struct line *of, int count, enum corelo_semantics semantics)
{
	struct corelo_report *report = (void *)&report;
	unsigned char *elf, *want, *insns, *ext;
	const char *value;
	int big, i, error = 0, ret;
	char path[128];
	size_t size, len;

	snprintf(path, sizeof(path), DIR "%s", of->object);
	elf = build_load(path, &size);
	if (!CHECK(elf))
		return;
	big = elf[5] == 2;
	/* what it is to become: only the instructions, and that there is nothing left to do */
	want = build_copy(elf, size);
	for (i = 0; i < count && !error; i++) {
		value = semantics == CORELO_SEMANTICS_KERNEL ? of[i].kernel : of[i].resolved;
		error = refused(value);
		insns = build_find(want, of[i].section, &len);
		if (!error && strcmp(value, "skipped") && CHECK(insns) && CHECK(of[i].insn_off + 8 <= len))
			apply(insns + of[i].insn_off, value, big);
	}
	ext = build_find(want, ".BTF.ext", &len);
	if (CHECK(ext))
		build_put(ext + 28, 0, 4, big);		/* core_relo_len */
	if (error)
		memcpy(want, elf, size);

	ret = relocate(elf, size, targets[big], semantics, &report);
	if (!CHECK(ret == -error))
		printf("\t%s: %d, %s\n", path, ret, corelo_last_error());
	if (!CHECK(!memcmp(elf, want, size)))
		printf("\t%s is not as expected\n", path);
	if (CHECK(corelo_report_entry_cnt(report) == (size_t)count))
		for (i = 0; i < count; i++)
			check_entry(corelo_report_get(report, i), &of[i],
				    semantics == CORELO_SEMANTICS_KERNEL ? of[i].kernel : of[i].resolved, TARGET(big));
	CHECK(!corelo_report_get(report, count));
	corelo_report_free(report);

	/* the second time there is nothing to do, or the same as before */
	report = (void *)&report;
	CHECK(relocate(elf, size, targets[big], semantics, &report) == ret);
	CHECK(!memcmp(elf, want, size));
	CHECK(corelo_report_entry_cnt(report) == (size_t)(ret ? count : 0));
	corelo_report_free(report);
	CHECK(relocate(elf, size, targets[big], semantics, NULL) == ret);
	CHECK(!memcmp(elf, want, size));
	free(elf);
	free(want);
}

static void fixtures(void)
{
	int i, first = 0, objects = 0;

	for (i = 1; i <= line_count; i++) {
		if (i < line_count && !strcmp(lines[i].object, lines[first].object))
			continue;
		fixture(&lines[first], i - first, CORELO_SEMANTICS_LIBBPF);
		fixture(&lines[first], i - first, CORELO_SEMANTICS_KERNEL);
		objects++;
		first = i;
	}
	printf("%d objects\n", objects);
	CHECK(objects > 30);
}

static void nothing_to_do(int big)
{
	const char *const paths[] = { OBJECT("plain", big), OBJECT("nobtf", big) };
	struct corelo_report *report;
	unsigned char *elf, *before;
	size_t i, size;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		elf = build_load(paths[i], &size);
		if (!CHECK(elf))
			continue;
		before = build_copy(elf, size);
		report = (void *)&report;
		warnings = 0;
		CHECK(!relocate(elf, size, targets[big], CORELO_SEMANTICS_LIBBPF, &report));
		/* code without BTF was compiled without -g, or has lost it */
		CHECK(warnings == (int)i && (!i || strstr(last_warning, "no .BTF section")));
		CHECK(corelo_report_entry_cnt(report) == 0);
		corelo_report_free(report);
		/* no target is looked at, of whatever byte order, and no kernel */
		CHECK(!relocate(elf, size, targets[!big], CORELO_SEMANTICS_LIBBPF, NULL));
		CHECK(!corelo_relocate(elf, size, NULL));
		CHECK(!memcmp(elf, before, size));
		free(before);
		free(elf);
	}
}

/* That a relocation fails with @error and all of @words, separated by '|', and leaves the object alone. */
static int check_failure(const char *what, const void *object, size_t size, const struct corelo_btf *target,
			 enum corelo_semantics semantics, int error, const char *words)
{
	unsigned char *elf = build_copy(object, size);
	char list[512], *word, *next;
	int ret, ok;

	ret = relocate(elf, size, target, semantics, NULL);
	ok = CHECK(ret == error) & CHECK(!memcmp(elf, object, size));
	snprintf(list, sizeof(list), "%s", words);
	for (word = list; word; word = next) {
		next = strchr(word, '|');
		if (next)
			*next++ = '\0';
		if (!CHECK(strstr(corelo_last_error(), word))) {
			printf("\tno \"%s\"\n", word);
			ok = 0;
		}
	}
	if (!ok)
		printf("\t%s: %d, \"%s\"\n", what, ret, corelo_last_error());
	free(elf);
	return ok;
}

/* What and where: each says program, section, relocation, type, source and cause. */
static const struct {
	const char *object[2];
	enum corelo_semantics semantics;
	int error;
	const char *words;
} failures[] = {
#define BOTH(name) { OBJECT(name, 0), OBJECT(name, 1) }
	{ BOTH("ambiguous"), CORELO_SEMANTICS_LIBBPF, -EINVAL,
	  "prog 'ambiguous'|section 'raw_tp/ambiguous'|relo #0|<byte_off>|ambiguous.x|insn #0|ambiguous.bpf.c:|ambiguous: " },
	{ BOTH("range_ldx"), CORELO_SEMANTICS_LIBBPF, -ERANGE,
	  "prog 'range_ldx'|section 'raw_tp/range_ldx'|relo #0|<byte_off>|far.away|range_ldx.bpf.c:|40004|32767" },
	{ BOTH("wide_bits"), CORELO_SEMANTICS_LIBBPF, -E2BIG,
	  "prog 'wide_bits'|section 'raw_tp/wide_bits'|<lshift_u64>|wide_bits.x|wide_bits.bpf.c:|64 bits" },
	{ BOTH("negative"), CORELO_SEMANTICS_LIBBPF, -EINVAL,
	  "prog 'negative_root'|section 'raw_tp/negative_root'|struct moved|4294967295:3|negative.bpf.c:|one more" },
	{ BOTH("duplicate"), CORELO_SEMANTICS_LIBBPF, -EINVAL,
	  "prog 'twice_a'|section 'raw_tp/twice_a'|moved.b|instruction holds|gives 4" },
	{ BOTH("depth"), CORELO_SEMANTICS_KERNEL, -EINVAL,
	  "prog 'depth'|section 'raw_tp/depth'|<type_matches>|struct match_subset___nested|too deeply" },
	{ BOTH("prune_ambiguous"), CORELO_SEMANTICS_KERNEL, -EINVAL, "prog 'prune_ambiguous'|relo #1|chosen.x|ambiguous: " },
};

static void messages(void)
{
	unsigned char *elf;
	size_t i, size;
	int big;

	for (i = 0; i < ARRAY_SIZE(failures); i++) {
		for (big = 0; big <= 1; big++) {
			elf = build_load(failures[i].object[big], &size);
			if (!CHECK(elf))
				continue;
			warnings = 0;
			check_failure(failures[i].object[big], elf, size, targets[big], failures[i].semantics,
				      failures[i].error, failures[i].words);
			/* the log has it, too */
			CHECK(warnings >= 1);
			CHECK(strstr(last_warning, "prog '"));
			free(elf);
		}
	}
}

/* One field of an object, made wrong. */
/* Every CO-RE record needs a function: what takes their symbols away is refused, or warned of. */
static void odd_symbols(int big)
{
	enum { SHT_SYMTAB = 2, STT_FUNC = 2 };
	unsigned char *elf, *copy, *symtab, *header;
	struct corelo_report *report = NULL;
	const struct corelo_report_entry *relo;
	size_t size, len, i;
	uint16_t shndx[] = { 0xffff, 77 };
	const char *const words[] = { "function 'static_one' has an extended section number", "is in section 77" };

	elf = build_load(OBJECT("subprogs", big), &size);
	if (!CHECK(elf))
		return;
	symtab = build_find(elf, ".symtab", &len);
	if (!CHECK(symtab))
		return;
	copy = build_copy(elf, size);
#define EACH_FUNC(change)									\
	for (i = 0; i + 24 <= len; i += 24)							\
		if ((symtab[i + 4] & 15) == STT_FUNC)						\
			change

	EACH_FUNC(build_put(symtab + i + 6, shndx[0], 2, big));
	check_failure("0xffff", elf, size, targets[big], CORELO_SEMANTICS_LIBBPF, -ENOEXEC, words[0]);
	EACH_FUNC(build_put(symtab + i + 6, shndx[1], 2, big));
	check_failure("77", elf, size, targets[big], CORELO_SEMANTICS_LIBBPF, -ENOEXEC, words[1]);
	memcpy(elf, copy, size);

	EACH_FUNC(symtab[i + 4] &= 0xf0);
	warnings = 0;
	CHECK(!relocate(elf, size, targets[big], CORELO_SEMANTICS_LIBBPF, &report));
	CHECK(warnings == 2 && strstr(last_warning, "sec 'raw_tp/shared': 2 CO-RE relocations skipped"));
	if (CHECK(corelo_report_entry_cnt(report) == 5)) {
		relo = corelo_report_get(report, 0);
		CHECK(relo->outcome == CORELO_OUTCOME_SKIPPED && strstr(relo->message, "no function symbol"));
	}
	corelo_report_free(report);
	memcpy(elf, copy, size);
#undef EACH_FUNC

	/* as strip leaves it */
	for (header = elf + build_get(elf + 40, 8, big); header < elf + size; header += 64)
		if (build_get(header + 4, 4, big) == SHT_SYMTAB)
			build_put(header + 4, 0, 4, big);
	check_failure("stripped", elf, size, targets[big], CORELO_SEMANTICS_LIBBPF, -ENOEXEC, "no symbol table|strip");
	free(copy);
	free(elf);
}

static void wrong_objects(int big)
{
	enum { CODE, EXT, RECORD, BTF, ELF };
	const struct {
		int where;
		size_t off, bytes;
		uint64_t value;
		int error;
		const char *words;
	} wrong[] = {
#define RELO "prog 'range_alu'|section 'raw_tp/range_alu'|relo #0|<byte_off>|range.bpf.c:|"
		/* the instruction: mov r2, 4 */
		{ CODE, 4, 4, 5, -EINVAL, RELO "far.away|the instruction holds 5 where|gives 4" },
		{ CODE, 4, 4, 0x104, -EINVAL, RELO "far.away|the instruction holds 260 where|gives 4" },
		{ CODE, 4, 4, 0xffffffff, -EINVAL, RELO "far.away|the instruction holds -1 where|gives 4" },
		{ CODE, 0, 1, 0x95, -EINVAL, RELO "far.away|opcode 0x95" },
		{ CODE, 0, 1, 0xbf, -EINVAL, RELO "far.away|opcode 0xbf" },
		/* a load whose offset is the 0 of the mov's */
		{ CODE, 0, 1, 0x61, -EINVAL, RELO "far.away|the instruction holds|gives 4" },
		/* a record: insn_off, type_id, access_str_off, kind */
		{ RECORD, 0, 4, 4, -EINVAL, "prog 'range_alu'|no instruction at byte offset 4" },
		{ RECORD, 4, 4, 1000, -EINVAL, RELO "1000" },
		{ RECORD, 4, 4, 0, -EINVAL, RELO "no name" },
		{ RECORD, 8, 4, 1 << 20, -EINVAL, RELO "1048576" },
		{ RECORD, 8, 4, 0, -EINVAL, RELO "struct far|access string" },
		{ RECORD, 12, 4, 13, -EINVAL, "prog 'range_alu'|section 'raw_tp/range_alu'|relo #0|kind 13" },
		{ RECORD, 12, 4, BPF_CORE_ENUMVAL_VALUE, -EINVAL, "prog 'range_alu'|<enumval_value>|struct far" },
		/* the section's: sec_name_off, num_info */
		{ RECORD, (size_t)-8, 4, 1 << 20, -EINVAL, "1048576" },
		{ RECORD, (size_t)-8, 4, 0, -EINVAL, ".BTF.ext" },
		{ RECORD, (size_t)-4, 4, 1 << 20, -EINVAL, ".BTF.ext" },
		{ RECORD, (size_t)-4, 4, 0xffffffff, -EINVAL, ".BTF.ext" },
		{ RECORD, (size_t)-4, 4, 0, -EINVAL, ".BTF.ext" },
		/* rec_size */
		{ RECORD, (size_t)-12, 4, 12, -EINVAL, ".BTF.ext" },
		{ RECORD, (size_t)-12, 4, 17, -EINVAL, ".BTF.ext" },
		{ RECORD, (size_t)-12, 4, 0xfffffff0, -EINVAL, ".BTF.ext" },
		/* .BTF.ext: magic, header, core_relo_off, core_relo_len */
		{ EXT, 0, 2, 0x1234, -EINVAL, "" },
		{ EXT, 4, 4, 0xffffffff, -EINVAL, "" },
		{ EXT, 24, 4, 0xfffffffc, -EINVAL, "" },
		{ EXT, 28, 4, 0xfffffffc, -EINVAL, "" },
		{ EXT, 28, 4, 2, -EINVAL, "" },
		/* .BTF: magic, header, type_len, str_len */
		{ BTF, 0, 2, 0x1234, -EINVAL, ".BTF: not BTF" },
		{ BTF, 4, 4, 0xffffffff, -EINVAL, ".BTF: " },
		{ BTF, 12, 4, 0xfffffffc, -EINVAL, ".BTF: type section" },
		{ BTF, 20, 4, 0xffffffff, -EINVAL, ".BTF: string section" },
		{ BTF, 20, 4, 1, -EINVAL, "" },
		/* ELF: class, e_type, e_machine, e_shoff, e_shentsize, e_shstrndx */
		{ ELF, 0, 1, 0, -ENOEXEC, "not a BPF object" },
		{ ELF, 4, 1, 1, -ENOEXEC, "not a BPF object|64-bit" },
		{ ELF, 5, 1, 3, -ENOEXEC, "" },
		{ ELF, 16, 2, 2, -ENOEXEC, "not a BPF object|relocatable" },
		{ ELF, 18, 2, 62, -ENOEXEC, "not a BPF object|62" },
		{ ELF, 40, 8, 1 << 20, -ENOEXEC, "ELF" },
		{ ELF, 40, 8, (uint64_t)-1, -ENOEXEC, "ELF" },
		{ ELF, 58, 2, 8, -ENOEXEC, "ELF" },
		{ ELF, 62, 2, 0xfff0, -ENOEXEC, "ELF" },
	};
	unsigned char *elf, *copy, *at, *sections[5];
	struct corelo_report *report = NULL;
	const struct corelo_report_entry *relo;
	size_t size, len, i;
	char what[64];

	elf = build_load(OBJECT("range", big), &size);
	if (!CHECK(elf))
		return;
	sections[CODE] = build_find(elf, "raw_tp/range_alu", &len);
	sections[EXT] = build_find(elf, ".BTF.ext", &len);
	sections[BTF] = build_find(elf, ".BTF", &len);
	sections[ELF] = elf;
	if (!CHECK(sections[CODE]) || !CHECK(sections[EXT]) || !CHECK(sections[BTF]))
		return;
	at = sections[EXT];
	/* behind rec_size, sec_name_off and num_info */
	sections[RECORD] = at + build_get(at + 4, 4, big) + build_get(at + 24, 4, big) + 12;
	copy = build_copy(elf, size);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		build_put(sections[wrong[i].where] + wrong[i].off, wrong[i].value, wrong[i].bytes, big);
		snprintf(what, sizeof(what), "range, row %d", (int)i);
		check_failure(what, elf, size, targets[big], CORELO_SEMANTICS_LIBBPF, wrong[i].error, wrong[i].words);
		memcpy(elf, copy, size);
	}

	/* behind the end of the code, it is in no function, which is warned of; the rest goes on */
	build_put(sections[RECORD], 1 << 20, 4, big);
	warnings = 0;
	CHECK(!relocate(elf, size, targets[big], CORELO_SEMANTICS_LIBBPF, &report));
	if (CHECK(corelo_report_entry_cnt(report) == 2)) {
		relo = corelo_report_get(report, 0);
		CHECK(relo->outcome == CORELO_OUTCOME_SKIPPED && !relo->program);
		relo = corelo_report_get(report, 1);
		CHECK(relo->outcome == CORELO_OUTCOME_RESOLVED && relo->new_val == 32764);
	}
	CHECK(warnings == 1 && strstr(last_warning, "1 CO-RE relocation skipped, the first at insn #131072: no function"));
	corelo_report_free(report);
	memcpy(elf, copy, size);
	/* old LLVM has no machine */
	build_put(elf + 18, 0, 2, big);
	CHECK(!relocate(elf, size, targets[big], CORELO_SEMANTICS_LIBBPF, NULL));
	free(copy);
	free(elf);
}

/* Cut off anywhere: the section table is at the end. */
static void truncated(int big)
{
	unsigned char *elf, *copy;
	size_t size, n;

	elf = build_load(OBJECT("range", big), &size);
	if (!CHECK(elf))
		return;
	for (n = 0; n < size; n++) {
		copy = build_copy(elf, n);
		check_failure("truncated", copy, n, targets[big], CORELO_SEMANTICS_LIBBPF, -ENOEXEC, "ELF");
		free(copy);
	}
	free(elf);
}

/* Each byte with all bits changed: whatever comes of it, it is an answer, and a refusal changes nothing. */
static void damaged(const char *path, int big)
{
	unsigned char *elf, *copy;
	size_t size, n, fine = 0;
	int ret;

	elf = build_load(path, &size);
	if (!CHECK(elf))
		return;
	for (n = 0; n < size; n++) {
		elf[n] ^= 0xff;
		copy = build_copy(elf, size);
		ret = relocate(copy, size, targets[big], CORELO_SEMANTICS_LIBBPF, NULL);
		fine += !ret;
		if (!CHECK(!ret || ret == -EINVAL || ret == -ENOEXEC || ret == -ERANGE || ret == -E2BIG || ret == -ENOTSUP) ||
		    !CHECK(!ret || !memcmp(copy, elf, size)))
			printf("\t%s, byte %d: %d, \"%s\"\n", path, (int)n, ret, corelo_last_error());
		free(copy);
		elf[n] ^= 0xff;
	}
	/* much of a file says nothing that matters here, but not all of it */
	CHECK(fine > size / 10 && fine < size);
	free(elf);
}

static void foreign_files(void)
{
	static const char text[] = "This is a text file, and long enough to be an ELF header of 64 bytes.\n";
	unsigned char *data;
	size_t size;

	check_failure("nothing", "", 0, targets[0], CORELO_SEMANTICS_LIBBPF, -ENOEXEC, "not a BPF object");
	check_failure("text", text, sizeof(text), targets[0], CORELO_SEMANTICS_LIBBPF, -ENOEXEC, "not a BPF object");
	check_failure("magic", "\177ELF", 4, targets[0], CORELO_SEMANTICS_LIBBPF, -ENOEXEC, "ELF");
	data = build_load("/proc/self/exe", &size);
	if (CHECK(data))
		check_failure("this program", data, size, targets[BUILD_IS_BIG], CORELO_SEMANTICS_LIBBPF, -ENOEXEC, "not a BPF object");
	free(data);
	data = build_load("examples/demo.btf", &size);
	if (CHECK(data))
		check_failure("BTF", data, size, targets[0], CORELO_SEMANTICS_LIBBPF, -ENOEXEC, "not a BPF object");
	free(data);
}

static void other_byte_order(int big)
{
	unsigned char *elf;
	size_t size;

	elf = build_load(OBJECT("fields", big), &size);
	if (CHECK(elf)) {
		check_failure("fields", elf, size, targets[!big], CORELO_SEMANTICS_LIBBPF, -EINVAL,
			      big ? "the object is big-endian|target.el.o" : "the object is little-endian|target.eb.o");
		/* the file and its own BTF, too, have to agree */
		elf[5] = big ? 1 : 2;
		CHECK(relocate(elf, size, targets[big], CORELO_SEMANTICS_LIBBPF, NULL) < 0);
	}
	free(elf);
}

/*
 * poison.bpf.c asks for the offset of no_kernel_has_this.x, an u64 at 8. Here
 * a "kernel" has it at @kernel_off and a "module" at @module_off, if not 0.
 */
static void with_a_module(uint32_t kernel_off, uint32_t module_off)
{
	uint64_t want = kernel_off ? kernel_off : module_off;
	struct corelo_report *report = NULL;
	struct corelo_relocate_opts opts;
	struct build kernel, module;
	struct corelo_btf *open[2];
	const struct corelo_btf *list[3];
	const struct corelo_report_entry *relo;
	unsigned char *elf, *data;
	char name[64];
	size_t size, sizes[2];

	build_start(&kernel, 0);
	build_int(&kernel, "unsigned long long", 8, 0);
	if (kernel_off) {
		build_type(&kernel, "no_kernel_has_this", BTF_KIND_STRUCT, 1, kernel_off + 8);
		build_member(&kernel, "x", 1, kernel_off * 8);
	}
	build_start_split(&module, &kernel);
	if (module_off) {
		build_type(&module, "no_kernel_has_this___flavor", BTF_KIND_STRUCT, 1, module_off + 8);
		build_member(&module, "x", 1, module_off * 8);
	}
	data = build_btf(&kernel, &sizes[0]);
	open[0] = corelo_btf_from_bytes(data, sizes[0], NULL);
	free(data);
	data = build_btf(&module, &sizes[1]);
	open[1] = corelo_btf_from_bytes(data, sizes[1], open[0]);
	free(data);
	elf = build_load(OBJECT("poison", 0), &size);
	if (CHECK(open[0]) && CHECK(open[1]) && CHECK(elf)) {
		list[0] = open[0];
		list[1] = open[1];
		list[2] = NULL;
		memset(&opts, 0, sizeof(opts));
		opts.sz = sizeof(opts);
		opts.targets = list;
		opts.target_count = 2;
		opts.report = &report;
		CHECK(!corelo_relocate(elf, size, &opts));
		relo = corelo_report_get(report, 0);
		if (CHECK(relo)) {
			CHECK(relo->outcome == (want ? CORELO_OUTCOME_RESOLVED : CORELO_OUTCOME_POISONED));
			CHECK(relo->new_val == want);
			snprintf(name, sizeof(name), "%d bytes", (int)sizes[!kernel_off]);
			CHECK(want ? !strcmp(relo->target, name) : !relo->target);
		}
		corelo_report_free(report);
		/* a target that is none */
		opts.target_count = 3;
		report = (void *)&report;
		CHECK(corelo_relocate(elf, size, &opts) == -EINVAL);
		CHECK(!report);
	}
	free(elf);
	corelo_btf_free(open[1]);
	corelo_btf_free(open[0]);
}

static void options(void)
{
	/* as a program has it that was built with a later header */
	struct {
		struct corelo_relocate_opts known;
		unsigned char later[64];
	} newer;
	const struct corelo_btf *target = targets[0];
	struct corelo_relocate_opts *opts = &newer.known;
	struct corelo_report *report;
	unsigned char *elf, *before;
	size_t size, sz;

	elf = build_load(OBJECT("range", 0), &size);
	if (!CHECK(elf))
		return;
	before = build_copy(elf, size);
	memset(&newer, 0, sizeof(newer));
	opts->targets = &target;
	opts->target_count = 1;
	opts->report = &report;
#define REFUSED(words)									\
	do {										\
		CHECK(corelo_relocate(elf, size, opts) == -EINVAL);			\
		if (!CHECK(strstr(corelo_last_error(), words)))				\
			printf("\t%s\n", corelo_last_error());				\
		CHECK(!memcmp(elf, before, size));					\
	} while (0)

	/* too small to hold itself, or more than there can be: nothing in it is looked at */
	for (sz = 0; sz < sizeof(size_t); sz++) {
		opts->sz = sz;
		REFUSED("opts->sz");
	}
	opts->sz = SIZE_MAX;
	REFUSED("opts->sz");
	opts->sz = (size_t)1 << (sizeof(size_t) * 8 - 1);
	REFUSED("opts->sz");

	/* what this version does not know, in the first and the last byte; the report is told apart from rubbish */
	opts->sz = sizeof(newer);
	newer.later[0] = 1;
	report = (void *)&report;
	REFUSED("does not know");
	CHECK(!report);
	newer.later[0] = 0;
	newer.later[sizeof(newer.later) - 1] = 0x80;
	report = (void *)&report;
	REFUSED("does not know");
	CHECK(!report);
	newer.later[sizeof(newer.later) - 1] = 0;

	opts->semantics = (enum corelo_semantics)2;
	report = (void *)&report;
	REFUSED("semantics");
	CHECK(!report);
	opts->semantics = (enum corelo_semantics)-1;
	REFUSED("semantics");
	opts->semantics = CORELO_SEMANTICS_LIBBPF;

	opts->targets = NULL;
	REFUSED("targets");
	opts->targets = &target;
	opts->target_count = SIZE_MAX;
	REFUSED("targets");
	opts->target_count = 1;
	target = NULL;
	REFUSED("struct corelo_btf");
	target = targets[0];

	/* whatever fails, what is in the report may be freed */
	report = (void *)&report;
	CHECK(corelo_relocate(NULL, size, opts) == -EINVAL);
	corelo_report_free(report);
	report = (void *)&report;
	CHECK(corelo_relocate(elf, SIZE_MAX, opts) == -EINVAL);
	corelo_report_free(report);
	report = (void *)&report;
	CHECK(corelo_relocate(elf, 10, opts) == -ENOEXEC);
	CHECK(corelo_report_entry_cnt(report) == 0);
	corelo_report_free(report);

	/* zero is what a field that nobody has set is */
	CHECK(!corelo_relocate(elf, size, opts));
	CHECK(memcmp(elf, before, size));
	CHECK(corelo_report_entry_cnt(report) == 2);
	corelo_report_free(report);

	/* as a program has it that was built with an earlier header, of which the report was no part */
	memcpy(elf, before, size);
	report = (void *)&report;
	opts->sz = offsetof(struct corelo_relocate_opts, report);
	CHECK(!corelo_relocate(elf, size, opts));
	CHECK(memcmp(elf, before, size));
	CHECK(report == (void *)&report);
#undef REFUSED
	free(before);
	free(elf);
}

static void running_kernel(void)
{
	struct corelo_btf *kernel = corelo_btf_open_kernel();
	struct corelo_report *report = NULL;
	struct corelo_relocate_opts opts;
	unsigned char *elf, *before;
	size_t size;

	elf = build_load(OBJECT("poison", BUILD_IS_BIG), &size);
	before = build_copy(elf, elf ? size : 0);
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.report = &report;
	if (CHECK(elf) && !kernel) {
		CHECK(corelo_relocate(elf, size, &opts) == -ESRCH);
		CHECK(corelo_relocate(elf, size, NULL) == -ESRCH);
		CHECK(strstr(corelo_last_error(), "/sys/kernel/btf/vmlinux"));
		CHECK(!memcmp(elf, before, size));
		SKIP("object, running kernel", corelo_last_error());
	} else if (elf) {
		CHECK(!corelo_relocate(elf, size, &opts));
		if (CHECK(corelo_report_entry_cnt(report) == 1))
			CHECK(corelo_report_get(report, 0)->outcome == CORELO_OUTCOME_POISONED);
		CHECK(memcmp(elf, before, size));
		memcpy(elf, before, size);
		CHECK(!corelo_relocate(elf, size, NULL));
		CHECK(memcmp(elf, before, size));
	}
	corelo_report_free(report);
	corelo_btf_free(kernel);
	free(before);
	free(elf);
}

/* Different objects against one target at the same time. */
static const char *const together[] = {
	OBJECT("fields", 0), OBJECT("bitfields", 0), OBJECT("insns", 0), OBJECT("enums", 0),
	OBJECT("types", 0), OBJECT("subprogs", 0), OBJECT("ambiguous", 0), OBJECT("range_ldx", 0),
};

struct job {
	const char *path;
	unsigned char *before, *want;
	size_t size;
	int ret, failed;
	char words[64];
};

static void *work(void *arg)
{
	struct job *job = arg;
	unsigned char *elf;
	int i;

	for (i = 0; i < 50; i++) {
		elf = build_copy(job->before, job->size);
		if (relocate(elf, job->size, targets[0], CORELO_SEMANTICS_LIBBPF, NULL) != job->ret ||
		    memcmp(elf, job->want, job->size) ||
		    (job->ret && !strstr(corelo_last_error(), job->words)))
			job->failed++;
		free(elf);
	}
	return NULL;
}

static void threads(void)
{
	struct job jobs[ARRAY_SIZE(together)];
	pthread_t ids[ARRAY_SIZE(together)];
	size_t i;

	memset(jobs, 0, sizeof(jobs));
	for (i = 0; i < ARRAY_SIZE(together); i++) {
		jobs[i].path = together[i];
		jobs[i].before = build_load(jobs[i].path, &jobs[i].size);
		if (!CHECK(jobs[i].before))
			return;
		jobs[i].want = build_copy(jobs[i].before, jobs[i].size);
		jobs[i].ret = relocate(jobs[i].want, jobs[i].size, targets[0], CORELO_SEMANTICS_LIBBPF, NULL);
		if (jobs[i].ret)
			snprintf(jobs[i].words, sizeof(jobs[i].words), "%s",
				 strstr(jobs[i].path, "ambiguous") ? "prog 'ambiguous'" : "prog 'range_ldx'");
	}
	CHECK(jobs[6].ret == -EINVAL && jobs[7].ret == -ERANGE);
	for (i = 0; i < ARRAY_SIZE(together); i++)
		if (!CHECK(!pthread_create(&ids[i], NULL, work, &jobs[i])))
			abort();
	for (i = 0; i < ARRAY_SIZE(together); i++) {
		CHECK(!pthread_join(ids[i], NULL));
		if (!CHECK(!jobs[i].failed))
			printf("\t%s: %d times\n", jobs[i].path, jobs[i].failed);
		free(jobs[i].before);
		free(jobs[i].want);
	}
}

/* What the report says of a relocation of a program: why it was poisoned or failed, or what to know of its value. */
static void reasons(int big)
{
	static const struct {
		const char *object, *program;
		enum corelo_outcome outcome;
		const char *words;
	} rows[] = {
		{ "poison", "poison", CORELO_OUTCOME_POISONED, "the target has no struct no_kernel_has_this" },
		{ "prune", "prune", CORELO_OUTCOME_POISONED, "the target has no member second in struct prune___one [" },
		{ "enums", "missing_enums", CORELO_OUTCOME_POISONED, "the target has no enumerator " },
		{ "enums", "extremes", CORELO_OUTCOME_RESOLVED, "the enum is unsigned in the target" },
		{ "fields", "kinds", CORELO_OUTCOME_RESOLVED, "has another type: " },
		{ "fields", "arrays", CORELO_OUTCOME_POISONED, "index 5 is out of bounds" },
		{ "types", "exists", CORELO_OUTCOME_RESOLVED, "is not compatible with the object's" },
		{ "types", "matches", CORELO_OUTCOME_RESOLVED, "does not match the object's" },
		{ "whole_bits", "whole_load", CORELO_OUTCOME_POISONED, "a bitfield in the target" },
		{ "whole_bits", "whole_address", CORELO_OUTCOME_RESOLVED, "a bitfield in the target" },
		{ "whole_bits", "fixed_shifts", CORELO_OUTCOME_RESOLVED, "BPF_CORE_READ_BITFIELD()" },
		{ "cut", "cut_offset", CORELO_OUTCOME_FAILED, "cut to the 16 bits" },
		{ "cut", "not_negative", CORELO_OUTCOME_FAILED, "4294967294 in an unsigned enum" },
	};
	const struct corelo_report_entry *relo;
	struct corelo_report *report;
	size_t size, i, n, found;
	char path[128];
	void *elf;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(path, sizeof(path), DIR "%s.%s.bpf.o", rows[i].object, big ? "eb" : "el");
		elf = build_load(path, &size);
		if (!CHECK(elf))
			return;
		report = NULL;
		relocate(elf, size, targets[big], CORELO_SEMANTICS_LIBBPF, &report);
		found = 0;
		for (n = 0; n < corelo_report_entry_cnt(report); n++) {
			relo = corelo_report_get(report, n);
			found += !strcmp(relo->program, rows[i].program) && relo->outcome == rows[i].outcome &&
				 relo->message && strstr(relo->message, rows[i].words);
		}
		if (!CHECK(found))
			printf("\t%s, %s: %s\n", path, rows[i].program, rows[i].words);
		corelo_report_free(report);
		free(elf);
	}
}

int main(void)
{
	int big;

	CHECK_LIBRARY();
	corelo_log_set(log_line, &warnings);
	for (big = 0; big <= 1; big++) {
		targets[big] = corelo_btf_open(TARGET(big), NULL);
		if (!CHECK(targets[big]))
			return check_summary("object");
	}
	if (read_lines())
		fixtures();
	messages();
	for (big = 0; big <= 1; big++) {
		nothing_to_do(big);
		odd_symbols(big);
		reasons(big);
		wrong_objects(big);
		truncated(big);
		other_byte_order(big);
	}
	damaged(OBJECT("range", 0), 0);
	damaged(OBJECT("prune", 1), 1);
	foreign_files();
	with_a_module(0, 0);
	with_a_module(16, 0);
	with_a_module(0, 24);
	/* where the kernel has the name, no module is looked at */
	with_a_module(16, 24);
	options();
	running_kernel();
	threads();
	corelo_btf_free(targets[0]);
	corelo_btf_free(targets[1]);
	corelo_log_set(NULL, NULL);
	return check_summary("object");
}
