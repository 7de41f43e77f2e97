/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What the documentation says that threads may do at the same time: relocate
 * different objects against the same BTF, freshly opened, so that all of them
 * meet at what is made when it is first needed; call every exported function;
 * read one report; fail and read the words; relocate from a log function. The
 * answers are those that one thread gets.
 *
 *	threads [ROUNDS]
 *
 * With a library that has one, corelo_fault_race() is a race to be found: see
 * scripts/steps/ci.py.
 */
#include "check.h"
#include "exports.h"

#include <pthread.h>

#ifdef PLANTED_RACE
void corelo_fault_race(void);
#endif

static const char *const names[] = {
	"fields", "prune", "poison", "enums", "types", "insns", "optional", "negative", "ambiguous", "depth", "bitfields",
};
/* Fewer, where each takes its time. */
static size_t object_count = ARRAY_SIZE(names);
#define FEW 3

/* What one thread gets. */
static struct object {
	unsigned char *elf, *want;
	size_t size;
	int ret;
	char report[1 << 17];
} objects[ARRAY_SIZE(names)];

/* Opens what is shared: BTF of the fixtures, or of the running kernel, whose records are gone through when first needed. */
static struct corelo_btf *(*open_target)(void);

static struct corelo_btf *open_fixture(void)
{
	return corelo_btf_open(TARGET(BUILD_IS_BIG), NULL);
}

/* Of the round. */
static struct corelo_btf *target;
static const struct corelo_report *shared_report;
static pthread_barrier_t start;

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

/* An object gives what it gave one thread. */
static void relocate_object(const struct object *object, char *text)
{
	unsigned char *elf = build_copy(object->elf, object->size);
	struct corelo_report *report;

	CHECK_ALONE(relocate(elf, object->size, target, &report) == object->ret);
	CHECK_ALONE(!memcmp(elf, object->want, object->size));
	corelo_report_json(report, text, sizeof(object->report));
	CHECK_ALONE(!strcmp(text, object->report));
	corelo_report_free(report);
	free(elf);
}

/* All objects, from one on. */
static void *relocates(void *arg)
{
	size_t first = *(size_t *)arg, i;
	char *text = malloc(sizeof(objects->report));

	pthread_barrier_wait(&start);
	for (i = 0; i < object_count; i++)
		relocate_object(&objects[(first + i) % object_count], text);
	free(text);
	return done();
}

/* Log functions are set and called all the while. */
static void *calls_all(void *arg)
{
	struct call *c = malloc(sizeof(*c));
	size_t i, n;

	(void)arg;
	pthread_barrier_wait(&start);
	for (n = 0; n < 5; n++) {
		for (i = 0; i < ARRAY_SIZE(exports); i++) {
			prepare(&exports[i], c);
			call(&exports[i], c);
			CHECK_ALONE(is_success(&exports[i], c));
			CHECK_ALONE(errno_is_right(&exports[i], c));
			release(&exports[i], c, 0);
		}
	}
	free(c);
	return done();
}

/* The words are this thread's, whatever the others' are. */
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
		corelo_report_json(shared_report, text, sizeof(objects->report));
		CHECK_ALONE(!strcmp(text, objects->report));
	}
	free(text);
	return done();
}

struct job {
	void *(*run)(void *arg);
	void *arg;
};

/* All jobs at once, with freshly opened BTF. */
static void run_jobs(const struct job *jobs, size_t count)
{
	pthread_t threads[16];
	size_t i;

	target = open_target();
	if (!CHECK(target) || !CHECK(count <= ARRAY_SIZE(threads)) || !open_types())
		return;
	CHECK(!pthread_barrier_init(&start, NULL, count));
	for (i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, jobs[i].run, jobs[i].arg))
			abort();
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	corelo_btf_free(target);
	close_types();
}

static void one_round(void)
{
	static size_t firsts[] = { 0, 2, 4, 6, 8, 10 };
	static const struct job jobs[] = {
		{ relocates, &firsts[0] }, { relocates, &firsts[1] }, { relocates, &firsts[2] },
		{ relocates, &firsts[3] }, { relocates, &firsts[4] }, { relocates, &firsts[5] },
		{ calls_all, NULL }, { calls_all, NULL }, { calls_all, NULL },
		{ fails, "no-file-1" }, { fails, "no-file-2" }, { reads_report, NULL }, { reads_report, NULL },
	};

	run_jobs(jobs, ARRAY_SIZE(jobs));
	corelo_log_set(silent, NULL);
}

/* Lines of a thread that pass before one has a relocation follow. */
static int lines_before;
static __thread int lines;

/* Relocates against the BTF at which the relocation is that logs. */
static void relocate_again(void *ctx, enum corelo_log_level level, const char *message)
{
	static __thread int depth;
	char *text;

	(void)ctx, (void)level, (void)message;
	if (depth || lines++ < lines_before)
		return;
	depth++;
	text = malloc(sizeof(objects->report));
	relocate_object(&objects[1], text);
	free(text);
	depth--;
}

static void *logs(void *arg)
{
	char *text = malloc(sizeof(objects->report));
	int i;

	pthread_barrier_wait(&start);
	/* the second search makes an index */
	for (i = 0; i < 2; i++)
		relocate_object(arg, text);
	free(text);
	return done();
}

/*
 * A log function that is called while something is made that is made once
 * waits for itself, or for the other thread, and never returns. Whichever line
 * that is, it is once the first that has a relocation follow.
 */
static void log_function_relocates(int most)
{
	const struct job jobs[] = { { logs, &objects[1] }, { logs, &objects[2] } };

	corelo_log_set(relocate_again, NULL);
	for (lines_before = 0; lines_before < most; lines_before++) {
		alarm(120);
		run_jobs(jobs, ARRAY_SIZE(jobs));
	}
	corelo_log_set(silent, NULL);
	alarm(0);
}

/* The answers of one thread. */
static void one_thread(const char *name, struct object *object)
{
	struct corelo_report *report;

	object->elf = fixture(name, BUILD_IS_BIG, &object->size);
	if (!CHECK(object->elf))
		exit(1);
	object->want = build_copy(object->elf, object->size);
	object->ret = relocate(object->want, object->size, target, &report);
	corelo_report_json(report, object->report, sizeof(object->report));
	CHECK(strlen(object->report) > 10 && strlen(object->report) < sizeof(object->report) - 1);
	corelo_report_free(report);
}

static void all_rounds(int rounds)
{
	struct corelo_btf *own = open_target();
	struct corelo_report *report;
	unsigned char *elf;
	size_t i;

	if (!CHECK(own))
		return;
	target = own;
	corelo_log_set(silent, NULL);
	for (i = 0; i < object_count; i++)
		one_thread(names[i], &objects[i]);
	elf = build_copy(objects->elf, objects->size);
	CHECK(relocate(elf, objects->size, own, &report) == objects->ret);
	shared_report = report;
	while (rounds--)
		one_round();
	log_function_relocates(object_count == FEW ? 4 : 16);
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
	open_target = open_fixture;
	all_rounds(rounds);
	open_target = corelo_btf_open_kernel;
	object_count = FEW;
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		SKIP("running kernel", "no /sys/kernel/btf/vmlinux");
	else
		all_rounds(1);
	return check_summary("threads");
}
