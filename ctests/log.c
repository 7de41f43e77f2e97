/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Where log lines go by default, and what CORELO_LOG makes of them. It is read
 * once in a program, so that each case is a run of this one:
 *
 *	log refuse|hostile|fine stderr|function
 */
#include "check.h"
#include "fixture.h"

#include <errno.h>
#include <sys/wait.h>

/* Each line with its level in front. */
static void to_stdout(void *ctx, enum corelo_log_level level, const char *message)
{
	/* a function may call corelo */
	fprintf(ctx, "%d%s%s\n", level, corelo_version() ? ": " : "", message);
}

/*
 * The name of a member, "away", becomes what a terminal would obey: ESC, a new line, the CSI of eight-bit terminals. No
 * target has a member of that name, so that its relocation poisons.
 */
#define HOSTILE "\x1b\n\xc2\x9b"

static void make_hostile(unsigned char *elf, size_t size)
{
	unsigned char *at = memmem(elf, size, "\0away", sizeof("\0away"));

	if (at)
		memcpy(at + 1, HOSTILE, strlen(HOSTILE));
}

/* Relocates an object whose relocations are refused, or one with a hostile name, or another one. */
static int child(const char *what, int function)
{
	int refuse = !strcmp(what, "refuse"), hostile = !strcmp(what, "hostile");
	struct corelo_btf *target = corelo_btf_open(TARGET(BUILD_IS_BIG), NULL);
	unsigned char *elf;
	size_t size;
	int ret;

	if (function)
		corelo_log_set(to_stdout, stdout);
	elf = fixture(refuse || hostile ? "range_ldx" : "range", BUILD_IS_BIG, &size);
	if (elf && hostile)
		make_hostile(elf, size);
	ret = target && elf ? relocate(elf, size, target, NULL) : -ENOENT;
	/* what comes behind goes where it went before */
	corelo_log_set(NULL, NULL);
	if (function && refuse)
		ret = relocate(elf, size, target, NULL);
	free(elf);
	corelo_btf_free(target);
	return ret != (refuse ? -ERANGE : 0);
}

struct output {
	char out[8192], err[8192];
};

/* 0 when the run was as it should be. */
static int run(char *self, const char *setting, char *what, char *where, struct output *output)
{
	char *args[] = { self, what, where, NULL };
	int pipes[2][2], status = -1, i;
	char *to[2] = { output->out, output->err };
	size_t len;
	ssize_t n;
	pid_t pid;

	memset(output, 0, sizeof(*output));
	if (pipe(pipes[0]) || pipe(pipes[1]))
		return -1;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (i = 0; i < 2; i++) {
			dup2(pipes[i][1], i + 1);
			close(pipes[i][0]);
			close(pipes[i][1]);
		}
		unsetenv("CORELO_LOG");
		if (setting)
			setenv("CORELO_LOG", setting, 1);
		execv(self, args);
		_exit(127);
	}
	for (i = 0; i < 2; i++) {
		close(pipes[i][1]);
		/* what they write is less than a pipe holds */
		for (len = 0; len + 1 < sizeof(output->out) &&
			      (n = read(pipes[i][0], to[i] + len, sizeof(output->out) - 1 - len)) > 0; len += n)
			;
		close(pipes[i][0]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static int count(const char *text, const char *what)
{
	int n = 0;

	while ((text = strstr(text, what))) {
		n++;
		text += strlen(what);
	}
	return n;
}

static void to_stderr(char *self)
{
	struct output output;

	/* what goes wrong, and no more */
	CHECK(!run(self, NULL, "refuse", "stderr", &output));
	CHECK(!*output.out);
	CHECK(count(output.err, "\n") == 1);
	CHECK(!strncmp(output.err, "corelo: prog 'range_ldx'", strlen("corelo: prog 'range_ldx'")));
	CHECK(strstr(output.err, "32767"));
	CHECK(!run(self, NULL, "fine", "stderr", &output));
	CHECK(!*output.out && !*output.err);
	/* what is no level is none */
	CHECK(!run(self, "loud", "fine", "stderr", &output));
	CHECK(!*output.out && !*output.err);

	CHECK(!run(self, "off", "refuse", "stderr", &output));
	CHECK(!*output.out && !*output.err);
	CHECK(!run(self, "warn", "refuse", "stderr", &output));
	CHECK(count(output.err, "\n") == 1);
	CHECK(!run(self, "warn", "fine", "stderr", &output));
	CHECK(!*output.err);
	/* a line for each relocation and candidate */
	CHECK(!run(self, "debug", "fine", "stderr", &output));
	CHECK(!*output.out);
	CHECK(count(output.err, "\n") >= 4);
	CHECK(count(output.err, "corelo: ") == count(output.err, "\n"));
	CHECK(strstr(output.err, "struct far.away (0:2 @ offset 40004"));
}

static void to_function(char *self)
{
	struct output output;

	/* all of it: the function may choose */
	CHECK(!run(self, NULL, "fine", "function", &output));
	CHECK(!*output.err);
	CHECK(count(output.out, "\n") >= 4);
	CHECK(count(output.out, "2: ") == count(output.out, "\n"));
	CHECK(!run(self, "debug", "refuse", "function", &output));
	CHECK(count(output.out, "0: prog 'range_ldx'") == 1);
	CHECK(count(output.out, "2: ") >= 1);
	/* and without it, stderr again */
	CHECK(count(output.err, "corelo: ") >= 1);
	CHECK(!run(self, "warn", "refuse", "function", &output));
	CHECK(count(output.out, "\n") == 1 && count(output.err, "\n") == 1);
	CHECK(!run(self, "off", "refuse", "function", &output));
	CHECK(!*output.out && !*output.err);
}

/* A terminal is stderr's other end as a rule; what a function does with a line is its own affair. */
static void hostile_names(char *self)
{
	struct output output;
	const char *at;

	CHECK(!run(self, "debug", "hostile", "stderr", &output));
	CHECK(count(output.err, "far.\\u{1b}\\n\\u{9b}") == 1);
	CHECK(count(output.err, "corelo: ") == count(output.err, "\n"));
	for (at = output.err; *at == '\n' || (*at >= ' ' && *at <= '~'); at++)
		;
	CHECK(!*at);
	CHECK(!run(self, NULL, "hostile", "function", &output));
	CHECK(count(output.out, "far." HOSTILE) == 1);
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return child(argv[1], !strcmp(argv[2], "function"));
	CHECK_LIBRARY();
	to_stderr(argv[0]);
	to_function(argv[0]);
	hostile_names(argv[0]);
	return check_summary("log");
}
