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
	struct stat st = { 0 };
	int fd = open(argc > 1 ? argv[1] : "examples/demo.bpf.o", O_RDONLY);
	/* a private copy: the file stays as it is */
	void *elf = fstat(fd, &st) ? MAP_FAILED
		  : mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	if (fd < 0 || elf == MAP_FAILED)
		return perror("report"), 1;

	struct corelo_btf *kernel = corelo_btf_open(argc > 2 ? argv[2] : "examples/demo.btf", NULL);
	struct corelo_targets *targets = corelo_targets_new(kernel, NULL, 0);
	struct corelo_report *report = NULL;
	struct corelo_relocate_opts opts = { .sz = sizeof(opts), .targets = targets, .report = &report };
	int err = targets ? corelo_relocate(elf, st.st_size, &opts) : 1;

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
