/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Which programs a kernel loads and attaches, as C asks and reads it. What is
 * said, tests/check tests.
 */
#include "check.h"
#include "exports.h"

static unsigned char *programs;
static size_t programs_size;

static struct corelo_check *check_programs(const struct corelo_check_opts *opts)
{
	struct corelo_check *check;

	if (!CHECK(!corelo_check(programs, programs_size, opts, &check)))
		fprintf(stderr, "\t%s\n", corelo_last_error());
	return check;
}

/* The number of a program. */
static size_t number_of(const struct corelo_check *check, const char *name)
{
	size_t i;

	for (i = 0; i < corelo_check_program_cnt(check); i++)
		if (!strcmp(corelo_check_program(check, i)->name, name))
			break;
	return i;
}

static enum corelo_verdict load_of(const struct corelo_check *check, const char *name)
{
	const struct corelo_check_program *program = corelo_check_program(check, number_of(check, name));

	return CHECK(program) ? program->load : CORELO_VERDICT_UNKNOWN;
}

/* The first finding of a rule about a program. */
static const struct corelo_finding *finding_of(const struct corelo_check *check, const char *name, const char *rule)
{
	const struct corelo_finding *finding;
	size_t i, program = number_of(check, name);

	for (i = 0; (finding = corelo_check_finding(check, i)); i++)
		if (finding->program == program && !strcmp(finding->rule, rule))
			break;
	return finding;
}

static void check_what_is_said(struct corelo_check_opts opts)
{
	const struct corelo_check_program *program;
	const struct corelo_report_entry *entry;
	const struct corelo_finding *finding;
	struct corelo_check *check;

	opts.explain = 1;
	opts.has_all_modules = 1;
	check = check_programs(&opts);
	program = corelo_check_program(check, number_of(check, "optional"));
	CHECK(program && program->optional && !strcmp(program->section, "?fentry/absent"));
	CHECK(program && !strcmp(program->prog_type, "TRACING") && program->attach == CORELO_VERDICT_YES);
	program = corelo_check_program(check, number_of(check, "own_section"));
	CHECK(program && !program->prog_type && !program->optional && program->load == CORELO_VERDICT_UNKNOWN);
	CHECK(!corelo_check_program(check, corelo_check_program_cnt(check)));
	CHECK(!corelo_check_finding(check, corelo_check_finding_cnt(check)));

	finding = finding_of(check, "enters", "attach-missing");
	CHECK(finding && finding->verdict == CORELO_VERDICT_NO && finding->stage == CORELO_STAGE_LOAD);
	CHECK(finding && !strcmp(finding->subject, "traced") && strstr(finding->message, "traced") && finding->remedy);
	CHECK(finding && finding->relocation == SIZE_MAX && finding->insn_off == UINT32_MAX);
	finding = finding_of(check, "raw_tp", "attach-unseen");
	CHECK(finding && finding->verdict == CORELO_VERDICT_UNKNOWN && finding->stage == CORELO_STAGE_ATTACH);
	finding = finding_of(check, "relocates", "core-relo-no-type");
	entry = corelo_report_get(corelo_check_report(check), finding ? finding->relocation : SIZE_MAX);
	CHECK(entry && entry->outcome == CORELO_OUTCOME_POISONED && entry->insn_off == finding->insn_off);
	CHECK(corelo_check_verdict(check) == CORELO_VERDICT_NO);
	corelo_check_free(check);
}

