// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * differential: corelo and libbpf asked the same, about types made by chance.
 *
 *	differential --oracle PROGRAM [--seed N] [--cases N] [--verbose]
 *
 * A case is one relocation, with all that leads to it and follows from it:
 * candidates, spec, answer, texts, four instructions, and a comparison of two
 * types. A pair of local and target BTF has 32 cases; pair i of seed N is that
 * of seed N + i, and the seed of a difference is printed: `--seed N --cases 32
 * --verbose` shows it alone, with all types.
 *
 * Exit status 0 when every difference is one of deviations.h.
 *
 * With LIBBPF_HANDLES, corelo's functions get BTF that libbpf.so has opened.
 */
#include "../check.h"
#include "answer.h"
#include "deviations.h"
#include "print.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef LIBBPF_HANDLES
#include "split.h"

#include <bpf/libbpf.h>
typedef struct btf opened_btf;
#define OPEN(file, base) open_file(file, base)
#define HANDLE(btf) (btf)
#define FREE(btf) btf__free(btf)
#else
typedef struct corelo_btf opened_btf;
#define OPEN(file, base) corelo_btf_from_bytes((file)->data, (file)->size, base)
#define HANDLE(btf) corelo_btf_as_libbpf(btf)
#define FREE(btf) corelo_btf_free(btf)
#endif

#define SHOWN 20

static const char *oracle_path;
static int verbose;
static struct exchange *exchange;
static int exchange_fd;
static uint64_t first_seed;
static unsigned long cases, pairs, unexplained, relocations[20][3], patched, not_patched;

/* Ours; the oracle's are in the exchange. */
static struct plan plans[EXCHANGE_PAIRS];
static struct answer answers[EXCHANGE_PAIRS][PAIR_CASES];
static struct why whys[EXCHANGE_PAIRS][PAIR_CASES];

/* Our side of a pair. */
struct opened {
	struct handles handles;
	opened_btf *local, *target[TARGETS];
};

static int open_pair(const struct pair *p, struct opened *o)
{
	uint32_t i;

	memset(o, 0, sizeof(*o));
	o->local = OPEN(&p->local, NULL);
	o->handles.local = HANDLE(o->local);
	for (i = 0; i < p->targets; i++) {
		o->target[i] = OPEN(&p->target[i], i ? o->target[0] : NULL);
		o->handles.target[i] = HANDLE(o->target[i]);
	}
	if (o->handles.local && o->handles.target[0] && (p->targets < 2 || o->handles.target[1]))
		return 0;
	printf("refused: %s\n", corelo_last_error());
	return -1;
}

static void close_pair(struct opened *o)
{
	int i;

	for (i = TARGETS - 1; i >= 0; i--)
		FREE(o->target[i]);
	FREE(o->local);
}

static void answer_ours(const struct question *q, const struct pair *p, const struct opened *o, struct answer *a,
			struct why *why, int stage)
{
	a->ret[stage] = answer_stage(q, p, &o->handles, a, stage);
	if (a->ret[stage] < 0)
		snprintf(why->words[stage], sizeof(why->words[stage]), "%s", corelo_last_error());
}

/* One case: the questions, of which some follow from our answers, and these. */
static void make_case(struct plan *plan, struct pair *p, const struct opened *o, struct answer *a, struct why *why)
{
	static const struct bpf_core_relo_res none;
	struct question *q = &p->questions[p->cases];
	struct cands *cands;
	int stage, i;

	plan_question(plan, p, q);
	answer_start(a);
	answer_start(&p->answers[p->cases]);
	answer_ours(q, p, o, a, why, NAME_LEN);
	answer_ours(q, p, o, a, why, ADD_CANDS);
	/* a type id that no type has is asked with no candidates */
	cands = &plan->cands[q->relo.type_id <= plan->local.count ? q->relo.type_id : 0];
	if (q->relo.type_id <= plan->local.count)
		plan_cands(plan, p, a, q->relo.type_id);
	q->cand_count = cands->count;
	memcpy(q->cands, cands->cands, sizeof(q->cands));
	for (stage = PARSE; stage < PATCH; stage++)
		answer_ours(q, p, o, a, why, stage);
	if (!a->ret[CALC]) {
		cands->count = a->cand_count;
		memcpy(cands->cands, a->cands, sizeof(cands->cands));
	}
	for (i = 0; i < PATCHES; i++) {
		plan_patch(&plan->random, a->ret[CALC] ? &none : &a->res, q->patch[i].insns, &q->patch[i].res);
		answer_ours(q, p, o, a, why, PATCH + i);
	}
	p->cases++;
}

/* As many as there is room for, or are wanted. */
static void make_pairs(uint64_t seed, unsigned long wanted)
{
	exchange->pair_count = 0;
	while (exchange->pair_count < EXCHANGE_PAIRS && wanted) {
		uint32_t at = exchange->pair_count++;
		struct pair *p = &exchange->pairs[at];
		struct opened o;

		plan_pair(&plans[at], seed + at, p);
		p->refused = open_pair(p, &o);
		while (!p->refused && p->cases < PAIR_CASES && wanted) {
			make_case(&plans[at], p, &o, &answers[at][p->cases], &whys[at][p->cases]);
			wanted--;
		}
		/* what could not be opened counts, or this would never end */
		if (p->refused)
			wanted -= wanted < PAIR_CASES ? wanted : PAIR_CASES;
		close_pair(&o);
	}
}

/* 0, or the signal by which the oracle ended. */
static int run_oracle(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* it finds libbpf in itself; what is preloaded is for this program */
		unsetenv("LD_PRELOAD");
		dup2(exchange_fd, 0);
		execl(oracle_path, oracle_path, (char *)NULL);
		perror(oracle_path);
		_exit(2);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("fork");
		exit(2);
	}
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	if (WEXITSTATUS(status) || !exchange->finished) {
		fprintf(stderr, "differential: %s gave up\n", oracle_path);
		exit(2);
	}
	return 0;
}

