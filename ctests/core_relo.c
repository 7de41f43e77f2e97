/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The functions of libbpf's relo_core.h on corelo's own handles, in a program
 * without libbpf: each field of their structs, with values that a person
 * worked out. What there is beyond is in src/relo/tests, and compared with
 * libbpf by differential, failures too; arguments that are wrong are in null.c.
 */
#include "check.h"
#include "fixture.h"
#include "differential/answer.h"

#include <errno.h>

/* Ids in the local BTF, in the order in which they are built. */
enum {
	L_INT = 1, L_CHAR, L_ARRAY, L_UNION, L_TASK, L_COLOR, L_TASK_T, L_ANON, L_NONE,
};

/* In the target's. */
enum {
	T_INT = 1, T_CHAR, T_ARRAY, T_OTHER, T_OLD, T_TASK, T_COLOR,
};

static struct build local_build, target_build;
static struct corelo_btf *local_btf, *target_btf;
static const struct btf *local, *target;

#define BITS(size, offset) ((uint32_t)(size) << 24 | (offset))

static void build_both(int big)
{
	struct build *b = &local_build;

	build_start(b, big);
	build_int(b, "int", 4, BTF_INT_SIGNED);
	build_int(b, "unsigned char", 1, 0);
	build_array(b, L_INT, L_INT, 4);
	build_type(b, "", BTF_KIND_UNION, 1, 4);
	build_member(b, "u", L_INT, 0);
	build_type(b, "task", BTF_KIND_STRUCT | BUILD_KFLAG, 5, 32);
	build_member(b, "pid", L_INT, 0);
	build_member(b, "arr", L_ARRAY, 32);
	build_member(b, "", L_UNION, 160);
	build_member(b, "flags", L_INT, BITS(3, 197));
	build_member(b, "state", L_CHAR, 208);
	build_type(b, "color", BTF_KIND_ENUM, 2, 4);
	build_enumerator(b, "RED", 1);
	build_enumerator(b, "GREEN", 7);
	build_type(b, "task_t", BTF_KIND_TYPEDEF, 0, L_TASK);
	build_type(b, "", BTF_KIND_STRUCT, 1, 4);
	build_member(b, "x", L_INT, 0);
	build_type(b, "none", BTF_KIND_STRUCT, 0, 0);
	local_btf = open_built(b, NULL);

	b = &target_build;
	build_start(b, big);
	build_int(b, "int", 4, BTF_INT_SIGNED);
	build_int(b, "unsigned char", 1, 0);
	build_array(b, T_INT, T_INT, 8);
	build_type(b, "other", BTF_KIND_STRUCT, 1, 4);
	build_member(b, "pid", T_INT, 0);
	build_type(b, "task___old", BTF_KIND_STRUCT, 1, 8);
	build_member(b, "pid", T_INT, 32);
	build_type(b, "task", BTF_KIND_STRUCT, 4, 64);
	build_member(b, "pid", T_INT, 64);
	build_member(b, "arr", T_ARRAY, 128);
	build_member(b, "u", T_INT, 480);
	build_member(b, "state", T_INT, 448);
	build_type(b, "color", BTF_KIND_ENUM, 1, 4);
	build_enumerator(b, "GREEN", 9);
	target_btf = open_built(b, NULL);

	local = corelo_btf_as_libbpf(local_btf);
	target = corelo_btf_as_libbpf(target_btf);
}

/* A relocation whose access string is in no BTF yet: opens the local one anew, with the string. */
static struct bpf_core_relo relo_of(uint32_t type_id, const char *access, enum bpf_core_relo_kind kind)
{
	struct build with = local_build;
	struct bpf_core_relo relo;

	memset(&relo, 0, sizeof(relo));
	relo.type_id = type_id;
	relo.access_str_off = *access ? build_str(&with, access) : 0;
	relo.kind = kind;
	corelo_btf_free(local_btf);
	local_btf = open_built(&with, NULL);
	local = corelo_btf_as_libbpf(local_btf);
	return relo;
}

