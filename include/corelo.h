/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/**
 * corelo: BPF CO-RE relocation as a library. For C99, C++11 and newer. The functions of libbpf's relo_core.h are in
 * <corelo/relo_core.h>.
 *
 * A function that returns int returns 0 or a negative errno, and does not change errno. A function that opens something
 * returns NULL and sets errno. corelo_last_error() has the message. Results are written only on success. ENOMEM is for
 * allocations whose size the input decides; if a small allocation fails, the process ends. ENOTRECOVERABLE is a bug in
 * corelo.
 *
 * All functions are thread-safe. Arguments that threads share must not be modified or freed concurrently.
 */

#ifndef CORELO_H
#define CORELO_H

/* Made from capi/src by `make header`: change it there. */

#include <stddef.h>
#include <stdint.h>
#include <linux/bpf.h>

#define CORELO_VERSION "0.1.0"
#define CORELO_VERSION_MAJOR 0
#define CORELO_VERSION_MINOR 1
#define CORELO_VERSION_PATCH 0

/** The implementation to follow where libbpf and the kernel differ. */
enum corelo_semantics {
	/**
	 * libbpf: a relocation drops the candidates that do not match it for later ones of the same type, and types are
	 * compared 32 levels deep.
	 */
	CORELO_SEMANTICS_LIBBPF = 0,
	/**
	 * The kernel, which relocates light skeletons: each relocation compares all candidates, types are compared 2 levels
	 * deep, and enums of 32 and of 64 bits are not candidates of each other.
	 */
	CORELO_SEMANTICS_KERNEL = 1,
};

/** Yes, no, or not known. */
enum corelo_tristate {
	/** Not known. */
	CORELO_TRISTATE_UNKNOWN = 0,
	/** No. */
	CORELO_TRISTATE_NO = 1,
	/** Yes. */
	CORELO_TRISTATE_YES = 2,
};

/** Whether something works. */
enum corelo_verdict {
	/** Nothing speaks against it. */
	CORELO_VERDICT_YES = 0,
	/** BTF does not tell. */
	CORELO_VERDICT_UNKNOWN = 1,
	/** It certainly does not. */
	CORELO_VERDICT_NO = 2,
};

/** What a finding speaks about. */
enum corelo_stage {
	/** Loading: bpf(2), and what libbpf does before. */
	CORELO_STAGE_LOAD = 0,
	/** Attaching what was loaded. */
	CORELO_STAGE_ATTACH = 1,
};

/** Level of a log line. The values are those of `enum libbpf_print_level`. */
enum corelo_log_level {
	/** Something failed, or will when the program is loaded. */
	CORELO_LOG_WARN = 0,
	/** Worth knowing. */
	CORELO_LOG_INFO = 1,
	/** The search and its results: a line for each relocation and each candidate. */
	CORELO_LOG_DEBUG = 2,
};

/** Outcome of a relocation. */
enum corelo_outcome {
	/** The instruction holds the target's value. */
	CORELO_OUTCOME_RESOLVED = 0,
	/** The instruction is invalid now: the verifier refuses it where it can be reached. */
	CORELO_OUTCOME_POISONED = 1,
	/**
	 * The instruction lies in no program and is unchanged, mostly because the linker eliminated a weak function and kept
	 * its records. Other causes are logged as warnings.
	 */
	CORELO_OUTCOME_SKIPPED = 2,
	/** An error, because of which the object is not relocated. */
	CORELO_OUTCOME_FAILED = 3,
};

/** Whether the verifier reaches a poisoned instruction, which is harmless where it does not. */
enum corelo_reach {
	/** Not asked for, or not poisoned. */
	CORELO_REACH_UNKNOWN = 0,
	/** It may. */
	CORELO_REACH_REACHABLE = 1,
	/** It does not. */
	CORELO_REACH_DEAD = 2,
	/** It does not, unless the loader changes a variable in `.rodata`. */
	CORELO_REACH_DEAD_BY_RODATA = 3,
};

/** Why a type of the target does not resolve a relocation. A later version may add values. */
enum corelo_reason {
	/** It does. */
	CORELO_REASON_MATCHED = 0,
	/** A struct or union lacks a member. */
	CORELO_REASON_NO_MEMBER = 1,
	/** A member is of another kind, such as a number in place of a pointer. */
	CORELO_REASON_MEMBER_KIND = 2,
	/** A member is of the same kind, but of another enum, or of other elements. */
	CORELO_REASON_MEMBER_COMPAT = 3,
	/** An array is too short. */
	CORELO_REASON_INDEX_BOUNDS = 4,
	/** What should have a member is no struct or union. */
	CORELO_REASON_NOT_COMPOSITE = 5,
	/** What should have elements is no array. */
	CORELO_REASON_NOT_ARRAY = 6,
	/** An enum lacks an enumerator. */
	CORELO_REASON_NO_ENUMERATOR = 7,
	/** The types are not compatible. */
	CORELO_REASON_TYPE_INCOMPATIBLE = 8,
	/** The types do not match. */
	CORELO_REASON_TYPE_MISMATCH = 9,
	/** The types are nested deeper than they are compared. */
	CORELO_REASON_TOO_DEEP = 10,
	/** It could not be compared; `message` says why. */
	CORELO_REASON_ERROR = 11,
	/** An earlier relocation of the same local type did not match it: `dropped_by`. */
	CORELO_REASON_DROPPED_BY = 12,
	/** It matches, and has another value than the first candidate that matches. */
	CORELO_REASON_DISAGREES = 13,
	/** No candidate: it has the name, and is of another kind. */
	CORELO_REASON_KIND_DIFFERS = 14,
	/** No candidate: modules are not searched for a name that the kernel has. */
	CORELO_REASON_IN_MODULE_NOT_SEARCHED = 15,
};

