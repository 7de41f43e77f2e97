/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Relocates broken copies of real objects, and real objects against broken
 * BTF: no crash, no hang, no read past the end, an error leaves the object as
 * it was, and success changes only what was relocated.
 *
 * mutate [--seed N] [--first N] [--iterations N] [--btf FILE]... [--truncate] [--kept DIR] OBJECT...
 *
 * Each object is mutated --iterations times and relocated against its own BTF,
 * a tenth as often against each --btf, and a quarter as often as it is against
 * a mutated copy of its own BTF. With --truncate, it and its BTF are cut off at
 * every byte instead. Every input depends on --seed and its number alone, so
 * `--seed S --first N --iterations 1 OBJECT` makes the one of a message again.
 */
#define _GNU_SOURCE
#include "../fixture.h"

#include <errno.h>
#include <sys/mman.h>

#include "changes.h"
#include "watch.h"

#define MAX_BTFS 8
#define MAX_REPORTED 20
/* core_relo_len, behind the two lengths and offsets that came first */
#define CORE_RELO_LEN 28

static struct {
	unsigned long objects, relocated, unchanged, refused, opened, broken, failures;
} count;

/* A header alone, in the machine's byte order. */
static const struct {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t hdr_len, type_off, type_len, str_off, str_len;
} empty_btf = { 0xeb9f, 1, 0, 24, 0, 0, 0, 0 };

static unsigned long seed = 1, first, iterations = 1000;
/* the input at hand: all that is done with it depends on this and the seed */
static unsigned long number;

static void failed(const char *why)
{
	if (count.failures++ >= MAX_REPORTED)
		return;
	if (count.failures == 1)
		keep_input();
	printf("FAILED: %s: %s (%s)\n", watched.what, why, corelo_last_error());
}

/* Memory that ends at an inaccessible page. */
static uint8_t *guarded(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size / page + 1) * page;
	uint8_t *at = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at + whole, page, PROT_NONE)) {
		perror("mutate: mmap");
		exit(3);
	}
	return at + whole;
}

static struct input read_input(const char *path)
{
	struct input in = { NULL, 0 };

	in.data = build_load(path, &in.size);
	if (!in.data || !in.size) {
		fprintf(stderr, "mutate: cannot read %s\n", path);
		exit(3);
	}
	return in;
}

/* Names in reports are for people: long ones are cut, and odd bytes replaced. */
static int names_differ(const char *reported, const char *name)
{
	const char *c;

	for (c = name; *c; c++)
		if ((uint8_t)*c < ' ' || (uint8_t)*c > '~' || c - name > 60)
			return 0;
	return strcmp(reported, name) != 0;
}

/* Was the instruction slot at @off of a section changed by this relocation? */
static int is_slot_of(const struct corelo_report_entry *relo, const struct input *before, const struct section *s, size_t off)
{
	if (relo->outcome != CORELO_OUTCOME_RESOLVED && relo->outcome != CORELO_OUTCOME_POISONED)
		return 0;
	if (names_differ(relo->section, s->name))
		return 0;
	/* the second half of a LDIMM64 belongs to it */
	return relo->insn_off == off ||
	       ((size_t)relo->insn_off + 8 == off && before->data[s->place.off + relo->insn_off] == 0x18);
}

static int may_change(const struct input *before, const struct corelo_report *report, size_t at)
{
	struct section ext = section_named(before, ".BTF.ext");
	uint32_t i;
	size_t n;

	if (ext.place.len >= CORE_RELO_LEN + 4 && at - ext.place.off - CORE_RELO_LEN < 4)
		return 1;
	for (i = 1; i < section_count(before); i++) {
		struct section s = section_at(before, i);

		if (!s.name || !is_code(&s) || at - s.place.off >= s.place.len)
			continue;
		for (n = 0; n < corelo_report_entry_cnt(report); n++)
			if (is_slot_of(corelo_report_get(report, n), before, &s, (at - s.place.off) & ~(size_t)7))
				return 1;
	}
	return 0;
}

static void relocate_again(const struct input *before, uint8_t *after, const struct corelo_relocate_opts *opts)
{
	uint8_t *once = malloc(before->size);
	int err;

	if (!once)
		abort();
	memcpy(once, after, before->size);
	watch_input(once, before->size);
	err = corelo_relocate(after, before->size, opts);
	watch_input(before->data, before->size);
	if (err || memcmp(after, once, before->size))
		failed("relocated again, it is another");
	free(once);
}

