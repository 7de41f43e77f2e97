// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Relocates a BPF object in memory, then hands it to libbpf.
 *
 *	cc -o whole_object whole_object.c $(pkg-config --cflags --libs corelo libbpf)
 */
#include <bpf/libbpf.h>
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
	/* no options: against the running kernel and its modules */
	if (corelo_relocate(elf, st.st_size, NULL))
		return fprintf(stderr, "whole_object: %s\n", corelo_last_error()), 1;

	struct bpf_object *obj = bpf_object__open_mem(elf, st.st_size, NULL);
	if (!obj || bpf_object__load(obj))
		return perror("whole_object"), 1;
	printf("loaded %s\n", bpf_program__name(bpf_object__next_program(obj, NULL)));
	bpf_object__close(obj);
	return 0;
}
