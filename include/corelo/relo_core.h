/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/**
 * The functions of libbpf's relo_core.h, with its names, structs and results, as libbpf 1.0 to 1.8 have them.
 * Needs <linux/bpf.h> of Linux 5.17 or newer. Do not include it beside libbpf's own relo_core.h.
 */

#ifndef CORELO_RELO_CORE_H
#define CORELO_RELO_CORE_H

/* Made from capi/src by `make header`: change it there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>

/** libbpf's `struct btf`, or the result of `corelo_btf_as_libbpf`. */
struct btf;

/** Most steps of a spec. */
#define BPF_CORE_SPEC_MAX_LEN 64

/** A candidate: a target type that may match a local type. */
struct bpf_core_cand {
	/** BTF that the type is in. */
	const struct btf *btf;
	/** Id of the type. */
	uint32_t id;
};

/** Candidates. `cands` is from malloc(3) or NULL. */
struct bpf_core_cand_list {
	/** The candidates. */
	struct bpf_core_cand *cands;
	/** Number of candidates. */
	int len;
};

/** One step of a spec: a named member or an array element. */
struct bpf_core_accessor {
	/** Struct or union that has the member; type of the array's elements. */
	uint32_t type_id;
	/** Index of the member or element. */
	uint32_t idx;
	/** Name of the member, which belongs to the BTF; NULL for an array element. */
	const char *name;
};

/** Where an access leads inside a type. */
struct bpf_core_spec {
	/** BTF that the ids below belong to. */
	const struct btf *btf;
	/** Named members and array elements. */
	struct bpf_core_accessor spec[BPF_CORE_SPEC_MAX_LEN];
	/** Type that the access begins at, typedefs and modifiers included. */
	uint32_t root_type_id;
	/** Kind of the relocation. */
	enum bpf_core_relo_kind relo_kind;
	/** Number of steps in `spec`. */
	int len;
	/** Every index of the access string, those of anonymous members included. */
	int raw_spec[BPF_CORE_SPEC_MAX_LEN];
	/** Number of indices in `raw_spec`. */
	int raw_len;
	/** Offset of the field in bits. */
	uint32_t bit_offset;
};

/** The result of a relocation. */
struct bpf_core_relo_res {
	/** Value that the instruction holds, unless `validate` is false. */
	uint64_t orig_val;
	/** Value that the instruction gets. */
	uint64_t new_val;
	/** No value: the instruction becomes invalid. */
	bool poison;
	/** Whether the instruction must hold `orig_val`. */
	bool validate;
	/** A load or store cannot be adjusted to the field's size in the target. */
	bool fail_memsz_adjust;
	/** Size of the field in the object, in bytes, or 0. */
	uint32_t orig_sz;
	/** Type of the field in the object, or 0. */
	uint32_t orig_type_id;
	/** Size of the field in the target, in bytes, or 0. */
	uint32_t new_sz;
	/** Type of the field in the target, or 0. */
	uint32_t new_type_id;
};

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Whether a target type counts as the local one for `BPF_CORE_TYPE_EXISTS` and the like. Compares kinds and prototypes,
 * not names: the caller has compared those.
 *
 * Returns 1 or 0, or a negative errno: `-EINVAL` for types nested more than 32 levels deep, ids that no type has, or
 * NULL. libbpf: `bpf_core_types_are_compat`.
 *
 * Thread-safe; for handles, see `bpf_core_calc_relo_insn`.
 *
 * Safety:
 *
 * - `local_btf` and `targ_btf` are either NULL or handles of corelo's or libbpf's that are not freed.
 */
int bpf_core_types_are_compat(const struct btf *local_btf, uint32_t local_id,
			      const struct btf *targ_btf, uint32_t targ_id);

/**
 * `bpf_core_types_are_compat` with `level`, from 0 on, as the limit of nested function prototypes.
 *
 * Safety:
 *
 * As for `bpf_core_types_are_compat`.
 */
int __bpf_core_types_are_compat(const struct btf *local_btf, uint32_t local_id,
				const struct btf *targ_btf, uint32_t targ_id, int level);

