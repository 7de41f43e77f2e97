// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * oracle: what libbpf itself makes of an object's CO-RE relocations.
 *
 *	oracle [--skip-optional] OBJECT BTF|-
 *
 * libbpf opens and loads the object, and two of the functions that its
 * relocation step calls are wrapped at link time to write down what they got
 * and gave. bpf(2) is wrapped too and says yes to everything, so that libbpf
 * reaches that step for every object, without privileges, and for kernels that
 * don't run here. "-" is the running kernel. oracle.h has the output. Exit
 * status 0 whenever there is an outcome, 2 otherwise.
 *
 * This program must not be linked with libcorelo, which exports functions of
 * the same names; it makes sure of that itself.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* for the structs that libbpf does not install */
#include <corelo/relo_core.h>

#include "build.h"
#include "elf_file.h"
#include "oracle.h"

#define WRAPPED(type, name, ...)		\
	type __real_##name(__VA_ARGS__);	\
	type __wrap_##name(__VA_ARGS__)

WRAPPED(int, bpf_core_calc_relo_insn, const char *prog_name, const struct bpf_core_relo *relo,
	int relo_idx, const struct btf *local_btf, struct bpf_core_cand_list *cands,
	struct bpf_core_spec *specs_scratch, struct bpf_core_relo_res *targ_res);
WRAPPED(int, bpf_core_patch_insn, const char *prog_name, struct bpf_insn *insn, int insn_idx,
	const struct bpf_core_relo *relo, int relo_idx, const struct bpf_core_relo_res *res);
WRAPPED(struct btf_ext *, btf_ext__new, const __u8 *data, __u32 size);
WRAPPED(struct btf *, btf__load_vmlinux_btf, void);
WRAPPED(FILE *, fopen64, const char *path, const char *mode);
WRAPPED(void *, gzopen64, const char *path, const char *mode);
WRAPPED(long, syscall, long nr, ...);

#define MAX_RELOS 65536
/* seconds; libbpf never returns from some objects */
#define TIMEOUT 20

/* Written by the child that runs libbpf, read by the parent after its end. */
struct shared {
	struct oracle_answer answer;
	int core_relos;		/* the object has CO-RE relocations */
	int step_failed;	/* libbpf said that the relocation step failed */
	int opened;
	int finished;
	int overflow;
	struct oracle_relo relos[MAX_RELOS];
};

static struct shared *shared;
static const char *target_path;		/* NULL: the running kernel */
static struct btf_ext *object_btf_ext;

#include "fake_bpf.h"

/* Externs are resolved before the relocation step; this machine has no say in it. */
FILE *__wrap_fopen64(const char *path, const char *mode)
{
	return __real_fopen64(strcmp(path, "/proc/kallsyms") ? path : "/dev/null", mode);
}

void *__wrap_gzopen64(const char *path, const char *mode)
{
	(void)path;	/* the kernel's configuration */
	return __real_gzopen64("/dev/null", mode);
}

struct btf *__wrap_btf__load_vmlinux_btf(void)
{
	return target_path ? btf__parse(target_path, NULL) : __real_btf__load_vmlinux_btf();
}

struct btf_ext *__wrap_btf_ext__new(const __u8 *data, __u32 size)
{
	const uint32_t *header;
	__u32 len;

	object_btf_ext = __real_btf_ext__new(data, size);
	if (!object_btf_ext)
		return NULL;
	/* hdr_len at byte 4; core_relo_len is the last word of a 32-byte header */
	header = btf_ext__get_raw_data(object_btf_ext, &len);
	shared->core_relos = header && len >= 32 && header[1] >= 32 && header[7];
	return object_btf_ext;
}

/* The name of the section that @relo is for, which stands before its records in .BTF.ext. */
static void record_section(struct oracle_relo *r, const struct btf *local_btf,
			   const struct bpf_core_relo *relo, int relo_idx)
{
	const unsigned char *ext, *sec;
	uint32_t hdr_len, core_relo_off, rec_size, name_off;
	const char *name;
	__u32 len;

	ext = btf_ext__get_raw_data(object_btf_ext, &len);
	memcpy(&hdr_len, ext + 4, sizeof(hdr_len));
	memcpy(&core_relo_off, ext + 24, sizeof(core_relo_off));
	memcpy(&rec_size, ext + hdr_len + core_relo_off, sizeof(rec_size));
	/* the records follow their section's { sec_name_off, num_info } */
	sec = (const unsigned char *)relo - (size_t)relo_idx * rec_size - 8;
	memcpy(&name_off, sec, sizeof(name_off));
	name = btf__name_by_offset(local_btf, name_off);
	snprintf(r->section, sizeof(r->section), "%s", name ? name : "");
}

