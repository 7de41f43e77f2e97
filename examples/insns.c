// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Relocates instructions without an ELF file: a loader that has its own ELF
 * reader, or a generator of BPF code, hands over a section's instructions, the
 * program's BTF and its .BTF.ext. Here the program is one load of
 * task_struct.pid.
 *
 *	cc -o insns insns.c $(pkg-config --cflags --libs corelo)
 *	./insns [BTF]
 */
#include <corelo.h>
#include <errno.h>
#include <linux/btf.h>
#include <stdio.h>
#include <string.h>

#define STRINGS "\0int\0task_struct\0pid\0" "0:0\0" ".text"
enum { INT = 1, TASK_STRUCT = 5, PID = 17, ACCESS = 21, TEXT = 25 };	/* offsets in STRINGS */

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

/* of the header's three parts, only the relocations */
static const struct {
	__u16 magic;
	__u8 version, flags;
	__u32 hdr_len, func_info[2], line_info[2], core_relo_off, core_relo_len;
	__u32 record_size, sec_name_off, count;
	struct bpf_core_relo relo;
} btf_ext = {
	BTF_MAGIC, BTF_VERSION, 0, 32, { 0, 0 }, { 0, 0 }, 0, 12 + sizeof(struct bpf_core_relo),
	sizeof(struct bpf_core_relo), TEXT, 1,
	{ 0, 2, ACCESS, BPF_CORE_FIELD_BYTE_OFFSET }
};

int main(int argc, char **argv)
{
	struct bpf_insn insns[] = { { BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_1, 0, 0 } };
	struct corelo_btf *local = corelo_btf_from_bytes(&local_btf, sizeof(local_btf), NULL);
	struct corelo_btf *kernel = argc > 1 ? corelo_btf_open(argv[1], NULL) : corelo_btf_open_kernel();
	struct corelo_targets *targets = kernel ? corelo_targets_new(kernel, NULL, 0) : NULL;
	struct corelo_relocate_opts opts = { .sz = sizeof(opts), .targets = targets };
	int err = !local || !targets ? -EINVAL
		  : corelo_relocate_insns(local, &btf_ext, sizeof(btf_ext), ".text", insns, 1, &opts);

	if (err)
		fprintf(stderr, "insns: %s\n", corelo_last_error());
	else
		printf("r0 = *(u32 *)(r1 + %d)\n", insns[0].off);
	corelo_targets_free(targets);
	corelo_btf_free(kernel);
	corelo_btf_free(local);
	return err != 0;
}
