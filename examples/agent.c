// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * An agent that relocates many objects: opens the kernel once, relocates in
 * four threads, frees.
 *
 *	cc -o agent agent.c -pthread $(pkg-config --cflags --libs corelo)
 *	./agent [OBJECT [BTF [COUNT]]]
 */
#define _POSIX_C_SOURCE 200809L	/* clock_gettime() */
#include <corelo.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 4

struct worker {
	pthread_t thread;
	const struct corelo_targets *targets;
	const char *elf;
	size_t size, count;
	int err;
	char message[512];
};

/* Relocates a copy of the object @count times. Any number of workers share the targets. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct corelo_relocate_opts opts;
	char *copy = malloc(w->size);

	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.targets = w->targets;
	w->err = copy ? 0 : -ENOMEM;
	while (w->count && !w->err) {
		memcpy(copy, w->elf, w->size);
		w->err = corelo_relocate(copy, w->size, &opts);
		w->count--;
		/* here an agent would call bpf_object__open_mem(copy, w->size, NULL) */
	}
	/* the message belongs to this thread */
	if (w->err)
		snprintf(w->message, sizeof(w->message), "%s", corelo_last_error());
	free(copy);
	return NULL;
}

static struct corelo_targets *open_targets(const char *path)
{
	struct corelo_targets *targets;
	struct corelo_btf *kernel;

	if (!path)
		return corelo_targets_running();
	kernel = corelo_btf_open(path, NULL);
	if (!kernel)
		return NULL;
	targets = corelo_targets_new(kernel, NULL, 0);
	/* the targets keep a reference of their own */
	corelo_btf_free(kernel);
	return targets;
}

static char *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *data = NULL;
	long len = -1;

	if (file && !fseek(file, 0, SEEK_END))
		len = ftell(file);
	if (len > 0)
		data = malloc(len);
	if (data) {
		rewind(file);
		*size = fread(data, 1, len, file);
	}
	if (file)
		fclose(file);
	return data;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "examples/demo.bpf.o";
	size_t size = 0, count = argc > 3 ? strtoul(argv[3], NULL, 10) : 1000;
	struct worker workers[THREADS];
	struct corelo_targets *targets;
	char *elf = read_file(path, &size);
	int i, failed = 0;
	double start;

	if (!elf) {
		fprintf(stderr, "agent: %s: %s\n", path, errno ? strerror(errno) : "the file is empty");
		return 1;
	}
	targets = open_targets(argc > 2 ? argv[2] : NULL);
	if (!targets) {
		fprintf(stderr, "agent: %s\n", corelo_last_error());
		free(elf);
		return 1;
	}
	start = now();
	memset(workers, 0, sizeof(workers));
	for (i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		w->targets = targets;
		w->elf = elf;
		w->size = size;
		w->count = count / THREADS;
		w->err = -pthread_create(&w->thread, NULL, work, w);
		if (w->err)
			abort();
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (workers[i].err)
			fprintf(stderr, "agent: %s: %s\n", path, workers[i].message);
		failed |= !!workers[i].err;
	}
	printf("agent: %zu objects in %d threads, %.1f us each\n", count, THREADS, (now() - start) / count);
	corelo_targets_free(targets);
	free(elf);
	return failed;
}
