/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Two inputs that stop libbpf: a typedef that names itself, from which it
 * never returns, and a bitfield whose type has size zero, by which it divides.
 * Here, either is -EINVAL; for whole objects, see tests/bounds.
 */
#include "check.h"
#include "build.h"

#include <corelo.h>
#include <corelo/relo_core.h>
#include <errno.h>

/* Ids in the BTF, which is the object's and the target's. */
enum { ITSELF = 1, NOTHING, BITS, BOTH };

struct question {
	const char *name;
	uint32_t type_id;
	const char *access;
	unsigned int kind;
};

static const struct question questions[] = {
	{ "typedef, offset", ITSELF, "0:0", BPF_CORE_FIELD_BYTE_OFFSET },
	{ "typedef, exists", ITSELF, "0:0", BPF_CORE_FIELD_EXISTS },
	{ "typedef as a type", ITSELF, "0", BPF_CORE_TYPE_EXISTS },
	{ "typedef in all parts", ITSELF, "0", BPF_CORE_TYPE_MATCHES },
	{ "typedef, size", ITSELF, "0", BPF_CORE_TYPE_SIZE },
	{ "typedef, enumerator", ITSELF, "0", BPF_CORE_ENUMVAL_VALUE },
	{ "typedef as a member", BOTH, "0:0", BPF_CORE_FIELD_EXISTS },
	{ "bitfield, offset", BITS, "0:0", BPF_CORE_FIELD_BYTE_OFFSET },
	{ "bitfield, size", BITS, "0:0", BPF_CORE_FIELD_BYTE_SIZE },
	{ "bitfield, lshift", BITS, "0:0", BPF_CORE_FIELD_LSHIFT_U64 },
	{ "bitfield, rshift", BITS, "0:0", BPF_CORE_FIELD_RSHIFT_U64 },
};

static uint32_t access_off[sizeof(questions) / sizeof(questions[0])];

static void build_types(struct build *b)
{
	size_t i;

	build_start(b, BUILD_IS_BIG);
	build_type(b, "itself", BTF_KIND_TYPEDEF, 0, ITSELF);
	build_type(b, "nothing", BTF_KIND_STRUCT, 0, 0);
	build_type(b, "bits", BTF_KIND_STRUCT | BUILD_KFLAG, 1, 4);
	build_member(b, "a", NOTHING, 3 << 24);
	build_type(b, "both", BTF_KIND_STRUCT, 1, 4);
	build_member(b, "a", ITSELF, 0);
	for (i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		access_off[i] = build_str(b, questions[i].access);
}

static void functions(const struct btf *btf)
{
	struct bpf_core_spec specs[3];
	struct bpf_core_relo_res res;
	size_t i;

	for (i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		struct bpf_core_cand cand = { .btf = btf, .id = questions[i].type_id };
		struct bpf_core_cand_list list = { .cands = &cand, .len = 1 };
		struct bpf_core_relo relo = {
			.type_id = questions[i].type_id,
			.access_str_off = access_off[i],
			.kind = questions[i].kind,
		};

		if (!CHECK(bpf_core_calc_relo_insn("prog", &relo, 0, btf, &list, specs, &res) == -EINVAL))
			printf("\t%s: %s\n", questions[i].name, corelo_last_error());
	}
	CHECK(bpf_core_types_are_compat(btf, ITSELF, btf, ITSELF) == -EINVAL);
	CHECK(bpf_core_types_match(btf, ITSELF, btf, ITSELF) == -EINVAL);
}

int main(void)
{
	struct corelo_btf *btf;
	unsigned char *data;
	struct build b;
	size_t size;

	CHECK_LIBRARY();
	/* a hang is a failure, too */
	alarm(30);
	build_types(&b);
	data = build_btf(&b, &size);
	btf = corelo_btf_from_bytes(data, size, NULL);
	free(data);
	if (CHECK(btf))
		functions(corelo_btf_as_libbpf(btf));
	corelo_btf_free(btf);
	return check_summary("cycles");
}
