/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What the documentation says that threads may do at the same time: relocate
 * different objects against the same BTF, freshly opened, so that what is made
 * when it is first needed is made by all of them; ask single questions of it;
 * open and free BTF of their own, also on top of it; read one report; fail and
 * read what went wrong; set the log function. The answers are those that one
 * thread gets.
 *
 *	threads [ROUNDS]
 *
 * With a library that has one, corelo_fault_race() is a race to be found: see
 * scripts/steps/ci.py.
 */
#include "check.h"
#include "build.h"

#include <corelo.h>
#include <errno.h>
#include <pthread.h>

#ifdef PLANTED_RACE
void corelo_fault_race(void);
#endif

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define DIR "tests/fixtures/"
#define SUFFIX (BUILD_IS_BIG ? "eb" : "el")

static const char *const names[] = {
	"fields", "enums", "types", "insns", "optional", "poison", "negative", "ambiguous", "prune", "depth", "bitfields",
#if !BUILD_IS_BIG
	/* there is only one of this byte order */
	"weak",
#endif
};
/* Fewer, where each takes its time. */
static size_t object_count = ARRAY_SIZE(names);
#define FEW 3

/* What one thread gets. */
static struct object {
	unsigned char *elf, *want;
	size_t size;
	int ret;
	char report[16384];
} objects[ARRAY_SIZE(names)];

static unsigned char *target_bytes;
static size_t target_size;
static char target_path[64];

/* Opens what is shared: that of a fixture, or of the running kernel, whose records are gone through when first needed. */
static struct corelo_btf *(*open_target)(void);

static struct corelo_btf *open_fixture(void)
{
	return corelo_btf_open(target_path, NULL);
}

/* Of the round. */
static struct corelo_btf *target;
static const struct corelo_report *shared_report;
static const char *shared_words;
static pthread_barrier_t start;
static int stop_logging;

/*
 * check.h counts without a lock. A lock for each check, or a counter that
 * orders memory, would order the threads and so hide their races: what holds
 * is counted by each thread alone.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int held;
#define CHECK_ALONE(expr) check_alone(!!(expr), #expr, __LINE__)

static int check_alone(int holds, const char *what, int line)
{
	held += holds;
	if (!holds) {
		pthread_mutex_lock(&lock);
		check_that(holds, what, __FILE__, line);
		pthread_mutex_unlock(&lock);
	}
	return holds;
}

/* The end of a thread. */
static void *done(void)
{
	pthread_mutex_lock(&lock);
	check_passed += held;
	pthread_mutex_unlock(&lock);
	return NULL;
}

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

/* A report as text. */
static void print_report(const struct corelo_report *report, char *text, size_t size)
{
	const struct corelo_report_entry *relo;
	size_t i, at = 0;

	*text = '\0';
	for (i = 0; (relo = corelo_report_get(report, i)) && at < size; i++)
		at += snprintf(text + at, size - at, "%d %d %s %s %u %u %u %s %s %s %s %llu %llu %s %u %s\n", relo->outcome,
			       relo->error, relo->section, or_none(relo->program), relo->insn_off, relo->kind, relo->type_id,
			       relo->access, or_none(relo->local_spec), or_none(relo->target_spec), or_none(relo->target),
			       (unsigned long long)relo->orig_val, (unsigned long long)relo->new_val, or_none(relo->file),
			       relo->line, or_none(relo->message));
}

static int relocate(void *elf, size_t size, const struct corelo_btf *btf, struct corelo_report **report)
{
	struct corelo_relocate_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.targets = &btf;
	opts.target_count = 1;
	opts.report = report;
	return corelo_relocate(elf, size, &opts);
}

