/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A loader as any other, with libbpf's functions alone: opens and loads the
 * demo's object for the running kernel, and each fixture for the types it was
 * made for. Which of those load, and with which instructions, is printed for
 * comparison: the kernel refuses some, whose pointers lead nowhere in it, and
 * others are there to fail.
 */
#include "watch.h"
#include "../check.h"

#define IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define DEMO (IS_LITTLE ? "examples/demo.bpf.o" : "examples/demo.bpf.eb.o")
#define FIXTURE(name, ext) (IS_LITTLE ? "tests/fixtures/" name ".el" ext : "tests/fixtures/" name ".eb" ext)

static int loaded, relocated;

/* Against the running kernel where @btf is NULL. */
static void load(const char *path, const char *btf)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = btf);
	struct bpf_object *obj = bpf_object__open_file(path, &opts);
	struct bpf_program *prog;
	int err;

	puts(path);
	err = libbpf_get_error(obj);
	if (!err) {
		/* also those that are not loaded unless asked for */
		bpf_object__for_each_program(prog, obj)
			bpf_program__set_autoload(prog, true);
		err = bpf_object__load(obj);
		watch_programs(obj);
		bpf_object__close(obj);
		relocated++;
	}
	loaded += !err;
	printf("    %d\n", err);
}

int main(void)
{
	static const char *const fixtures[] = {
		FIXTURE("ambiguous", ".bpf.o"), FIXTURE("bitfields", ".bpf.o"), FIXTURE("depth", ".bpf.o"),
		FIXTURE("duplicate", ".bpf.o"), FIXTURE("enums", ".bpf.o"), FIXTURE("fields", ".bpf.o"),
		FIXTURE("insns", ".bpf.o"), FIXTURE("negative", ".bpf.o"), FIXTURE("nobtf", ".bpf.o"),
		FIXTURE("optional", ".bpf.o"), FIXTURE("plain", ".bpf.o"), FIXTURE("poison", ".bpf.o"),
		FIXTURE("prune", ".bpf.o"), FIXTURE("prune_ambiguous", ".bpf.o"), FIXTURE("range", ".bpf.o"),
		FIXTURE("range_ldx", ".bpf.o"), FIXTURE("subprogs", ".bpf.o"), FIXTURE("types", ".bpf.o"),
		FIXTURE("wide_bits", ".bpf.o"),
	};
	size_t i;

	watch_start();
	load(DEMO, NULL);
	CHECK(loaded == 1);
	for (i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++)
		load(fixtures[i], FIXTURE("target", ".o"));
	CHECK(relocated > 15);
	CHECK(loaded > 1);
	printf("%d objects loaded\n", loaded);
	watch_end();
	return check_summary("objects");
}