static void check_options(struct corelo_check_opts opts)
{
	static const struct corelo_attach_target target = { "enters_unset", "nothing" };
	static const unsigned char one = 1;
	static const struct corelo_value value = { "has_helper", &one, 1 }, unknown = { "nothing", &one, 1 };
	const struct corelo_btf *extra;
	struct corelo_check *check;
	struct build b;
	uint32_t number;

	/* modules may have it */
	check = check_programs(&opts);
	CHECK(load_of(check, "enters") == CORELO_VERDICT_UNKNOWN);
	CHECK(load_of(check, "enters_unset") == CORELO_VERDICT_UNKNOWN);
	CHECK(load_of(check, "relocates_by_rodata") == CORELO_VERDICT_YES);
	CHECK(load_of(check, "relocates") == CORELO_VERDICT_UNKNOWN);
	CHECK(load_of(check, "raw_tp") == CORELO_VERDICT_YES);
	corelo_check_free(check);

	build_start(&b, 0);
	number = build_int(&b, "int", 4, 1);
	build_type(&b, "thing", BTF_KIND_STRUCT, 1, 4);
	build_member(&b, "gone", number, 0);
	extra = open_built(&b, NULL);
	CHECK(extra);
	opts.has_all_modules = 1;
	opts.attach_targets = &target;
	opts.attach_target_cnt = 1;
	opts.values = &value;
	opts.value_cnt = 1;
	opts.extra = &extra;
	opts.extra_cnt = 1;
	opts.kernel_version = 0x060000;
	check = check_programs(&opts);
	CHECK(load_of(check, "enters") == CORELO_VERDICT_NO);
	CHECK(load_of(check, "enters_unset") == CORELO_VERDICT_NO);
	CHECK(load_of(check, "relocates") == CORELO_VERDICT_YES);
	CHECK(load_of(check, "relocates_by_rodata") == CORELO_VERDICT_YES);
	corelo_check_free(check);
	opts.extra_cnt = 0;
	check = check_programs(&opts);
	CHECK(load_of(check, "relocates_by_rodata") == CORELO_VERDICT_NO);
	CHECK(load_of(check, "relocates_by_version") == CORELO_VERDICT_YES);
	corelo_check_free(check);
	opts.kernel_version = 0x050f00;
	check = check_programs(&opts);
	CHECK(load_of(check, "relocates_by_version") == CORELO_VERDICT_NO);
	corelo_check_free(check);
	corelo_btf_free((struct corelo_btf *)extra);

	opts.values = &unknown;
	check = (struct corelo_check *)&b;
	CHECK(corelo_check(programs, programs_size, &opts, &check) == -EINVAL && !check);
	CHECK(strstr(corelo_last_error(), "nothing"));
	opts.value_cnt = 0;
	opts.kernel_config = "not one";
	CHECK(corelo_check(programs, programs_size, &opts, &check) == -EINVAL && !check);
	opts.kernel_config = NULL;
	opts.kernel_has_btf = CORELO_TRISTATE_NO;
	check = check_programs(&opts);
	CHECK(finding_of(check, "tp_btf", "no-kernel-btf"));
	corelo_check_free(check);
	CHECK(corelo_check("no object", 9, &opts, &check) == -ENOEXEC && !check);
}

/* The smallest BTF has what a program attaches to, for a check. */
static void check_smallest_btf(struct corelo_check_opts opts, uint32_t flags)
{
	struct corelo_btf *kernel, *small;
	struct corelo_min_btf *min;
	struct corelo_targets *targets;
	struct corelo_check *check;
	struct build b;
	const void *data;
	uint32_t number;
	size_t size = 0;

	build_start(&b, 0);
	number = build_int(&b, "int", 4, 1);
	number = build_type(&b, "", BTF_KIND_FUNC_PROTO, 0, number);
	build_type(&b, "traced", BTF_KIND_FUNC, 0, number);
	kernel = open_built(&b, NULL);
	targets = corelo_targets_new(kernel, NULL, 0);
	min = corelo_min_btf_new(targets, flags);
	CHECK(!corelo_min_btf_add_object(min, programs, programs_size, NULL));
	data = corelo_min_btf_data(min, 0, &size);
	small = corelo_btf_from_bytes(data, size, NULL);
	corelo_min_btf_free(min);
	corelo_targets_free(targets);
	opts.targets = targets = corelo_targets_new(small, NULL, 0);
	check = check_programs(&opts);
	CHECK(!finding_of(check, "enters", "attach-missing") == (flags == CORELO_MIN_BTF_FOR_CHECK));
	corelo_check_free(check);
	corelo_targets_free(targets);
	corelo_btf_free(small);
	corelo_btf_free(kernel);
}

/* Whatever it is: it has an answer, or no BTF. */
static void check_running_kernel(void)
{
	struct corelo_check_opts opts = { .sz = sizeof(opts), .kernel_has_btf = CORELO_TRISTATE_NO };
	struct corelo_check *check;
	int ret = corelo_check(programs, programs_size, NULL, &check);

	CHECK(ret == -ESRCH || (!ret && corelo_check_verdict(check) == CORELO_VERDICT_NO));
	corelo_check_free(check);
	/* the caller knows better */
	ret = corelo_check(programs, programs_size, &opts, &check);
	CHECK(ret == -ESRCH || (!ret && finding_of(check, "tp_btf", "no-kernel-btf")));
	corelo_check_free(check);
}

int main(void)
{
	struct corelo_btf *target = corelo_btf_open(TARGET(0), NULL);
	struct corelo_check_opts opts;

	programs = build_load("tests/check/programs.bpf.o", &programs_size);
	if (!CHECK(programs) || !CHECK(target))
		return check_summary("check");
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.targets = corelo_targets_new(target, NULL, 0);
	check_what_is_said(opts);
	check_options(opts);
	check_smallest_btf(opts, 0);
	check_smallest_btf(opts, CORELO_MIN_BTF_FOR_CHECK);
	check_running_kernel();
	corelo_targets_free((struct corelo_targets *)opts.targets);
	corelo_btf_free(target);
	free(programs);
	return check_summary("check");
}