struct step {
	const char *name;
	uint32_t type_id, idx;
};

static const struct {
	uint32_t type_id;
	const char *access;
	enum bpf_core_relo_kind kind;
	struct step steps[4];
	int len;
	int raw[4];
	int raw_len;
	uint32_t bit_offset;
	const char *text;
} specs[] = {
	{ L_TASK, "0:1:2", BPF_CORE_FIELD_BYTE_SIZE,
	  { { NULL, L_TASK, 0 }, { "arr", L_TASK, 1 }, { NULL, L_INT, 2 } }, 3, { 0, 1, 2 }, 3, 96,
	  "<byte_sz> [5] struct task.arr[2] (0:1:2 @ offset 12)" },
	{ L_TASK, "0:2:0", BPF_CORE_FIELD_EXISTS, { { NULL, L_TASK, 0 }, { "u", L_UNION, 0 } }, 2, { 0, 2, 0 }, 3, 160,
	  "<field_exists> [5] struct task.u (0:2:0 @ offset 20)" },
	{ L_TASK, "0:3", BPF_CORE_FIELD_LSHIFT_U64, { { NULL, L_TASK, 0 }, { "flags", L_TASK, 3 } }, 2, { 0, 3 }, 2, 197,
	  "<lshift_u64> [5] struct task.flags (0:3 @ offset 24.5)" },
	{ L_TASK_T, "2:4", BPF_CORE_FIELD_SIGNED, { { NULL, L_TASK, 2 }, { "state", L_TASK, 4 } }, 2, { 2, 4 }, 2, 720,
	  "<signed> [7] typedef task_t[2].state (2:4 @ offset 90)" },
	{ L_COLOR, "1", BPF_CORE_ENUMVAL_VALUE, { { "GREEN", L_COLOR, 1 } }, 1, { 1 }, 1, 0,
	  "<enumval_value> [6] enum color::GREEN = 7" },
	{ L_ANON, "0", BPF_CORE_TYPE_MATCHES, { { NULL, 0, 0 } }, 0, { 0 }, 0, 0, "<type_matches> [8] struct <anon>" },
};

static void parse_and_format(void)
{
	char buf[128], want[128];
	struct bpf_core_relo relo;
	struct bpf_core_spec spec;
	size_t i, sz, len;
	int n;

	for (i = 0; i < ARRAY_SIZE(specs); i++) {
		relo = relo_of(specs[i].type_id, specs[i].access, specs[i].kind);
		memset(&spec, 0xa5, sizeof(spec));
		if (!CHECK(!bpf_core_parse_spec(i % 2 ? NULL : "prog", local, &relo, &spec))) {
			printf("\t%s: %s\n", specs[i].text, corelo_last_error());
			continue;
		}
		CHECK(spec.btf == local);
		CHECK(spec.root_type_id == specs[i].type_id);
		CHECK(spec.relo_kind == specs[i].kind);
		CHECK(spec.len == specs[i].len);
		CHECK(spec.raw_len == specs[i].raw_len);
		CHECK(spec.bit_offset == specs[i].bit_offset);
		CHECK(!memcmp(spec.raw_spec, specs[i].raw, specs[i].raw_len * sizeof(int)));
		for (n = 0; n < specs[i].len; n++) {
			CHECK(spec.spec[n].type_id == specs[i].steps[n].type_id);
			CHECK(spec.spec[n].idx == specs[i].steps[n].idx);
			CHECK(!spec.spec[n].name == !specs[i].steps[n].name);
			if (spec.spec[n].name && specs[i].steps[n].name)
				CHECK(!strcmp(spec.spec[n].name, specs[i].steps[n].name));
		}

		/* as snprintf(): the length of the whole, and no byte behind the end */
		len = strlen(specs[i].text);
		for (sz = 0; sz <= len + 2; sz++) {
			memset(buf, 0x5a, sizeof(buf));
			memset(want, 0x5a, sizeof(want));
			CHECK(snprintf(want, sz, "%s", specs[i].text) == (int)len);
			CHECK(bpf_core_format_spec(buf, sz, &spec) == (int)len);
			if (!CHECK(!memcmp(buf, want, sizeof(buf))))
				printf("\t\"%.*s\", not \"%.*s\"\n", (int)sz, buf, (int)sz, want);
		}
		CHECK(bpf_core_format_spec(NULL, 0, &spec) == (int)len);
	}
}