/**
 * Whether a target type has all that the local one has: the same kinds, members, enumerators, sizes of ints and lengths
 * of arrays. Behind a pointer, only the name and kind of a struct or union are compared. The name of a root typedef is not
 * compared: the caller has done so.
 *
 * Returns 1 or 0, or a negative errno: `-EINVAL` for types nested more than 32 levels deep, ids that no type has, or
 * NULL. libbpf: `bpf_core_types_match`.
 *
 * Thread-safe; for handles, see `bpf_core_calc_relo_insn`.
 *
 * Safety:
 *
 * - `local_btf` and `targ_btf` are either NULL or handles of corelo's or libbpf's that are not freed.
 */
int bpf_core_types_match(const struct btf *local_btf, uint32_t local_id, const struct btf *targ_btf,
			 uint32_t targ_id);

/**
 * `bpf_core_types_match` with `level` in place of 32: each nested struct and prototype takes one, and at 0 the types count
 * as nested too deeply. `behind_ptr` compares the types as if a pointer led to them.
 *
 * Safety:
 *
 * As for `bpf_core_types_match`.
 */
int __bpf_core_types_match(const struct btf *local_btf, uint32_t local_id,
			   const struct btf *targ_btf, uint32_t targ_id, bool behind_ptr,
			   int level);

/**
 * Length of a name without its flavor, which begins at the last `___` between two other characters: `task_struct___v2` is
 * a flavor of `task_struct`. 0 for NULL. libbpf: `bpf_core_essential_name_len`.
 *
 * Safety:
 *
 * - `name` is either NULL or a NUL-terminated string.
 */
size_t bpf_core_essential_name_len(const char *name);

/**
 * Adds the candidates in `targ_btf` for a local type to `cands`: types from id `targ_start_id` on that have its kind, and
 * whose essential name is the first `local_essent_len` bytes of its name.
 *
 * The second search of a corelo handle builds an index of its names, eight bytes for each, which the handle keeps: later
 * searches take microseconds if `targ_start_id` is the first id of the handle itself. Nothing is kept for libbpf's handles.
 *
 * `targ_btf_name` is for messages and may be NULL. Returns 0, or a negative errno with the list as it was: `-EINVAL` for
 * NULL, ids that no type has, or a length longer than the name; `-E2BIG` when comparing the names exceeds the work limit;
 * `-ENOMEM`. The list is from malloc(3), so libbpf's `bpf_core_free_cands` may free it as well as corelo's. libbpf:
 * `bpf_core_add_cands`.
 *
 * Thread-safe for different `cands`; for handles, see `bpf_core_calc_relo_insn`.
 *
 * Safety:
 *
 * - `local_cand` is either NULL or points to a candidate with a handle of corelo's or libbpf's that is not freed.
 * - `targ_btf` is either NULL or such a handle.
 * - `targ_btf_name` is either NULL or a NUL-terminated string.
 * - `cands` is either NULL or points to a list of `len` candidates in memory from malloc(3).
 */
int bpf_core_add_cands(struct bpf_core_cand *local_cand, size_t local_essent_len,
		       const struct btf *targ_btf, const char *targ_btf_name, int targ_start_id,
		       struct bpf_core_cand_list *cands);

/**
 * Frees a list and its candidates, both from malloc(3). NULL is allowed. No thread may use them at the same time or later.
 * libbpf: `bpf_core_free_cands`.
 *
 * Safety:
 *
 * - `cands` is either NULL or points to a list from malloc(3) with candidates from malloc(3), not freed.
 */
void bpf_core_free_cands(struct bpf_core_cand_list *cands);

/**
 * Calculates one relocation from the candidates of its root type.
 *
 * Prunes `cands`: if any candidate matches, only the matching ones stay, in their order, and `cands->len` is their
 * number. `cands` may be NULL for `BPF_CORE_TYPE_ID_LOCAL`, which has no candidates.
 *
 * `specs_scratch` has room for three specs. [0] is set to the local spec and, if a candidate matches, [2] to the spec of
 * the first match. `prog_name`, which may be NULL, and `relo_idx` are for messages.
 *
 * Returns 0 with `*targ_res` set, or a negative errno: `-EINVAL` when the access string does not fit the local type, when
 * candidates disagree, when types are nested too deeply to compare, or for NULL; `-EOPNOTSUPP` for a root type without a
 * name; `-E2BIG` for more than 64 steps in the target, a bitfield that no 64-bit load covers, elements above 2 GiB in the
 * target, or when comparing the types exceeds the work limit; `-ENOTSUP` for a handle of libbpf's in a program without
 * libbpf. libbpf: `bpf_core_calc_relo_insn`.
 *
 * Deviation: a failed call writes nothing, where libbpf leaves part of its work in `cands` and `specs_scratch`; and
 * `specs_scratch[1]`, libbpf's current candidate, is not written.
 *
 * Thread-safe for different `cands`, `specs_scratch` and `targ_res`. Threads may share corelo's handles, but not libbpf's,
 * which cache what they compute.
 *
 * Safety:
 *
 * - `prog_name` is either NULL or a NUL-terminated string.
 * - `relo`, `targ_res` are either NULL or point to their structs, `specs_scratch` to three.
 * - `local_btf` is either NULL or a handle of corelo's or libbpf's that is not freed.
 * - `cands` is either NULL or points to a list of `len` candidates with such handles.
 */