static int is_documented(int err)
{
	return err == -EINVAL || err == -ENOEXEC || err == -ERANGE || err == -E2BIG || err == -ENOTSUP;
}

/* The promises, for one input. @end is where guarded memory ends. */
static void check_relocation(const struct input *before, uint8_t *end, const struct corelo_btf *target)
{
	struct corelo_report *report = NULL;
	struct corelo_relocate_opts opts = against(&target, 1);
	uint8_t *after = end - before->size;
	size_t i;
	int err, changed = 0;

	opts.semantics = number % 4 ? CORELO_SEMANTICS_LIBBPF : CORELO_SEMANTICS_KERNEL;
	opts.report = &report;
	memcpy(after, before->data, before->size);
	watch_input(before->data, before->size);
	err = relocate_once(after, before->size, &opts);
	if (err && (!is_documented(err) || !*corelo_last_error())) {
		failed("an errno that is not documented, a panic, or no words");
	} else if (err) {
		count.refused++;
		if (memcmp(after, before->data, before->size))
			failed("an error, but the object has changed");
	} else {
		for (i = 0; i < before->size; i++) {
			if (after[i] == before->data[i])
				continue;
			changed = 1;
			if (!may_change(before, report, i)) {
				failed("a byte has changed that is no relocated instruction's");
				break;
			}
		}
		if (changed)
			count.relocated++;
		else
			count.unchanged++;
		corelo_report_free(report);
		report = NULL;
		if (changed)
			relocate_again(before, after, &opts);
	}
	corelo_report_free(report);
	watch_input(NULL, 0);
}

static void open_and_relocate(const struct input *btf, const struct input *object, uint8_t *end)
{
	struct corelo_btf *target;

	watch_input(btf->data, btf->size);
	target = corelo_btf_from_bytes(btf->data, btf->size, NULL);
	if (!target) {
		count.broken++;
		if (errno == ENOTRECOVERABLE || !*corelo_last_error())
			failed("a panic, or no words");
	} else {
		count.opened++;
		check_relocation(object, end, target);
	}
	corelo_btf_free(target);
	watch_input(NULL, 0);
}

static struct input btf_of(const struct input *object)
{
	struct section s = section_named(object, ".BTF");
	struct input btf = { NULL, 0 };

	if (s.place.len) {
		btf.data = object->data + s.place.off;
		btf.size = s.place.len;
	}
	return btf;
}

/* @what is what is mutated and how it is used. */
static void name_case(const char *path, const char *what, const char *with, unsigned long of)
{
	number = of;
	snprintf(watched.what, sizeof(watched.what), "%s, %s%s, seed %lu, number %lu", path, what, with, seed, number);
}

static void seed_case(struct random *r)
{
	random_seed(r, seed * 1000000007UL + number);
}

static void mutate_object(const char *path, const struct input *object, uint8_t *end, const char *name,
			  const struct corelo_btf *target, unsigned long times)
{
	struct places places;
	struct random r;
	unsigned long i;
	struct input in = { malloc(object->size), 0 };

	if (!in.data)
		abort();
	find_places(&places, object);
	for (i = first; i < first + times; i++) {
		name_case(path, "mutated, against ", name, i);
		memcpy(in.data, object->data, object->size);
		in.size = object->size;
		seed_case(&r);
		mutate_input(&r, &in, &places);
		check_relocation(&in, end, target);
	}
	free(in.data);
}

static void mutate_btf(const char *path, const struct input *object, uint8_t *end, unsigned long times)
{
	struct input btf = btf_of(object), in = { malloc(btf.size + 1), 0 };
	struct places places = { 0 };
	struct random r;
	unsigned long i;

	if (!in.data)
		abort();
	places.big = is_big(object);
	/* its header's words are the object's order as well */
	memcpy(in.data, btf.data, btf.size);
	{
		struct input whole = *object;
		size_t off = (size_t)(btf.data - object->data);
		unsigned int n;

		add_btf(&places, &whole, off);
		for (n = 0; n < places.count; n++)
			places.place[n].off -= off;
		add_place(&places, 0, btf.size, btf.size);
	}
	for (i = first; i < first + times; i++) {
		name_case(path, "against its mutated BTF", "", i);
		memcpy(in.data, btf.data, btf.size);
		in.size = btf.size;
		seed_case(&r);
		mutate_input(&r, &in, &places);
		open_and_relocate(&in, object, end);
	}
	free(in.data);
}

