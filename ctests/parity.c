// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * parity: does libcorelo relocate as libbpf does?
 *
 *	parity --oracle PATH --btf BTF... -- OBJECT...
 *
 * Each object is relocated for each target ("-" is the running kernel) by both
 * libraries: libbpf in the program oracle, which answers as in oracle.h;
 * libcorelo here. Compared are every byte of the object, the error, and for
 * each relocation its outcome, values and specs. Objects are of this machine's
 * byte order: libbpf opens no others.
 *
 * Exit status 1 when anything differs, or nothing was compared.
 */
#include "check.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "oracle.h"

/* What an instruction's class is in its first byte; BPF has no other loads and stores of fields. */
#define INSN_CLASS(code) ((code) & 7)
#define CLASS_LDX 1
#define CLASS_STX 3
#define MAX_PRINTED 20

struct answer {
	struct oracle_answer a;
	struct oracle_relo *relos;
};

struct pair {
	const char *object;
	const char *btf;
	struct input object_file;
	const struct corelo_btf *target;
	int printed;
};

static const char *oracle;
static unsigned long nr_relos, nr_poisoned;

/* A deviation is an intended difference, named in the documentation. */
enum verdict { DIFFERENCE, DEVIATION, SKIPPED };
static unsigned long counts[SKIPPED + 1];

static void say(enum verdict verdict, struct pair *p, const char *format, ...)
{
	static const char *const names[] = { "DIFFERENCE", "DEVIATION", "SKIP" };
	va_list ap;

	counts[verdict]++;
	if (verdict == DIFFERENCE && p->printed++ >= MAX_PRINTED)
		return;
	printf("%s %s x %s: ", names[verdict], p->object, p->btf);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

/* Of one relocation. */
static void say_of(enum verdict verdict, struct pair *p, const struct oracle_relo *r, const char *format, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	say(verdict, p, "%s %s insn %u kind %u: %s", r->section, r->program, r->insn_off / 8, r->kind, text);
}

static void answer_free(struct answer *a)
{
	free(a->relos);
	memset(a, 0, sizeof(*a));
}

/* 0 when all of it is there. */
static int read_answer(struct answer *a, FILE *f)
{
	if (!f || fread(&a->a, sizeof(a->a), 1, f) != 1)
		return -1;
	a->relos = calloc(a->a.relo_count + 1, sizeof(*a->relos));
	return a->relos && fread(a->relos, sizeof(*a->relos), a->a.relo_count, f) == a->a.relo_count ? 0 : -1;
}

/* libbpf's answer, or -1 without one. */
static int ask_oracle(struct answer *a, const struct pair *p, int skip_optional)
{
	int fd[2], status, err;
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
			execl(oracle, oracle, "--skip-optional", p->object, p->btf, (char *)NULL);
		else
			execl(oracle, oracle, p->object, p->btf, (char *)NULL);
		perror(oracle);
		_exit(2);
	}
	close(fd[1]);
	f = fdopen(fd[0], "r");
	err = read_answer(a, f);
	if (f)
		fclose(f);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return -1;
	return err;
}

static int is_named(const char *name, const char *want)
{
	return name && !strcmp(name, want);
}

/*
 * The section that a relocation is in. Its program's symbol decides, since
 * sections may share a name; libbpf's own look-up takes the first of the name.
 */
static struct section section_of(const struct input *elf, const struct oracle_relo *r)
{
	struct section table = symbol_table(elf), s;
	struct symbol sym;
	uint64_t i;

	for (i = 0; symbol_at(elf, &table, i, &sym); i++) {
		if (ELF64_ST_TYPE(sym.info) != STT_FUNC || r->insn_off < sym.value ||
		    r->insn_off - sym.value >= sym.size || !is_named(sym.name, r->program))
			continue;
		s = section_at(elf, sym.section);
		if (is_named(s.name, r->section))
			return s;
	}
	return section_named(elf, r->section);
}

