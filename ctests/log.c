/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Where log lines go by default, and what CORELO_LOG makes of them. It is read
 * once in a program, so that each case is a run of this one:
 *
 *	log warn|refuse|hostile|fine stderr|function
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

static int relocate_fixture(const char *what, const struct corelo_btf *target)
{
	const char *name = !strcmp(what, "fine") ? "range" : !strcmp(what, "warn") ? "optional" : "range_ldx";
	unsigned char *elf;
	size_t size;
	int ret;

	elf = fixture(name, BUILD_IS_BIG, &size);
	if (elf && !strcmp(what, "hostile"))
		make_hostile(elf, size);
	ret = target && elf ? relocate(elf, size, target, NULL) : -ENOENT;
	free(elf);
	return ret;
}

/* Relocates an object with two warnings, or one that is refused, or one with a hostile name, or another one. */
static int child(const char *what, int function)
{
	struct corelo_btf *target = corelo_btf_open(TARGET(BUILD_IS_BIG), NULL);
	int ret;

	if (function)
		corelo_log_set(to_stdout, stdout);
	ret = relocate_fixture(what, target);
	/* later lines go where they went before */
	corelo_log_set(NULL, NULL);
	if (function && !strcmp(what, "warn"))
		ret = relocate_fixture(what, target);
	corelo_btf_free(target);
	return ret != (!strcmp(what, "refuse") ? -ERANGE : 0);
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

/* How many lines there are where, at least and at most, and what is in one of them. */
static const struct {
	const char *setting, *what, *where;
	int out_least, out_most, err_least, err_most;
	const char *in_out, *in_err;
} rows[] = {
	/* warnings, and no more */
	{ "", "warn", "stderr", 0, 0, 2, 2, "", "corelo: prog 'optional'" },
	{ "", "fine", "stderr", 0, 0, 0, 0, "", "" },
	/* an error is returned, not logged */
	{ "", "refuse", "stderr", 0, 0, 0, 0, "", "" },
	{ "", "refuse", "function", 1, 99, 0, 0, "2: prog 'range_ldx'", "" },
	/* an unknown level is reported once, and counts as none */
	{ "CORELO_LOG=loud", "fine", "stderr", 0, 0, 1, 1, "", "corelo: CORELO_LOG=loud: not off, warn, info or debug\n" },
	{ "CORELO_LOG=loud", "warn", "stderr", 0, 0, 3, 3, "", "" },
	{ "CORELO_LOG=", "warn", "stderr", 0, 0, 2, 2, "", "" },
	{ "CORELO_LOG=off", "warn", "stderr", 0, 0, 0, 0, "", "" },
	{ "CORELO_LOG=warn", "warn", "stderr", 0, 0, 2, 2, "", "" },
	{ "CORELO_LOG=warn", "fine", "stderr", 0, 0, 0, 0, "", "" },
	/* a line for each relocation and candidate */
	{ "CORELO_LOG=debug", "fine", "stderr", 0, 0, 4, 99, "", "struct far.away (0:2 @ offset 40004" },
	/* all of it: the function may choose */
	{ "", "fine", "function", 4, 99, 0, 0, "2: ", "" },
	/* and without it, stderr again */
	{ "CORELO_LOG=debug", "warn", "function", 3, 99, 3, 99, "\n0: prog 'optional'", "corelo: " },
	{ "CORELO_LOG=debug", "warn", "function", 3, 99, 3, 99, "2: ", "" },
	{ "CORELO_LOG=warn", "warn", "function", 2, 2, 2, 2, "", "" },
	{ "CORELO_LOG=off", "warn", "function", 0, 0, 0, 0, "", "" },
	/* what a function does with a line is its own affair */
	{ "", "hostile", "function", 4, 99, 0, 0, "far." HOSTILE, "" },
};

static void where_lines_go(const char *self)
{
	static struct run output;
	size_t i;
	int out, err, ok;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ok = CHECK(!run_child(self, rows[i].setting, rows[i].what, rows[i].where, &output));
		out = count(output.out, "\n");
		err = count(output.err, "\n");
		ok &= CHECK(out >= rows[i].out_least && out <= rows[i].out_most) & CHECK(strstr(output.out, rows[i].in_out)) &
		      CHECK(err >= rows[i].err_least && err <= rows[i].err_most) & CHECK(strstr(output.err, rows[i].in_err)) &
		      CHECK(count(output.err, "corelo: ") == err);
		if (!ok)
			printf("\trow %d: \"%s\", \"%s\"\n", (int)i, output.out, output.err);
	}
}

/* A terminal is stderr's other end as a rule. */
static void hostile_names(const char *self)
{
	static struct run output;
	const char *at;

	CHECK(!run_child(self, "CORELO_LOG=debug", "hostile", "stderr", &output));
	CHECK(count(output.err, "far.\\u{1b}\\n\\u{9b}") == 1);
	CHECK(count(output.err, "corelo: ") == count(output.err, "\n"));
	for (at = output.err; *at == '\n' || (*at >= ' ' && *at <= '~'); at++)
		;
	CHECK(!*at);
}

int main(int argc, char **argv)
{
	if (argc > 2)
		return child(argv[1], !strcmp(argv[2], "function"));
	CHECK_LIBRARY();
	where_lines_go(argv[0]);
	hostile_names(argv[0]);
	return check_summary("log");
}