/* All answers of the oracle, as often as it takes. */
static void ask_oracle(void)
{
	int signal;

	exchange->at_pair = exchange->at_case = exchange->at_stage = 0;
	exchange->finished = 0;
	while ((signal = run_oracle())) {
		struct pair *p = &exchange->pairs[exchange->at_pair];

		if (exchange->at_case >= p->cases || exchange->at_stage >= STAGES) {
			fprintf(stderr, "differential: %s ended by signal %d\n", oracle_path, signal);
			exit(2);
		}
		p->answers[exchange->at_case].signal[exchange->at_stage++] = signal;
	}
}

static uint64_t seed_of(const struct difference *d)
{
	return first_seed + pairs + (uint64_t)(d->pair - exchange->pairs);
}

static void on_each(const struct difference *d)
{
	struct deviation *known = explain(d);

	if (known)
		known->count++;
	else
		unexplained++;
	if (!verbose && (known || unexplained > SHOWN))
		return;
	printf("%s: %s: %s; seed %" PRIu64 ", case %d\n", known ? known->name : "UNEXPLAINED", stage_names[d->stage],
	       facet_names[d->facet], seed_of(d), (int)(d->question - d->pair->questions));
	print_difference(d);
}

static void count(const struct question *q, const struct answer *a)
{
	int i;

	relocations[q->relo.kind % 20][a->ret[CALC] ? 2 : a->res.poison]++;
	for (i = 0; i < PATCHES; i++)
		*(a->ret[PATCH + i] ? &not_patched : &patched) += 1;
}

static void compare_pairs(void)
{
	uint32_t at, i;

	for (at = 0; at < exchange->pair_count; at++) {
		struct pair *p = &exchange->pairs[at];
		struct difference d = { .plan = &plans[at], .pair = p };

		if (verbose) {
			model_print(&plans[at].local, "local", 1);
			model_print(&plans[at].target[0], "target", 1);
			if (p->targets > 1)
				model_print(&plans[at].target[1], "module", p->first_id[1]);
		}
		/* what the generator makes is whole: both sides open it */
		if (p->refused) {
			unexplained++;
			printf("UNEXPLAINED: refused; seed %" PRIu64 "\n", first_seed + pairs + at);
			continue;
		}
		d.version = 100 * exchange->major + exchange->minor;
		for (i = 0; i < p->cases; i++) {
			d.question = &p->questions[i];
			d.ours = &answers[at][i];
			d.theirs = &p->answers[i];
			compare_case(&d, &whys[at][i], on_each);
			count(d.question, d.ours);
		}
		cases += p->cases;
	}
	pairs += exchange->pair_count;
}

/* What was compared: a run that finds no difference because it finds nothing would pass otherwise. */
static void summarize(void)
{
	uint32_t kind;
	size_t i;

	for (kind = 0; kind <= BPF_CORE_TYPE_MATCHES; kind++) {
		const unsigned long *n = relocations[kind];

		printf("differential: relocations of kind %u: %lu resolved, %lu poisoned, %lu refused\n", kind, n[0], n[1],
		       n[2]);
		if (cases < 10000)
			continue;
		CHECK(n[0] > 20);
		CHECK(n[1] > 20 || is_type_based(kind) || kind == BPF_CORE_FIELD_EXISTS || kind == BPF_CORE_ENUMVAL_EXISTS);
	}
	printf("differential: instructions: %lu patched, %lu refused\n", patched, not_patched);
	for (i = 0; i < DEVIATIONS; i++)
		printf("differential: %s: %lu (%s)\n", deviations[i].name, deviations[i].count, deviations[i].reason);
	printf("differential: libbpf %u.%u: %lu cases, %lu unexplained\n", exchange->major, exchange->minor, cases,
	       unexplained);
}

static void quiet(void *ctx, enum corelo_log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	(void)message;
}

static int map_exchange(void)
{
	FILE *file = tmpfile();

	exchange_fd = file ? fileno(file) : -1;
	if (exchange_fd < 0 || ftruncate(exchange_fd, sizeof(*exchange)))
		return -1;
	exchange = mmap(NULL, sizeof(*exchange), PROT_READ | PROT_WRITE, MAP_SHARED, exchange_fd, 0);
	return exchange == MAP_FAILED ? -1 : 0;
}

int main(int argc, char **argv)
{
	unsigned long wanted = 100000;
	int i;

	first_seed = 1;
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--verbose"))
			verbose = 1;
		else if (!strcmp(argv[i], "--oracle") && i + 1 < argc)
			oracle_path = argv[++i];
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			first_seed = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--cases") && i + 1 < argc)
			wanted = strtoul(argv[++i], NULL, 0);
		else
			break;
	}
	if (i < argc || !oracle_path || !wanted) {
		fputs("usage: differential --oracle PROGRAM [--seed N] [--cases N] [--verbose]\n", stderr);
		return 2;
	}
	/* hours may pass */
	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK_LIBRARY();
	corelo_log_set(quiet, NULL);
#ifdef LIBBPF_HANDLES
	libbpf_set_print(NULL);
#endif
	if (map_exchange()) {
		perror("differential");
		return 2;
	}
	while (wanted) {
		unsigned long most = (unsigned long)EXCHANGE_PAIRS * PAIR_CASES, now = wanted < most ? wanted : most;

		make_pairs(first_seed + pairs, now);
		ask_oracle();
		compare_pairs();
		wanted -= now;
	}
	summarize();
	CHECK(cases > 0);
	CHECK(!unexplained);
	return check_summary("differential");
}