static void truncate_both(const char *path, const struct input *object, uint8_t *end, const struct corelo_btf *own)
{
	struct input in = *object, btf = btf_of(object);
	size_t whole = btf.size;

	for (in.size = 0; in.size < object->size; in.size++) {
		name_case(path, "cut off after its byte", "", in.size);
		check_relocation(&in, end, own);
	}
	for (btf.size = 0; btf.size < whole; btf.size++) {
		name_case(path, "its BTF cut off after its byte", "", btf.size);
		open_and_relocate(&btf, object, end);
	}
}

static void check_object(const char *path, const char *const *btf_paths, struct corelo_btf *const *btfs, int is_truncated)
{
	struct input object = read_input(path), btf = btf_of(&object);
	uint8_t *end = guarded(object.size);
	struct corelo_btf *own;
	int i;

	/* what has no BTF has no relocations either, and any target will do */
	own = btf.size ? corelo_btf_from_bytes(btf.data, btf.size, NULL) :
			 corelo_btf_from_bytes(&empty_btf, sizeof(empty_btf), NULL);
	name_case(path, "as it is", "", 0);
	count.objects++;
	if (!own) {
		failed("its own BTF does not open");
		return;
	}
	check_relocation(&object, end, own);
	if (is_truncated) {
		truncate_both(path, &object, end, own);
	} else {
		mutate_object(path, &object, end, "its own BTF", own, iterations);
		for (i = 0; i < MAX_BTFS && btfs[i]; i++)
			mutate_object(path, &object, end, btf_paths[i], btfs[i], (iterations + 9) / 10);
		if (btf.size)
			mutate_btf(path, &object, end, (iterations + 3) / 4);
	}
	corelo_btf_free(own);
	free(object.data);
}

static unsigned long log_bytes;

static void log_line(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx, (void)level;
	log_bytes += strlen(message);
}

int main(int argc, char **argv)
{
	const char *btf_paths[MAX_BTFS] = { NULL }, *kept = ".";
	struct corelo_btf *btfs[MAX_BTFS] = { NULL };
	int i, n = 0, is_truncated = 0;

	for (i = 1; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--truncate")) {
			is_truncated = 1;
		} else if (i + 1 == argc) {
			break;
		} else if (!strcmp(argv[i], "--seed")) {
			seed = strtoul(argv[++i], NULL, 10);
		} else if (!strcmp(argv[i], "--first")) {
			first = strtoul(argv[++i], NULL, 10);
		} else if (!strcmp(argv[i], "--iterations")) {
			iterations = strtoul(argv[++i], NULL, 10);
		} else if (!strcmp(argv[i], "--kept")) {
			kept = argv[++i];
		} else if (!strcmp(argv[i], "--btf") && n < MAX_BTFS - 1) {
			btf_paths[n] = argv[++i];
			btfs[n] = corelo_btf_open(btf_paths[n], NULL);
			if (!btfs[n++]) {
				fprintf(stderr, "mutate: %s\n", corelo_last_error());
				return 3;
			}
		} else {
			break;
		}
	}
	if (i == argc || !strncmp(argv[i], "--", 2)) {
		fprintf(stderr, "usage: mutate [--seed N] [--first N] [--iterations N] [--btf FILE]... [--truncate] "
				"[--kept DIR] OBJECT...\n");
		return 2;
	}
	/* what was found before a crash is said */
	setvbuf(stdout, NULL, _IOLBF, 0);
	watch(kept);
	/* all lines, since they are made of what is in the input */
	setenv("CORELO_LOG", "debug", 0);
	corelo_log_set(log_line, NULL);
	for (; i < argc; i++)
		check_object(argv[i], btf_paths, btfs, is_truncated);
	for (i = 0; i < n; i++)
		corelo_btf_free(btfs[i]);
	/* without some of each, the changes were too many or too few to test anything; what is cut off is never whole */
	if (iterations >= 100 &&
	    (!log_bytes || !count.refused || !count.broken || !(count.relocated + count.unchanged) || (!count.opened && !is_truncated)))
		failed("not all outcomes were seen");
	printf("mutate: %lu objects: %lu relocated, %lu without a change, %lu refused; their BTFs: %lu opened, %lu refused; "
	       "%lu failures\n",
	       count.objects, count.relocated, count.unchanged, count.refused, count.opened, count.broken, count.failures);
	return count.failures != 0;
}
