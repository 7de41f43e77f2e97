// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Preloaded into `differential` to see it fail: the functions of libcorelo, of
 * which the one that WRONG names answers wrongly once in a while.
 */
#define _GNU_SOURCE
#include <corelo.h>
#include <corelo/relo_core.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_wrong(const char *name)
{
	const char *wrong = getenv("WRONG");

	return wrong && !strcmp(wrong, name);
}

/* Whether this call is to go wrong. */
static int now(const char *name)
{
	static unsigned int calls;

	return is_wrong(name) && ++calls % 100 == 0;
}

static void real(const char *name, void *fn, size_t size)
{
	void *addr = dlsym(RTLD_NEXT, name);

	if (!addr) {
		fprintf(stderr, "wrong: no %s\n", name);
		abort();
	}
	/* ISO C has no cast from an object to a function pointer */
	memcpy(fn, &addr, size);
}

/* Defines @name, which calls libcorelo's function of this name and then spoils what that gave. */
#define WRONG(type, name, params, args, spoil)		\
	type name params				\
	{						\
		type (*fn) params, ret;			\
							\
		real(#name, &fn, sizeof(fn));		\
		ret = fn args;				\
		spoil					\
		return ret;				\
	}

/* What is left of a name that was cut and then cut again: another name only where it has two flavors. */
static size_t length_twice(const char *name, size_t len)
{
	size_t (*fn)(const char *);
	char cut[64];

	real("bpf_core_essential_name_len", &fn, sizeof(fn));
	snprintf(cut, sizeof(cut), "%.*s", (int)len, name);
	return fn(cut);
}

/* Whether an enumerator of two flavors is asked about. */
static int has_two_flavors(const struct bpf_core_relo *relo, const struct bpf_core_spec *local)
{
	size_t (*fn)(const char *);
	const char *name = local->spec[0].name;

	real("bpf_core_essential_name_len", &fn, sizeof(fn));
	return (relo->kind == BPF_CORE_ENUMVAL_EXISTS || relo->kind == BPF_CORE_ENUMVAL_VALUE) && name &&
	       length_twice(name, fn(name)) != fn(name);
}

WRONG(size_t, bpf_core_essential_name_len, (const char *name), (name),
	ret += now("name_len");
	if (is_wrong("name_twice"))
		ret = length_twice(name, ret);)

WRONG(int, bpf_core_add_cands, (struct bpf_core_cand *local, size_t len, const struct btf *btf, const char *name, int start,
				struct bpf_core_cand_list *cands),
      (local, len, btf, name, start, cands),
	if (now("add_cands") && cands->len)
		cands->len--;)

WRONG(int, bpf_core_parse_spec, (const char *prog, const struct btf *btf, const struct bpf_core_relo *relo,
				 struct bpf_core_spec *spec),
      (prog, btf, relo, spec),
	if (now("parse_spec"))
		spec->bit_offset++;)

WRONG(int, bpf_core_format_spec, (char *buf, size_t size, const struct bpf_core_spec *spec), (buf, size, spec),
	if (now("format_spec") && size > 2)
		buf[1] ^= 1;)

WRONG(int, bpf_core_calc_relo_insn, (const char *prog, const struct bpf_core_relo *relo, int idx, const struct btf *local,
				     struct bpf_core_cand_list *cands, struct bpf_core_spec *specs,
				     struct bpf_core_relo_res *res),
      (prog, relo, idx, local, cands, specs, res),
	if (now("calc_value"))
		res->new_val ^= 8;
	if (now("calc_poison"))
		res->poison = !res->poison;
	if (now("calc_validate"))
		res->validate = !res->validate;
	if (now("calc_size"))
		res->new_sz += 4;
	if (now("calc_errno") && ret)
		ret = ret == -ENOENT ? -EINVAL : -ENOENT;
	if (!ret && is_wrong("enumerator_twice") && has_two_flavors(relo, &specs[0]))
		res->new_val = 0;
	if (now("calc_cands") && !ret && cands->len)
		cands->len--;)

/* also where it failed and must not have written */
WRONG(int, bpf_core_patch_insn, (const char *prog, struct bpf_insn *insn, int insn_idx, const struct bpf_core_relo *relo,
				 int idx, const struct bpf_core_relo_res *res),
      (prog, insn, insn_idx, relo, idx, res),
	insn->imm ^= now("patch_insn");)

#define TYPES (const struct btf *local, uint32_t local_id, const struct btf *targ, uint32_t targ_id)
WRONG(int, bpf_core_types_are_compat, TYPES, (local, local_id, targ, targ_id), ret ^= now("types_are_compat");)
WRONG(int, bpf_core_types_match, TYPES, (local, local_id, targ, targ_id), ret ^= now("types_match");)