/* Where libbpf's instruction goes in the object, or NULL. */
static unsigned char *insn_at(const struct input *elf, const struct oracle_relo *r)
{
	struct section s = section_of(elf, r);

	if (s.type != SHT_PROGBITS || r->insn_off > s.place.len ||
	    s.place.len - r->insn_off < (r->insn_len ? r->insn_len : 8))
		return NULL;
	return elf->data + s.place.off + r->insn_off;
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

/* NULL is none, and so is "". */
static int same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

/*
 * Before 1.6 libbpf took for a field's size that of the whole array where it
 * is one; since then, and in libcorelo, it is that of an element. It shows in
 * loads and stores only.
 */
static int is_old_array_size(const struct answer *a, const struct oracle_relo *r, const unsigned char *insn)
{
	return a->a.major == 1 && a->a.minor < 6 && r->array && insn &&
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

static void compare_text(struct pair *p, const struct oracle_relo *r, const char *what, const char *theirs,
			 const char *ours)
{
	if (!same_text(ours, theirs))
		say_of(DIFFERENCE, p, r, "%s: libbpf '%s', corelo '%s'", what, theirs, ours ? ours : "");
}

static void compare_value(struct pair *p, const struct oracle_relo *r, const char *what, unsigned long long theirs,
			  unsigned long long ours)
{
	if (ours != theirs)
		say_of(DIFFERENCE, p, r, "%s: libbpf %llu, corelo %llu", what, theirs, ours);
}

static void compare_relo(struct pair *p, const struct oracle_relo *r, const struct corelo_report_entry *ours)
{
	enum corelo_outcome outcome = CORELO_OUTCOME_RESOLVED;
	int error = r->calc ? r->calc : r->patch;

	if (error)
		outcome = CORELO_OUTCOME_FAILED;
	else if (r->insn_len >= 8 && is_poison(r->insn))
		outcome = CORELO_OUTCOME_POISONED;
	if (ours->outcome != outcome || ours->error != error) {
		say_of(DIFFERENCE, p, r, "libbpf %s (%d), corelo %s (%d): %s", outcome_name(outcome), error,
		       outcome_name(ours->outcome), ours->error, ours->message ? ours->message : "no message");
		return;
	}
	compare_text(p, r, "program", r->program, ours->program);
	if (r->calc)
		return;
	compare_value(p, r, "local value", r->orig_val, ours->orig_val);
	compare_text(p, r, "local spec", r->local_spec, ours->local_spec);
	if (outcome == CORELO_OUTCOME_POISONED)
		return;
	compare_value(p, r, "target value", r->new_val, ours->new_val);
	compare_text(p, r, "target spec", r->target_spec, ours->target_spec);
}

/* Every relocation that libbpf got to has its entry in the report, and it says the same. */
static void compare_report(struct pair *p, const struct answer *a, const struct input *elf,
			   const struct corelo_report *report, int optional)
{
	size_t count = corelo_report_entry_cnt(report), i, j;
	const struct corelo_report_entry *ours;
	char *seen = calloc(1, count + 1);

	for (i = 0; i < a->a.relo_count; i++) {
		const struct oracle_relo *r = &a->relos[i];

		/* the one that libbpf never came back from */
		if (r->calc == NOT_CALLED || (!r->calc && r->patch == NOT_CALLED))
			continue;
		for (j = 0; j < count; j++) {
			ours = corelo_report_get(report, j);
			if (!seen[j] && ours->insn_off == r->insn_off && ours->kind == r->kind &&
			    ours->type_id == r->type_id && same_text(ours->section, r->section))
				break;
		}
		if (j == count) {
			say_of(DIFFERENCE, p, r, "not in corelo's report");
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
	for (j = 0; j < count && a->a.failed < 0; j++) {
		ours = corelo_report_get(report, j);
		if (seen[j] || ours->outcome == CORELO_OUTCOME_SKIPPED ||
		    (optional && ours->section && ours->section[0] == '?'))
			continue;
		say(DIFFERENCE, p, "%s %s insn %u: corelo %s it, libbpf has no such relocation",
		    ours->section ? ours->section : "?", ours->program ? ours->program : "?",
		    (unsigned int)ours->insn_off / 8, outcome_name(ours->outcome));
	}
	free(seen);
}

/* The function that holds byte @off of section @index, or "?". */
static const char *program_at(const struct input *elf, unsigned int index, uint64_t off)
{
	struct section table = symbol_table(elf);
	struct symbol sym;
	uint64_t i;

	for (i = 0; symbol_at(elf, &table, i, &sym); i++)
		if (ELF64_ST_TYPE(sym.info) == STT_FUNC && sym.section == index && off >= sym.value &&
		    off - sym.value < sym.size)
			return sym.name ? sym.name : "?";
	return "?";
}

/* Names every difference of the two objects; @elf is the one as it should be. */
static void compare_bytes(struct pair *p, const struct input *elf, const unsigned char *ours)
{
	unsigned char *left = build_copy(ours, elf->size);
	unsigned int i;
	size_t off;

	for (i = 1; i < section_count(elf); i++) {
		struct section s = section_at(elf, i);

		for (off = 0; off < s.place.len; off += 8) {
			size_t len = s.place.len - off < 8 ? s.place.len - off : 8;
			unsigned char *want = elf->data + s.place.off + off, *have = left + s.place.off + off;

			if (!memcmp(want, have, len))
				continue;
			say(DIFFERENCE, p, "section %s, function %s, byte %zu: should be %s, corelo made it %s",
			    s.name ? s.name : "?", program_at(elf, i, off), off, hex(want, len), hex(have, len));
			memcpy(have, want, len);
		}
	}
	for (off = 0; off < elf->size; off++) {
		if (left[off] != elf->data[off]) {
			say(DIFFERENCE, p, "file offset %zu, outside of any section, changed", off);
			break;
		}
	}
	free(left);
}

/* corelo takes the relocations out of .BTF.ext, so that they are not applied again. */
static void drop_core_relos(struct input *elf)
{
	struct section ext = section_named(elf, ".BTF.ext");

	/* core_relo_len is behind the header of libbpf's first versions */
	if (ext.place.len >= 32 && number_at(elf, ext.place.off + 4, 4) >= 32)
		memset(elf->data + ext.place.off + 28, 0, 4);
}

/* Brings @elf to what libbpf made of it. */
static void apply(struct pair *p, const struct answer *a, struct input *elf, const unsigned char *ours)
{
	size_t i;

	for (i = 0; i < a->a.relo_count; i++) {
		const struct oracle_relo *r = &a->relos[i];
		unsigned char *at = insn_at(elf, r);
		const unsigned char *theirs = r->insn;

		if (!at || r->patch == NOT_CALLED) {
			say_of(DIFFERENCE, p, r, "libbpf's instruction has no place in the object");
			continue;
		}
		if (is_old_array_size(a, r, insn_at(&p->object_file, r)) &&
		    memcmp(ours + (at - elf->data), theirs, r->insn_len)) {
			say_of(DEVIATION, p, r, "size of an array, libbpf before 1.6");
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
static int is_optional(struct pair *p, const struct oracle_relo *r, const struct input *ours, int err,
		       const struct corelo_report *report)
{
	const unsigned char *insn = insn_at(ours, r);
	size_t i;

	for (i = 0; r->section[0] == '?' && i < corelo_report_entry_cnt(report); i++) {
		const struct corelo_report_entry *e = corelo_report_get(report, i);

		if (e->outcome != CORELO_OUTCOME_POISONED || e->insn_off != r->insn_off ||
		    !same_text(e->section, r->section))
			continue;
		/* another relocation may have failed for good: then nothing is written */
		if (!err && !(insn && is_poison(insn)))
			say_of(DIFFERENCE, p, r, "reported as poisoned, but isn't");
		say_of(DEVIATION, p, r, "optional program, libbpf refuses (%d), corelo poisons",
		       r->calc ? r->calc : r->patch);
		return 1;
	}
	return 0;
}

static void compare_relocated(struct pair *p, const struct answer *a, const unsigned char *ours,
			      const struct corelo_report *report, int optional)
{
	struct input expected = { build_copy(p->object_file.data, p->object_file.size), p->object_file.size };
	unsigned int i;

	apply(p, a, &expected, ours);
	drop_core_relos(&expected);
	for (i = 1; optional && i < section_count(&expected); i++) {
		struct section s = section_at(&expected, i);

		if (s.type == SHT_PROGBITS && s.name && s.name[0] == '?')
			memcpy(expected.data + s.place.off, ours + s.place.off, s.place.len);
	}
	compare_bytes(p, &expected, ours);
	compare_report(p, a, &p->object_file, report, optional);
	free(expected.data);
}

/* A relocation with a negative index in its access string, which libbpf took for one until 2026. */
static const struct oracle_relo *negative_index(const struct answer *a)
{
	size_t i;

	for (i = 0; i < a->a.relo_count; i++)
		if (strstr(a->relos[i].local_spec, "(-") || strstr(a->relos[i].local_spec, ":-"))
			return &a->relos[i];
	return NULL;
}

/* What both made of an object; libbpf got as far as its relocation step. @err is corelo's. */
static void compare_answers(struct pair *p, struct answer *a, const struct input *ours, int err,
			    const struct corelo_report *report)
{
	const struct input *original = &p->object_file;
	const struct oracle_relo *failed = NULL;
	int optional = 0;

	if (a->a.outcome == HUNG || a->a.outcome == CRASHED) {
		const char *what = a->a.outcome == HUNG ? "hung" : "crashed";

		if (!err)
			say(SKIPPED, p, "libbpf %s, corelo relocates it", what);
		else
			say(err == -EINVAL ? DEVIATION : DIFFERENCE, p, "libbpf %s, corelo refuses (%d: %s)", what, err,
			    corelo_last_error());
		if (err)
			compare_bytes(p, original, ours->data);
		compare_report(p, a, original, report, 0);
		return;
	}
	if (a->a.failed >= 0 && (size_t)a->a.failed < a->a.relo_count)
		failed = &a->relos[a->a.failed];
	if (failed && is_optional(p, failed, ours, err, report)) {
		optional = 1;
		answer_free(a);
		if (ask_oracle(a, p, 1)) {
			say(DIFFERENCE, p, "the oracle gave no answer without optional programs");
			return;
		}
	} else if (failed && is_old_array_size(a, failed, insn_at(original, failed)) && err != a->a.error) {
		say_of(DEVIATION, p, failed, "size of an array, libbpf before 1.6 refuses (%d)", a->a.error);
		return;
	}

	failed = negative_index(a);
	if (failed && err == -EINVAL) {
		say_of(DEVIATION, p, failed, "negative index, which libbpf %d.%d accepts", a->a.major, a->a.minor);
		compare_bytes(p, original, ours->data);
	} else if (a->a.outcome == REFUSED) {
		if (err != a->a.error)
			say(DIFFERENCE, p, "libbpf refuses with %d (%s), corelo returned %d (%s)", a->a.error,
			    a->a.warning, err, corelo_last_error());
		if (err)
			compare_bytes(p, original, ours->data);
		compare_report(p, a, original, report, optional);
	} else if (err) {
		say(DIFFERENCE, p, "libbpf relocates it, corelo returned %d (%s)", err, corelo_last_error());
		compare_bytes(p, original, ours->data);
	} else {
		compare_relocated(p, a, ours->data, report, optional);
	}
}

static void compare(struct pair *p)
{
	struct corelo_relocate_opts opts;
	struct corelo_report *report = NULL;
	struct input ours = p->object_file;
	struct answer a;
	int err;

	if (ask_oracle(&a, p, 0)) {
		say(DIFFERENCE, p, "the oracle gave no answer");
		answer_free(&a);
		return;
	}
	/* no target: the running kernel with its modules, where libbpf saw them */
	opts = against(&p->target, strcmp(p->btf, "-") || !a.a.modules);
	opts.report = &report;
	ours.data = build_copy(p->object_file.data, p->object_file.size);
	err = relocate_once(ours.data, ours.size, &opts);
	if (a.a.outcome == UNOPENED || a.a.outcome == UNREACHED)
		say(SKIPPED, p, "%s by libbpf (%d: %s)", a.a.outcome == UNOPENED ? "unopened" : "unreached", a.a.error,
		    a.a.warning);
	else
		compare_answers(p, &a, &ours, err, report);
	if (p->printed > MAX_PRINTED)
		printf("... and %d more differences\n", p->printed - MAX_PRINTED);
	corelo_report_free(report);
	answer_free(&a);
	free(ours.data);
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
		printf("the oracle is libbpf %d.%d in %s\n", a.a.major, a.a.minor, a.a.library);
		CHECK(a.a.major >= 1);
		real = realpath(a.a.library, NULL);
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
	fputs("usage: parity --oracle PATH --btf BTF... -- OBJECT...\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	char **btf = NULL, **object = NULL;
	int nr_btf = 0, nr_objects = 0, i, j;
	const char *no_skip = getenv("CORELO_NO_SKIP");

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--oracle") && i + 1 < argc) {
			oracle = argv[++i];
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
	if (!oracle || !nr_btf || !nr_objects)
		return usage();
	no_skip = no_skip && !strcmp(no_skip, "1") ? no_skip : NULL;
	if (check_sides(object[0], btf[0]))
		return 1;

	for (i = 0; i < nr_btf; i++) {
		struct corelo_btf *target;

		target = strcmp(btf[i], "-") ? corelo_btf_open(btf[i], NULL) : corelo_btf_open_kernel();
		for (j = 0; j < nr_objects; j++) {
			struct pair p;

			memset(&p, 0, sizeof(p));
			p.object = object[j];
			p.btf = btf[i];
			p.target = target;
			if (!target) {
				say(DIFFERENCE, &p, "corelo cannot open the target: %s", corelo_last_error());
				break;
			}
			p.object_file.data = build_load(object[j], &p.object_file.size);
			if (p.object_file.size)
				compare(&p);
			else
				say(DIFFERENCE, &p, "cannot read the object");
			free(p.object_file.data);
		}
		corelo_btf_free(target);
	}
	if (counts[DEVIATION])
		printf("parity: %lu intended deviations\n", counts[DEVIATION]);
	printf("parity: %d objects x %d targets: %lu relocations compared, %lu poisoned, "
	       "%lu differences, %lu skipped\n", nr_objects, nr_btf, nr_relos, nr_poisoned,
	       counts[DIFFERENCE], counts[SKIPPED]);
	if (!nr_relos)
		puts("parity: nothing was compared");
	return counts[DIFFERENCE] || !nr_relos || (no_skip && counts[SKIPPED]);
}
