/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/**
 * corelo: BPF CO-RE relocation as a library. For C99 and newer, and C++.
 *
 * Functions named corelo_* that return int return 0 or a negative errno and leave errno alone; those that open BTF return
 * NULL and set errno. <linux/bpf.h> must be that of Linux 5.17 or newer.
 * Results are written only on success, a failed relocation leaves its buffer as it was, and corelo_last_error() says
 * in words what happened. An allocation whose size the input decides fails with ENOMEM; a small one that fails
 * ends the process. Where corelo finds that it has a bug, the error is ENOTRECOVERABLE.
 *
 * All functions may be called from any thread; of each it is said what threads may share at the same time.
 *
 * The functions named bpf_core_* are those of libbpf's relo_core.h, with its structs and its results. Define
 * CORELO_NO_LIBBPF_NAMES before including this file where libbpf's own declarations are in sight.
 */

#ifndef CORELO_H
#define CORELO_H

/* Made from capi/src by `make header`: change it there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>

#define CORELO_VERSION "0.1.0"
#define CORELO_VERSION_MAJOR 0
#define CORELO_VERSION_MINOR 1
#define CORELO_VERSION_PATCH 0

/** How much a log line matters. The values are those of `enum libbpf_print_level`. */
enum corelo_log_level {
	/** Something failed, or will when the program is loaded. */
	CORELO_LOG_WARN = 0,
	/** Worth knowing. */
	CORELO_LOG_INFO = 1,
	/** How an answer was found: a line for each relocation and each candidate. */
	CORELO_LOG_DEBUG = 2,
};

/** Whose answers to give where implementations differ. */
enum corelo_semantics {
	/**
	 * libbpf's: a candidate that does not match is not looked at again for the same type, and types are compared 32
	 * levels deep.
	 */
	CORELO_SEMANTICS_LIBBPF = 0,
	/**
	 * The kernel's own, as light skeletons get them: each relocation looks at all candidates, types are compared 2 levels
	 * deep, and enums of 32 and of 64 bits are not candidates of each other.
	 */
	CORELO_SEMANTICS_KERNEL = 1,
};

/** How a relocation ended. */
enum corelo_outcome {
	/** The instruction holds the target's value. */
	CORELO_OUTCOME_RESOLVED = 0,
	/** The instruction is invalid now: the verifier refuses it where it can be reached. */
	CORELO_OUTCOME_POISONED = 1,
	/**
	 * Nothing was done: no program has this instruction. Most often the linker eliminated a weak function, but not its
	 * records; anything else is logged as a warning.
	 */
	CORELO_OUTCOME_SKIPPED = 2,
	/** The object cannot be relocated because of this one. */
	CORELO_OUTCOME_FAILED = 3,
};

/** libbpf's `struct btf`, or what `corelo_btf_as_libbpf` gives. */
struct btf;

/**
 * Opened BTF: types and names of a kernel, a module or a BPF object. Immutable, so any number of threads may use it at
 * the same time.
 */
struct corelo_btf;

/** What became of each relocation of an object. */
struct corelo_report;

/**
 * Takes a log line: a string without a newline at its end, valid during the call. May be called from any thread that uses
 * corelo, several at a time, and may call corelo.
 *
 * Names from objects and BTF are in it as they are, with whatever control characters they have: escape these before a
 * terminal gets to see them.
 */
typedef void (*corelo_log_fn)(void *ctx, enum corelo_log_level level, const char *message);

/** How to relocate. Zero-initialise it and set `sz`. */
struct corelo_relocate_opts {
	/**
	 * Size of this struct: `sizeof(struct corelo_relocate_opts)`. That of an older header is fine: what it lacks is taken for
	 * zero. Fields that the library does not know, because the program was built with a newer header, must be zero.
	 */
	size_t sz;
	/**
	 * BTF to relocate against: first the kernel, then any number of its modules, opened on it. They are searched for a
	 * type only where the kernel has none of its name. NULL, with a count of 0: the running kernel and its modules.
	 */
	const struct corelo_btf *const *targets;
	/** Number of targets. */
	size_t target_count;
	/** Whose answers to give where implementations differ. */
	enum corelo_semantics semantics;
	/**
	 * Where to put the report; NULL for none. Set to NULL, or to what is to be freed with `corelo_report_free`, also
	 * when the call fails.
	 */
	struct corelo_report **report;
};

