/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Runs a program and keeps what it prints. Include it behind check.h.
 */
#ifndef CORELO_RUN_H
#define CORELO_RUN_H

#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_SIZE 16384

struct run {
	int status;		/* exit status, or 128 and the signal */
	char out[OUTPUT_SIZE];
	char err[OUTPUT_SIZE];
};

static int read_back(FILE *file, char *text)
{
	size_t len;

	rewind(file);
	len = fread(text, 1, OUTPUT_SIZE - 1, file);
	text[len] = '\0';
	fclose(file);
	return len < OUTPUT_SIZE - 1;
}

/* Runs @argv, with @env ("NAME=value", or "") on top of ours without the variables of corelo. */
static void run(struct run *run, const char *const *argv, const char *const *env)
{
	FILE *out = tmpfile(), *err = tmpfile();
	pid_t pid;
	int status = 0;

	memset(run, 0, sizeof(*run));
	run->status = 255;
	if (!CHECK(out && err))
		return;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		unsetenv("CORELO_BTF");
		unsetenv("CORELO_STRICT");
		unsetenv("CORELO_LOG");
		for (; *env; env++)
			if (**env)
				putenv((char *)*env);
		if (dup2(fileno(out), 1) >= 0 && dup2(fileno(err), 2) >= 0)
			execvp(argv[0], (char *const *)argv);
		perror(argv[0]);
		_exit(127);
	}
	if (CHECK(pid > 0) && CHECK(waitpid(pid, &status, 0) == pid))
		run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	CHECK(read_back(out, run->out));
	CHECK(read_back(err, run->err));
}

#endif /* CORELO_RUN_H */
