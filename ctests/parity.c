// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * parity: does libcorelo relocate as libbpf does?
 *
 *	parity [--oracle PATH] [--timeout SECONDS] --btf BTF... -- OBJECT...
 *
 * Each object is relocated for each target ("-" is the running kernel) by both
 * libraries: libbpf in the program oracle, which answers in text (oracle.h);
 * libcorelo here. Compared are every byte of the object, the error, and for
 * each relocation its outcome, values and specs. Objects are of this machine's
 * byte order: libbpf opens no others.
 *
 * Exit status 1 when anything differs, or nothing was compared.
 */
#include "check.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#define CORELO_NO_LIBBPF_NAMES
#include <corelo.h>

#include "oracle.h"

/* What an instruction's class is in its first byte; BPF has no other loads and stores of fields. */
#define INSN_CLASS(code) ((code) & 7)
#define CLASS_LDX 1
#define CLASS_STX 3
#define MAX_PRINTED 20

struct relo {
	unsigned int insn_off, kind, type_id;
	int calc, patch, called, patched;
	unsigned long long orig_val, new_val;
	int array;
	unsigned char insn[16];
	size_t insn_len;
	char *section, *program, *local_spec, *target_spec;
};

struct answer {
	char *outcome;		/* see oracle.h */
	int error, failed;
	int modules;
	int major, minor;	/* libbpf's version */
	char *library;		/* file that libbpf's relocation code is in */
	char *warning;		/* the first one, or NULL */
	struct relo *relos;
	size_t nr_relos;
};

struct pair {
	const char *object;
	const char *btf;
	const unsigned char *data;
	size_t size;
	const struct corelo_btf *target;
	int printed;
};

static const char *oracle;
static const char *timeout = "20";
static unsigned long nr_relos, nr_poisoned, nr_differences, nr_skipped, nr_deviations;

