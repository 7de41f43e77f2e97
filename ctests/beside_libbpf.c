/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * libbpf in the same program: the functions that mirror libbpf's take its
 * handles as well as corelo's, and the answers are the same on both, and on one
 * of each.
 *
 * For each relocation of each fixture: candidates, answer, specs, instruction.
 *
 * Linked with -lcorelo and -lbpf, in either order. With libbpf.a
 * (LIBBPF_STATIC), -lcorelo has to come first, and five of the names are
 * libbpf's in the program all the same: those that libbpf.o has, which whoever
 * uses libbpf gets. They must not be given corelo's handles. With libcorelo.a
 * as well (CORELO_STATIC), all are corelo's, if libbpf.a's give way.
 */
#include "check.h"
#include "build.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <corelo.h>
#include <errno.h>

#define DIR "tests/fixtures/"
#define NATIVE(name, ext) (BUILD_IS_BIG ? DIR name ".eb" ext : DIR name ".el" ext)

#if defined(LIBBPF_STATIC) && !defined(CORELO_STATIC)
#define LIBBPF_HAS_FIVE
/* The function of this name in libcorelo, whoever has one in the program. */
static void of_corelo(const char *name, void *fn, size_t size)
{
	void (*some)(void) = (void (*)(void))corelo_version;
	void *addr, *library = NULL;
	Dl_info info;

	memcpy(&addr, &some, sizeof(addr));
	if (dladdr(addr, &info))
		library = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
	addr = library ? dlsym(library, name) : NULL;
	memcpy(fn, &addr, size);
	if (library)
		dlclose(library);
}
#define OF_CORELO(name, fn) of_corelo(name, &(fn), sizeof(fn))
#endif

static int (*add_cands)(struct bpf_core_cand *, size_t, const struct btf *, const char *, int, struct bpf_core_cand_list *);
static size_t (*essential_name_len)(const char *);
static int (*types_are_compat)(const struct btf *, uint32_t, const struct btf *, uint32_t);
static int (*types_match)(const struct btf *, uint32_t, const struct btf *, uint32_t);

/* Whose function it is. */
static int is_of(void (*fn)(void), const char *library)
{
	void *addr;
	Dl_info info;

	memcpy(&addr, &fn, sizeof(addr));
	return dladdr(addr, &info) && strstr(info.dli_fname, library);
}
#define IS_OF(fn, library) is_of((void (*)(void))(fn), library)

static void whose_functions(void)
{
	printf("libbpf %s\n", libbpf_version_string());
	CHECK(!strncmp(libbpf_version_string(), "v1.", 3));
#ifdef CORELO_STATIC
	CHECK(!IS_OF(bpf_core_calc_relo_insn, "/libbpf.so"));
#else
	CHECK(IS_OF(bpf_core_calc_relo_insn, "/libcorelo.so"));
	CHECK(IS_OF(bpf_core_patch_insn, "/libcorelo.so"));
	CHECK(IS_OF(bpf_core_parse_spec, "/libcorelo.so"));
	CHECK(IS_OF(bpf_core_format_spec, "/libcorelo.so"));
	CHECK(IS_OF(__bpf_core_types_are_compat, "/libcorelo.so"));
	CHECK(IS_OF(__bpf_core_types_match, "/libcorelo.so"));
#endif
#ifdef LIBBPF_HAS_FIVE
	OF_CORELO("bpf_core_add_cands", add_cands);
	OF_CORELO("bpf_core_essential_name_len", essential_name_len);
	OF_CORELO("bpf_core_types_are_compat", types_are_compat);
	OF_CORELO("bpf_core_types_match", types_match);
	CHECK(IS_OF(add_cands, "/libcorelo.so"));
#else
	add_cands = bpf_core_add_cands;
	essential_name_len = bpf_core_essential_name_len;
	types_are_compat = bpf_core_types_are_compat;
	types_match = bpf_core_types_match;
#ifndef CORELO_STATIC
	CHECK(IS_OF(add_cands, "/libcorelo.so"));
	CHECK(IS_OF(essential_name_len, "/libcorelo.so"));
	CHECK(IS_OF(types_are_compat, "/libcorelo.so"));
	CHECK(IS_OF(types_match, "/libcorelo.so"));
	CHECK(IS_OF(bpf_core_free_cands, "/libcorelo.so"));
#endif
#endif
#ifdef LIBBPF_STATIC
	CHECK(!IS_OF(btf__parse, "/libbpf.so"));
#else
	CHECK(IS_OF(btf__parse, "/libbpf.so"));
#endif
}

/* One relocation, all the way. */
struct answer {
	int added, calculated, patched;
	struct bpf_core_cand_list before, after;
	struct bpf_core_cand cands[16], left[16];
	int compat[16], match[16];
	struct bpf_core_spec specs[3];
	char local_text[256], target_text[256];
	struct bpf_core_relo_res res;
	struct bpf_insn insns[2];
};