/**
 * One relocation of an object. Strings belong to the report and are NULL where there is nothing to say; names in them are
 * as in the object, with whatever control characters they have. The struct grows at its end only, so it is used where it
 * is and not copied.
 */
struct corelo_report_entry {
	/** How it ended. */
	enum corelo_outcome outcome;
	/** Negative errno when it failed, else 0. */
	int error;
	/** ELF section of the instruction. */
	const char *section;
	/** Function that the instruction is in; NULL when skipped. */
	const char *program;
	/** Offset of the instruction in the section, in bytes. */
	uint32_t insn_off;
	/** What was asked: an `enum bpf_core_relo_kind`. */
	uint32_t kind;
	/** Root type in the object's BTF. */
	uint32_t type_id;
	/**
	 * What it was asked of, as C writes it: "task_struct.mm", "pid_type::PIDTYPE_PID", "struct task_struct".
	 */
	const char *access;
	/**
	 * The local spec in the format of `bpf_core_format_spec`; NULL where the access cannot be followed.
	 */
	const char *local_spec;
	/** The target's spec in the same format; NULL where nothing in the target matches. */
	const char *target_spec;
	/**
	 * Which target it was found in: "vmlinux", the module's name, the file's path, or "N bytes" for BTF from memory.
	 */
	const char *target;
	/**
	 * Value by the object's BTF, as the instruction holds it: that of an enumerator is sign-extended from 32 bits even where
	 * the enum is unsigned. `local_spec` has an enumerator's value with the sign of its type.
	 */
	uint64_t orig_val;
	/**
	 * Value by the target's BTF, in the same way; 0 where there is none. `target_spec` has an enumerator's value.
	 */
	uint64_t new_val;
	/** Source file, where the object has line numbers. */
	const char *file;
	/** Line in the source file, from 1; 0 where it is not known. */
	uint32_t line;
	/**
	 * Why it was poisoned, was skipped or failed: which member, enumerator or type the target has not, or has otherwise. Of a
	 * resolved one, why nothing in the target matches, or that the program does not read the field with it, which is a
	 * bitfield in the target; NULL for all others.
	 */
	const char *message;
};

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The version of the library that is running, such as "0.1.0". Never NULL; lasts as long as the library is loaded, for all
 * threads.
 */
const char *corelo_version(void);

/**
 * What went wrong in the last call on this thread that failed: a sentence for people, with the file, program,
 * relocation and type it is about, and what to do. "" when none has failed, never NULL.
 *
 * Names from objects and BTF are in it as they are, with whatever control characters they have: escape these before a
 * terminal gets to see them.
 *
 * Each thread has its own. The string is valid until the next call that fails on this thread, or the thread ends. A call
 * that succeeds does not change it.
 */
const char *corelo_last_error(void);

/**
 * Opens the BTF in a file: raw BTF, or an ELF file with a `.BTF` section, 32-bit or 64-bit, of either byte order.
 *
 * With a `base`, the file is split BTF on top of it, such as a module's on its kernel's. The base stays alive as long as
 * needed, also when it is freed first. Raw BTF, and of an ELF file the section, are copied into memory, so that nobody can
 * change them under the program; the running kernel's own is mapped.
 *
 * A file without a base is checked type by type, when one is used: a broken type harms only those who need it. Of a file with a
 * base, every name and reference is checked here, as libbpf does: a module's BTF on another build's kernel would give wrong
 * answers. A module so small that it fits another kernel by chance cannot be told. Not checked again is a loaded module's
 * file in `/sys/kernel/btf` on the running kernel's, `/sys/kernel/btf/vmlinux`.
 *
 * Other threads may use `base` at the same time, and any number of them what is returned.
 *
 * Returns NULL and sets errno: `EINVAL` for broken BTF, BTF that does not fit its base, a module's without a base, a
 * kernel's with one, a NULL `path` and what is no regular file, `EISDIR` for a directory,
 * `EFBIG` for raw BTF or a section of 2 GiB and more, `ENOTSUP` for BTF of the other byte order with a header that is
 * too short, for several BTF headers in a row, and for a module that brings its own `.BTF.base` when a base is given, `ENODATA`
 * for ELF without BTF, `ENOEXEC` for broken ELF, which includes a `.BTF` that is compressed or of another type than PROGBITS,
 * `ENOMEM`, and what open(2) and read(2) give. Of a compressed file, `corelo_last_error` names the command that decompresses it.
 *
 * Safety:
 *
 * - `path` is either NULL or a NUL-terminated string.
 * - `base` is either NULL or from a function of corelo that opens BTF, and not freed.
 */
