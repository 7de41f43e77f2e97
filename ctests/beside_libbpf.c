/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * libbpf in the same program: the functions that mirror libbpf's take its
 * handles as well as corelo's, and the answers are the same on both, and on one
 * of each.
 *
 * Asked here: of each type its candidates, a comparison, an answer of each kind.
 * On libbpf's handles alone, differential compares all functions with libbpf.
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

/* Whose function it is. */
static int is_of(void (*fn)(void), const char *library)
{
	void *addr;
	Dl_info info;

	memcpy(&addr, &fn, sizeof(addr));
	return dladdr(addr, &info) && strstr(info.dli_fname, library);
}
#define FN(name) ((void (*)(void))(name))

static void whose_functions(void)
{
	size_t i;

	printf("libbpf %s\n", libbpf_version_string());
	CHECK(!strncmp(libbpf_version_string(), "v1.", 3));
#ifdef LIBBPF_HAS_FIVE
	OF_CORELO("bpf_core_add_cands", add_cands);
	OF_CORELO("bpf_core_essential_name_len", essential_name_len);
	OF_CORELO("bpf_core_types_are_compat", types_are_compat);
	OF_CORELO("bpf_core_types_match", types_match);
#endif
	{
		void (*const fns[])(void) = {
			FN(bpf_core_calc_relo_insn), FN(bpf_core_patch_insn), FN(bpf_core_parse_spec), FN(bpf_core_format_spec),
			FN(__bpf_core_types_are_compat), FN(__bpf_core_types_match), FN(bpf_core_add_cands),
			FN(bpf_core_essential_name_len), FN(bpf_core_types_are_compat), FN(bpf_core_types_match),
#ifndef LIBBPF_HAS_FIVE
			FN(bpf_core_free_cands),
#endif
		};

		for (i = 0; i < ARRAY_SIZE(fns); i++) {
#ifdef CORELO_STATIC
			CHECK(!is_of(fns[i], "/libbpf.so"));
#else
			CHECK(is_of(fns[i], "/libcorelo.so"));
#endif
		}
	}
#ifdef LIBBPF_STATIC
	CHECK(!is_of(FN(btf__parse), "/libbpf.so"));
#else
	CHECK(is_of(FN(btf__parse), "/libbpf.so"));
#endif
}

/* What the functions say of a type and of the last candidate for it. */
struct said {
	int ret, count, compat, match, calc;
	uint32_t last;
	struct bpf_core_relo_res res;
};

static void ask(struct said *said, const struct btf *local, const struct btf *target, struct bpf_core_relo *relo,
		const char *name)
{
	struct bpf_core_cand_list *list = calloc(1, sizeof(*list));
	struct bpf_core_cand cand = { local, relo->type_id };
	struct bpf_core_spec specs[3];

	if (!list)
		abort();
	memset(said, 0, sizeof(*said));
	said->ret = bpf_core_add_cands(&cand, bpf_core_essential_name_len(name), target, "target", 1, list);
	said->count = list->len;
	said->last = list->len ? list->cands[list->len - 1].id : 0;
	said->compat = bpf_core_types_are_compat(local, relo->type_id, target, said->last);
	said->match = bpf_core_types_match(local, relo->type_id, target, said->last);
	said->calc = bpf_core_calc_relo_insn("prog", relo, 0, local, list, specs, &said->res);
	bpf_core_free_cands(list);
}

static int asked, answered;

static void each_kind(const char *name, const struct corelo_btf *open, const struct btf *theirs,
		      const struct btf *const target[2], uint32_t id, uint32_t access_str_off)
{
	const char *type = btf__name_by_offset(theirs, btf__type_by_id(theirs, id)->name_off);
	struct bpf_core_relo relo = { .type_id = id, .access_str_off = access_str_off };
	struct said said[4];
	uint32_t kind;
	int i;

	for (kind = BPF_CORE_FIELD_BYTE_OFFSET; *type && kind <= BPF_CORE_TYPE_MATCHES; kind++) {
		relo.kind = kind;
		for (i = 0; i < 4; i++) {
			ask(&said[i], i & 1 ? theirs : corelo_btf_as_libbpf(open), target[i >> 1], &relo, type);
			if (!CHECK(!memcmp(&said[0], &said[i], sizeof(said[0]))))
				printf("\t%s: type [%u] %s, kind %u, way %d\n", name, id, type, kind, i);
		}
		asked++;
		answered += said[0].count && !said[0].calc;
	}
}

/* Each type of an object by its name, with a relocation of each kind, in the four ways to mix the handles. */
static void object(const char *name, const struct btf *const target[2])
{
	char path[128];
	static const char *const accesses[] = { "0", "0:0", "0:1" };
	struct corelo_btf *open;
	struct btf *theirs;
	uint32_t id;
	size_t i;

	snprintf(path, sizeof(path), FIXTURES "%s.%s.bpf.o", name, BUILD_IS_BIG ? "eb" : "el");
	open = corelo_btf_open(path, NULL);
	theirs = btf__parse(path, NULL);
	if (!CHECK(open) || !CHECK(theirs))
		exit(1);
	for (i = 0; i < ARRAY_SIZE(accesses); i++) {
		int access_str_off = btf__find_str(theirs, accesses[i]);

		for (id = 1; access_str_off > 0 && id < btf__type_cnt(theirs); id++)
			each_kind(name, open, theirs, target, id, access_str_off);
	}
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
		"types", "bitfields", "enums",
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
		printf("%d relocations, %d answered\n", asked, answered);
		CHECK(asked > 1000 && answered > 300);
	}
	btf__free(theirs);
	corelo_btf_free(open);
	corelo_log_set(NULL, NULL);
	return check_summary("beside_libbpf");
}