/* What calc gets and gives. */
struct calc {
	struct bpf_core_relo relo;
	struct bpf_core_cand cands[3];
	struct bpf_core_cand_list list;
	struct bpf_core_spec specs[3];
	struct bpf_core_relo_res res;
};

static void calc_prepare(struct calc *calc, struct bpf_core_relo relo, uint32_t first, uint32_t second)
{
	/* where nothing is written, this stays */
	memset(calc, UNWRITTEN, sizeof(*calc));
	calc->relo = relo;
	calc->list.cands = calc->cands;
	calc->list.len = 0;
	if (first) {
		calc->cands[calc->list.len].btf = target;
		calc->cands[calc->list.len++].id = first;
	}
	if (second) {
		calc->cands[calc->list.len].btf = target;
		calc->cands[calc->list.len++].id = second;
	}
}

static int calc_run(struct calc *calc)
{
	return bpf_core_calc_relo_insn("prog", &calc->relo, 7, local, &calc->list, calc->specs, &calc->res);
}

static const struct {
	uint32_t type_id;
	const char *access;
	enum bpf_core_relo_kind kind;
	uint32_t first, second;		/* candidates */
	struct bpf_core_relo_res res;
	uint32_t left;			/* the only candidate that is left; 0: as it was */
	const char *target_text;	/* NULL: there is none */
} answers[] = {
	/* only one of the two has it; the other one is not looked at again */
	{ L_TASK, "0:1:2", BPF_CORE_FIELD_BYTE_OFFSET, T_OLD, T_TASK, { 12, 24, 0, 1, 0, 4, L_INT, 4, T_INT }, T_TASK,
	  "<byte_off> [6] struct task.arr[2] (0:1:2 @ offset 24)" },
	{ L_TASK, "0:2:0", BPF_CORE_FIELD_BYTE_OFFSET, T_TASK, 0, { 20, 60, 0, 1, 0, 4, L_INT, 4, T_INT }, T_TASK,
	  "<byte_off> [6] struct task.u (0:2 @ offset 60)" },
	/* a byte became a signed int: no load of four bytes gives the same */
	{ L_TASK, "0:4", BPF_CORE_FIELD_BYTE_OFFSET, T_TASK, 0, { 26, 56, 0, 1, 1, 1, L_CHAR, 4, T_INT }, T_TASK,
	  "<byte_off> [6] struct task.state (0:3 @ offset 56)" },
	/* none has it: poison, or the answer is that there is none, and no candidate is dropped */
	{ L_TASK, "0:3", BPF_CORE_FIELD_BYTE_OFFSET, T_OLD, T_TASK, { 24, 0, 1, 0, 0, 0, 0, 0, 0 }, 0, NULL },
	{ L_TASK, "0:3", BPF_CORE_FIELD_EXISTS, T_OLD, T_TASK, { 1, 0, 0, 1, 0, 0, 0, 0, 0 }, 0, NULL },
	{ L_TASK, "0", BPF_CORE_TYPE_ID_TARGET, T_TASK, 0, { L_TASK, T_TASK, 0, 0, 0, 0, 0, 0, 0 }, T_TASK,
	  "<target_type_id> [6] struct task" },
	{ L_TASK, "0", BPF_CORE_TYPE_ID_LOCAL, 0, 0, { L_TASK, L_TASK, 0, 0, 0, 0, 0, 0, 0 }, 0, NULL },
	{ L_COLOR, "1", BPF_CORE_ENUMVAL_VALUE, T_COLOR, 0, { 7, 9, 0, 1, 0, 0, 0, 0, 0 }, T_COLOR,
	  "<enumval_value> [7] enum color::GREEN = 9" },
};