struct corelo_btf *corelo_btf_open(const char *path, const struct corelo_btf *base);

/**
 * Opens BTF, or an ELF file with a `.BTF` section, from `size` bytes at `data`. The BTF is copied, of an ELF file the section.
 *
 * Otherwise as `corelo_btf_open`, also for threads, which may read `data` at the same time. `EINVAL` also for NULL `data`.
 *
 * Safety:
 *
 * - `data` is either NULL or points to `size` bytes.
 * - `base` is either NULL or from a function of corelo that opens BTF, and not freed.
 */
struct corelo_btf *corelo_btf_from_bytes(const void *data, size_t size,
					 const struct corelo_btf *base);

/**
 * Opens the BTF of the running kernel: `/sys/kernel/btf/vmlinux`, else a kernel image with BTF in one of the places
 * where distributions put it.
 *
 * Returns NULL and sets errno: `ESRCH` when there is none; `corelo_last_error` names each place with what was wrong.
 * libbpf: `btf__load_vmlinux_btf`.
 *
 * Any number of threads may use what is returned at the same time.
 */
struct corelo_btf *corelo_btf_open_kernel(void);

/**
 * Opens the BTF of a loaded module of the running kernel, whose BTF is `kernel`.
 *
 * Returns NULL and sets errno: `EINVAL` for a name that is empty or has a slash, or NULL, `ENOENT` when there is no such module or it has no BTF,
 * and what `corelo_btf_open` gives. libbpf: `btf__load_module_btf`.
 *
 * Other threads may use `kernel` at the same time, and any number of them what is returned.
 *
 * Safety:
 *
 * - `name` is either NULL or a NUL-terminated string.
 * - `kernel` is either NULL or from a function of corelo that opens BTF, and not freed.
 */
struct corelo_btf *corelo_btf_open_module(const char *name, const struct corelo_btf *kernel);

/**
 * Frees BTF. What stands on it as its base keeps what it needs of it. NULL is allowed.
 *
 * No thread may be using `btf`, and what came from `corelo_btf_as_libbpf` is gone with it.
 *
 * Safety:
 *
 * - `btf` is either NULL or from a function of corelo that opens BTF, and not freed.
 */
void corelo_btf_free(struct corelo_btf *btf);

/**
 * The same BTF as a `struct btf`, for the functions that mirror libbpf's (`bpf_core_*`), and only for those: no function
 * of libbpf may be given it. Lasts as long as `btf`, and any number of threads may use it, as `btf`. NULL for NULL.
 */
const struct btf *corelo_btf_as_libbpf(const struct corelo_btf *btf);

/**
 * Sends log lines to `fn`, which gets `ctx` with each; with NULL, back to where they go by default.
 *
 * By default, lines go to `libbpf_print` where libbpf is linked statically beside corelo, and else those of level
 * `CORELO_LOG_WARN` go to stderr, with control characters escaped. The environment variable `CORELO_LOG`, one of `off`,
 * `warn`, `info` and `debug`, says up to which level lines are made at all, wherever they go.
 *
 * `ctx` is used on any thread that uses corelo, until another function is set and the calls under way have returned: set it
 * once, or keep it for as long as the program runs. May be called at any time from any thread.
 *
 * Safety:
 *
 * - `fn` is either NULL or a function that may be called with `ctx` from any thread.
 */
void corelo_log_set(corelo_log_fn fn, void *ctx);