/* All objects, from one on. */
static void *relocates(void *arg)
{
	size_t first = *(size_t *)arg, i;
	char *text = malloc(sizeof(objects->report));
	struct corelo_report *report;
	unsigned char *elf;

	pthread_barrier_wait(&start);
	for (i = 0; i < object_count; i++) {
		const struct object *object = &objects[(first + i) % object_count];

		elf = build_copy(object->elf, object->size);
		CHECK_ALONE(relocate(elf, object->size, target, &report) == object->ret);
		CHECK_ALONE(!memcmp(elf, object->want, object->size));
		if (object->ret)
			CHECK_ALONE(*corelo_last_error());
		print_report(report, text, sizeof(objects->report));
		CHECK_ALONE(!strcmp(text, object->report));
		corelo_report_free(report);
		free(elf);
	}
	free(text);
	return done();
}

/* Single questions, about every type of the target. */
static void *asks(void *arg)
{
	const struct btf *btf = corelo_btf_as_libbpf(target);
	struct bpf_core_cand cand = { btf, 0 };
	struct bpf_core_cand_list list;
	uint32_t id;
	int ret;

	(void)arg;
	pthread_barrier_wait(&start);
	for (id = 1; id < 60; id++) {
		ret = bpf_core_types_match(btf, id, btf, id);
		if (ret == -EINVAL && strstr(corelo_last_error(), "not in this BTF"))
			break;
		CHECK_ALONE(ret == 1 || ret == -EINVAL || ret == 0);
		memset(&list, 0, sizeof(list));
		cand.id = id;
		CHECK_ALONE(!bpf_core_add_cands(&cand, 0, btf, "target", 1, &list));
		CHECK_ALONE(bpf_core_types_are_compat(btf, id, btf, id) >= 0);
		free(list.cands);
	}
	CHECK_ALONE(id > 10);
	return done();
}

/* BTF of its own, and on top of what is shared. */
static void *opens(void *arg)
{
	struct corelo_btf *own, *split;
	struct build *b = calloc(1, sizeof(*b));
	unsigned char *bytes;
	size_t size;
	int i;

	(void)arg;
	/* nothing but a name of its own: it needs to know where the base ends */
	build_start(b, BUILD_IS_BIG);
	b->strs_len = 0;
	build_str(b, "x");
	bytes = build_btf(b, &size);
	pthread_barrier_wait(&start);
	for (i = 0; i < 8; i++) {
		split = corelo_btf_from_bytes(bytes, size, target);
		CHECK_ALONE(split);
		own = corelo_btf_open(target_path, NULL);
		CHECK_ALONE(own);
		CHECK_ALONE(bpf_core_types_match(corelo_btf_as_libbpf(split), 1, corelo_btf_as_libbpf(own), 1) >= 0);
		corelo_btf_free(own);
		corelo_btf_free(split);
		own = corelo_btf_from_bytes(target_bytes, target_size, NULL);
		CHECK_ALONE(own);
		corelo_btf_free(own);
	}
	free(bytes);
	free(b);
	return done();
}

/* Its own words, whatever the others' are. */
static void *fails(void *arg)
{
	const char *path = arg;
	int i;

	pthread_barrier_wait(&start);
	CHECK_ALONE(!*corelo_last_error());
	for (i = 0; i < 50; i++) {
#ifdef PLANTED_RACE
		corelo_fault_race();
#endif
		errno = 0;
		CHECK_ALONE(!corelo_btf_open(path, NULL) && errno == ENOENT);
		CHECK_ALONE(!strncmp(corelo_last_error(), path, strlen(path)));
	}
	return done();
}

static void *reads_report(void *arg)
{
	char *text = malloc(sizeof(objects->report));
	int i;

	(void)arg;
	pthread_barrier_wait(&start);
	for (i = 0; i < 20; i++) {
		print_report(shared_report, text, sizeof(objects->report));
		CHECK_ALONE(!strcmp(text, shared_words));
	}
	free(text);
	return done();
}

static void counts_lines(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)level;
	__atomic_fetch_add((int *)ctx, *message != '\0', __ATOMIC_RELAXED);
}

