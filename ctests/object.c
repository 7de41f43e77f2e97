/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Whole objects: three fixtures, byte by byte, and the words for some that are
 * refused. tests/expected.rs has every relocation of every fixture.
 */
#include "check.h"
#include "elf_file.h"
#include "fixture.h"

#include <errno.h>

static struct corelo_btf *targets[2];	/* little, big endian */

static int warnings;

static void log_line(void *ctx, enum corelo_log_level level, const char *message)
{
	CHECK(ctx == &warnings);
	CHECK(!strchr(message, '\n'));
	warnings += level == CORELO_LOG_WARN;
}

/* A relocation of a fixture, in the order of .BTF.ext. */
static const struct relocation {
	const char *object, *section, *program;
	uint32_t insn_off;
	/* where the value is in the instruction, and its size; 0 for none */
	size_t at, size;
	enum corelo_outcome outcome;
	uint64_t orig_val, new_val;
} relocations[] = {
	{ "range", "raw_tp/range_alu", "range_alu", 0, 4, 4, CORELO_OUTCOME_RESOLVED, 4, 40004 },
	{ "range", "raw_tp/range_edge", "range_edge", 0, 2, 2, CORELO_OUTCOME_RESOLVED, 4, 32764 },
	{ "prune", "raw_tp/prune", "prune", 0, 4, 4, CORELO_OUTCOME_RESOLVED, 0, 8 },
	{ "prune", "raw_tp/prune", "prune", 16, 0, 0, CORELO_OUTCOME_POISONED, 4, 0 },
	{ "optional", "?raw_tp/optional", "optional", 0, 4, 4, CORELO_OUTCOME_RESOLVED, 0, 16 },
	{ "optional", "?raw_tp/optional", "optional", 16, 0, 0, CORELO_OUTCOME_POISONED, 0, 0 },
	{ "optional", "?raw_tp/optional", "optional", 32, 0, 0, CORELO_OUTCOME_POISONED, 4, 0 },
	{ "optional", "raw_tp/required", "required", 0, 4, 4, CORELO_OUTCOME_RESOLVED, 0, 16 },
};

static void check_entry(const struct corelo_report_entry *e, const struct relocation *r, int big)
{
	if (!CHECK(e))
		return;
	CHECK(!strcmp(e->section, r->section) && !strcmp(e->program, r->program));
	CHECK(e->insn_off == r->insn_off && e->kind == BPF_CORE_FIELD_BYTE_OFFSET);
	CHECK(e->outcome == r->outcome && !e->error && e->new_val == r->new_val);
	CHECK(e->local_spec && strstr(e->file, r->object) && e->line);
	if (r->outcome == CORELO_OUTCOME_RESOLVED)
		CHECK(e->orig_val == r->orig_val && !e->message && e->target_spec && !strcmp(e->target, TARGET(big)));
	else
		CHECK(e->message);
}

/* @first is the first of an object's relocations. Returns their number. */
static size_t check_fixture(const struct relocation *first, int big)
{
	const struct relocation *r, *end = relocations + ARRAY_SIZE(relocations);
	struct corelo_report *report = NULL;
	unsigned char *elf, *want, *insn;
	size_t size, len;

	elf = fixture(first->object, big, &size);
	if (!CHECK(elf))
		return ARRAY_SIZE(relocations);
	want = build_copy(elf, size);
	/* core_relo_len: nothing is left to relocate */
	build_put(section_data(want, size, ".BTF.ext", &len) + 28, 0, 4, big);
	for (r = first; r < end && r->object == first->object; r++) {
		insn = section_data(want, size, r->section, &len) + r->insn_off;
		if (r->size) {
			build_put(insn + r->at, r->new_val, r->size, big);
		} else {
			memset(insn, 0, 8);
			*insn = 0x85;
			build_put(insn + 4, POISON_IMM, 4, big);
		}
	}
	CHECK(!relocate(elf, size, targets[big], &report));
	if (!CHECK(!memcmp(elf, want, size)))
		printf("\t%s\n", first->object);
	CHECK(corelo_report_entry_cnt(report) == (size_t)(r - first));
	for (r = first; r < end && r->object == first->object; r++)
		check_entry(corelo_report_get(report, r - first), r, big);
	CHECK(!corelo_report_get(report, r - first));
	corelo_report_free(report);

	/* again: nothing is left to do, for any kernel */
	CHECK(!corelo_relocate(elf, size, NULL) && !memcmp(elf, want, size));
	free(elf);
	free(want);
	return r - first;
}