/**
 * Relocates a BPF object in memory: `size` bytes at `elf`, an ELF file as clang or `bpftool gen object` writes it, of
 * either byte order. The result has the same size and goes to `bpf_object__open_mem`, a skeleton's data, bpf(2) or a file.
 *
 * Each instruction that depends on a type of the kernel gets the value that is right for the targets. One that the
 * targets have no value for becomes invalid (a call of helper 195896080, 0xbad2310): the verifier refuses the program
 * only if it can be reached. The CO-RE relocations of `.BTF.ext` are emptied, so relocating again changes nothing, and
 * libbpf and the kernel have nothing left to relocate. An object without any is left as it is. In sections whose name
 * begins with '?', which are not loaded by default, a relocation that fails is logged, and poisons its instruction.
 *
 * Warnings go to the log: of code without BTF; of relocations that are skipped because no function symbol covers their
 * instruction, other than those of weak functions that the linker eliminated; of several `.BTF.ext` sections, of which the
 * last counts; of a load or store that is poisoned since the field has another size or is a bitfield in the target, and of a
 * bitfield that is read otherwise as a whole; and of an access to registers of another architecture than the target's.
 *
 * On success, only relocated instructions and the field `core_relo_len` of `.BTF.ext` have changed. On failure, nothing.
 *
 * Deviation: all relocations are tried and reported, where libbpf stops at the first that fails.
 *
 * `opts` may be NULL, which is the same as all zero but for `sz`. Returns 0, or a negative errno, that of the first failure in the
 * order of `.BTF.ext`; `corelo_last_error` has the words:
 *
 * - `-EINVAL`: candidates that disagree, an instruction that disagrees with the object's BTF, an access string or a BTF
 *   that is broken, an object and targets of different byte orders, NULL where that is not allowed, an option that is
 *   not known;
 * - `-ERANGE`: an offset above 32767 in a load or store;
 * - `-E2BIG`: more than 64 steps to a member, a bitfield that no 64-bit load covers, a size above 4 GiB or a target's array
 *   with elements above 2 GiB, and input made so that comparing its types would take more work than real input needs;
 * - `-ENOEXEC`: not a BPF object, one without a symbol table (libbpf: `-ENOENT`), or a broken ELF file, such as one with a
 *   program that ends behind its section, or with a function whose section cannot be known;
 * - `-ENOTSUP`: several BTF headers in a row in `.BTF` or `.BTF.ext`;
 * - `-ESRCH`: no targets given, and no BTF of the running kernel;
 * - `-ENOMEM`, and what reading the running kernel's files gives.
 *
 * Any number of threads may relocate different objects against the same targets at the same time.
 *
 * Safety:
 *
 * - `elf` is either NULL or points to `size` bytes that nobody else uses during the call.
 * - `opts` is either NULL or points to `opts->sz` bytes that nobody writes to during the call; of these, `targets` is
 *   either NULL or points to `target_count` pointers from functions of corelo that open BTF, not freed, and `report` is
 *   either NULL or points to a pointer that nobody else uses during the call.
 */
int corelo_relocate(void *elf, size_t size, const struct corelo_relocate_opts *opts);

/**
 * Number of entries: one for each relocation of the object that was looked at. 0 for NULL. Any number of threads may read
 * one report.
 *
 * Safety:
 *
 * - `report` is either NULL or from `corelo_relocate` and not freed.
 */
size_t corelo_report_entry_cnt(const struct corelo_report *report);

/**
 * Entry number `index`, from 0, in the order of the object's `.BTF.ext`. NULL past the end and for NULL. Belongs to the
 * report, which any number of threads may read.
 *
 * Safety:
 *
 * - `report` is either NULL or from `corelo_relocate` and not freed.
 */
const struct corelo_report_entry *corelo_report_get(const struct corelo_report *report,
						    size_t index);

/**
 * Frees a report and all its strings. NULL is allowed. No thread may be using it.
 *
 * Safety:
 *
 * - `report` is either NULL or from `corelo_relocate` and not freed.
 */
void corelo_report_free(struct corelo_report *report);

#ifdef __cplusplus
}
#endif

#ifndef CORELO_NO_LIBBPF_NAMES

/** Most steps of a spec. */
#define BPF_CORE_SPEC_MAX_LEN 64

/** A type of a target that may stand for a local type. */
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
	/** What is asked. */
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

