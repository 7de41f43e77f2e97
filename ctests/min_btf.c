/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The smallest BTF of the fixtures: each is relocated as with the whole
 * target. Of a kernel with a module: parts for both. Names of targets.
 */
#include "check.h"
#include "fixture.h"

static const char *const names[] = {
	"ambiguous", "bitfields", "depth", "duplicate", "enums", "fields", "insns", "negative",
	"optional", "poison", "prune", "prune_ambiguous", "range", "subprogs", "types",
};

static struct corelo_targets *targets_of(const struct corelo_btf *kernel, const struct corelo_btf *module)
{
	return corelo_targets_new(kernel, &module, module ? 1 : 0);
}

/* The BTF of a target, opened. */
static struct corelo_btf *open_part(struct corelo_min_btf *min, size_t target, const struct corelo_btf *base)
{
	size_t size = 0;
	const void *data = corelo_min_btf_data(min, target, &size);

	return CHECK(data && size) ? corelo_btf_from_bytes(data, size, base) : NULL;
}

static void check_same(const char *name, int big, const struct corelo_targets *all, const struct corelo_targets *min,
		       int has_type_ids)
{
	struct corelo_relocate_opts opts = against(NULL, 0);
	unsigned char *with_all, *with_min;
	size_t size;
	int ret;

	with_all = fixture(name, big, &size);
	with_min = build_copy(with_all, size);
	opts.targets = all;
	ret = corelo_relocate(with_all, size, &opts);
	opts.targets = min;
	CHECK(corelo_relocate(with_min, size, &opts) == ret);
	CHECK(has_type_ids || !memcmp(with_all, with_min, size));
	free(with_all);
	free(with_min);
}

static void check_fixtures(int big, uint32_t flags)
{
	struct corelo_btf *target = corelo_btf_open(TARGET(big), NULL), *small;
	struct corelo_targets *all = targets_of(target, NULL), *fewer;
	struct corelo_min_btf *min = corelo_min_btf_new(all, flags);
	struct corelo_report *report;
	unsigned char *elf;
	size_t size, i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		elf = fixture(names[i], big, &size);
		CHECK(!corelo_min_btf_add_object(min, elf, size, &report));
		CHECK(corelo_report_entry_cnt(report) > 0);
		corelo_report_free(report);
		free(elf);
	}
	small = open_part(min, 0, NULL);
	fewer = targets_of(small, NULL);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		int has_type_ids = !strcmp(names[i], "types") || !strcmp(names[i], "insns");

		check_same(names[i], big, all, fewer, has_type_ids && !(flags & CORELO_MIN_BTF_KEEP_IDS));
	}
	corelo_targets_free(fewer);
	corelo_btf_free(small);
	corelo_min_btf_free(min);
	corelo_targets_free(all);
	corelo_btf_free(target);
}

enum { INT = 1, KERNEL_STRUCT, MODULE_STRUCT };

static void check_module(void)
{
	struct build kernel_types, module_types;
	struct corelo_btf *kernel, *module, *small, *small_module;
	struct corelo_targets *targets;
	struct corelo_min_btf *min;
	const void *data;
	size_t size = 77;

	build_start(&kernel_types, BUILD_IS_BIG);
	build_int(&kernel_types, "int", 4, BTF_INT_SIGNED);
	build_type(&kernel_types, "kernel_struct", BTF_KIND_STRUCT, 0, 4);
	build_start_split(&module_types, &kernel_types);
	build_type(&module_types, "module_struct", BTF_KIND_STRUCT, 1, 4);
	build_member(&module_types, "x", INT, 0);
	kernel = open_built(&kernel_types, NULL);
	module = open_built(&module_types, kernel);
	targets = targets_of(kernel, module);
	CHECK(corelo_targets_cnt(targets) == 2);
	CHECK(corelo_targets_name(targets, 0) && corelo_targets_name(targets, 1) && !corelo_targets_name(targets, 2));

	min = corelo_min_btf_new(targets, 0);
	data = corelo_min_btf_data(min, 1, &size);
	CHECK(data && !size);
	CHECK(corelo_min_btf_add_type(min, "module_struct", BTF_KIND_STRUCT) == 1);
	CHECK(corelo_min_btf_add_type(min, "module_struct", BTF_KIND_UNION) == 0);
	CHECK(corelo_min_btf_add_type(min, "module_struct", 1000) == 0);
	small = open_part(min, 0, NULL);
	small_module = open_part(min, 1, small);
	CHECK(corelo_min_btf_new_id(min, 0, INT) == 1 && corelo_min_btf_new_id(min, 1, INT) == 1);
	CHECK(corelo_min_btf_new_id(min, 1, MODULE_STRUCT) == 2 && !corelo_min_btf_new_id(min, 0, KERNEL_STRUCT));
	CHECK(!corelo_min_btf_data(min, 2, &size) && errno == EINVAL);
	/* An addition is in what is built later. */
	CHECK(corelo_min_btf_add_type(min, "kernel_struct", BTF_KIND_STRUCT) == 1);
	CHECK(corelo_min_btf_new_id(min, 0, KERNEL_STRUCT) == 2 && corelo_min_btf_new_id(min, 1, MODULE_STRUCT) == 3);

	CHECK(!corelo_min_btf_new(targets, 4) && errno == EINVAL);
	corelo_btf_free(small_module);
	corelo_btf_free(small);
	corelo_min_btf_free(min);
	corelo_targets_free(targets);
	corelo_btf_free(module);
	corelo_btf_free(kernel);
}

/* An object that cannot be read adds nothing. */
static void check_failure(void)
{
	struct corelo_btf *target = corelo_btf_open(TARGET(BUILD_IS_BIG), NULL);
	struct corelo_targets *all = targets_of(target, NULL);
	struct corelo_min_btf *min = corelo_min_btf_new(all, 0);
	struct corelo_report *report = (struct corelo_report *)&report;
	size_t empty, size, elf_size;
	unsigned char *elf = fixture("fields", !BUILD_IS_BIG, &elf_size);

	CHECK(corelo_min_btf_data(min, 0, &empty));
	CHECK(corelo_min_btf_add_object(min, elf, elf_size, &report) == -EINVAL && !report);
	CHECK(strstr(corelo_last_error(), "endian"));
	CHECK(corelo_min_btf_add_object(min, "no object", 9, NULL) == -ENOEXEC);
	CHECK(corelo_min_btf_data(min, 0, &size) && size == empty);
	free(elf);
	corelo_min_btf_free(min);
	corelo_targets_free(all);
	corelo_btf_free(target);
}

int main(void)
{
	uint32_t flags;
	int big;

	CHECK_LIBRARY();
	corelo_log_set(silent, NULL);
	for (big = 0; big < 2; big++)
		for (flags = 0; flags <= (CORELO_MIN_BTF_KEEP_IDS | CORELO_MIN_BTF_FOR_CHECK); flags++)
			check_fixtures(big, flags);
	check_module();
	check_failure();
	return check_summary("min_btf");
}