static void answer(struct answer *a, const struct bpf_core_relo *relo, const struct btf *local, const char *name,
		   const struct btf *target, const unsigned char *code)
{
	struct bpf_core_cand cand = { local, relo->type_id };
	struct bpf_core_cand_list list = { NULL, 0 };
	int i;

	memset(a, 0, sizeof(*a));
	if (relo->kind != BPF_CORE_TYPE_ID_LOCAL)
		a->added = add_cands(&cand, essential_name_len(name), target, "target", 1, &list);
	a->before.len = list.len;
	for (i = 0; i < list.len && i < 16; i++) {
		a->cands[i] = list.cands[i];
		CHECK(list.cands[i].btf == target);
		a->compat[i] = types_are_compat(local, relo->type_id, target, list.cands[i].id);
		a->match[i] = types_match(local, relo->type_id, target, list.cands[i].id);
		CHECK(__bpf_core_types_are_compat(local, relo->type_id, target, list.cands[i].id, 32) == a->compat[i]);
		CHECK(__bpf_core_types_match(local, relo->type_id, target, list.cands[i].id, false, 32) == a->match[i]);
	}
	a->calculated = bpf_core_calc_relo_insn("prog", relo, 0, local, &list, a->specs, &a->res);
	a->after.len = list.len;
	for (i = 0; i < list.len && i < 16; i++)
		a->left[i] = list.cands[i];
	free(list.cands);
	if (!a->calculated) {
		CHECK(a->specs[0].btf == local);
		CHECK(bpf_core_format_spec(a->local_text, sizeof(a->local_text), &a->specs[0]) > 0);
		if (a->specs[2].btf) {
			CHECK(a->specs[2].btf == target);
			CHECK(bpf_core_format_spec(a->target_text, sizeof(a->target_text), &a->specs[2]) > 0);
		}
		memcpy(a->insns, code, sizeof(a->insns));
		a->patched = bpf_core_patch_insn("prog", a->insns, 0, relo, 0, &a->res);
	}
}

static int same_specs(const struct bpf_core_spec *a, const struct bpf_core_spec *b)
{
	int i, ok;

	ok = a->root_type_id == b->root_type_id && a->relo_kind == b->relo_kind && a->len == b->len &&
	     a->raw_len == b->raw_len && a->bit_offset == b->bit_offset &&
	     !memcmp(a->raw_spec, b->raw_spec, sizeof(a->raw_spec));
	for (i = 0; ok && i < a->len; i++)
		ok = a->spec[i].type_id == b->spec[i].type_id && a->spec[i].idx == b->spec[i].idx &&
		     !a->spec[i].name == !b->spec[i].name &&
		     (!a->spec[i].name || !strcmp(a->spec[i].name, b->spec[i].name));
	return ok;
}

static int same_ids(const struct bpf_core_cand *a, const struct bpf_core_cand *b, int len)
{
	int i;

	for (i = 0; i < len && i < 16; i++)
		if (a[i].id != b[i].id)
			return 0;
	return 1;
}

static int same_answers(const struct answer *a, const struct answer *b)
{
	return CHECK(a->added == b->added) & CHECK(a->calculated == b->calculated) & CHECK(a->patched == b->patched) &
	       CHECK(a->before.len == b->before.len) & CHECK(same_ids(a->cands, b->cands, a->before.len)) &
	       CHECK(a->after.len == b->after.len) & CHECK(same_ids(a->left, b->left, a->after.len)) &
	       CHECK(!memcmp(a->compat, b->compat, sizeof(a->compat))) &
	       CHECK(!memcmp(a->match, b->match, sizeof(a->match))) &
	       CHECK(same_specs(&a->specs[0], &b->specs[0])) & CHECK(same_specs(&a->specs[2], &b->specs[2])) &
	       CHECK(!strcmp(a->local_text, b->local_text)) & CHECK(!strcmp(a->target_text, b->target_text)) &
	       CHECK(a->res.orig_val == b->res.orig_val) & CHECK(a->res.new_val == b->res.new_val) &
	       CHECK(a->res.poison == b->res.poison) & CHECK(a->res.validate == b->res.validate) &
	       CHECK(a->res.fail_memsz_adjust == b->res.fail_memsz_adjust) &
	       CHECK(a->res.orig_sz == b->res.orig_sz) & CHECK(a->res.new_sz == b->res.new_sz) &
	       CHECK(a->res.orig_type_id == b->res.orig_type_id) & CHECK(a->res.new_type_id == b->res.new_type_id) &
	       CHECK(!memcmp(a->insns, b->insns, sizeof(a->insns)));
}

static int relos, answered;