static void *sets_log(void *arg)
{
	static int lines[2];
	int i;

	(void)arg;
	pthread_barrier_wait(&start);
	for (i = 0; !__atomic_load_n(&stop_logging, __ATOMIC_RELAXED); i++)
		corelo_log_set(counts_lines, &lines[i & 1]);
	return done();
}

static void silent(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx, (void)level, (void)message;
}

static void one_round(void)
{
	static size_t firsts[6];
	static char *paths[] = { "no-file-1", "no-file-2" };
	struct {
		void *(*run)(void *arg);
		void *arg;
	} jobs[] = {
		{ relocates, &firsts[0] }, { relocates, &firsts[1] }, { relocates, &firsts[2] },
		{ relocates, &firsts[3] }, { relocates, &firsts[4] }, { relocates, &firsts[5] },
		{ asks, NULL }, { asks, NULL }, { opens, NULL }, { opens, NULL },
		{ fails, paths[0] }, { fails, paths[1] }, { reads_report, NULL }, { reads_report, NULL },
	};
	pthread_t threads[ARRAY_SIZE(jobs)], logger;
	size_t i;

	target = open_target();
	if (!CHECK(target))
		return;
	for (i = 0; i < ARRAY_SIZE(firsts); i++)
		firsts[i] = i * 2;
	stop_logging = 0;
	CHECK(!pthread_barrier_init(&start, NULL, ARRAY_SIZE(jobs) + 1));
	for (i = 0; i < ARRAY_SIZE(jobs); i++)
		if (pthread_create(&threads[i], NULL, jobs[i].run, jobs[i].arg))
			abort();
	if (pthread_create(&logger, NULL, sets_log, NULL))
		abort();
	for (i = 0; i < ARRAY_SIZE(jobs); i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&stop_logging, 1, __ATOMIC_RELAXED);
	pthread_join(logger, NULL);
	pthread_barrier_destroy(&start);
	corelo_log_set(silent, NULL);
	corelo_btf_free(target);
}

/* The answers of one thread. */
static void one_thread(size_t i, const struct corelo_btf *own)
{
	struct object *object = &objects[i];
	struct corelo_report *report;
	char path[128];

	snprintf(path, sizeof(path), DIR "%s.%s.bpf.o", names[i], SUFFIX);
	object->elf = build_load(path, &object->size);
	if (!CHECK(object->elf) || !CHECK(own))
		exit(1);
	object->want = build_copy(object->elf, object->size);
	object->ret = relocate(object->want, object->size, own, &report);
	print_report(report, object->report, sizeof(object->report));
	CHECK(strlen(object->report) > 10 && strlen(object->report) < sizeof(object->report) - 1);
	corelo_report_free(report);
}

static void all_rounds(int rounds)
{
	struct corelo_btf *own = open_target();
	struct corelo_report *report;
	unsigned char *elf;
	size_t i;

	corelo_log_set(silent, NULL);
	for (i = 0; i < object_count; i++)
		one_thread(i, own);
	elf = build_copy(objects->elf, objects->size);
	CHECK(relocate(elf, objects->size, own, &report) == objects->ret);
	shared_report = report;
	shared_words = objects->report;
	while (rounds--)
		one_round();
	corelo_report_free(report);
	corelo_btf_free(own);
	free(elf);
	for (i = 0; i < object_count; i++) {
		free(objects[i].elf);
		free(objects[i].want);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 4;

	CHECK_LIBRARY();
	snprintf(target_path, sizeof(target_path), DIR "target.%s.o", SUFFIX);
	target_bytes = build_load(target_path, &target_size);
	if (!CHECK(target_bytes))
		return check_summary("threads");
	open_target = open_fixture;
	all_rounds(rounds);
	open_target = corelo_btf_open_kernel;
	object_count = FEW;
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		SKIP("running kernel", "no /sys/kernel/btf/vmlinux");
	else
		all_rounds(1);
	free(target_bytes);
	return check_summary("threads");
}
