// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Checks an object on a kernel, relocates it for that kernel, and reports.
 * tour.cpp, tour.rs, tour.py and tour.go do the same in their languages.
 *
 *	cc -o tour tour.c $(pkg-config --cflags --libs corelo)
 *	./tour [OBJECT [BTF [OUT]]]
 */
#include <corelo.h>
#include <stdio.h>
#include <stdlib.h>

static void *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *data = NULL;
	long len = -1;

	if (file && !fseek(file, 0, SEEK_END))
		len = ftell(file);
	if (len > 0)
		data = malloc(len);
	if (data) {
		rewind(file);
		*size = fread(data, 1, len, file);
	}
	if (file)
		fclose(file);
	return data;
}

/* Which programs load, and what speaks against the others. */
static int check(const void *elf, size_t size, const struct corelo_targets *targets)
{
	static const char *const verdicts[] = { "yes", "unknown", "no" };
	struct corelo_check_opts opts = { .sz = sizeof(opts), .targets = targets };
	struct corelo_check *check;
	int err = corelo_check(elf, size, &opts, &check);

	for (size_t i = 0; i < corelo_check_program_cnt(check); i++) {
		const struct corelo_check_program *program = corelo_check_program(check, i);

		printf("%s: load %s, attach %s\n", program->name, verdicts[program->load],
		       verdicts[program->attach]);
	}
	for (size_t i = 0; i < corelo_check_finding_cnt(check); i++) {
		const struct corelo_finding *finding = corelo_check_finding(check, i);

		printf("%s: %s\n", finding->rule, finding->message);
	}
	corelo_check_free(check);
	return err;
}

static int relocate(void *elf, size_t size, const struct corelo_targets *targets)
{
	static const char *const outcomes[] = { "resolved", "poisoned", "skipped", "failed" };
	struct corelo_report *report;
	struct corelo_relocate_opts opts = { .sz = sizeof(opts), .targets = targets, .report = &report };
	int err = corelo_relocate(elf, size, &opts);

	for (size_t i = 0; i < corelo_report_entry_cnt(report); i++) {
		const struct corelo_report_entry *e = corelo_report_get(report, i);

		printf("%s:%u: %s: %s, %llu -> %llu\n", e->file ? e->file : "?", (unsigned int)e->line,
		       e->access ? e->access : "?", outcomes[e->outcome], (unsigned long long)e->orig_val,
		       (unsigned long long)e->new_val);
		if (e->message)
			printf("    %s\n", e->message);
	}
	corelo_report_free(report);
	return err;
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "examples/demo.bpf.o";
	size_t size = 0;
	void *elf = read_file(path, &size);
	struct corelo_btf *kernel = corelo_btf_open(argc > 2 ? argv[2] : "examples/demo.btf", NULL);
	struct corelo_targets *targets = kernel ? corelo_targets_new(kernel, NULL, 0) : NULL;
	/* check() before relocate(), which changes the object */
	int failed = !elf || !targets || check(elf, size, targets) || relocate(elf, size, targets);

	if (failed)
		fprintf(stderr, "tour: %s: %s\n", path, elf ? corelo_last_error() : "cannot be read");
	if (!failed && argc > 3) {
		FILE *out = fopen(argv[3], "wb");

		failed = !out || fwrite(elf, size, 1, out) != 1;
		if (out)
			failed |= fclose(out) != 0;
		if (failed)
			perror(argv[3]);
	}
	corelo_targets_free(targets);
	corelo_btf_free(kernel);
	free(elf);
	return failed;
}