/** What a hint goes by. A later version may add values. */
enum corelo_hint_kind {
	/**
	 * A new member, or an enumerator, between the neighbors of the one that is gone, of the same type or value.
	 */
	CORELO_HINT_NEIGHBOR = 0,
	/** A struct that the target's struct embeds or points to has the member. */
	CORELO_HINT_MOVED = 1,
	/** A bit of an integer, which an enumerator names, took over from a bitfield. */
	CORELO_HINT_MOVED_TO_BIT = 2,
	/** A member or enumerator of a similar name. */
	CORELO_HINT_SIMILAR_NAME = 3,
	/** The member is there, and its type cannot be read as the object reads it. */
	CORELO_HINT_OTHER_TYPE = 4,
	/** The member is there, and a load or store of its size would not keep its value. */
	CORELO_HINT_OTHER_SIZE = 5,
	/** The member is a register of another architecture. */
	CORELO_HINT_OTHER_ARCHITECTURE = 6,
	/** The target has no such type, and no modules to search. */
	CORELO_HINT_NO_MODULES = 7,
};

/** What a report has beside the outcomes. Values of `corelo_relocate_opts.detail`, ORed. */
enum corelo_detail {
	/**
	 * The candidates of each relocation that did not resolve, and why: `corelo_report_candidate`, and `kernel_differs`.
	 */
	CORELO_DETAIL_CANDIDATES = 1,
	/** What a program could read instead of what the target lacks: `corelo_report_hint`. */
	CORELO_DETAIL_HINTS = 2,
	/**
	 * Whether the verifier reaches each poisoned instruction: `reach`. Only for `corelo_relocate`, when it succeeds: the
	 * instructions of one section do not tell.
	 */
	CORELO_DETAIL_REACH = 4,
};

/** Values of `corelo_min_btf_new`'s `flags`, ORed. */
enum corelo_min_btf_flags {
	/**
	 * Types keep their ids, for `BPF_CORE_TYPE_ID_TARGET`. Pointers to `void` fill the ids between them.
	 */
	CORELO_MIN_BTF_KEEP_IDS = 1,
	/** Objects also get the same verdicts and findings by `corelo check`. */
	CORELO_MIN_BTF_FOR_CHECK = 2,
};

/** Values of `corelo_relocate_opts.flags`, ORed. */
enum corelo_relocate_flag {
	/**
	 * Poison with calls of helper 2003000000 + the index of the relocation in the report, so that the verifier's log says
	 * which one it came to: `invalid func unknown#2003000004`. From index 144483648 on, where no helper number is left, the
	 * number is 195896080, as without the flag.
	 */
	CORELO_RELOCATE_TAG_POISON = 1,
};

/** libbpf's `struct btf`, or the result of `corelo_btf_as_libbpf`. */
struct btf;

/** BTF of a kernel, a module or a BPF object. Immutable, so threads may share it. */
struct corelo_btf;

/** Programs of an object on a kernel. Immutable, so threads may share it. */
struct corelo_check;

/** Types of one kernel and its modules that objects need. One thread at a time may use it. */
struct corelo_min_btf;

/** The outcome of each relocation of an object. Immutable, so threads may share it. */
struct corelo_report;

/**
 * A kernel and its modules, with the indexes that relocations build of their names. Threads may share it.
 */
struct corelo_targets;

/** What the loader attaches a program to, instead of what its section says. */
struct corelo_attach_target {
	/** Name of the program. */
	const char *program;
	/** What follows the slash in a section's name. */
	const char *target;
};

/** What the loader sets a `const volatile` variable to. */
struct corelo_value {
	/** Name of the variable. */
	const char *name;
	/** Its bytes, in the byte order of the object. */
	const void *data;
	/** How many: those of the variable. */
	size_t size;
};

/** Options of a check. Zero the struct and set `sz`. */
struct corelo_check_opts {
	/** `sizeof(struct corelo_check_opts)`, as in `struct corelo_relocate_opts`. */
	size_t sz;
	/**
	 * The kernel and its modules. NULL: the running kernel, with its version and, where `/boot` has it, its configuration.
	 */
	const struct corelo_targets *targets;
	/** BTF with types that no kernel has, which the loader supplies to relocations. */
	const struct corelo_btf *const *extra;
	/** How many. */
	size_t extra_cnt;
	/** Attach targets that the loader sets. */
	const struct corelo_attach_target *attach_targets;
	/** How many. */
	size_t attach_target_cnt;
	/** Values that the loader sets. */
	const struct corelo_value *values;
	/** How many. */
	size_t value_cnt;
	/** The text of the kernel's configuration, as in `/boot/config-*`; NULL: unknown. */
	const char *kernel_config;
	/** The kernel's version, the value of LINUX_KERNEL_VERSION: 0x060c05 for 6.12.5. 0: unknown. */
	uint32_t kernel_version;
	/** Whose answers relocations get; zero: libbpf's. */
	enum corelo_semantics semantics;
	/**
	 * Whether the kernel itself has its BTF, as with CONFIG_DEBUG_INFO_BTF; zero: unknown, and yes where `targets` is NULL.
	 */
	enum corelo_tristate kernel_has_btf;
	/**
	 * 1 if `targets` has all modules of the kernel, as where it is NULL: what they all lack is then missing for certain.
	 * Else 0.
	 */
	uint32_t has_all_modules;
	/**
	 * 1 for reasons and hints in the report, and remedies made of them, where the verifier reaches a poisoned instruction.
	 * Takes time. Else 0.
	 */
	uint32_t explain;
	/** Must be 0. */
	uint32_t reserved;
};

