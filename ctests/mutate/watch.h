/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What the process was doing when it crashed or hung, and the input for it.
 */
#ifndef MUTATE_WATCH_H
#define MUTATE_WATCH_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "../elf_file.h"

/* Every input is answered in far less; a tick is a second of the process's own time. */
#define MAX_TICKS 5
/* What a process may map. Nothing that is measured here needs a tenth. */
#define MAX_MEMORY (2ULL << 30)

static struct {
	/* as a message says it: the file, how it was changed, seed, number */
	char what[600];
	/* as it was given to the library */
	const uint8_t *data;
	size_t size;
	/* where to leave it */
	char path[600];
	volatile sig_atomic_t number, seen, ticks;
} watched;

static void keep_input(void)
{
	int fd = open(watched.path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || write(fd, watched.data, watched.size) != (ssize_t)watched.size)
		_exit(3);
	close(fd);
}

static void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(3);
}

static void stopped(const char *how)
{
	keep_input();
	say("mutate: ");
	say(how);
	say(": ");
	say(watched.what);
	say("; the input is in ");
	say(watched.path);
	say("\n");
	_exit(1);
}

static void on_crash(int number)
{
	stopped(number == SIGABRT ? "aborted" : "crashed");
}

static void on_tick(int number)
{
	(void)number;
	if (watched.seen != watched.number) {
		watched.seen = watched.number;
		watched.ticks = 0;
	} else if (watched.data && ++watched.ticks > MAX_TICKS) {
		stopped("hangs");
	}
}

static void watch(const char *kept_dir)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE };
	struct itimerval second = { { 1, 0 }, { 1, 0 } };
	struct rlimit memory = { MAX_MEMORY, MAX_MEMORY };
	struct sigaction action;
	stack_t stack;
	size_t i;

	memset(&action, 0, sizeof(action));
	memset(&stack, 0, sizeof(stack));
	/* a stack that is full has no room to say so */
	stack.ss_size = 1 << 16;
	stack.ss_sp = malloc(stack.ss_size);
	action.sa_flags = SA_ONSTACK;
	action.sa_handler = on_crash;
	if (!stack.ss_sp || sigaltstack(&stack, NULL))
		abort();
	for (i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &action, NULL);
	action.sa_handler = on_tick;
	sigaction(SIGPROF, &action, NULL);
	/* of processor time: a machine that is busy is no hang */
	setitimer(ITIMER_PROF, &second, NULL);
	setrlimit(RLIMIT_AS, &memory);
	snprintf(watched.path, sizeof(watched.path), "%s/mutate.input", kept_dir);
}

static void watch_input(const uint8_t *data, size_t size)
{
	watched.data = data;
	watched.size = size;
	watched.number++;
}

#endif