int bpf_core_calc_relo_insn(const char *prog_name, const struct bpf_core_relo *relo, int relo_idx,
			    const struct btf *local_btf, struct bpf_core_cand_list *cands,
			    struct bpf_core_spec *specs_scratch,
			    struct bpf_core_relo_res *targ_res);

/**
 * Writes the result of a relocation into an instruction.
 *
 * ALU and ALU64 with an immediate get it there, cut to 32 bits; LDX, ST and STX in their offset; LDIMM64 in both its
 * halves. A load or store changes its size if the field has another size in the target. A result that poisons, or a load
 * or store that cannot change its size without changing the value, makes the instruction invalid: code 0x85, imm
 * 195896080, all else 0; both halves of a LDIMM64.
 *
 * `insn` points to the instruction, and to both slots of a LDIMM64. `insn_idx`, `relo_idx` and `prog_name`, which may be
 * NULL, are for messages. `relo` is not used and may be NULL.
 *
 * Returns 0, or a negative errno with the instruction as it was: `-EINVAL` for another form of instruction, one that does
 * not hold what `res` says, one of another size than the field, or NULL; `-ERANGE` for an offset above 32767. libbpf:
 * `bpf_core_patch_insn`.
 *
 * Thread-safe for different instructions.
 *
 * Safety:
 *
 * - `prog_name` is either NULL or a NUL-terminated string.
 * - `insn` is either NULL or points to an instruction that nobody else uses during the call: two slots for a LDIMM64.
 * - `res` is either NULL or points to its struct.
 */
int bpf_core_patch_insn(const char *prog_name, struct bpf_insn *insn, int insn_idx,
			const struct bpf_core_relo *relo, int relo_idx,
			const struct bpf_core_relo_res *res);

/**
 * Parses the access string of a relocation and resolves it in the local type.
 *
 * `prog_name` is for messages and may be NULL. Returns 0 with `*spec` set, or a negative errno: `-EINVAL` for a string
 * that does not fit the type, an unknown kind, or NULL; `-E2BIG` for more than 64 indices. libbpf: `bpf_core_parse_spec`.
 *
 * Deviation: a failed call does not write `*spec`. For an enumerator, `len` is 1 and `spec[0]` names it, as in libbpf.
 *
 * Thread-safe for different `spec`; for handles, see `bpf_core_calc_relo_insn`.
 *
 * Safety:
 *
 * - `prog_name` is either NULL or a NUL-terminated string.
 * - `btf` is either NULL or a handle of corelo's or libbpf's that is not freed.
 * - `relo` and `spec` are either NULL or point to their structs.
 */
int bpf_core_parse_spec(const char *prog_name, const struct btf *btf,
			const struct bpf_core_relo *relo, struct bpf_core_spec *spec);

/**
 * Formats a spec as text, such as "<byte_off> [7] struct task_struct.mm (0:32 @ offset 1304)".
 *
 * Writes at most `buf_sz` bytes, including the NUL at the end, and nothing if `buf_sz` is 0. Returns the length of the
 * whole text without the NUL, as snprintf(3) does, or a negative errno: `-EINVAL` for an invalid spec, or NULL. Bytes of
 * names that are not UTF-8 appear as U+FFFD. libbpf: `bpf_core_format_spec`.
 *
 * Thread-safe for different `buf`; for handles, see `bpf_core_calc_relo_insn`.
 *
 * Safety:
 *
 * - `buf` is either NULL or points to `buf_sz` bytes.
 * - `spec` is either NULL or points to a spec with a handle that is not freed.
 */
int bpf_core_format_spec(char *buf, size_t buf_sz, const struct bpf_core_spec *spec);

#ifdef __cplusplus
}
#endif

#endif /* CORELO_RELO_CORE_H */