static void calc_answers(void)
{
	struct bpf_core_cand before[3];
	struct calc calc;
	char text[128];
	int len, i, n;

	for (i = 0; i < (int)ARRAY_SIZE(answers); i++) {
		calc_prepare(&calc, relo_of(answers[i].type_id, answers[i].access, answers[i].kind),
			     answers[i].first, answers[i].second);
		memcpy(before, calc.cands, sizeof(before));
		len = calc.list.len;
		if (!CHECK(!calc_run(&calc))) {
			printf("\trow %d: %s\n", i, corelo_last_error());
			continue;
		}
		if (!CHECK(!values_differ(&calc.res, &answers[i].res)))
			printf("\trow %d\n", i);
		CHECK(calc.specs[0].btf == local);
		CHECK(calc.specs[0].root_type_id == answers[i].type_id);
		CHECK(is_unwritten(&calc.specs[1], sizeof(calc.specs[1])));
		if (answers[i].target_text) {
			CHECK(calc.specs[2].btf == target);
			CHECK(bpf_core_format_spec(text, sizeof(text), &calc.specs[2]) == (int)strlen(answers[i].target_text));
			CHECK(!strcmp(text, answers[i].target_text));
		} else {
			CHECK(is_unwritten(&calc.specs[2], sizeof(calc.specs[2])));
		}
		CHECK(calc.list.cands == calc.cands);
		if (answers[i].left) {
			CHECK(calc.list.len == 1);
			CHECK(calc.cands[0].btf == target && calc.cands[0].id == answers[i].left);
		} else {
			CHECK(calc.list.len == len);
			for (n = 0; n < len; n++)
				CHECK(calc.cands[n].btf == before[n].btf && calc.cands[n].id == before[n].id);
		}
	}

	/* matching candidates stay in their order */
	calc_prepare(&calc, relo_of(L_TASK, "0", BPF_CORE_TYPE_EXISTS), T_TASK, T_OLD);
	CHECK(!calc_run(&calc));
	CHECK(calc.list.len == 2 && calc.cands[0].id == T_TASK && calc.cands[1].id == T_OLD);

	/* the list may be missing where there is nothing to search for */
	calc_prepare(&calc, relo_of(L_ANON, "0", BPF_CORE_TYPE_ID_LOCAL), 0, 0);
	CHECK(!bpf_core_calc_relo_insn(NULL, &calc.relo, 0, local, NULL, calc.specs, &calc.res));
	CHECK(calc.res.new_val == L_ANON && calc.res.orig_val == L_ANON);
}

#define INSN(c, dst, src, offset, immediate) \
	{ .code = (c), .dst_reg = (dst), .src_reg = (src), .off = (offset), .imm = (immediate) }
#define NONE INSN(0xaa, 1, 2, 3, 4)	/* what follows, and must stay */
#define POISON INSN(0x85, 0, 0, 0, POISON_IMM)
#define RES(orig, new) { .orig_val = (orig), .new_val = (new), .validate = true }
#define RESIZED(orig, new, osz, nsz) \
	{ .orig_val = (orig), .new_val = (new), .validate = true, .orig_sz = (osz), .new_sz = (nsz) }

static const struct {
	const char *what;
	struct bpf_insn in[2];
	struct bpf_core_relo_res res;
	int ret;
	struct bpf_insn out[2];
} patches[] = {
	{ "ldimm64", { INSN(0x18, 3, 0, 0, 2), INSN(0, 0, 0, 0, 1) }, RES(0x100000002, 0x7edcba9876543210), 0,
	  { INSN(0x18, 3, 0, 0, 0x76543210), INSN(0, 0, 0, 0, 0x7edcba98) } },
	{ "4 to 8", { INSN(0x61, 1, 2, 4, 0), NONE }, RESIZED(4, 8, 4, 8), 0, { INSN(0x79, 1, 2, 8, 0), NONE } },
	{ "poison, ldimm64", { INSN(0x18, 3, 0, 0, 2), INSN(0, 0, 0, 0, 1) }, { .poison = true }, 0, { POISON, POISON } },
	{ "not what it says", { INSN(0xb7, 1, 0, 0, 4), NONE }, RES(5, 12), -EINVAL, { NONE } },
	{ "too far", { INSN(0x61, 1, 2, 4, 0), NONE }, RES(4, 32768), -ERANGE, { NONE } },
};