/* Versions of libbpf differ in what they take for an array's size. */
static int is_array(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = id ? btf__type_by_id(btf, id) : NULL;
	int i;

	/* malformed BTF may hold cycles */
	for (i = 0; t && (btf_is_mod(t) || btf_is_typedef(t)) && i < 32; i++)
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_array(t);
}

int __wrap_bpf_core_calc_relo_insn(const char *prog_name, const struct bpf_core_relo *relo,
				   int relo_idx, const struct btf *local_btf,
				   struct bpf_core_cand_list *cands,
				   struct bpf_core_spec *specs_scratch,
				   struct bpf_core_relo_res *targ_res)
{
	struct oracle_relo *r;

	if (shared->answer.relo_count == MAX_RELOS) {
		shared->overflow = 1;
		_exit(0);
	}
	r = &shared->relos[shared->answer.relo_count++];
	r->insn_off = relo->insn_off;
	r->kind = relo->kind;
	r->type_id = relo->type_id;
	r->calc = NOT_CALLED;
	r->patch = NOT_CALLED;
	snprintf(r->program, sizeof(r->program), "%s", prog_name);
	record_section(r, local_btf, relo, relo_idx);
	/* scratch space: whether a spec was stored shows in its btf */
	specs_scratch[0].btf = NULL;
	specs_scratch[2].btf = NULL;
	r->calc = __real_bpf_core_calc_relo_insn(prog_name, relo, relo_idx, local_btf, cands,
						 specs_scratch, targ_res);
	if (r->calc)
		return r->calc;
	r->orig_val = targ_res->orig_val;
	r->new_val = targ_res->new_val;
	r->array = is_array(local_btf, targ_res->orig_type_id);
	if (specs_scratch[0].btf)
		bpf_core_format_spec(r->local_spec, sizeof(r->local_spec), &specs_scratch[0]);
	if (specs_scratch[2].btf)
		bpf_core_format_spec(r->target_spec, sizeof(r->target_spec), &specs_scratch[2]);
	return 0;
}

int __wrap_bpf_core_patch_insn(const char *prog_name, struct bpf_insn *insn, int insn_idx,
			       const struct bpf_core_relo *relo, int relo_idx,
			       const struct bpf_core_relo_res *res)
{
	struct oracle_relo *r = &shared->relos[shared->answer.relo_count - 1];

	r->insn_len = insn->code == (BPF_LD | BPF_IMM | BPF_DW) ? 16 : 8;
	r->patch = __real_bpf_core_patch_insn(prog_name, insn, insn_idx, relo, relo_idx, res);
	memcpy(r->insn, insn, r->insn_len);
	return r->patch;
}

static int on_message(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text = shared->answer.warning;

	/* the only sign that tells a failure of this step from a later one */
	if (strstr(format, "failed to perform CO-RE relocations"))
		shared->step_failed = 1;
	if (level == LIBBPF_WARN && !*text) {
		vsnprintf(text, sizeof(shared->answer.warning), format, args);
		text[strcspn(text, "\n")] = 0;
	}
	return 0;
}

static void run_libbpf(struct input *elf, int skip_optional)
{
	struct bpf_object_open_opts opts;
	struct bpf_object *obj;
	struct bpf_program *prog;
	struct bpf_map *map;

	/* nothing here is worth a core file */
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	if (fake_bpf_init())
		_exit(2);
	if (!target_path) {
		union bpf_attr attr;

		memset(&attr, 0, sizeof(attr));
		shared->answer.modules = !__real_syscall(__NR_bpf, BPF_BTF_GET_NEXT_ID, &attr,
						  sizeof(attr)) || errno == ENOENT;
	}
	fake_modules = shared->answer.modules;
	libbpf_set_print(on_message);
	weaken_externs(elf);
	/* padding included: libbpf refuses unknown bytes that aren't zero */
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.object_name = "oracle";
	opts.btf_custom_path = target_path;
	obj = bpf_object__open_mem(elf->data, elf->size, &opts);
	if (!obj) {
		shared->answer.error = -errno;
		shared->finished = 1;
		return;
	}
	shared->opened = 1;
	/* off by default: programs in SEC("?...") */
	bpf_object__for_each_program(prog, obj)
		if (!skip_optional)
			bpf_program__set_autoload(prog, true);
	bpf_object__for_each_map(map, obj) {
		/* both would touch the system, or need the running kernel's types */
		bpf_map__set_pin_path(map, NULL);
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			bpf_map__set_type(map, BPF_MAP_TYPE_ARRAY);
	}
	shared->answer.error = bpf_object__load(obj);
	shared->finished = 1;
}

