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
#include "fixture.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#if defined(LIBBPF_STATIC) && !defined(CORELO_STATIC)
#define LIBBPF_HAS_FIVE
/* The function of this name in libcorelo, although the program has another. */
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

static int (*add_cands)(struct bpf_core_cand *, size_t, const struct btf *, const char *, int, struct bpf_core_cand_list *);
static size_t (*essential_name_len)(const char *);
static int (*types_are_compat)(const struct btf *, uint32_t, const struct btf *, uint32_t);
static int (*types_match)(const struct btf *, uint32_t, const struct btf *, uint32_t);

#define bpf_core_add_cands add_cands
#define bpf_core_essential_name_len essential_name_len
#define bpf_core_types_are_compat types_are_compat
#define bpf_core_types_match types_match
#endif

#include "differential/answer.h"

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
#elif !defined(CORELO_STATIC)
	CHECK(IS_OF(bpf_core_free_cands, "/libcorelo.so"));
#endif
#ifndef CORELO_STATIC
	CHECK(IS_OF(bpf_core_add_cands, "/libcorelo.so"));
	CHECK(IS_OF(bpf_core_essential_name_len, "/libcorelo.so"));
	CHECK(IS_OF(bpf_core_types_are_compat, "/libcorelo.so"));
	CHECK(IS_OF(bpf_core_types_match, "/libcorelo.so"));
#endif
#ifdef LIBBPF_STATIC
	CHECK(!IS_OF(btf__parse, "/libbpf.so"));
#else
	CHECK(IS_OF(btf__parse, "/libbpf.so"));
#endif
}

/* One relocation, all the way; types are compared with the last candidate. */
static void ask(struct answer *a, struct question *q, const struct handles *h)
{
	static const enum stage stages[] = { ADD_CANDS, COMPAT, MATCH, CALC, PATCH };
	static struct pair pair = { .targets = 1, .first_id = { 1 } };
	size_t i;

	memset(a, 0, sizeof(*a));
	for (i = 0; i < ARRAY_SIZE(stages); i++) {
		a->ret[stages[i]] = answer_stage(q, &pair, h, a, stages[i]);
		if (stages[i] == ADD_CANDS) {
			q->cand_count = a->added_count;
			memcpy(q->cands, a->added, sizeof(q->cands));
			q->types.target_id = a->added_count ? a->added[a->added_count - 1].id : 0;
		}
		q->patch[0].res = a->res;
	}
}

static int same_answers(const struct answer *a, const struct answer *b)
{
	return CHECK(!memcmp(a->ret, b->ret, sizeof(a->ret))) &
	       CHECK(!cands_differ(a->added_count, a->added, b->added_count, b->added)) &
	       CHECK(!cands_differ(a->cand_count, a->cands, b->cand_count, b->cands)) &
	       CHECK(!specs_differ(&a->local, &b->local) && !texts_differ(&a->local, &b->local)) &
	       CHECK(!specs_differ(&a->target, &b->target) && !texts_differ(&a->target, &b->target)) &
	       CHECK(!values_differ(&a->res, &b->res)) & CHECK(!memcmp(a->insns, b->insns, sizeof(a->insns)));
}

static int relos, answered;

/* A record of .BTF.ext at @at, asked of each kind of handle. */
static void relocation(const char *object, const unsigned char *at, const unsigned char *code, size_t left,
		       const struct btf *const local[2], const struct btf *const target[2])
{
	static struct answer answers[4];
	struct question q;
	int i, same = 1;

	memset(&q, 0, sizeof(q));
	memcpy(&q.relo, at, sizeof(q.relo));
	snprintf(q.name, sizeof(q.name), "%s",
		 btf__name_by_offset(local[1], btf__type_by_id(local[1], q.relo.type_id)->name_off));
	q.text_size = 500;
	q.types.local_id = q.relo.type_id;
	q.types.plain = 1;
	if (!CHECK(q.relo.insn_off + 8 <= left))
		return;
	memcpy(q.patch[0].insns, code + q.relo.insn_off, q.relo.insn_off + 16 <= left ? 16 : 8);
	for (i = 0; i < 4; i++) {
		struct handles h = { local[i & 1], { target[i >> 1] } };

		ask(&answers[i], &q, &h);
		same &= same_answers(&answers[0], &answers[i]);
	}
	if (!same)
		printf("\t%s: kind %u of type [%u] at %u: %s\n", object, q.relo.kind, q.relo.type_id, q.relo.insn_off,
		       answers[0].local.text);
	relos++;
	answered += !answers[0].ret[CALC];
}

static void object(const char *name, const struct btf *const target[2])
{
	char path[128];
	struct corelo_btf *open;
	const struct btf *local[2];
	struct btf *theirs;
	unsigned char *elf, *ext, *at, *end;
	const unsigned char *insns;
	size_t size, ext_len, len;
	uint32_t rec_size, count;
	const char *section;

	snprintf(path, sizeof(path), FIXTURES "%s.%s.bpf.o", name, BUILD_IS_BIG ? "eb" : "el");
	open = corelo_btf_open(path, NULL);
	local[0] = corelo_btf_as_libbpf(open);
	local[1] = theirs = btf__parse(path, NULL);
	elf = build_load(path, &size);
	if (!CHECK(open) || !CHECK(theirs) || !CHECK(elf))
		exit(1);
	ext = section_data(elf, size, ".BTF.ext", &ext_len);
	at = ext + build_get(ext + 4, 4, BUILD_IS_BIG) + build_get(ext + 24, 4, BUILD_IS_BIG);
	end = at + build_get(ext + 28, 4, BUILD_IS_BIG);
	rec_size = build_get(at, 4, BUILD_IS_BIG);
	at += 4;
	while (at < end) {
		section = btf__name_by_offset(theirs, build_get(at, 4, BUILD_IS_BIG));
		count = build_get(at + 4, 4, BUILD_IS_BIG);
		insns = section ? section_data(elf, size, section, &len) : NULL;
		if (!CHECK(insns))
			break;
		for (at += 8; count; count--, at += rec_size)
			relocation(name, at, insns, len, local, target);
	}
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
	CHECK(bpf_core_types_are_compat(theirs, 1000000, theirs, 1) == -EINVAL);
	CHECK(bpf_core_types_match(theirs, 1, theirs, 1000000) == -EINVAL);
	CHECK(bpf_core_types_match(theirs, 0, theirs, 0) == 1);
}

int main(void)
{
	static const char *const objects[] = {
		"fields", "bitfields", "enums", "types", "insns", "subprogs", "ambiguous", "negative", "prune", "range",
		"range_ldx", "wide_bits", "depth", "optional",
	};
	struct corelo_btf *open = corelo_btf_open(TARGET(BUILD_IS_BIG), NULL);
	struct btf *theirs = btf__parse(TARGET(BUILD_IS_BIG), NULL);
	const struct btf *const target[] = { corelo_btf_as_libbpf(open), theirs };
	size_t i;

	CHECK_LIBRARY();
	corelo_log_set(silent, NULL);
	whose_functions();
	if (CHECK(open) && CHECK(theirs)) {
		for (i = 0; i < ARRAY_SIZE(objects); i++)
			object(objects[i], target);
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