/** A program of an object. Strings belong to the check. A later version may add fields at the end. */
struct corelo_check_program {
	/** Name of the function. */
	const char *name;
	/** Its section, with a question mark where it has one. */
	const char *section;
	/**
	 * An enumerator of `enum bpf_prog_type` without BPF_PROG_TYPE_; NULL where libbpf does not know the section.
	 */
	const char *prog_type;
	/** Whether the kernel loads it, by itself: other programs of the object may be refused. */
	enum corelo_verdict load;
	/** Whether it can be attached, if it is loaded. */
	enum corelo_verdict attach;
	/** 1 if it is not loaded by default: SEC("?..."). Else 0. */
	int optional;
};

/**
 * Something about the programs of an object. Strings belong to the check. A later version may add fields at the end.
 */
struct corelo_finding {
	/** Its id, such as "attach-missing": see docs/rules.md. Ids never change. */
	const char *rule;
	/** What it speaks about. */
	enum corelo_stage stage;
	/**
	 * CORELO_VERDICT_NO: an error; CORELO_VERDICT_UNKNOWN: BTF does not tell; CORELO_VERDICT_YES: a note.
	 */
	enum corelo_verdict verdict;
	/** Number of the program; SIZE_MAX: all programs of the object. */
	size_t program;
	/** Number of the relocation in the report; SIZE_MAX: none. */
	size_t relocation;
	/** Offset of the instruction in its section, in bytes; UINT32_MAX: none. */
	uint32_t insn_off;
	/** What is missing or differs, by its name. */
	const char *subject;
	/** What is wrong, in one sentence. */
	const char *message;
	/** What to do; NULL for a note. */
	const char *remedy;
};

/**
 * Receives a log line, without a newline at its end. `message` is valid during the call. corelo calls it from any thread
 * that uses corelo, also from several at the same time. It may call corelo.
 *
 * Names from objects and BTF are copied unchanged, including control characters: escape them before printing to a
 * terminal.
 */
typedef void (*corelo_log_fn)(void *ctx, enum corelo_log_level level, const char *message);

/** Options of a relocation. Zero the struct and set `sz`. */
struct corelo_relocate_opts {
	/**
	 * `sizeof(struct corelo_relocate_opts)`. A program may be older than the library: fields that it lacks count as zero. A
	 * program that is newer may only set fields that the library knows.
	 */
	size_t sz;
	/**
	 * The kernel and modules to relocate against. NULL: the running kernel, which stays open for the life of the process;
	 * its modules are listed again whenever the kernel lacks a type. `corelo_targets_running` gives a snapshot instead.
	 */
	const struct corelo_targets *targets;
	/**
	 * Receives the report; NULL for none. Set to NULL, or to a report to free with `corelo_report_free`, also when the call
	 * fails.
	 */
	struct corelo_report **report;
	/** Receives the log lines of this call; NULL: the function of `corelo_log_set`, or the default. */
	corelo_log_fn log_fn;
	/** First argument of `log_fn`. */
	void *log_ctx;
	/**
	 * Lines up to this level go to `log_fn`; zero: warnings. `CORELO_LOG`, where set, can only lower it.
	 */
	enum corelo_log_level log_max;
	/** The implementation to follow where libbpf and the kernel differ; zero: libbpf. */
	enum corelo_semantics semantics;
	/** Values of `enum corelo_relocate_flag`, ORed. */
	uint32_t flags;
	/**
	 * What the report has beside the outcomes: values of `enum corelo_detail`, ORed. Takes time; without a report, it has no
	 * effect. Details that cannot be had, such as the reach of broken code, are left out with a warning.
	 */
	uint32_t detail;
	/**
	 * For `reach`: the text of the kernel's configuration, as in `/boot/config-*`, from which `extern` variables CONFIG_* get
	 * their values. NULL: unknown; with `targets` NULL, the running kernel's, where `/boot` has it.
	 */
	const char *kernel_config;
	/**
	 * For `reach`: the kernel's version, the value of LINUX_KERNEL_VERSION: 0x060c05 for 6.12.5. 0: unknown; with `targets`
	 * NULL, the running kernel's.
	 */
	uint32_t kernel_version;
	/** Must be 0. */
	uint32_t reserved;
};

/**
 * One relocation of an object. Strings belong to the report, and are NULL where they would be empty. Names are copied
 * unchanged, including control characters. A later version may add fields at the end, so use the struct in place and do not
 * copy it.
 */