/* Sets the outcome; 0 if there is one. */
static int conclude(struct oracle_answer *a, int status)
{
	size_t n;

	a->failed = -1;
	for (n = 0; n < a->relo_count && a->failed < 0; n++)
		/* NOT_CALLED is the relocation that libbpf never came back from */
		if (shared->relos[n].calc || shared->relos[n].patch)
			a->failed = (int)n;
	if (shared->overflow) {
		fprintf(stderr, "oracle: more than %d relocations\n", MAX_RELOS);
		return -1;
	}
	if (WIFSIGNALED(status)) {
		a->outcome = WTERMSIG(status) == SIGALRM ? HUNG : CRASHED;
		a->error = -WTERMSIG(status);
	} else if (!shared->finished) {
		fputs("oracle: libbpf exited\n", stderr);
		return -1;
	} else if (!shared->opened) {
		a->outcome = UNOPENED;
	} else if (!shared->core_relos) {
		a->outcome = NO_RELOCATION;
		a->error = 0;
	} else if (shared->step_failed) {
		a->outcome = REFUSED;
		if (a->failed < 0)
			a->failed = (int)a->relo_count;
	} else if (a->failed >= 0) {
		fputs("oracle: libbpf passed over a failing relocation\n", stderr);
		return -1;
	} else if (a->error && !a->relo_count) {
		a->outcome = UNREACHED;
	} else {
		/* what load ran into after the step is none of our business */
		a->outcome = RELOCATED;
		a->error = 0;
	}
	return 0;
}

/* That the functions asked are libbpf's: in this program, and no corelo anywhere. */
static int check_is_libbpf(struct oracle_answer *a)
{
	int (*patch)(const char *, struct bpf_insn *, int, const struct bpf_core_relo *, int,
		     const struct bpf_core_relo_res *) = __real_bpf_core_patch_insn;
	int (*own)(struct oracle_answer *) = check_is_libbpf;
	void *patch_addr, *own_addr;
	Dl_info lib, program;

	/* ISO C has no cast from a function to an object pointer */
	memcpy(&patch_addr, &patch, sizeof(patch_addr));
	memcpy(&own_addr, &own, sizeof(own_addr));
	if (!dladdr(patch_addr, &lib) || !dladdr(own_addr, &program) ||
	    lib.dli_fbase != program.dli_fbase) {
		fputs("oracle: bpf_core_patch_insn isn't that of libbpf.a\n", stderr);
		return -1;
	}
	if (dlsym(RTLD_DEFAULT, "corelo_version")) {
		fputs("oracle: linked with libcorelo, not an oracle\n", stderr);
		return -1;
	}
	a->major = libbpf_major_version();
	a->minor = libbpf_minor_version();
	snprintf(a->library, sizeof(a->library), "%s", lib.dli_fname);
	return 0;
}

int main(int argc, char **argv)
{
	int skip_optional, status, i;
	struct input elf;
	pid_t pid;

	skip_optional = argc > 1 && !strcmp(argv[1], "--skip-optional");
	i = 1 + skip_optional;
	if (argc - i != 2) {
		fputs("usage: oracle [--skip-optional] OBJECT BTF|-\n", stderr);
		return 2;
	}
	elf.data = build_load(argv[i], &elf.size);
	if (!elf.data || !elf.size) {
		fprintf(stderr, "oracle: cannot read %s\n", argv[i]);
		return 2;
	}
	target_path = strcmp(argv[i + 1], "-") ? argv[i + 1] : NULL;
	if (target_path && access(target_path, R_OK)) {
		fprintf(stderr, "oracle: cannot read %s\n", target_path);
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (shared == MAP_FAILED) {
		perror("oracle: mmap");
		return 2;
	}
	if (check_is_libbpf(&shared->answer))
		return 2;
	pid = fork();
	if (pid < 0) {
		perror("oracle: fork");
		return 2;
	}
	if (!pid) {
		alarm(TIMEOUT);
		run_libbpf(&elf, skip_optional);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) {
			perror("oracle: waitpid");
			return 2;
		}
	}
	if (conclude(&shared->answer, status))
		return 2;
	fwrite(&shared->answer, sizeof(shared->answer), 1, stdout);
	fwrite(shared->relos, sizeof(*shared->relos), shared->answer.relo_count, stdout);
	return fflush(stdout) ? 2 : 0;
}
