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

/** Level of a log line. The values are those of `enum libbpf_print_level`. */
enum corelo_log_level {
	/** Something failed, or will when the program is loaded. */
	CORELO_LOG_WARN = 0,
	/** Worth knowing. */
	CORELO_LOG_INFO = 1,
	/** The search and its results: a line for each relocation and each candidate. */
	CORELO_LOG_DEBUG = 2,
};

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

/** libbpf's `struct btf`, or the result of `corelo_btf_as_libbpf`. */
struct btf;

/** BTF of a kernel, a module or a BPF object. Immutable, so threads may share it. */
struct corelo_btf;

/** The outcome of each relocation of an object. Immutable, so threads may share it. */
struct corelo_report;

/**
 * A kernel and its modules, with the indexes that relocations build of their names. Threads may share it.
 */
struct corelo_targets;

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
	/** Must be 0. */
	uint32_t flags;
	/** Must be 0. */
	uint32_t detail;
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
 * Thread-safe, also for the same `base`. Threads may share the new handle.
 *
 * Returns NULL and sets errno: `EINVAL` for broken BTF, BTF that does not fit its base, a module's BTF without a base, a
 * kernel's with one, a NULL `path`, and a file that is not regular; `ENOENT` for an empty `path`; `EISDIR` for a directory; `EFBIG` for raw BTF or a
 * section of 2 GiB or more; `ENOTSUP` for BTF of the other byte order with a short header, for several BTF headers in a
 * row, and for a module that has its own `.BTF.base` when a base is given; `ENODATA` for ELF without BTF; `ENOEXEC` for
 * broken ELF, and for a `.BTF` section that is compressed or not PROGBITS; `ENOMEM`; and the errors of open(2) and
 * read(2). For a compressed file, `corelo_last_error` names the command that decompresses it.
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
 * Relocates a BPF object in memory: `size` bytes at `elf`, an ELF file of either byte order from clang or `bpftool gen
 * object`. `elf` needs no alignment. The relocated object has the same size; pass it to `bpf_object__open_mem`, a skeleton,
 * bpf(2), or write it to a file.
 *
 * Each instruction with a CO-RE relocation gets the target's value. Where the target has none, the instruction becomes
 * invalid (a call of helper 195896080, 0xbad2310), and the verifier rejects the program if it can reach it. The CO-RE
 * relocations in `.BTF.ext` are removed, so that libbpf, the kernel and a second call find none. An object without CO-RE
 * relocations stays as it is. In sections whose name begins with '?', which are not loaded by default, a failed relocation
 * is logged and makes its instruction invalid.
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
 *   either NULL or points to a pointer, and whose `log_fn` may be called with `log_ctx`.
 */
int corelo_relocate(void *elf, size_t size, const struct corelo_relocate_opts *opts);

/**
 * Relocates the instructions of one section, for loaders that read ELF files themselves.
 *
 * `local` is the object's BTF, and `btf_ext` its `.BTF.ext` section, which stays as it is. `insns` are the `insn_cnt`
 * instructions of the section named `sec_name`, from its first one, in the byte order of `local`.
 *
 * Otherwise as `corelo_relocate`. In the report, `program` is NULL. Returns 0 or a negative errno with the instructions as
 * they were: `-EINVAL` also for a relocation at or behind `insn_cnt`. A second call with the same instructions fails with
 * `-EINVAL`, because they no longer hold the values of `local`.
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
 * Frees a report with its entries and strings. NULL is allowed. No thread may use them at the same time or later.
 *
 * Safety:
 *
 * - `report` is either NULL or from a relocation and not freed.
 */
void corelo_report_free(struct corelo_report *report);

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
 * Frees targets. NULL is allowed. No thread may use them at the same time or later.
 *
 * Safety:
 *
 * - `targets` is either NULL or from `corelo_targets_running` or `corelo_targets_new`, and not freed.
 */
void corelo_targets_free(struct corelo_targets *targets);

#ifdef __cplusplus
}
#endif

#endif /* CORELO_H */
