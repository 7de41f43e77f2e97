/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Where log lines go by default, and what CORELO_LOG makes of them. It is read
 * once in a program, so that each case is a run of this one:
 *
 *	log refuse|hostile|fine stderr|function
 */
#include "check.h"
#include "fixture.h"
#include "run.h"

#include <errno.h>

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

/* This program's child(), with CORELO_LOG=@setting; 0 when it was as it should be. */
static int run_child(const char *self, const char *setting, const char *what, const char *where, struct run *output)
{
	const char *argv[] = { self, what, where, NULL }, *env[] = { setting, NULL };

	run(output, argv, env);
	return output->status;
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
	static struct run output;

	/* what goes wrong, and no more */
	CHECK(!run_child(self, "", "refuse", "stderr", &output));
	CHECK(!*output.out);
	CHECK(count(output.err, "\n") == 1);
	CHECK(!strncmp(output.err, "corelo: prog 'range_ldx'", strlen("corelo: prog 'range_ldx'")));
	CHECK(strstr(output.err, "32767"));
	CHECK(!run_child(self, "", "fine", "stderr", &output));
	CHECK(!*output.out && !*output.err);
	/* what is no level is none */
	CHECK(!run_child(self, "CORELO_LOG=loud", "fine", "stderr", &output));
	CHECK(!*output.out && !*output.err);

	CHECK(!run_child(self, "CORELO_LOG=off", "refuse", "stderr", &output));
	CHECK(!*output.out && !*output.err);
	CHECK(!run_child(self, "CORELO_LOG=warn", "refuse", "stderr", &output));
	CHECK(count(output.err, "\n") == 1);
	CHECK(!run_child(self, "CORELO_LOG=warn", "fine", "stderr", &output));
	CHECK(!*output.err);
	/* a line for each relocation and candidate */
	CHECK(!run_child(self, "CORELO_LOG=debug", "fine", "stderr", &output));
	CHECK(!*output.out);
	CHECK(count(output.err, "\n") >= 4);
	CHECK(count(output.err, "corelo: ") == count(output.err, "\n"));
	CHECK(strstr(output.err, "struct far.away (0:2 @ offset 40004"));
}

static void to_function(char *self)
{
	static struct run output;

	/* all of it: the function may choose */
	CHECK(!run_child(self, "", "fine", "function", &output));
	CHECK(!*output.err);
	CHECK(count(output.out, "\n") >= 4);
	CHECK(count(output.out, "2: ") == count(output.out, "\n"));
	CHECK(!run_child(self, "CORELO_LOG=debug", "refuse", "function", &output));
	CHECK(count(output.out, "0: prog 'range_ldx'") == 1);
	CHECK(count(output.out, "2: ") >= 1);
	/* and without it, stderr again */
	CHECK(count(output.err, "corelo: ") >= 1);
	CHECK(!run_child(self, "CORELO_LOG=warn", "refuse", "function", &output));
	CHECK(count(output.out, "\n") == 1 && count(output.err, "\n") == 1);
	CHECK(!run_child(self, "CORELO_LOG=off", "refuse", "function", &output));
	CHECK(!*output.out && !*output.err);
}

/* A terminal is stderr's other end as a rule; what a function does with a line is its own affair. */
static void hostile_names(char *self)
{
	static struct run output;
	const char *at;

	CHECK(!run_child(self, "CORELO_LOG=debug", "hostile", "stderr", &output));
	CHECK(count(output.err, "far.\\u{1b}\\n\\u{9b}") == 1);
	CHECK(count(output.err, "corelo: ") == count(output.err, "\n"));
	for (at = output.err; *at == '\n' || (*at >= ' ' && *at <= '~'); at++)
		;
	CHECK(!*at);
	CHECK(!run_child(self, "", "hostile", "function", &output));
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