static void fixtures(int big)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(relocations))
		i += check_fixture(&relocations[i], big);
}

/* Fixtures that are refused: each failure names program, section, relocation, type, source and cause. */
static const struct {
	const char *object;
	enum corelo_semantics semantics;
	int error;
	const char *words;
} refused[] = {
	{ "ambiguous", CORELO_SEMANTICS_LIBBPF, -EINVAL,
	  "prog 'ambiguous'|section 'raw_tp/ambiguous'|relo #0|<byte_off>|ambiguous.x|insn #0|ambiguous.bpf.c:|ambiguous: " },
	{ "range_ldx", CORELO_SEMANTICS_LIBBPF, -ERANGE,
	  "prog 'range_ldx'|section 'raw_tp/range_ldx'|relo #0|<byte_off>|far.away|range_ldx.bpf.c:|40004|16 bits" },
	{ "depth", CORELO_SEMANTICS_KERNEL, -EINVAL,
	  "prog 'depth'|section 'raw_tp/depth'|<type_matches>|struct match_subset___nested|too deeply" },
};

static void refused_fixtures(int big)
{
	struct corelo_relocate_opts opts = against((const struct corelo_btf *const *)&targets[big], 1);
	char list[512], *word, *next;
	unsigned char *elf, *before;
	size_t i, size;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		elf = fixture(refused[i].object, big, &size);
		before = build_copy(elf, size);
		opts.semantics = refused[i].semantics;
		warnings = 0;
		CHECK(elf && corelo_relocate(elf, size, &opts) == refused[i].error);
		/* the caller has the error, so the log need not */
		CHECK(!warnings && !memcmp(elf, before, size));
		snprintf(list, sizeof(list), "%s", refused[i].words);
		for (word = list; word; word = next) {
			next = strchr(word, '|');
			if (next)
				*next++ = '\0';
			if (!CHECK(strstr(corelo_last_error(), word)))
				printf("\t%s: \"%s\", not \"%s\"\n", refused[i].object, corelo_last_error(), word);
		}
		free(before);
		free(elf);
	}
	corelo_targets_free((struct corelo_targets *)opts.targets);
}

/* Targets refuse what is no module of the kernel, and keep what they need of the BTF that they are made of. */
static void targets_keep_references(void)
{
	struct corelo_btf *kernel, *other, *module;
	struct corelo_relocate_opts opts = against(NULL, 0);
	const struct corelo_btf *modules[1];
	const struct corelo_report_entry *e;
	struct corelo_report *report = NULL;
	struct corelo_targets *made;
	struct build build, split;
	unsigned char *elf;
	size_t size;

	build_start(&build, 0);
	build_int(&build, "unsigned long long", 8, 0);
	kernel = open_built(&build, NULL);
	other = open_built(&build, NULL);
	build_start_split(&split, &build);
	build_type(&split, "no_kernel_has_this___flavor", BTF_KIND_STRUCT, 1, 24);
	build_member(&split, "x", 1, 16 * 8);
	module = open_built(&split, kernel);
	CHECK(kernel && other && module);
	modules[0] = module;
	CHECK(!corelo_targets_new(other, modules, 1) && errno == EINVAL);
	CHECK(strstr(corelo_last_error(), "not a module of this kernel"));
	modules[0] = other;
	CHECK(!corelo_targets_new(kernel, modules, 1) && errno == EINVAL);
	modules[0] = NULL;
	CHECK(!corelo_targets_new(kernel, modules, 1) && errno == EINVAL);
	CHECK(!strcmp(corelo_last_error(), "modules[0] is NULL"));
	CHECK(!corelo_targets_new(NULL, NULL, 0) && !strcmp(corelo_last_error(), "kernel is NULL"));

	modules[0] = module;
	made = corelo_targets_new(kernel, modules, 1);
	corelo_btf_free(module);
	corelo_btf_free(kernel);
	corelo_btf_free(other);
	elf = fixture("poison", 0, &size);
	opts.targets = made;
	opts.report = &report;
	CHECK(made && elf && !corelo_relocate(elf, size, &opts));
	e = corelo_report_get(report, 0);
	CHECK(e && e->outcome == CORELO_OUTCOME_RESOLVED && e->new_val == 16 && e->target);
	CHECK(corelo_report_outcome_cnt(report, CORELO_OUTCOME_RESOLVED) == corelo_report_entry_cnt(report));
	corelo_report_free(report);
	corelo_targets_free(made);
	free(elf);
}