struct corelo_report_entry {
	/** Outcome. */
	enum corelo_outcome outcome;
	/** Negative errno when it failed, else 0. */
	int error;
	/** ELF section of the instruction. */
	const char *section;
	/** Function of the instruction; NULL when skipped, and for `corelo_relocate_insns`. */
	const char *program;
	/** Offset of the instruction in the section, in bytes. */
	uint32_t insn_off;
	/** An `enum bpf_core_relo_kind` of `<linux/bpf.h>`. */
	uint32_t kind;
	/** Root type in the object's BTF. */
	uint32_t type_id;
	/**
	 * The accessed field, enumerator or type, as C writes it: "task_struct.mm", "pid_type::PIDTYPE_PID", "struct task_struct".
	 */
	const char *access;
	/**
	 * The local spec in the format of `bpf_core_format_spec`; NULL where the access string does not fit the type.
	 */
	const char *local_spec;
	/** The target's spec in the same format; NULL where nothing in the target matches. */
	const char *target_spec;
	/**
	 * Name of the target with the match: "vmlinux", the module's name, the file's path, or "N bytes" for BTF from memory.
	 */
	const char *target;
	/**
	 * Value by the object's BTF, as the instruction holds it: an enumerator's value is sign-extended from 32 bits, even where
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
	 * One of these, else NULL:
	 *
	 * - not resolved: the reason, such as the member that the target lacks;
	 * - resolved, such as `bpf_core_field_exists()` to 0: why nothing in the target matches;
	 * - resolved to a value that the program misreads, such as the offset of a bitfield: a warning.
	 */
	const char *message;
	/** The access string of the record: "0:14". */
	const char *access_str;
	/** Whether the verifier reaches the instruction, if it is poisoned; with `CORELO_DETAIL_REACH`. */
	enum corelo_reach reach;
	/**
	 * 1 if `CORELO_SEMANTICS_KERNEL` would give another answer: by the order of relocations, by depth, or by the kind of an
	 * enum. Else 0. With `CORELO_DETAIL_CANDIDATES`, and only where candidates are listed.
	 */
	int kernel_differs;
};

/**
 * A type of the target that has the name, and why it does not resolve the relocation. As for `corelo_report_entry`, strings
 * belong to the report, and the struct grows at its end.
 */
struct corelo_candidate {
	/** Name of the target. */
	const char *target;
	/** The type in it. */
	uint32_t type_id;
	/** Why. */
	enum corelo_reason reason;
	/** The access as far as it went, in the format of `bpf_core_format_spec`. */
	const char *spec;
	/** The member, enumerator or path where it ended; NULL where the reason has none. */
	const char *at;
	/** The reason in one line. */
	const char *message;
	/** Index of the report's entry that dropped it, for `CORELO_REASON_DROPPED_BY`; else `SIZE_MAX`. */
	size_t dropped_by;
};

/**
 * What a program could read instead of what the target lacks. As for `corelo_report_entry`, strings belong to the report,
 * and the struct grows at its end.
 */
struct corelo_hint {
	/** What it goes by. */
	enum corelo_hint_kind kind;
	/** One sentence. */
	const char *text;
	/**
	 * Declarations in C for a program that handles both kernels, a line each; NULL where there is no short one.
	 */
	const char *flavor;
	/** The condition in C under which the program reads what `flavor` declares; NULL for none. */
	const char *guard;
};