static void difference(struct pair *p, const char *format, ...)
{
	va_list ap;

	nr_differences++;
	if (p->printed++ >= MAX_PRINTED)
		return;
	printf("DIFFERENCE %s x %s: ", p->object, p->btf);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

static void skip(const struct pair *p, const char *format, ...)
{
	va_list ap;

	nr_skipped++;
	printf("SKIP %s x %s: ", p->object, p->btf);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

/* An intended difference, named in the documentation. */
static void deviation(const struct pair *p, const char *format, ...)
{
	va_list ap;

	nr_deviations++;
	printf("DEVIATION %s x %s: ", p->object, p->btf);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

static void *allocate(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p) {
		fputs("parity: out of memory\n", stderr);
		exit(2);
	}
	return p;
}

static void *copy_of(const void *data, size_t size)
{
	return memcpy(allocate(size), data, size);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return tolower((unsigned char)c) - 'a' + 10;
}

/* A word of the oracle's, decoded; NULL for its "none". */
static char *text_of(const char *word)
{
	char *text, *out;

	if (!strcmp(word, "-"))
		return NULL;
	out = text = allocate(strlen(word) + 1);
	for (; *word; word++) {
		if (word[0] == '%' && isxdigit((unsigned char)word[1]) &&
		    isxdigit((unsigned char)word[2])) {
			*out++ = (char)(hex_digit(word[1]) << 4 | hex_digit(word[2]));
			word += 2;
		} else {
			*out++ = *word;
		}
	}
	return text;
}

static int parse_relo(struct relo *r, char **word, int words)
{
	const char *hex = word[ORACLE_INSN];

	if (words != ORACLE_FIELDS)
		return -1;
	r->insn_off = (unsigned int)strtoul(word[ORACLE_INSN_OFF], NULL, 10);
	r->kind = (unsigned int)strtoul(word[ORACLE_KIND], NULL, 10);
	r->type_id = (unsigned int)strtoul(word[ORACLE_TYPE_ID], NULL, 10);
	r->called = !!strcmp(word[ORACLE_CALC], "-");
	r->calc = atoi(word[ORACLE_CALC]);
	r->patched = !!strcmp(word[ORACLE_PATCH], "-");
	r->patch = atoi(word[ORACLE_PATCH]);
	r->orig_val = strtoull(word[ORACLE_ORIG_VAL], NULL, 10);
	r->new_val = strtoull(word[ORACLE_NEW_VAL], NULL, 10);
	r->array = atoi(word[ORACLE_ARRAY]);
	while (r->insn_len < sizeof(r->insn) && hex[0] != '-' && hex[0] && hex[1]) {
		r->insn[r->insn_len++] = (unsigned char)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
		hex += 2;
	}
	r->section = text_of(word[ORACLE_SECTION]);
	r->program = text_of(word[ORACLE_PROGRAM]);
	r->local_spec = text_of(word[ORACLE_LOCAL_SPEC]);
	r->target_spec = text_of(word[ORACLE_TARGET_SPEC]);
	return r->section && r->program ? 0 : -1;
}

static int parse_line(struct answer *a, char *line)
{
	char *word[ORACLE_FIELDS + 1], *next = NULL;
	int words = 0;

	line[strcspn(line, "\n")] = 0;
	for (line = strtok_r(line, " ", &next); line; line = strtok_r(NULL, " ", &next)) {
		if (words == ORACLE_FIELDS + 1)
			return -1;
		word[words++] = line;
	}
	if (words == 3 && !strcmp(word[0], "libbpf")) {
		a->library = text_of(word[2]);
		return sscanf(word[1], "v%d.%d", &a->major, &a->minor) == 2 ? 0 : -1;
	}
	if (words == 2 && !strcmp(word[0], "modules")) {
		a->modules = atoi(word[1]);
		return 0;
	}
	if (words == 2 && !strcmp(word[0], "warning")) {
		if (!a->warning)
			a->warning = text_of(word[1]);
		return 0;
	}
	if (words == 4 && !strcmp(word[0], "outcome")) {
		a->outcome = text_of(word[1]);
		a->error = atoi(word[2]);
		a->failed = atoi(word[3]);
		return 0;
	}
	if (words && !strcmp(word[0], "relo")) {
		a->relos = realloc(a->relos, (a->nr_relos + 1) * sizeof(*a->relos));
		if (!a->relos)
			return -1;
		memset(&a->relos[a->nr_relos], 0, sizeof(*a->relos));
		return parse_relo(&a->relos[a->nr_relos++], word, words);
	}
	return -1;
}

static void answer_free(struct answer *a)
{
	size_t i;

	for (i = 0; i < a->nr_relos; i++) {
		free(a->relos[i].section);
		free(a->relos[i].program);
		free(a->relos[i].local_spec);
		free(a->relos[i].target_spec);
	}
	free(a->relos);
	free(a->outcome);
	free(a->library);
	free(a->warning);
	memset(a, 0, sizeof(*a));
}

/* libbpf's answer, or -1 without one. */
static int ask_oracle(struct answer *a, const struct pair *p, int skip_optional)
{
	char line[ORACLE_LINE_MAX];
	int fd[2], status, bad = 0;
	pid_t pid;
	FILE *f;

	memset(a, 0, sizeof(*a));
	fflush(stdout);
	if (pipe(fd))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		close(fd[1]);
		if (skip_optional)
			execl(oracle, oracle, "--timeout", timeout, "--skip-optional",
			      p->object, p->btf, (char *)NULL);
		else
			execl(oracle, oracle, "--timeout", timeout, p->object, p->btf, (char *)NULL);
		perror(oracle);
		_exit(2);
	}
	close(fd[1]);
	f = fdopen(fd[0], "r");
	while (pid > 0 && f && fgets(line, sizeof(line), f))
		bad |= parse_line(a, line);
	if (f)
		fclose(f);
	else
		close(fd[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return -1;
	return bad || !a->outcome || !a->library ? -1 : 0;
}

/*
 * The section that a relocation is in. Its program's symbol decides, since
 * sections may share a name; libbpf's own look-up takes the first of the name.
 */
static int section_of(const struct elf_image *elf, const struct relo *r, Elf64_Shdr *found)
{
	Elf64_Shdr symtab;
	unsigned int i;
	Elf64_Sym sym;
	uint64_t j;

	for (j = 0; !elf_image_symtab(elf, &symtab) && elf_image_symbol(elf, &symtab, j, &sym); j++) {
		if (ELF64_ST_TYPE(sym.st_info) == STT_FUNC && r->insn_off >= sym.st_value &&
		    r->insn_off - sym.st_value < sym.st_size &&
		    !strcmp(elf_image_str(elf, symtab.sh_link, sym.st_name), r->program) &&
		    !elf_image_section(elf, sym.st_shndx, found) &&
		    !strcmp(elf_image_name(elf, found), r->section))
			return 0;
	}
	for (i = 0; i < elf->header.e_shnum; i++) {
		if (!elf_image_section(elf, i, found) && !strcmp(elf_image_name(elf, found), r->section))
			return 0;
	}
	return -1;
}

/* Where libbpf's instruction goes in the object, or NULL. */
static unsigned char *insn_at(const struct elf_image *elf, const struct relo *r)
{
	Elf64_Shdr sh;

	if (section_of(elf, r, &sh) || sh.sh_type != SHT_PROGBITS || r->insn_off > sh.sh_size ||
	    sh.sh_size - r->insn_off < (r->insn_len ? r->insn_len : 8))
		return NULL;
	return elf->data + sh.sh_offset + r->insn_off;
}

static const char *hex(const unsigned char *bytes, size_t len)
{
	static char text[2][40];
	static int turn;
	char *out;
	size_t i;

	turn = !turn;
	out = text[turn];
	*out = 0;
	for (i = 0; i < len && i < 16; i++)
		sprintf(out + 2 * i, "%02x", bytes[i]);
	return out;
}

static int is_poison(const unsigned char *insn)
{
	static const unsigned char code = 0x85;
	const uint32_t imm = 0xbad2310;
	uint32_t got;

	memcpy(&got, insn + 4, sizeof(got));
	return insn[0] == code && got == imm;
}

static int same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/*
 * Before 1.6 libbpf took for a field's size that of the whole array where it
 * is one; since then, and in libcorelo, it is that of an element. It shows in
 * loads and stores only.
 */
static int is_old_array_size(const struct answer *a, const struct relo *r, const unsigned char *insn)
{
	return a->major == 1 && a->minor < 6 && r->array && insn &&
	       INSN_CLASS(insn[0]) >= CLASS_LDX && INSN_CLASS(insn[0]) <= CLASS_STX;
}

static const char *outcome_name(enum corelo_outcome outcome)
{
	switch (outcome) {
	case CORELO_OUTCOME_RESOLVED: return "resolved";
	case CORELO_OUTCOME_POISONED: return "poisoned";
	case CORELO_OUTCOME_SKIPPED: return "skipped";
	case CORELO_OUTCOME_FAILED: return "failed";
	}
	return "unknown";
}

static void compare_relo(struct pair *p, const struct relo *r, const struct corelo_report_entry *ours)
{
	enum corelo_outcome outcome = CORELO_OUTCOME_RESOLVED;
	int error = r->calc ? r->calc : r->patch;
	unsigned int insn = r->insn_off / 8;

	if (error)
		outcome = CORELO_OUTCOME_FAILED;
	else if (r->insn_len >= 8 && is_poison(r->insn))
		outcome = CORELO_OUTCOME_POISONED;
	if (ours->outcome != outcome || ours->error != error) {
		difference(p, "%s %s insn %u kind %u: libbpf %s (%d), corelo %s (%d): %s",
			   r->section, r->program, insn, r->kind, outcome_name(outcome), error,
			   outcome_name(ours->outcome), ours->error,
			   ours->message ? ours->message : "no message");
		return;
	}
	if (!same_text(ours->program, r->program))
		difference(p, "%s insn %u: libbpf has it in program %s, corelo in %s", r->section,
			   insn, r->program, ours->program ? ours->program : "none");
	if (r->calc)
		return;
	if (ours->orig_val != r->orig_val)
		difference(p, "%s %s insn %u: local value: libbpf %llu, corelo %llu", r->section,
			   r->program, insn, r->orig_val, (unsigned long long)ours->orig_val);
	if (!same_text(ours->local_spec, r->local_spec))
		difference(p, "%s %s insn %u: local spec: libbpf %s, corelo %s", r->section,
			   r->program, insn, r->local_spec ? r->local_spec : "none",
			   ours->local_spec ? ours->local_spec : "none");
	if (outcome == CORELO_OUTCOME_POISONED)
		return;
	if (ours->new_val != r->new_val)
		difference(p, "%s %s insn %u: target value: libbpf %llu, corelo %llu", r->section,
			   r->program, insn, r->new_val, (unsigned long long)ours->new_val);
	if (!same_text(ours->target_spec, r->target_spec))
		difference(p, "%s %s insn %u: target spec: libbpf %s, corelo %s", r->section,
			   r->program, insn, r->target_spec ? r->target_spec : "none",
			   ours->target_spec ? ours->target_spec : "none");
}

/* Every relocation that libbpf got to has its entry in the report, and it says the same. */
static void compare_report(struct pair *p, const struct answer *a, const struct elf_image *elf,
			   const struct corelo_report *report, int optional)
{
	size_t count = corelo_report_entry_cnt(report), i, j;
	const struct corelo_report_entry *ours;
	char *seen = allocate(count);

	for (i = 0; i < a->nr_relos; i++) {
		const struct relo *r = &a->relos[i];

		/* the one that libbpf never came back from */
		if (!r->called || (!r->calc && !r->patched))
			continue;
		for (j = 0; j < count; j++) {
			ours = corelo_report_get(report, j);
			if (!seen[j] && ours->insn_off == r->insn_off && ours->kind == r->kind &&
			    ours->type_id == r->type_id && same_text(ours->section, r->section))
				break;
		}
		if (j == count) {
			difference(p, "%s %s insn %u kind %u: not in corelo's report", r->section,
				   r->program, r->insn_off / 8, r->kind);
			continue;
		}
		seen[j] = 1;
		nr_relos++;
		nr_poisoned += r->insn_len >= 8 && is_poison(r->insn);
		ours = corelo_report_get(report, j);
		if (!is_old_array_size(a, r, insn_at(elf, r)))
			compare_relo(p, r, ours);
	}
	/* what comes after libbpf's first failure has nothing to be compared with */
	for (j = 0; j < count && a->failed < 0; j++) {
		ours = corelo_report_get(report, j);
		if (seen[j] || ours->outcome == CORELO_OUTCOME_SKIPPED ||
		    (optional && ours->section && ours->section[0] == '?'))
			continue;
		difference(p, "%s %s insn %u: corelo %s it, libbpf has no such relocation",
			   ours->section ? ours->section : "?", ours->program ? ours->program : "?",
			   (unsigned int)ours->insn_off / 8, outcome_name(ours->outcome));
	}
	free(seen);
}

/* The function that holds byte @off of section @index, or "?". */
static const char *program_at(const struct elf_image *elf, unsigned int index, uint64_t off)
{
	Elf64_Shdr symtab;
	Elf64_Sym sym;
	uint64_t i;

	for (i = 0; !elf_image_symtab(elf, &symtab) && elf_image_symbol(elf, &symtab, i, &sym); i++) {
		if (ELF64_ST_TYPE(sym.st_info) == STT_FUNC && sym.st_shndx == index &&
		    off >= sym.st_value && off - sym.st_value < sym.st_size)
			return elf_image_str(elf, symtab.sh_link, sym.st_name);
	}
	return "?";
}

/* Names every difference of the two objects; @elf is the one as it should be. */
static void compare_bytes(struct pair *p, const struct elf_image *elf, const unsigned char *ours)
{
	unsigned char *left = copy_of(ours, p->size);
	Elf64_Shdr sh;
	unsigned int i;
	uint64_t off;
	size_t at;

	for (i = 0; i < elf->header.e_shnum; i++) {
		if (elf_image_section(elf, i, &sh) || sh.sh_type == SHT_NOBITS)
			continue;
		for (off = 0; off < sh.sh_size; off += 8) {
			size_t len = sh.sh_size - off < 8 ? sh.sh_size - off : 8;
			unsigned char *want = elf->data + sh.sh_offset + off;
			unsigned char *have = left + sh.sh_offset + off;

			if (!memcmp(want, have, len))
				continue;
			if (sh.sh_flags & SHF_EXECINSTR)
				difference(p, "%s %s insn %llu: libbpf's bytes %s, corelo's %s",
					   elf_image_name(elf, &sh), program_at(elf, i, off),
					   (unsigned long long)off / 8, hex(want, len), hex(have, len));
			else
				difference(p, "section %s, byte %llu: should be %s, corelo made it %s",
					   elf_image_name(elf, &sh), (unsigned long long)off,
					   hex(want, len), hex(have, len));
			memcpy(have, want, len);
		}
	}
	for (at = 0; at < p->size; at++) {
		if (left[at] != elf->data[at]) {
			difference(p, "file offset %zu, outside of any section, changed", at);
			break;
		}
	}
	free(left);
}

/* corelo takes the relocations out of .BTF.ext, so that nobody applies them again. */
static void drop_core_relos(struct elf_image *elf)
{
	unsigned char *ext;
	uint32_t hdr_len;
	unsigned int i;
	Elf64_Shdr sh;

	for (i = 0; i < elf->header.e_shnum; i++) {
		if (elf_image_section(elf, i, &sh) || sh.sh_type == SHT_NOBITS ||
		    strcmp(elf_image_name(elf, &sh), ".BTF.ext") || sh.sh_size < 32)
			continue;
		ext = elf->data + sh.sh_offset;
		memcpy(&hdr_len, ext + 4, sizeof(hdr_len));
		if (hdr_len >= 32)
			memset(ext + 28, 0, 4);	/* core_relo_len */
		return;
	}
}

/* Brings @elf to what libbpf made of it. */
static void apply(struct pair *p, const struct answer *a, struct elf_image *elf,
		  const struct elf_image *original, const unsigned char *ours)
{
	size_t i;

	for (i = 0; i < a->nr_relos; i++) {
		const struct relo *r = &a->relos[i];
		unsigned char *at = insn_at(elf, r);
		const unsigned char *theirs = r->insn;

		if (!at || !r->patched) {
			difference(p, "%s %s insn %u: libbpf's instruction has no place in the object",
				   r->section, r->program, r->insn_off / 8);
			continue;
		}
		if (is_old_array_size(a, r, insn_at(original, r)) &&
		    memcmp(ours + (at - elf->data), theirs, r->insn_len)) {
			deviation(p, "%s %s insn %u: size of an array, libbpf before 1.6",
				  r->section, r->program, r->insn_off / 8);
			theirs = ours + (at - elf->data);
		}
		memcpy(at, theirs, r->insn_len);
	}
}

/*
 * A relocation that fails in a SEC("?...") program, which isn't loaded unless
 * asked for: when asked for, libbpf refuses the object; corelo poisons the
 * instruction. Whether it did.
 */
static int is_optional(struct pair *p, const struct relo *r, const struct elf_image *ours, int err,
		       const struct corelo_report *report)
{
	const unsigned char *insn = insn_at(ours, r);
	size_t i;

	for (i = 0; r->section[0] == '?' && i < corelo_report_entry_cnt(report); i++) {
		const struct corelo_report_entry *relo = corelo_report_get(report, i);

		if (relo->outcome != CORELO_OUTCOME_POISONED || relo->insn_off != r->insn_off ||
		    !same_text(relo->section, r->section))
			continue;
		/* another relocation may have failed for good: then nothing is written */
		if (!err && !(insn && is_poison(insn)))
			difference(p, "%s %s insn %u: reported as poisoned, but isn't", r->section,
				   r->program, r->insn_off / 8);
		deviation(p, "%s %s insn %u: optional program, libbpf refuses (%d), corelo poisons",
			  r->section, r->program, r->insn_off / 8, r->calc ? r->calc : r->patch);
		return 1;
	}
	return 0;
}

static void compare_relocated(struct pair *p, const struct answer *a, struct elf_image *expected,
			      const struct elf_image *original, const unsigned char *ours,
			      const struct corelo_report *report, int optional)
{
	Elf64_Shdr sh;
	unsigned int i;

	apply(p, a, expected, original, ours);
	drop_core_relos(expected);
	for (i = 0; optional && i < expected->header.e_shnum; i++) {
		if (!elf_image_section(expected, i, &sh) && sh.sh_type == SHT_PROGBITS &&
		    elf_image_name(expected, &sh)[0] == '?')
			memcpy(expected->data + sh.sh_offset, ours + sh.sh_offset, sh.sh_size);
	}
	compare_bytes(p, expected, ours);
	compare_report(p, a, original, report, optional);
}

/* A relocation with a negative index in its access string, which libbpf took for one until 2026. */
static const struct relo *negative_index(const struct answer *a)
{
	size_t i;

	for (i = 0; i < a->nr_relos; i++) {
		const char *spec = a->relos[i].local_spec;

		if (spec && (strstr(spec, "(-") || strstr(spec, ":-")))
			return &a->relos[i];
	}
	return NULL;
}

static void compare(struct pair *p)
{
	const struct corelo_btf *targets[1];
	struct elf_image original, expected, result;
	struct corelo_relocate_opts opts;
	struct corelo_report *report = NULL;
	unsigned char *ours = copy_of(p->data, p->size);
	unsigned char *theirs = copy_of(p->data, p->size);
	const struct relo *failed = NULL;
	int err, optional = 0;
	struct answer a;

	if (ask_oracle(&a, p, 0)) {
		difference(p, "the oracle gave no answer");
		goto out;
	}
	targets[0] = p->target;
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	/* no target: the running kernel with its modules, where libbpf saw them */
	if (strcmp(p->btf, "-") || !a.modules) {
		opts.targets = targets;
		opts.target_count = 1;
	}
	opts.semantics = CORELO_SEMANTICS_LIBBPF;
	opts.report = &report;
	err = corelo_relocate(ours, p->size, &opts);

	if (!strcmp(a.outcome, "unopened") || !strcmp(a.outcome, "unreached") ||
	    elf_image_init(&original, (unsigned char *)(uintptr_t)p->data, p->size) ||
	    elf_image_init(&expected, theirs, p->size) || elf_image_init(&result, ours, p->size)) {
		skip(p, "%s by libbpf (%d: %s)", a.outcome, a.error,
		     a.warning ? a.warning : "no warning");
		goto out;
	}
	if (!strcmp(a.outcome, "hung") || !strcmp(a.outcome, "crashed")) {
		if (!err)
			skip(p, "libbpf %s, corelo relocates it", a.outcome);
		else if (err == -EINVAL)
			deviation(p, "libbpf %s, corelo refuses (%d: %s)", a.outcome, err,
				  corelo_last_error());
		else
			difference(p, "libbpf %s, corelo returned %d (%s)", a.outcome, err,
				   corelo_last_error());
		if (err)
			compare_bytes(p, &original, ours);
		compare_report(p, &a, &original, report, 0);
		goto out;
	}
	if (a.failed >= 0 && (size_t)a.failed < a.nr_relos)
		failed = &a.relos[a.failed];
	if (failed && is_optional(p, failed, &result, err, report)) {
		optional = 1;
		answer_free(&a);
		if (ask_oracle(&a, p, 1)) {
			difference(p, "the oracle gave no answer without optional programs");
			goto out;
		}
	} else if (failed && is_old_array_size(&a, failed, insn_at(&original, failed)) && err != a.error) {
		deviation(p, "%s %s insn %u: size of an array, libbpf before 1.6 refuses (%d)",
			  failed->section, failed->program, failed->insn_off / 8, a.error);
		goto out;
	}

	failed = negative_index(&a);
	if (failed && err == -EINVAL) {
		deviation(p, "%s %s insn %u: negative index, which libbpf %d.%d accepts", failed->section,
			  failed->program, failed->insn_off / 8, a.major, a.minor);
		compare_bytes(p, &original, ours);
		goto out;
	}

	if (!strcmp(a.outcome, "refused")) {
		if (err != a.error)
			difference(p, "libbpf refuses with %d (%s), corelo returned %d (%s)", a.error,
				   a.warning ? a.warning : "no warning", err, corelo_last_error());
		if (err)
			compare_bytes(p, &original, ours);
		compare_report(p, &a, &original, report, optional);
	} else if (err) {
		difference(p, "libbpf relocates it, corelo returned %d (%s)", err, corelo_last_error());
		compare_bytes(p, &original, ours);
	} else {
		compare_relocated(p, &a, &expected, &original, ours, report, optional);
	}
out:
	if (p->printed > MAX_PRINTED)
		printf("... and %d more differences\n", p->printed - MAX_PRINTED);
	corelo_report_free(report);
	answer_free(&a);
	free(ours);
	free(theirs);
}

/* That the two sides are two libraries, and the oracle's is libbpf. */
static int check_sides(const char *object, const char *btf)
{
	struct pair p;
	struct answer a;
	char *real, *want;

	CHECK_LIBRARY();
	CHECK(!dlsym(RTLD_DEFAULT, "libbpf_version_string"));
	memset(&p, 0, sizeof(p));
	p.object = object;
	p.btf = btf;
	if (CHECK(!ask_oracle(&a, &p, 0))) {
		printf("the oracle is libbpf %d.%d in %s\n", a.major, a.minor, a.library);
		CHECK(a.major >= 1);
		real = realpath(a.library, NULL);
		want = realpath(oracle, NULL);
		CHECK(real && want && !strcmp(real, want));
		free(real);
		free(want);
	}
	answer_free(&a);
	return check_failed;
}

static int usage(void)
{
	fputs("usage: parity [--oracle PATH] [--timeout SECONDS] --btf BTF... -- OBJECT...\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	char path[4096], **btf = NULL, **object = NULL;
	int nr_btf = 0, nr_objects = 0, i, j;
	const char *no_skip = getenv("CORELO_NO_SKIP");
	char *slash;

	/* beside this program, unless told otherwise */
	snprintf(path, sizeof(path), "%s", argv[0]);
	slash = strrchr(path, '/');
	snprintf(slash ? slash + 1 : path, sizeof(path) - (slash ? (size_t)(slash + 1 - path) : 0),
		 "%s", slash ? "oracle" : "./oracle");
	oracle = path;
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--oracle") && i + 1 < argc) {
			oracle = argv[++i];
		} else if (!strcmp(argv[i], "--timeout") && i + 1 < argc) {
			timeout = argv[++i];
		} else if (!strcmp(argv[i], "--btf")) {
			for (btf = argv + i + 1; i + 1 < argc && strncmp(argv[i + 1], "--", 2); i++)
				nr_btf++;
		} else if (!strcmp(argv[i], "--")) {
			object = argv + i + 1;
			nr_objects = argc - i - 1;
			break;
		} else {
			return usage();
		}
	}
	if (!nr_btf || !nr_objects)
		return usage();
	no_skip = no_skip && !strcmp(no_skip, "1") ? no_skip : NULL;
	if (access(oracle, X_OK)) {
		printf("SKIP parity: no oracle at %s\n", oracle);
		return !!no_skip;
	}
	if (check_sides(object[0], btf[0]))
		return 1;

	for (i = 0; i < nr_btf; i++) {
		struct corelo_btf *target;

		target = strcmp(btf[i], "-") ? corelo_btf_open(btf[i], NULL) : corelo_btf_open_kernel();
		for (j = 0; j < nr_objects; j++) {
			unsigned char *data;
			struct pair p;

			memset(&p, 0, sizeof(p));
			p.object = object[j];
			p.btf = btf[i];
			p.target = target;
			if (!target) {
				difference(&p, "corelo cannot open the target: %s", corelo_last_error());
				break;
			}
			p.data = data = read_file(object[j], &p.size);
			if (data)
				compare(&p);
			else
				difference(&p, "cannot read the object");
			free(data);
		}
		corelo_btf_free(target);
	}
	if (nr_deviations)
		printf("parity: %lu intended deviations\n", nr_deviations);
	printf("parity: %d objects x %d targets: %lu relocations compared, %lu poisoned, "
	       "%lu differences, %lu skipped\n", nr_objects, nr_btf, nr_relos, nr_poisoned,
	       nr_differences, nr_skipped);
	if (!nr_relos)
		puts("parity: nothing was compared");
	return nr_differences || !nr_relos || (no_skip && nr_skipped);
}