/* The running kernel, opened at once, gives the answers of opts without targets. */
static void running_targets(void)
{
	struct corelo_targets *running = corelo_targets_running();
	struct corelo_relocate_opts opts = against(NULL, 0);
	unsigned char *elf, *want;
	size_t size;
	int ret;

	if (!running) {
		CHECK(errno == ESRCH);
		SKIP("running targets", "the kernel has no BTF");
		return;
	}
	elf = build_load("examples/demo.bpf.o", &size);
	want = build_copy(elf, size);
	ret = corelo_relocate(want, size, &opts);
	opts.targets = running;
	CHECK(corelo_relocate(elf, size, &opts) == ret && !memcmp(elf, want, size));
	corelo_targets_free(running);
	free(want);
	free(elf);
}

/*
 * The instructions of each section of a fixture, relocated by themselves, are those of the relocated object, and the report
 * has as many candidates.
 */
static void insns_of(const char *name, int big)
{
	struct corelo_relocate_opts opts = against((const struct corelo_btf *const *)&targets[big], 1);
	struct input original, want;
	struct corelo_report *report, *whole;
	struct corelo_btf *local;
	size_t entries = 0, candidates = 0, j, len;
	struct section ext;
	uint32_t i;

	original.data = fixture(name, big, &original.size);
	want.data = build_copy(original.data, original.size);
	want.size = original.size;
	opts.report = &whole;
	opts.detail = CORELO_DETAIL_CANDIDATES | CORELO_DETAIL_REACH;
	CHECK(!corelo_relocate(want.data, want.size, &opts));
	opts.report = &report;
	local = corelo_btf_from_bytes(original.data, original.size, NULL);
	ext = section_named(&original, ".BTF.ext");
	for (i = 1; i < section_count(&original); i++) {
		struct section s = section_at(&original, i);
		struct bpf_insn *insns = build_copy(original.data + s.place.off, s.place.len);

		len = s.place.len / sizeof(*insns);
		if (is_code(&s) && len) {
			CHECK(!corelo_relocate_insns(local, original.data + ext.place.off, ext.place.len, s.name, insns, len,
						     &opts));
			CHECK(!memcmp(insns, want.data + s.place.off, s.place.len));
			CHECK(!corelo_report_get(report, 0) || !corelo_report_get(report, 0)->program);
			entries += corelo_report_entry_cnt(report);
			for (j = 0; j < corelo_report_entry_cnt(report); j++) {
				candidates += corelo_report_candidate_cnt(report, j);
				CHECK(!corelo_report_get(report, j)->reach);
			}
			corelo_report_free(report);
		}
		free(insns);
	}
	CHECK(entries && entries == corelo_report_entry_cnt(whole));
	for (j = 0; j < entries; j++)
		candidates -= corelo_report_candidate_cnt(whole, j);
	CHECK(!candidates);
	corelo_report_free(whole);
	corelo_targets_free((struct corelo_targets *)opts.targets);
	corelo_btf_free(local);
	free(want.data);
	free(original.data);
}

static void keep_line(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)level;
	snprintf(ctx, 128, "%s", message);
}