#ifdef __cplusplus
extern "C" {
#endif

/** The version of the loaded library, such as "0.1.0". A static string. */
const char *corelo_version(void);

/**
 * The message of the last failed call on this thread. It names the file, program, relocation and type, and says what to
 * do. "" if no call has failed, never NULL.
 *
 * Names from objects and BTF are copied unchanged, including control characters: escape them before printing to a
 * terminal.
 *
 * Valid until the next failed call on this thread, or the end of the thread. A successful call does not change it.
 */
const char *corelo_last_error(void);

/**
 * Opens the BTF in a file: raw BTF, or an ELF file with a `.BTF` section, 32-bit or 64-bit, of either byte order.
 *
 * With `base`, the file holds split BTF on it, such as a module's on its kernel's. The new handle keeps a reference to the
 * base, so `base` may be freed first. Raw BTF and the section of an ELF file are copied into memory, because another
 * process may change the file; the running kernel's own BTF is mapped.
 *
 * Without a base, a type is checked when it is first used, so a broken type affects only its users. With a base, all names
 * and references are checked here, as libbpf does: a module's BTF on another build of the kernel gives wrong offsets. A
 * module so small that it fits another kernel by chance is not detected. Files in `/sys/kernel/btf` are not checked, since
 * the kernel did so when it loaded the module.
 *
 * A module that was built out of tree has the types of the kernel that it refers to in a section `.BTF.base`, by name and
 * size. With `base`, its BTF is relocated from there to the base, as by libbpf's `btf__relocate`: `EINVAL` if a type has no
 * counterpart, or several; `corelo_last_error` names the type. The first such module of a base indexes the base's names.
 * Without `base`, `.BTF.base` is the base; its structs have no members.
 *
 * Thread-safe, also for the same `base`. Threads may share the new handle.
 *
 * Returns NULL and sets errno: `EINVAL` for broken BTF, BTF that does not fit its base, a module's BTF without a base, a
 * kernel's with one, a NULL `path`, and a file that is not regular; `ENOENT` for an empty `path`; `EISDIR` for a directory; `EFBIG` for raw BTF or a
 * section of 2 GiB or more; `ENOTSUP` for BTF of the other byte order with a short header, for several BTF headers in a
 * row; `ENODATA` for ELF without BTF; `ENOEXEC` for broken ELF, and for a `.BTF` section that is compressed or not PROGBITS;
 * `ENOMEM`; and the errors of open(2) and read(2). For a compressed file, `corelo_last_error` names the command that
 * decompresses it.
 *
 * Safety:
 *
 * - `path` is either NULL or a NUL-terminated string.
 * - `base` is either NULL or a handle from corelo that is not freed.
 */
struct corelo_btf *corelo_btf_open(const char *path, const struct corelo_btf *base);

/**
 * Opens BTF, or an ELF file with a `.BTF` section, from `size` bytes at `data`, and copies the BTF.
 *
 * Otherwise as `corelo_btf_open`. `EINVAL` also for NULL `data`.
 *
 * Safety:
 *
 * - `data` is either NULL or points to `size` bytes.
 * - `base` is either NULL or a handle from corelo that is not freed.
 */
struct corelo_btf *corelo_btf_from_bytes(const void *data, size_t size,
					 const struct corelo_btf *base);

/**
 * Opens the BTF of the running kernel: `/sys/kernel/btf/vmlinux`, or a kernel image in the paths that libbpf searches.
 *
 * Returns NULL and sets errno: `ESRCH` when there is none; `corelo_last_error` names each path with its error. libbpf:
 * `btf__load_vmlinux_btf`.
 */
struct corelo_btf *corelo_btf_open_kernel(void);

/**
 * Opens the BTF of a loaded module of the running kernel, whose BTF is `kernel`.
 *
 * Returns NULL and sets errno: `EINVAL` for a name that is NULL, empty or has a slash, `ENOENT` for a module that is not
 * loaded or has no BTF, and the errors of `corelo_btf_open`. libbpf: `btf__load_module_btf`.
 *
 * Safety:
 *
 * - `name` is either NULL or a NUL-terminated string.
 * - `kernel` is either NULL or a handle from corelo that is not freed.
 */
struct corelo_btf *corelo_btf_open_module(const char *name, const struct corelo_btf *kernel);

/**
 * Frees BTF. Split BTF opened on it and targets made of it keep their own references and stay valid. NULL is allowed.
 *
 * No thread may use `btf`, or the pointer that `corelo_btf_as_libbpf` returned for it, at the same time or later.
 *
 * Safety:
 *
 * - `btf` is either NULL or a handle from corelo that is not freed.
 */
void corelo_btf_free(struct corelo_btf *btf);

/**
 * The same BTF as a `struct btf`, for the functions in `<corelo/relo_core.h>` only: libbpf's own functions cannot read it.
 * Valid until `btf` is freed. NULL for NULL.
 */
const struct btf *corelo_btf_as_libbpf(const struct corelo_btf *btf);

/**
 * Checks the programs of a BPF object in memory, `size` bytes at `elf`, against a kernel: relocations, attach targets, kernel
 * functions and variables, helpers, types of programs and maps. Neither loads nor changes the object, and needs no rights.
 *
 * `opts` may be NULL for the defaults. Sets `*out` to a result to free with `corelo_check_free`, and returns 0, also where the
 * kernel loads no program. Otherwise returns a negative errno and sets `*out` to NULL:
 *
 * - `-EINVAL`: NULL, an unknown option, a value for a variable that the object does not have, BTF of another byte order;
 * - `-ENOEXEC`: not a BPF object, or a broken ELF file;
 * - `-E2BIG`: comparing takes more work than any real object of this size does;
 * - `-ESRCH`: `targets` is NULL, and the running kernel has no BTF;
 * - `-ENOMEM`, and errors of reading the running kernel's files.
 *
 * Thread-safe, also with the same object and targets.
 *
 * Safety:
 *
 * - `elf` is either NULL or points to `size` bytes.
 * - `opts` is either NULL or points to `opts->sz` bytes, whose pointers are NULL, or valid for as many elements as it says.
 * - `out` is either NULL or points to a pointer.
 */
int corelo_check(const void *elf, size_t size, const struct corelo_check_opts *opts,
		 struct corelo_check **out);

/**
 * Number of programs, in the order of sections and functions. 0 for NULL.
 *
 * Safety:
 *
 * - `check` is either NULL or from `corelo_check` and not freed.
 */
size_t corelo_check_program_cnt(const struct corelo_check *check);

/**
 * Program number `index`, from 0. NULL past the end and for NULL. Valid until the check is freed.
 *
 * Safety:
 *
 * - `check` is either NULL or from `corelo_check` and not freed.
 */
const struct corelo_check_program *corelo_check_program(const struct corelo_check *check,
							size_t index);

/**
 * Number of findings: those about all programs first, then in the order of programs. 0 for NULL.
 *
 * Safety:
 *
 * - `check` is either NULL or from `corelo_check` and not freed.
 */
size_t corelo_check_finding_cnt(const struct corelo_check *check);

/**
 * Finding number `index`, from 0. NULL past the end and for NULL. Valid until the check is freed.
 *
 * Safety:
 *
 * - `check` is either NULL or from `corelo_check` and not freed.
 */
const struct corelo_finding *corelo_check_finding(const struct corelo_check *check, size_t index);

/**
 * What became of each relocation. Belongs to the check: do not free it. NULL for NULL.
 *
 * Safety:
 *
 * - `check` is either NULL or from `corelo_check` and not freed.
 */
const struct corelo_report *corelo_check_report(const struct corelo_check *check);

/**
 * The worst verdict, to load or to attach, of the programs that are not optional. CORELO_VERDICT_UNKNOWN for NULL.
 *
 * Safety:
 *
 * - `check` is either NULL or from `corelo_check` and not freed.
 */
enum corelo_verdict corelo_check_verdict(const struct corelo_check *check);

/**
 * Frees a check with its programs, findings, report and strings. NULL is allowed. No thread may use them at the same time or
 * later.
 *
 * Safety:
 *
 * - `check` is either NULL or from `corelo_check` and not freed.
 */
void corelo_check_free(struct corelo_check *check);

/**
 * Sets the function that receives log lines, and its `ctx`. NULL restores the default.
 *
 * By default, lines go to `libbpf_print` where libbpf is linked statically beside corelo, with `corelo: ` in front and a
 * newline at the end; otherwise warnings go to stderr, with `corelo: ` in front and control characters escaped.
 *
 * The environment variable `CORELO_LOG` (`off`, `warn`, `info` or `debug`) selects what goes to stderr. For a function it
 * is only a limit: the function never gets more than without it.
 *
 * An error that a function of this header returns is in `corelo_last_error` alone, not in the log.
 *
 * Thread-safe. `ctx` must stay valid until another function is set and all calls that were running then have returned.
 *
 * Safety:
 *
 * - `fn` is either NULL or a function that may be called with `ctx` from any thread.
 */
void corelo_log_set(corelo_log_fn fn, void *ctx);

/**
 * Collects types of targets: the smallest BTF with which objects are relocated as with all of the targets' BTF, by corelo
 * and libbpf, to the same instructions and outcomes. Only `BPF_CORE_TYPE_ID_TARGET` gives other ids, unless they are kept.
 *
 * `flags` are values of `enum corelo_min_btf_flags`. The targets must outlive the collection. Returns NULL and sets errno:
 * `EINVAL` for NULL and for an unknown flag. Free it with `corelo_min_btf_free`.
 *
 * Safety:
 *
 * - `targets` is either NULL or from corelo, and not freed before the collection.
 */
struct corelo_min_btf *corelo_min_btf_new(const struct corelo_targets *targets, uint32_t flags);

/**
 * Adds what the CO-RE relocations of an object need: `size` bytes at `elf`, an ELF file as for `corelo_relocate`. Does not
 * change it.
 *
 * A relocation that fails, or has no match, is no error: it will fail, or have no match, in the same way. `report` tells
 * them; NULL for none. It is set to NULL, or to a report to free with `corelo_report_free`.
 *
 * Returns 0 or a negative errno as `corelo_relocate` for an object or targets that cannot be read. Then nothing is added.
 *
 * Safety:
 *
 * - `min` is either NULL or from `corelo_min_btf_new` and not freed.
 * - `elf` is either NULL or points to `size` bytes.
 * - `report` is either NULL or points to a pointer.
 */
int corelo_min_btf_add_object(struct corelo_min_btf *min, const void *elf, size_t size,
			      struct corelo_report **report);

/**
 * Adds all types of this kind, a `BTF_KIND_*`, and name of the kernel, or else of the modules: with all their members, and
 * the members' types, but not what pointers lead to.
 *
 * Returns 1, or 0 if there is none, or a negative errno: `-EINVAL` for NULL.
 *
 * Safety:
 *
 * - `min` is either NULL or from `corelo_min_btf_new` and not freed.
 * - `name` is either NULL or a NUL-terminated string.
 */
int corelo_min_btf_add_type(struct corelo_min_btf *min, const char *name, uint32_t btf_kind);

/**
 * The BTF of a target: 0 is the kernel; the modules follow, in the order of `corelo_targets_name`. A module's BTF is split on
 * that of the kernel here. Both are in the target's byte order.
 *
 * Sets `size`: 0 for a module that is not needed. Returns bytes that last until the next call with `min`, or NULL and sets
 * errno: `EINVAL` for NULL, and for a target that there is not; errors of reading the targets; `ENOMEM`.
 *
 * Safety:
 *
 * - `min` is either NULL or from `corelo_min_btf_new` and not freed.
 * - `size` is either NULL or points to a number.
 */
const void *corelo_min_btf_data(struct corelo_min_btf *min, size_t target, size_t *size);

/**
 * The id that the type `old_id` of a target has in the BTF of `corelo_min_btf_data`; 0 if it is left out, if there is no
 * such target, and without memory.
 *
 * Safety:
 *
 * - `min` is either NULL or from `corelo_min_btf_new` and not freed.
 */
uint32_t corelo_min_btf_new_id(struct corelo_min_btf *min, size_t target, uint32_t old_id);

/**
 * Frees a collection and its BTF. NULL is allowed. No thread may use them at the same time or later.
 *
 * Safety:
 *
 * - `min` is either NULL or from `corelo_min_btf_new` and not freed.
 */
void corelo_min_btf_free(struct corelo_min_btf *min);

/**
 * Relocates a BPF object in memory: `size` bytes at `elf`, an ELF file of either byte order from clang or `bpftool gen
 * object`. `elf` needs no alignment. The relocated object has the same size; pass it to `bpf_object__open_mem`, a skeleton,
 * bpf(2), or write it to a file.
 *
 * Each instruction with a CO-RE relocation gets the target's value. Where the target has none, the instruction becomes
 * invalid (a call of helper 195896080, 0xbad2310, or of another with `CORELO_RELOCATE_TAG_POISON`), and the verifier
 * rejects the program if it can reach it. The CO-RE relocations in `.BTF.ext` are removed, so that libbpf, the kernel and a
 * second call find none. An object without CO-RE relocations stays as it is. In sections whose name begins with '?', which
 * are not loaded by default, a failed relocation is logged and makes its instruction invalid.
 *
 * The log gets warnings: code without BTF; skipped relocations, unless the linker eliminated their weak function; several
 * `.BTF.ext` sections, of which the last counts; a load or store made invalid because the field has another size or is a
 * bitfield in the target; a bitfield that is read as a whole; registers of another architecture than the target's.
 *
 * Success changes only relocated instructions and `core_relo_len` in `.BTF.ext`; failure changes nothing.
 *
 * Deviation: all relocations are tried and reported, where libbpf stops at the first failure. `corelo_last_error` has the
 * first failure, the report and the debug log have all.
 *
 * `opts` may be NULL for the defaults. Returns 0, or the negative errno of the first failure in the order of `.BTF.ext`:
 *
 * - `-EINVAL`: ambiguous candidates, an instruction that does not hold the value of the object's BTF, a broken access
 *   string or BTF, different byte orders of object and target, NULL, an unknown option;
 * - `-ERANGE`: an offset above 32767 in a load or store;
 * - `-E2BIG`: more than 64 steps to a member, a bitfield that no 64-bit load covers, a size above 4 GiB, a target's array
 *   with elements above 2 GiB, or a comparison of types that exceeds the work limit;
 * - `-ENOEXEC`: not a BPF object, no symbol table (libbpf: `-ENOENT`), or a broken ELF file, such as a program that ends
 *   behind its section;
 * - `-ENOTSUP`: several BTF headers in a row in `.BTF` or `.BTF.ext`;
 * - `-ESRCH`: `targets` is NULL, and the running kernel has no BTF;
 * - `-ENOMEM`, and errors of reading the running kernel's files.
 *
 * Thread-safe for different objects, also with the same targets.
 *
 * Safety:
 *
 * - `elf` is either NULL or points to `size` bytes that nobody else uses during the call.
 * - `opts` is either NULL or points to `opts->sz` bytes, whose `targets` are either NULL or not freed, whose `report` is
 *   either NULL or points to a pointer, whose `log_fn` may be called with `log_ctx`, and whose `kernel_config` is either NULL
 *   or a NUL-terminated string.
 */
int corelo_relocate(void *elf, size_t size, const struct corelo_relocate_opts *opts);

/**
 * Relocates the instructions of one section, for loaders that read ELF files themselves.
 *
 * `local` is the object's BTF, and `btf_ext` its `.BTF.ext` section, which stays as it is. `insns` are the `insn_cnt`
 * instructions of the section named `sec_name`, from its first one, in the byte order of `local`.
 *
 * Otherwise as `corelo_relocate`. In the report, `program` is NULL and `reach` unknown. Returns 0 or a negative errno with
 * the instructions as they were: `-EINVAL` also for a relocation at or behind `insn_cnt`. A second call with the same
 * instructions fails with `-EINVAL`, because they no longer hold the values of `local`.
 *
 * Returns 0 as well, with a debug line, if `.BTF.ext` has no relocations for `sec_name`. To detect a wrong name, compare
 * `corelo_report_entry_cnt` with the number that you expect.
 *
 * Safety:
 *
 * - `local` is either NULL or a handle from corelo that is not freed.
 * - `btf_ext` is either NULL or points to `btf_ext_size` bytes.
 * - `sec_name` is either NULL or a NUL-terminated string.
 * - `insns` is either NULL or points to `insn_cnt` instructions that nobody else uses during the call.
 * - `opts` is as for `corelo_relocate`.
 */
int corelo_relocate_insns(const struct corelo_btf *local, const void *btf_ext, size_t btf_ext_size,
			  const char *sec_name, struct bpf_insn *insns, size_t insn_cnt,
			  const struct corelo_relocate_opts *opts);

/**
 * Number of entries, one for each relocation. 0 for NULL.
 *
 * Safety:
 *
 * - `report` is either NULL or from a relocation and not freed.
 */
size_t corelo_report_entry_cnt(const struct corelo_report *report);

/**
 * Number of entries with this outcome. 0 for NULL, and for an outcome that is none.
 *
 * Safety:
 *
 * - `report` is either NULL or from a relocation and not freed.
 */
size_t corelo_report_outcome_cnt(const struct corelo_report *report, enum corelo_outcome outcome);

/**
 * Entry number `index`, from 0, in the order of `.BTF.ext`. NULL past the end and for NULL. Valid until the report is
 * freed.
 *
 * Safety:
 *
 * - `report` is either NULL or from a relocation and not freed.
 */
const struct corelo_report_entry *corelo_report_get(const struct corelo_report *report,
						    size_t index);

/**
 * Writes the report as JSON, of the schema in `docs/check.schema.json`: one object, whose path is empty, one kernel, every
 * relocation, and what `opts.detail` asked for.
 *
 * Writes at most `size` bytes to `out`, including the NUL at the end, and nothing if `size` is 0. Returns the length of the
 * whole text without the NUL, as snprintf(3) does, or a negative errno: `-EINVAL` for NULL, `-ENOMEM`. Bytes of names that
 * are not UTF-8 appear as U+FFFD.
 *
 * Safety:
 *
 * - `report` is either NULL or from a relocation and not freed.
 * - `out` is either NULL or points to `size` bytes.
 */
long corelo_report_json(const struct corelo_report *report, char *out, size_t size);

/**
 * Frees a report with its entries and strings. NULL is allowed. No thread may use them at the same time or later.
 *
 * Safety:
 *
 * - `report` is either NULL or from a relocation and not freed.
 */
void corelo_report_free(struct corelo_report *report);

/**
 * Number of candidates of entry `relo`, with what is none and has the name. 0 for NULL, past the end, for an entry that
 * resolved, and without `CORELO_DETAIL_CANDIDATES`.
 *
 * Safety:
 *
 * - `report` is either NULL or from a relocation and not freed.
 */
size_t corelo_report_candidate_cnt(const struct corelo_report *report, size_t relo);

/**
 * Candidate number `index` of entry `relo`. NULL past the end and for NULL. Valid until the report is freed. Entries with the
 * same access share their candidates.
 *
 * Safety:
 *
 * - `report` is either NULL or from a relocation and not freed.
 */
const struct corelo_candidate *corelo_report_candidate(const struct corelo_report *report,
						       size_t relo, size_t index);

/**
 * Number of hints for entry `relo`, at most 3. 0 for NULL, past the end, and without `CORELO_DETAIL_HINTS`.
 *
 * Safety:
 *
 * - `report` is either NULL or from a relocation and not freed.
 */
size_t corelo_report_hint_cnt(const struct corelo_report *report, size_t relo);

/**
 * Hint number `index` for entry `relo`, the likeliest first. NULL past the end and for NULL. Valid until the report is freed.
 *
 * Safety:
 *
 * - `report` is either NULL or from a relocation and not freed.
 */
const struct corelo_hint *corelo_report_hint(const struct corelo_report *report, size_t relo,
					     size_t index);

/**
 * The running kernel, whose BTF is opened at once, and its modules.
 *
 * The modules are listed and opened when the kernel first lacks a type. From then on this is a snapshot: modules loaded
 * later are not searched. With NULL as `targets` in `struct corelo_relocate_opts`, they are. A module whose BTF cannot be
 * read is left out, with a warning.
 *
 * Returns NULL and sets errno as `corelo_btf_open_kernel`. Free it with `corelo_targets_free`.
 */
struct corelo_targets *corelo_targets_running(void);

/**
 * A kernel and `module_cnt` of its modules, which were opened with `kernel` as their base. The modules are searched, in
 * this order, for types that the kernel lacks.
 *
 * The targets keep their own references: the BTF may be freed at once. Returns NULL and sets errno: `EINVAL` for a NULL
 * kernel or module, and for a module that was not opened on this kernel; `ENOMEM`. Free it with `corelo_targets_free`.
 *
 * Safety:
 *
 * - `kernel` is either NULL or a handle from corelo that is not freed.
 * - `modules` is either NULL or points to `module_cnt` such handles.
 */
struct corelo_targets *corelo_targets_new(const struct corelo_btf *kernel,
					  const struct corelo_btf *const *modules,
					  size_t module_cnt);

/**
 * The number of targets: the kernel and its modules. Of the running kernel, the modules are opened first. 0 for NULL, and if
 * the modules cannot be listed.
 *
 * Safety:
 *
 * - `targets` is either NULL or from corelo and not freed.
 */
size_t corelo_targets_cnt(const struct corelo_targets *targets);

/**
 * The name of a target: the path of its file, or a module's name. 0 is the kernel, the modules follow.
 *
 * Returns a string that lasts as long as the targets; NULL for NULL and past the last.
 *
 * Safety:
 *
 * - `targets` is either NULL or from corelo and not freed.
 */
const char *corelo_targets_name(const struct corelo_targets *targets, size_t index);

/**
 * Frees targets. NULL is allowed. No thread may use them at the same time or later.
 *
 * Safety:
 *
 * - `targets` is either NULL or from `corelo_targets_running` or `corelo_targets_new`, and not freed.
 */
void corelo_targets_free(struct corelo_targets *targets);

/**
 * Explains the verifier's log by the report of the same object and kernel: which relocation failed, where in the source, why,
 * and what to do. It says more if the report has `CORELO_DETAIL_HINTS` and `CORELO_DETAIL_REACH`. Also explained are kfuncs,
 * helpers and maps that are missing; of other errors, the last is quoted.
 *
 * `log` has `log_size` bytes, or ends at a NUL before; it may be what a loader has printed, with the log in it. `program` is
 * the name of the program that was loaded, or of the one of several to explain; NULL: those that the loader's lines name, if
 * there are any. Where the log does not tell which relocation it is about, all are listed that it can be, and it is said that
 * the log does not tell; `CORELO_RELOCATE_TAG_POISON` makes it tell.
 *
 * Writes at most `size` bytes to `out`, including the NUL at the end, and nothing if `size` is 0. Returns the length of the
 * whole text without the NUL, as snprintf(3) does, which has an upper bound whatever the log; or a negative errno: `-EINVAL`
 * for NULL. Control characters are shown as escapes, such as `\u{1b}`.
 *
 * Safety:
 *
 * - `log` is either NULL or points to `log_size` bytes.
 * - `report` is either NULL or from a relocation and not freed.
 * - `program` is either NULL or a NUL-terminated string.
 * - `out` is either NULL or points to `size` bytes.
 */
long corelo_explain_verifier_log(const char *log, size_t log_size,
				 const struct corelo_report *report, const char *program, char *out,
				 size_t size);

#ifdef __cplusplus
}
#endif

#endif /* CORELO_H */
