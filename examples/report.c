// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Relocates an object for a kernel of which only the BTF is at hand, and prints
 * what each relocation became.
 *
 *	cc -o report report.c $(pkg-config --cflags --libs corelo)
 *	./report prog.bpf.o vmlinux.btf
 */
#include <corelo.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "examples/demo.bpf.o";
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return perror(path), 1;
	if (!st.st_size)
		return fprintf(stderr, "%s: the file is empty\n", path), 1;
	/* a private copy: the file stays as it is */
	void *elf = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	if (elf == MAP_FAILED)
		return perror(path), 1;

	struct corelo_btf *kernel = corelo_btf_open(argc > 2 ? argv[2] : "examples/demo.btf", NULL);
	struct corelo_targets *targets = kernel ? corelo_targets_new(kernel, NULL, 0) : NULL;
	if (!targets)
		return fprintf(stderr, "report: %s\n", corelo_last_error()), 1;

	struct corelo_report *report;
	struct corelo_relocate_opts opts = { .sz = sizeof(opts), .targets = targets, .report = &report };
	int err = corelo_relocate(elf, st.st_size, &opts);

	for (size_t i = 0; i < corelo_report_entry_cnt(report); i++) {
		const struct corelo_report_entry *e = corelo_report_get(report, i);

		printf("%s:%u: %s: %s\n", e->file ? e->file : "?", e->line, e->access,
		       e->message ? e->message : e->target_spec);
	}
	if (err)
		fprintf(stderr, "report: %s\n", corelo_last_error());
	corelo_report_free(report);
	corelo_targets_free(targets);
	corelo_btf_free(kernel);
	return err != 0;
}