static void refused_insns(void)
{
	int big = BUILD_IS_BIG;
	struct corelo_relocate_opts opts = against((const struct corelo_btf *const *)&targets[big], 1);
	struct input object;
	struct bpf_insn *insns, *before;
	struct corelo_btf *local;
	struct section ext, code;
	uint8_t *ext_data;
	char line[128] = "";
	size_t cnt;

	object.data = fixture("fields", big, &object.size);
	local = corelo_btf_from_bytes(object.data, object.size, NULL);
	ext = section_named(&object, ".BTF.ext");
	ext_data = object.data + ext.place.off;
	code = section_named(&object, "raw_tp/moved");
	cnt = code.place.len / sizeof(*insns);
	insns = build_copy(object.data + code.place.off, code.place.len);
	before = build_copy(insns, code.place.len);

	opts.log_fn = keep_line;
	opts.log_ctx = line;
	opts.log_max = CORELO_LOG_DEBUG;
	CHECK(!corelo_relocate_insns(local, ext_data, ext.place.len, "no such section", insns, cnt, &opts));
	CHECK(getenv("CORELO_LOG") || !strcmp(line, "no relocations for section 'no such section'"));
	CHECK(corelo_relocate_insns(local, ext_data, ext.place.len, "raw_tp/moved", insns, 1, &opts) == -EINVAL);
	CHECK(strstr(corelo_last_error(), "no instruction at byte offset"));
	CHECK(!strncmp(corelo_last_error(), "sec 'raw_tp/moved': relo #", 26));
	CHECK(corelo_relocate_insns(local, ext_data, 4, "raw_tp/moved", insns, cnt, &opts) == -EINVAL);
	CHECK(!memcmp(insns, before, code.place.len));
	CHECK(!corelo_relocate_insns(local, ext_data, ext.place.len, "raw_tp/moved", insns, cnt, &opts));
	CHECK(memcmp(insns, before, code.place.len));
	memcpy(before, insns, code.place.len);
	CHECK(corelo_relocate_insns(local, ext_data, ext.place.len, "raw_tp/moved", insns, cnt, &opts) == -EINVAL);
	CHECK(!memcmp(insns, before, code.place.len));

	corelo_targets_free((struct corelo_targets *)opts.targets);
	corelo_btf_free(local);
	free(before);
	free(insns);
	free(object.data);
}

/* The report of a fixture with @detail. */
static struct corelo_report *report_of(const char *name, int big, uint32_t detail)
{
	struct corelo_relocate_opts opts = against((const struct corelo_btf *const *)&targets[big], 1);
	struct corelo_report *report = NULL;
	unsigned char *elf;
	size_t size;

	elf = fixture(name, big, &size);
	opts.report = &report;
	opts.detail = detail;
	CHECK(elf && !relocate_once(elf, size, &opts));
	free(elf);
	return report;
}

/* The first candidate of a relocation of a fixture. */
static const struct {
	const char *object;
	size_t relo;
	enum corelo_reason reason;
	const char *spec, *at;
	int kernel_differs;
} first_candidates[] = {
	{ "fields", 34, CORELO_REASON_INDEX_BOUNDS, "struct shrunk.a", NULL, 0 },
	{ "fields", 49, CORELO_REASON_MEMBER_KIND, "struct kinds", "was_enum", 0 },
	{ "fields", 54, CORELO_REASON_MEMBER_COMPAT, "struct kinds", "other_enum", 0 },
	{ "fields", 61, CORELO_REASON_NO_MEMBER, "struct moved", "gone", 0 },
	{ "enums", 16, CORELO_REASON_NO_ENUMERATOR, "enum color", "GONE", 0 },
	{ "prune", 1, CORELO_REASON_NO_MEMBER, "struct prune___one", "second", 1 },
};

static void candidates(int big)
{
	const struct corelo_candidate *candidate;
	struct corelo_report *report;
	size_t i, relo;

	for (i = 0; i < ARRAY_SIZE(first_candidates); i++) {
		relo = first_candidates[i].relo;
		report = report_of(first_candidates[i].object, big, CORELO_DETAIL_CANDIDATES);
		candidate = corelo_report_candidate(report, relo, 0);
		if (CHECK(candidate) && !CHECK(candidate->reason == first_candidates[i].reason))
			printf("\t%s, relocation %d: %s\n", first_candidates[i].object, (int)relo, candidate->message);
		if (!candidate)
			continue;
		CHECK(strstr(candidate->spec, first_candidates[i].spec) && !strcmp(candidate->target, TARGET(big)));
		CHECK(!candidate->at == !first_candidates[i].at);
		CHECK(!candidate->at || !strcmp(candidate->at, first_candidates[i].at));
		CHECK(candidate->type_id && candidate->message && candidate->dropped_by == SIZE_MAX);
		CHECK(corelo_report_get(report, relo)->kernel_differs == first_candidates[i].kernel_differs);
		CHECK(!corelo_report_hint_cnt(report, relo) && !corelo_report_get(report, relo)->reach);
		/* one that resolved */
		CHECK(!corelo_report_candidate_cnt(report, 0) && corelo_report_get(report, 0)->access_str[0] == '0');
		corelo_report_free(report);
	}
	report = report_of("prune", big, CORELO_DETAIL_CANDIDATES);
	candidate = corelo_report_candidate(report, 1, 1);
	CHECK(corelo_report_candidate_cnt(report, 1) == 2 && !corelo_report_candidate(report, 1, 2));
	CHECK(candidate && candidate->reason == CORELO_REASON_DROPPED_BY && candidate->dropped_by == 0);
	corelo_report_free(report);
	report = report_of("prune", big, 0);
	CHECK(!corelo_report_candidate_cnt(report, 1) && !corelo_report_get(report, 1)->kernel_differs);
	corelo_report_free(report);
}