/** The answer to a relocation. */
struct bpf_core_relo_res {
	/** Value that the instruction holds, unless `validate` is false. */
	uint64_t orig_val;
	/** Value that the instruction gets. */
	uint64_t new_val;
	/** There is no value: the instruction is made invalid. */
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
 * Answers one relocation from the candidates of its root type.
 *
 * `cands` is pruned: unless none matches, only the matching candidates are left, in their order, and `cands->len` is
 * their number. It may be NULL for `BPF_CORE_TYPE_ID_LOCAL`, which has no candidates.
 *
 * `specs_scratch` has room for three specs. [0] is set to the local spec and, when a candidate matches, [2] to the
 * spec of the first that does. `prog_name` and `relo_idx` are for messages; `prog_name` may be NULL.
 *
 * Returns 0 with `*targ_res` set, or a negative errno: `-EINVAL` when the access string cannot be followed through the
 * local type, when candidates disagree, when types are nested too deeply to compare, or for NULL; `-EOPNOTSUPP` for a
 * root type without a name; `-E2BIG` for more than 64 steps in the target, a bitfield that no 64-bit load covers, elements
 * above 2 GiB in the target, or types that take more work to compare than real ones;
 * `-ENOTSUP` for a handle of libbpf's in a program without libbpf. libbpf: `bpf_core_calc_relo_insn`.
 *
 * Deviation: on failure, nothing is written, where libbpf leaves part of its work in `cands` and `specs_scratch`; and
 * `specs_scratch[1]`, where libbpf keeps the candidate it is at, is not written.
 *
 * Any number of threads may call it with different `cands`, `specs_scratch` and `targ_res`, and the same handles of corelo's.
 * libbpf's own remember what was asked of them first, and are for one thread at a time.
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
 * Writes an answer into an instruction.
 *
 * ALU and ALU64 with an immediate get it there, cut to 32 bits; LDX, ST and STX in their offset; LDIMM64 in both its
 * halves. Loads and stores are resized where the field has another size in the target. An answer that poisons, or a load
 * or store that cannot be resized without changing the value, makes the instruction invalid: code 0x85, imm 195896080,
 * all else 0; both halves of a LDIMM64.
 *
 * `insn` points to the instruction, and to the two slots of a LDIMM64. `insn_idx`, `relo_idx` and `prog_name`, which may
 * be NULL, are for messages. `relo` is not used and may be NULL.
 *
 * Returns 0, or a negative errno with the instruction as it was: `-EINVAL` for another form of instruction, one that does
 * not hold what `res` says, one of another size than the field, or NULL; `-ERANGE` for an offset above 32767. libbpf:
 * `bpf_core_patch_insn`.
 *
 * Any number of threads may patch different instructions at the same time.
 *
 * Safety:
 *
 * - `prog_name` is either NULL or a NUL-terminated string.
 * - `insn` is either NULL or points to an instruction that nobody else uses during the call: two slots for a LDIMM64.
 * - `res` is either NULL or points to an answer.
 */
int bpf_core_patch_insn(const char *prog_name, struct bpf_insn *insn, int insn_idx,
			const struct bpf_core_relo *relo, int relo_idx,
			const struct bpf_core_relo_res *res);

/**
 * Reads the access string of a relocation and follows it through the local type.
 *
 * `prog_name` is for messages and may be NULL. Returns 0 with `*spec` set, or a negative errno: `-EINVAL` for a string
 * that cannot be followed, an unknown kind, or NULL; `-E2BIG` for more than 64 indices. libbpf: `bpf_core_parse_spec`.
 *
 * Any number of threads may call it with different `spec`; of handles as `bpf_core_calc_relo_insn` says.
 *
 * Deviation: on failure, `*spec` is not written. Of an enumerator, `len` is 1 and `spec[0]` names it, as in libbpf.
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
 * Writes a spec as text, such as "<byte_off> [7] struct task_struct.mm (0:32 @ offset 1304)".
 *
 * At most `buf_sz` bytes are written, a NUL at the end among them, none if `buf_sz` is 0. Returns the length of the whole
 * text without the NUL, as snprintf(3) does, or a negative errno: `-EINVAL` for a spec that cannot be, or NULL. libbpf:
 * `bpf_core_format_spec`. Bytes of names that are not UTF-8 appear as U+FFFD.
 *
 * Any number of threads may call it with different `buf`; of handles as `bpf_core_calc_relo_insn` says.
 *
 * Safety:
 *
 * - `buf` is either NULL or points to `buf_sz` bytes.
 * - `spec` is either NULL or points to a spec with a handle that is not freed.
 */
int bpf_core_format_spec(char *buf, size_t buf_sz, const struct bpf_core_spec *spec);

/**
 * Whether a target type counts as the local one when a program asks if it exists. Names are not compared: the caller has
 * done so.
 *
 * Returns 1 or 0, or a negative errno: `-EINVAL` for types nested more than 32 levels deep, ids that no type has, or
 * NULL. libbpf: `bpf_core_types_are_compat`.
 *
 * Any number of threads may call it; of handles as `bpf_core_calc_relo_insn` says.
 *
 * Safety:
 *
 * - `local_btf` and `targ_btf` are either NULL or handles of corelo's or libbpf's that are not freed.
 */
int bpf_core_types_are_compat(const struct btf *local_btf, uint32_t local_id,
			      const struct btf *targ_btf, uint32_t targ_id);

/**
 * `bpf_core_types_are_compat` with `level`, from 0 on, as the number of function prototypes that may lie inside one
 * another; for threads as well.
 *
 * Safety:
 *
 * As for `bpf_core_types_are_compat`.
 */
int __bpf_core_types_are_compat(const struct btf *local_btf, uint32_t local_id,
				const struct btf *targ_btf, uint32_t targ_id, int level);

/**
 * Whether a target type has all that the local one has: the same kinds, members, enumerators, sizes of ints and lengths
 * of arrays. Behind a pointer, of structs and unions only the name and kind count. The name of the root type is not
 * compared if it is a typedef: the caller has done so.
 *
 * Returns 1 or 0, or a negative errno: `-EINVAL` for types nested more than 32 levels deep, ids that no type has, or
 * NULL. libbpf: `bpf_core_types_match`.
 *
 * Any number of threads may call it; of handles as `bpf_core_calc_relo_insn` says.
 *
 * Safety:
 *
 * - `local_btf` and `targ_btf` are either NULL or handles of corelo's or libbpf's that are not freed.
 */
int bpf_core_types_match(const struct btf *local_btf, uint32_t local_id, const struct btf *targ_btf,
			 uint32_t targ_id);

/**
 * `bpf_core_types_match` with `level` in place of 32: each struct and prototype that is entered takes one, and at 0 the
 * types count as nested too deeply. With `behind_ptr` true, as if the types were pointed to. For threads as well.
 *
 * Safety:
 *
 * As for `bpf_core_types_match`.
 */
int __bpf_core_types_match(const struct btf *local_btf, uint32_t local_id,
			   const struct btf *targ_btf, uint32_t targ_id, bool behind_ptr,
			   int level);

/**
 * Length of the essential part of a name, which is what precedes the last `___` between two other characters, or else all
 * of it: `task_struct___v2` is a flavor of `task_struct`. 0 for NULL. libbpf: `bpf_core_essential_name_len`.
 *
 * Any number of threads may call it with the same name.
 *
 * Safety:
 *
 * - `name` is either NULL or a NUL-terminated string.
 */
size_t bpf_core_essential_name_len(const char *name);

/**
 * Adds to `cands` the types of `targ_btf` from id `targ_start_id` on that may stand for the local type: those of its kind
 * whose essential name is the first `local_essent_len` bytes of its name.
 *
 * The second search of a handle of corelo's makes an index of its names, which takes eight bytes for each and lasts as long as
 * the handle: each later one takes microseconds, unless `targ_start_id` is another than the first id after the base's. Of libbpf's
 * handles nothing is kept.
 *
 * `targ_btf_name` is for messages and may be NULL. Returns 0, or a negative errno with the list as it was: `-EINVAL` for
 * NULL, ids that no type has, or a length longer than the name; `-E2BIG` for names that take more work to compare than real
 * ones; `-ENOMEM`. The list is from libc's allocator, so libbpf's `bpf_core_free_cands` may free it as well as ours.
 * libbpf: `bpf_core_add_cands`.
 *
 * Any number of threads may call it with different `cands`; of handles as `bpf_core_calc_relo_insn` says.
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
 * Frees a list and its candidates, both from malloc(3), which no thread may be using. NULL is allowed. libbpf:
 * `bpf_core_free_cands`.
 *
 * Safety:
 *
 * - `cands` is either NULL or points to a list from malloc(3) with candidates from malloc(3), not freed.
 */
void bpf_core_free_cands(struct bpf_core_cand_list *cands);

#ifdef __cplusplus
}
#endif

#endif /* CORELO_NO_LIBBPF_NAMES */

#endif /* CORELO_H */
