// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A skeleton whose object corelo relocates before libbpf opens it. All that is special is the #define.
 *
 *	bpftool gen skeleton offsets.bpf.o name offsets >offsets.skel.h
 *	cc -o skeleton skeleton.c $(pkg-config --cflags --libs corelo libbpf)
 */
#include <bpf/bpf.h>
#include <corelo/libbpf.h>
#include <stdio.h>

#define bpf_object__open_skeleton(s, open_opts) corelo_skeleton_open(s, open_opts, NULL)
/* only for those who compile with -Wpedantic: bpftool writes C11, and long strings */
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Woverlength-strings"
#include "offsets.skel.h"

int main(void)
{
	unsigned char packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet));
	struct offsets *skel = offsets__open_and_load();

	if (!skel)
		return fprintf(stderr, "skeleton: %s (%s)\n", strerror(errno), corelo_last_error()), 1;
	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.pids), &run))
		return perror("skeleton"), 1;
	printf("task_struct: pid at %u, tgid at %u\n", skel->bss->pid_offset, skel->bss->tgid_offset);
	offsets__destroy(skel);
	return 0;
}