static void hints(int big)
{
	struct corelo_report *report = report_of("optional", big, CORELO_DETAIL_HINTS);
	const struct corelo_hint *hint = corelo_report_hint(report, 2, 0);

	CHECK(corelo_report_hint_cnt(report, 2) == 1 && !corelo_report_hint(report, 2, 1));
	if (CHECK(hint)) {
		CHECK(hint->kind == CORELO_HINT_OTHER_SIZE && strstr(hint->text, "far.away"));
		CHECK(strstr(hint->flavor, "struct far___v2 {") && strstr(hint->guard, "bpf_core_field_size("));
	}
	CHECK(!corelo_report_hint_cnt(report, 0) && !corelo_report_hint_cnt(report, 1));
	CHECK(!corelo_report_candidate_cnt(report, 2));
	corelo_report_free(report);
}

/* Programs of tests/reach whose poison is guarded, or not. */
static const struct {
	const char *program;
	enum corelo_reach reach;
} reaches[] = {
	{ "unguarded", CORELO_REACH_REACHABLE },
	{ "guarded_by_field", CORELO_REACH_DEAD },
	{ "guarded_by_argument", CORELO_REACH_DEAD },
	{ "guarded_by_rodata", CORELO_REACH_DEAD_BY_RODATA },
};

static void reach(int big)
{
	struct corelo_report *report = report_of("../reach/programs", big, CORELO_DETAIL_REACH);
	size_t relo, i, found = 0;

	for (relo = 0; relo < corelo_report_entry_cnt(report); relo++) {
		const struct corelo_report_entry *e = corelo_report_get(report, relo);

		CHECK((e->outcome == CORELO_OUTCOME_POISONED) == (e->reach != CORELO_REACH_UNKNOWN));
		CHECK(!corelo_report_candidate_cnt(report, relo) && !corelo_report_hint_cnt(report, relo));
		for (i = 0; i < ARRAY_SIZE(reaches); i++) {
			if (e->outcome != CORELO_OUTCOME_POISONED || strcmp(e->program, reaches[i].program))
				continue;
			found++;
			if (!CHECK(e->reach == reaches[i].reach))
				printf("\t%s: %d\n", e->program, e->reach);
		}
	}
	CHECK(found == ARRAY_SIZE(reaches));
	corelo_report_free(report);
}

/* The poison of tests/reach/externs.bpf.c, which version and configuration guard. */
static void reach_by_facts(uint32_t version, const char *config, enum corelo_reach reach)
{
	struct corelo_relocate_opts opts = against((const struct corelo_btf *const *)&targets[0], 1);
	struct corelo_report *report;
	struct input in;
	size_t relo;

	in.data = fixture("../reach/externs", 0, &in.size);
	opts.report = &report;
	opts.detail = CORELO_DETAIL_REACH;
	opts.kernel_version = version;
	opts.kernel_config = config;
	CHECK(!relocate_once(in.data, in.size, &opts));
	for (relo = 0; relo < 2; relo++)
		CHECK(corelo_report_get(report, relo) && corelo_report_get(report, relo)->reach == reach);
	corelo_report_free(report);
	free(in.data);
}

/* Poison has the number of its relocation. All else is as without the flag. */
static void tagged_poison(int big)
{
	struct corelo_relocate_opts opts = against((const struct corelo_btf *const *)&targets[big], 1);
	const struct corelo_report_entry *e;
	struct corelo_report *report = NULL;
	unsigned char *elf, *want;
	size_t size, len, i, count = 0;

	elf = fixture("optional", big, &size);
	if (!CHECK(elf))
		return;
	want = build_copy(elf, size);
	CHECK(!relocate_once(want, size, &opts));
	opts = against((const struct corelo_btf *const *)&targets[big], 1);
	opts.report = &report;
	opts.flags = CORELO_RELOCATE_TAG_POISON;
	CHECK(!relocate_once(elf, size, &opts));
	for (i = 0; (e = corelo_report_get(report, i)); i++) {
		if (e->outcome != CORELO_OUTCOME_POISONED)
			continue;
		build_put(section_data(want, size, e->section, &len) + e->insn_off + 4, 2003000000 + i, 4, big);
		count++;
	}
	CHECK(count == 2 && !memcmp(elf, want, size));
	corelo_report_free(report);
	free(elf);
	free(want);
}