static void object(const char *path, const struct btf *our_target, const struct btf *their_target)
{
	struct corelo_btf *open = corelo_btf_open(path, NULL);
	const struct btf *ours = corelo_btf_as_libbpf(open);
	struct btf *theirs = btf__parse(path, NULL);
	unsigned char *elf, *ext, *at, *end, code[16];
	const unsigned char *insns;
	struct answer a, b, c, d;
	struct bpf_core_relo relo;
	size_t size, ext_len, len;
	uint32_t rec_size, count;
	const char *name;

	elf = build_load(path, &size);
	if (!CHECK(ours) || !CHECK(theirs) || !CHECK(elf))
		goto out;
	ext = build_find(elf, ".BTF.ext", &ext_len);
	if (!CHECK(ext))
		goto out;
	at = ext + build_get(ext + 4, 4, BUILD_IS_BIG) + build_get(ext + 24, 4, BUILD_IS_BIG);
	end = at + build_get(ext + 28, 4, BUILD_IS_BIG);
	rec_size = build_get(at, 4, BUILD_IS_BIG);
	at += 4;
	while (at < end) {
		name = btf__name_by_offset(theirs, build_get(at, 4, BUILD_IS_BIG));
		count = build_get(at + 4, 4, BUILD_IS_BIG);
		insns = name ? build_find(elf, name, &len) : NULL;
		if (!CHECK(insns))
			break;
		for (at += 8; count; count--, at += rec_size) {
			memcpy(&relo, at, sizeof(relo));
			memset(code, 0, sizeof(code));
			memcpy(code, insns + relo.insn_off, relo.insn_off + 16 <= len ? 16 : 8);
			name = btf__name_by_offset(theirs, btf__type_by_id(theirs, relo.type_id)->name_off);
			answer(&a, &relo, ours, name, our_target, code);
			answer(&b, &relo, theirs, name, their_target, code);
			answer(&c, &relo, ours, name, their_target, code);
			answer(&d, &relo, theirs, name, our_target, code);
			if (!(same_answers(&a, &b) & same_answers(&a, &c) & same_answers(&a, &d)))
				printf("\t%s: kind %u of type [%u] at %u: %s\n", path, relo.kind, relo.type_id,
				       relo.insn_off, a.local_text);
			relos++;
			answered += !a.calculated;
		}
	}
out:
	free(elf);
	btf__free(theirs);
	corelo_btf_free(open);
}

/* What libbpf's handle says of ids that are not there. */
static void errors(const struct btf *theirs)
{
	struct bpf_core_relo relo = { .type_id = 1000000, .kind = BPF_CORE_TYPE_EXISTS };
	struct bpf_core_spec spec;

	CHECK(bpf_core_parse_spec("prog", theirs, &relo, &spec) == -EINVAL);
	relo.type_id = 1;
	relo.access_str_off = 1 << 30;
	CHECK(bpf_core_parse_spec("prog", theirs, &relo, &spec) == -EINVAL);
	CHECK(types_are_compat(theirs, 1000000, theirs, 1) == -EINVAL);
	CHECK(types_match(theirs, 1, theirs, 1000000) == -EINVAL);
	CHECK(types_match(theirs, 0, theirs, 0) == 1);
}

static void silent(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx, (void)level, (void)message;
}

int main(void)
{
	const char *const objects[] = {
		NATIVE("fields", ".bpf.o"), NATIVE("bitfields", ".bpf.o"), NATIVE("enums", ".bpf.o"),
		NATIVE("types", ".bpf.o"), NATIVE("insns", ".bpf.o"), NATIVE("subprogs", ".bpf.o"),
		NATIVE("ambiguous", ".bpf.o"), NATIVE("negative", ".bpf.o"), NATIVE("prune", ".bpf.o"),
		NATIVE("range", ".bpf.o"), NATIVE("range_ldx", ".bpf.o"), NATIVE("wide_bits", ".bpf.o"),
		NATIVE("depth", ".bpf.o"), NATIVE("optional", ".bpf.o"),
	};
	struct corelo_btf *open = corelo_btf_open(NATIVE("target", ".o"), NULL);
	struct btf *theirs = btf__parse(NATIVE("target", ".o"), NULL);
	size_t i;

	CHECK_LIBRARY();
	corelo_log_set(silent, NULL);
	whose_functions();
	if (CHECK(open) && CHECK(theirs) && CHECK(add_cands) && CHECK(essential_name_len) &&
	    CHECK(types_are_compat) && CHECK(types_match)) {
		for (i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
			object(objects[i], corelo_btf_as_libbpf(open), theirs);
		errors(theirs);
		printf("%d relocations, %d answered\n", relos, answered);
		CHECK(relos > 150);
		CHECK(answered > 140);
	}
	btf__free(theirs);
	corelo_btf_free(open);
	corelo_log_set(NULL, NULL);
	return check_summary("beside_libbpf");
}