static void patch(void)
{
	struct bpf_core_relo relo;
	struct bpf_insn *insn;
	size_t i, len;
	int ret;

	memset(&relo, 0, sizeof(relo));
	for (i = 0; i < ARRAY_SIZE(patches); i++) {
		/* alone in memory: only a LDIMM64 may be looked behind */
		len = patches[i].in[0].code == 0x18 ? 2 : 1;
		insn = build_copy(patches[i].in, len * sizeof(*insn));
		ret = bpf_core_patch_insn("some_prog", insn, 3, i % 2 ? NULL : &relo, 7, &patches[i].res);
		if (!CHECK(ret == patches[i].ret) ||
		    !CHECK(!memcmp(insn, ret ? patches[i].in : patches[i].out, len * sizeof(*insn))))
			printf("\t%s: %d, code 0x%02x, off %d, imm %d\n", patches[i].what, ret,
			       insn->code, insn->off, insn->imm);
		if (ret && !CHECK(strstr(corelo_last_error(), "prog 'some_prog': relo #7: insn #3: ")))
			printf("\t%s\n", corelo_last_error());
		free(insn);
	}
}

static void candidates(void)
{
	struct bpf_core_cand cand = { local, L_TASK };
	struct bpf_core_cand_list *list = calloc(1, sizeof(*list));
	struct bpf_core_relo_res res;
	struct bpf_core_spec scratch[3];
	struct bpf_core_relo relo;

	if (!list)
		abort();
	/* no struct of this name is there: nothing is allocated */
	cand.id = L_NONE;
	CHECK(!bpf_core_add_cands(&cand, 4, target, "vmlinux", 1, list));
	CHECK(!list->cands && !list->len);

	cand.id = L_TASK;
	CHECK(!bpf_core_add_cands(&cand, 4, target, "vmlinux", 1, list));
	if (CHECK(list->len == 2)) {
		CHECK(list->cands[0].btf == target && list->cands[0].id == T_OLD);
		CHECK(list->cands[1].btf == target && list->cands[1].id == T_TASK);
	}
	/* those of a module come behind: from an id on, and with a name that may be missing */
	CHECK(!bpf_core_add_cands(&cand, 4, target, NULL, T_TASK, list));
	if (CHECK(list->len == 3))
		CHECK(list->cands[2].id == T_TASK);
	CHECK(!bpf_core_add_cands(&cand, 4, target, "vmlinux", 1000, list));
	CHECK(list->len == 3);
	/* the list answers a relocation */
	list->len = 2;
	relo = relo_of(L_TASK, "0:1:2", BPF_CORE_FIELD_BYTE_OFFSET);
	CHECK(!bpf_core_calc_relo_insn("prog", &relo, 0, local, list, scratch, &res));
	CHECK(res.new_val == 24);
	CHECK(list->len == 1);
	bpf_core_free_cands(list);
}

int main(void)
{
	int big;

	CHECK_LIBRARY();
	corelo_log_set(silent, NULL);
	CHECK(bpf_core_essential_name_len("task_struct___v2") == strlen("task_struct"));
	patch();
	for (big = 0; big <= 1; big++) {
		build_both(big);
		if (!CHECK(local) || !CHECK(target))
			break;
		parse_and_format();
		calc_answers();
		candidates();
		corelo_btf_free(local_btf);
		corelo_btf_free(target_btf);
	}
	corelo_log_set(NULL, NULL);
	return check_summary("core_relo");
}