/* What is said of logs, tests/verifier_log.rs has: here it is that all arguments get there. */
static void verifier_log(int big)
{
	static const char log[] = "prog 'other': no error\ninvalid func unknown#1\n"
				  "prog 'optional': next\n0: (85) call unknown#2003000002\ninvalid func unknown#2003000002\n";
	struct corelo_report *report = report_of("optional", big, CORELO_DETAIL_HINTS);
	const char *of_other = "prog 'other': the kernel has no helper number 1\n";
	long len = corelo_explain_verifier_log(log, sizeof(log), report, NULL, NULL, 0), size;
	char *whole, *cut;

	if (!CHECK(len > 0))
		return;
	whole = malloc(len + 1);
	cut = malloc(len + 1);
	CHECK(corelo_explain_verifier_log(log, strlen(log), report, NULL, whole, len + 1) == len);
	CHECK(strlen(whole) == (size_t)len && !strncmp(whole, of_other, strlen(of_other)));
	CHECK(strstr(whole, "relocation 2: prog 'optional': <") && strstr(whole, "hint: "));
	for (size = 1; size <= len; size += len / 7) {
		memset(cut, 'x', len + 1);
		CHECK(corelo_explain_verifier_log(log, sizeof(log), report, NULL, cut, size) == len);
		CHECK(!memcmp(cut, whole, size - 1) && !cut[size - 1] && cut[size] == 'x');
	}
	CHECK(corelo_explain_verifier_log(log, strlen(log), report, "optional", whole, len + 1) < len);
	CHECK(!strstr(whole, "prog 'other'") && strstr(whole, "relocation 2: "));
	corelo_report_free(report);
	free(whole);
	free(cut);
}

/* As snprintf(3), whatever the size. CORELO_JSON names a file for the document, which a parser validates. */
static void json(int big)
{
	struct corelo_report *report = report_of("optional", big, CORELO_DETAIL_CANDIDATES | CORELO_DETAIL_HINTS |
						 CORELO_DETAIL_REACH);
	long len = corelo_report_json(report, NULL, 0), size;
	char *whole, *cut;
	FILE *file;

	if (!CHECK(len > 0))
		return;
	whole = malloc(len + 1);
	cut = malloc(len + 1);
	CHECK(corelo_report_json(report, whole, len + 1) == len && strlen(whole) == (size_t)len);
	for (size = 1; size <= len; size += len / 7) {
		memset(cut, 'x', len + 1);
		CHECK(corelo_report_json(report, cut, size) == len);
		CHECK(!memcmp(cut, whole, size - 1) && !cut[size - 1] && cut[size] == 'x');
	}
	CHECK(strstr(whole, "\"reason\":\"disagrees\"") && strstr(whole, "\"kind\":\"other-size\""));
	CHECK(strstr(whole, "\"reach\":\"reachable\"") && strstr(whole, TARGET(big)));
	if (!big && getenv("CORELO_JSON")) {
		file = fopen(getenv("CORELO_JSON"), "w");
		if (CHECK(file)) {
			CHECK(fputs(whole, file) >= 0);
			CHECK(!fclose(file));
		}
	}
	free(cut);
	free(whole);
	corelo_report_free(report);
}

static size_t occurrences(const char *text, const char *part)
{
	size_t count = 0;

	while ((text = strstr(text, part))) {
		count++;
		text += strlen(part);
	}
	return count;
}

/* Every relocation is listed, resolved ones too, and candidates on demand: "same_as" names the first with the same ones. */
static void json_lists(int big, unsigned int detail)
{
	struct corelo_report *report = report_of("enums", big, detail);
	size_t relo, cnt = corelo_report_entry_cnt(report), explained = 0;
	size_t resolved = corelo_report_outcome_cnt(report, CORELO_OUTCOME_RESOLVED);
	long len = corelo_report_json(report, NULL, 0);
	char *text = malloc(len + 1);

	CHECK(corelo_report_json(report, text, len + 1) == len);
	CHECK(resolved && resolved < cnt && occurrences(text, "\"outcome\":") == cnt);
	CHECK(occurrences(text, "\"outcome\":\"resolved\"") == resolved && occurrences(text, "\"access\":") == cnt);
	for (relo = 0; relo < cnt; relo++)
		explained += !corelo_report_get(report, relo)->target_spec;
	if (!detail)
		explained = 0;
	CHECK(occurrences(text, "\"candidates\":") + occurrences(text, "\"same_as\":") == explained);
	CHECK(!occurrences(text, "\"candidates\":") == !detail);
	free(text);
	corelo_report_free(report);
}

