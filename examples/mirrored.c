// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * libbpf's relocation functions on BTF of corelo's own: no ELF file, no libbpf.
 * A generator of BPF code wants task_struct.pid, describes it in a BTF of three
 * types, and has the one load that it made corrected for a kernel.
 *
 *	cc -o mirrored mirrored.c $(pkg-config --cflags --libs corelo)
 */
#include <corelo.h>
#include <corelo/relo_core.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>

#define STRINGS "\0int\0task_struct\0pid\0" "0:0"
enum { INT = 1, TASK_STRUCT = 5, PID = 17, ACCESS = 21 };	/* offsets in STRINGS */

static const struct {
	struct btf_header header;
	struct btf_type type_1;
	__u32 encoding;
	struct btf_type type_2;
	struct btf_member pid;
	char strings[sizeof(STRINGS)];
} local_btf = {
	{ BTF_MAGIC, BTF_VERSION, 0, sizeof(struct btf_header), 0, 40, 40, sizeof(STRINGS) },
	{ INT, BTF_KIND_INT << 24, { 4 } }, BTF_INT_SIGNED << 24 | 32,
	{ TASK_STRUCT, BTF_KIND_STRUCT << 24 | 1, { 4 } }, { PID, 1, 0 },
	STRINGS
};

int main(int argc, char **argv)
{
	struct corelo_btf *mine = corelo_btf_from_bytes(&local_btf, sizeof(local_btf), NULL);
	struct corelo_btf *kernel = corelo_btf_open(argc > 1 ? argv[1] : "/sys/kernel/btf/vmlinux", NULL);
	struct bpf_core_cand task = { corelo_btf_as_libbpf(mine), 2 };
	struct bpf_core_cand_list *cands = calloc(1, sizeof(*cands));
	struct bpf_core_relo relo = { 0, 2, ACCESS, BPF_CORE_FIELD_BYTE_OFFSET };
	struct bpf_core_spec scratch[3] = { { 0 } };
	struct bpf_core_relo_res res = { 0 };
	struct bpf_insn load = { BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_1, 0, 0 };
	int err = !mine || !kernel || !cands;

	err = err || bpf_core_add_cands(&task, bpf_core_essential_name_len("task_struct"),
					corelo_btf_as_libbpf(kernel), "kernel", 1, cands);
	err = err || bpf_core_calc_relo_insn("mirrored", &relo, 0, task.btf, cands, scratch, &res);
	err = err || bpf_core_patch_insn("mirrored", &load, 0, &relo, 0, &res);
	if (err || res.poison)
		fprintf(stderr, "mirrored: %s\n", err ? corelo_last_error() : "no such field");
	else
		printf("r0 = *(u32 *)(r1 + %d)\n", load.off);
	bpf_core_free_cands(cands);
	corelo_btf_free(kernel);
	corelo_btf_free(mine);
	return err || res.poison;
}
