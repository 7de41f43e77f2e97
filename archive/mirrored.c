/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The functions of libcorelo.a whose names libbpf has too. join.sh compiles each, with -DONLY_NAME, into an archive
 * member of its own, which a linker takes only where the name is not defined yet. The code is in corelo.o, under a name
 * with the prefix corelo__.
 */
#pragma GCC visibility push(hidden)
#include <corelo/relo_core.h>

#define MIRROR(ret, name, params, args) \
	__typeof__(name) corelo__##name; \
	ret name params { return corelo__##name args; }

#ifdef ONLY_bpf_core_calc_relo_insn
MIRROR(int, bpf_core_calc_relo_insn,
       (const char *prog_name, const struct bpf_core_relo *relo, int relo_idx, const struct btf *local_btf,
	struct bpf_core_cand_list *cands, struct bpf_core_spec *specs_scratch, struct bpf_core_relo_res *targ_res),
       (prog_name, relo, relo_idx, local_btf, cands, specs_scratch, targ_res))
#endif

#ifdef ONLY_bpf_core_patch_insn
MIRROR(int, bpf_core_patch_insn,
       (const char *prog_name, struct bpf_insn *insn, int insn_idx, const struct bpf_core_relo *relo, int relo_idx,
	const struct bpf_core_relo_res *res),
       (prog_name, insn, insn_idx, relo, relo_idx, res))
#endif

#ifdef ONLY_bpf_core_parse_spec
MIRROR(int, bpf_core_parse_spec,
       (const char *prog_name, const struct btf *btf, const struct bpf_core_relo *relo, struct bpf_core_spec *spec),
       (prog_name, btf, relo, spec))
#endif

#ifdef ONLY_bpf_core_format_spec
MIRROR(int, bpf_core_format_spec, (char *buf, size_t buf_sz, const struct bpf_core_spec *spec), (buf, buf_sz, spec))
#endif

#ifdef ONLY_bpf_core_types_are_compat
MIRROR(int, bpf_core_types_are_compat,
       (const struct btf *local_btf, uint32_t local_id, const struct btf *targ_btf, uint32_t targ_id),
       (local_btf, local_id, targ_btf, targ_id))
#endif

#ifdef ONLY___bpf_core_types_are_compat
MIRROR(int, __bpf_core_types_are_compat,
       (const struct btf *local_btf, uint32_t local_id, const struct btf *targ_btf, uint32_t targ_id, int level),
       (local_btf, local_id, targ_btf, targ_id, level))
#endif

#ifdef ONLY_bpf_core_types_match
MIRROR(int, bpf_core_types_match,
       (const struct btf *local_btf, uint32_t local_id, const struct btf *targ_btf, uint32_t targ_id),
       (local_btf, local_id, targ_btf, targ_id))
#endif

#ifdef ONLY___bpf_core_types_match
MIRROR(int, __bpf_core_types_match,
       (const struct btf *local_btf, uint32_t local_id, const struct btf *targ_btf, uint32_t targ_id,
	bool behind_ptr, int level),
       (local_btf, local_id, targ_btf, targ_id, behind_ptr, level))
#endif

#ifdef ONLY_bpf_core_essential_name_len
MIRROR(size_t, bpf_core_essential_name_len, (const char *name), (name))
#endif

#ifdef ONLY_bpf_core_add_cands
MIRROR(int, bpf_core_add_cands,
       (struct bpf_core_cand *local_cand, size_t local_essent_len, const struct btf *targ_btf,
	const char *targ_btf_name, int targ_start_id, struct bpf_core_cand_list *cands),
       (local_cand, local_essent_len, targ_btf, targ_btf_name, targ_start_id, cands))
#endif

#ifdef ONLY_bpf_core_free_cands
__typeof__(bpf_core_free_cands) corelo__bpf_core_free_cands;
void bpf_core_free_cands(struct bpf_core_cand_list *cands) { corelo__bpf_core_free_cands(cands); }
#endif