static void count_lines(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)message;
	((int *)ctx)[level]++;
}

/* A function of one call gets its lines, up to its level, in place of that of corelo_log_set(). */
static void log_of_one_call(void)
{
	int big = BUILD_IS_BIG, max;
	struct corelo_relocate_opts opts = against((const struct corelo_btf *const *)&targets[big], 1);

	for (max = CORELO_LOG_WARN; max <= CORELO_LOG_DEBUG; max++) {
		int lines[3] = { 0 }, before = warnings;
		unsigned char *elf;
		size_t size;

		/* has programs that are warned of */
		elf = fixture("optional", big, &size);
		opts.log_fn = count_lines;
		opts.log_ctx = lines;
		opts.log_max = max;
		CHECK(!corelo_relocate(elf, size, &opts));
		CHECK(lines[CORELO_LOG_WARN] > 0 && before == warnings);
		CHECK(getenv("CORELO_LOG") || !lines[CORELO_LOG_DEBUG] == (max < CORELO_LOG_DEBUG));
		free(elf);
	}
	corelo_targets_free((struct corelo_targets *)opts.targets);
}

/* Code that relocation takes and reach does not: a function that runs into the next. The warning says what the report lacks. */
static void reach_of_broken_code(void)
{
	struct corelo_relocate_opts opts = against((const struct corelo_btf *const *)&targets[0], 1);
	struct corelo_report *report = NULL;
	struct section symbols;
	struct input in;
	char line[128] = "";
	size_t relo, off;

	in.data = fixture("../reach/programs", 0, &in.size);
	symbols = symbol_table(&in);
	for (off = symbols.place.off; off < symbols.place.off + symbols.place.len; off += sizeof(Elf64_Sym)) {
		size_t len = off + offsetof(Elf64_Sym, st_size), info = off + offsetof(Elf64_Sym, st_info);
		const char *name = section_at(&in, (uint32_t)number_at(&in, off + offsetof(Elf64_Sym, st_shndx), 2)).name;

		/* the first function of .text */
		if (ELF64_ST_TYPE(number_at(&in, info, 1)) == STT_FUNC && name && !strcmp(name, ".text") &&
		    !number_at(&in, off + offsetof(Elf64_Sym, st_value), 8))
			set_number(&in, 0, len, 8, number_at(&in, len, 8) + 8);
	}
	opts.report = &report;
	opts.detail = CORELO_DETAIL_REACH;
	opts.log_fn = keep_line;
	opts.log_ctx = line;
	CHECK(!relocate_once(in.data, in.size, &opts));
	CHECK(getenv("CORELO_LOG") || !strncmp(line, "the report lacks details: ", 26));
	for (relo = 0; relo < corelo_report_entry_cnt(report); relo++)
		CHECK(corelo_report_get(report, relo)->reach == CORELO_REACH_UNKNOWN);
	corelo_report_free(report);
	free(in.data);
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
	for (big = 0; big <= 1; big++) {
		fixtures(big);
		refused_fixtures(big);
	}
	targets_keep_references();
	running_targets();
	for (big = 0; big <= 1; big++) {
		insns_of("fields", big);
		insns_of("poison", big);
		candidates(big);
		hints(big);
		reach(big);
		json(big);
		json_lists(big, 0);
		json_lists(big, CORELO_DETAIL_CANDIDATES);
		tagged_poison(big);
		verifier_log(big);
	}
	refused_insns();
	reach_of_broken_code();
	reach_by_facts(0, NULL, CORELO_REACH_REACHABLE);
	reach_by_facts(0x060c05, "CONFIG_HZ=250\n", CORELO_REACH_DEAD);
	reach_by_facts(0x050a00, "CONFIG_HZ=1000\n", CORELO_REACH_REACHABLE);
	log_of_one_call();
	corelo_btf_free(targets[0]);
	corelo_btf_free(targets[1]);
	corelo_log_set(NULL, NULL);
	return check_summary("object");
}
