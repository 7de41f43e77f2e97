/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * libcorelo-preload.so in programs that know nothing of it: `preload DIRECTORY
 * LIBRARY` runs the opener in the directory with and without it and compares
 * what they say; then iproute2's tc and ip, whose programs it looks at in the
 * kernel.
 *
 * `preload plugin PLUGIN ARG...` is a program without libbpf that loads the
 * opener as a plugin.
 */
#include "../check.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "../run.h"
#include "../xlated.h"

#define IS_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
#define OFFSETS "examples/offsets.bpf.o"
#define PINNED "ctests/preload/pinned.bpf.o"
#define REFUSED "tests/fixtures/range_ldx.el.bpf.o"
#define NO_CORE "tests/fixtures/plain.el.bpf.o"
#define NO_BTF "tests/fixtures/nobtf.el.bpf.o"
/* task_struct.pid in there: examples/demo_btf.c. The objects have it at 0. */
#define DEMO_BTF "examples/demo.btf"
#define DEMO_PID 64

static char opener[2048], plugin[2048], bundled[2048];
static const char *library, *self;

static void tell(const char *what, const struct run *run)
{
	printf("%s: status %d\n%s%s\n", what, run->status, run->out, run->err);
}

static const char *preloaded(void)
{
	static char variable[4096];

	snprintf(variable, sizeof(variable), "LD_PRELOAD=%s", library);
	return variable;
}

static void open_with(struct run *result, const char *how, const char *path, const char *preload, const char *btf,
		      const char *strict)
{
	const char *argv[] = { opener, how, path, NULL };
	const char *env[] = { preload, btf, strict, NULL };

	run(result, argv, env);
}

/* Whether @text is @without with "first 0" in its program @program as "first @value". */
static int differs_by(const char *text, const char *without, const char *program, int value)
{
	char expected[OUTPUT_SIZE + 16], line[64];
	const char *at;

	snprintf(line, sizeof(line), "program %s in tc: first ", program);
	at = strstr(without, line);
	if (!at)
		return 0;
	at += strlen(line);
	snprintf(expected, sizeof(expected), "%.*s%d%s", (int)(at - without), without, value,
		 at + strspn(at, "0123456789"));
	return !strcmp(text, expected);
}

static void opens_as_before_but_relocated(void)
{
	static const char *const ways[] = {
		"open", "file", "file-empty-opts", "file-short-opts", "file-later-opts", "file-opts", "file-custom",
		"mem", "mem-opts", "skeleton",
	};
	static struct run without, with;
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		open_with(&without, ways[i], OFFSETS, "", "", "");
		open_with(&with, ways[i], OFFSETS, preloaded(), "CORELO_BTF=" DEMO_BTF, "CORELO_STRICT=1");
		if (!CHECK(!without.status && !with.status) || !CHECK(!*without.err && !*with.err) ||
		    !CHECK(differs_by(without.out, without.out, "pids", 0)) ||
		    !CHECK(differs_by(with.out, without.out, "pids", DEMO_PID))) {
			tell(ways[i], &without);
			tell("preloaded", &with);
		}
	}
	/* all options reach libbpf, not only the one that is written to */
	open_with(&without, "file-opts", PINNED, "", "", "");
	open_with(&with, "file-opts", PINNED, preloaded(), "CORELO_BTF=" DEMO_BTF, "");
	CHECK(strstr(with.out, "map kept pin /sys/fs/bpf/opener/kept\n"));
	if (!CHECK(differs_by(with.out, without.out, "pinned", DEMO_PID)))
		tell("pinned", &with);
}

/* What the object, the file or the options are no good for is libbpf's to say. */
static void opens_as_before(void)
{
	static const struct {
		const char *how, *path;
		int status;
	} cases[] = {
		{ "file", NO_CORE, 0 },
		/* by the same call: from the file */
		{ "file-log", NO_CORE, 0 },
		{ "mem", NO_CORE, 0 },
		{ "file", "/nonexistent/object.o", 1 },
		{ "file", "examples", 1 },
		{ "file", "/dev/null", 1 },
		{ "null", OFFSETS, 1 },
		{ "mem-nothing", OFFSETS, 1 },
		{ "mem", "/dev/null", 1 },
		{ "file-broken-opts", OFFSETS, 1 },
		{ "file-unknown-opts", OFFSETS, 1 },
	};
	static struct run without, with;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_with(&without, cases[i].how, cases[i].path, "", "", "");
		open_with(&with, cases[i].how, cases[i].path, preloaded(), "CORELO_BTF=" DEMO_BTF, "CORELO_STRICT=1");
		if (!CHECK(without.status == cases[i].status && with.status == without.status) ||
		    !CHECK(!strcmp(with.out, without.out)) || !CHECK(!strcmp(with.err, without.err))) {
			tell(cases[i].how, &without);
			tell("preloaded", &with);
		}
	}
	/* what cannot be relocated since nobody asked clang for it is opened, with a warning */
	open_with(&with, "file", NO_BTF, preloaded(), "CORELO_BTF=" DEMO_BTF, "CORELO_STRICT=1");
	CHECK(!with.status && strstr(with.err, "corelo: no .BTF section"));
}

static void which_btf(void)
{
	static const struct {
		const char *how, *btf, *out, *err;
	} rows[] = {
		/* the program's own choice counts where the user has none */
		{ "file-custom", "", "program pids in tc: first 64\n", "" },
		{ "file-custom", "CORELO_BTF=", "program pids in tc: first 64\n", "" },
		/* the user's before the program's; the fixtures' kernel has no task_struct, which poisons */
		{ "file-custom", "CORELO_BTF=tests/fixtures/target.el.o", "program pids in tc: first 195896080\n", "" },
		/* a colon too many names nothing, what is behind it is opened */
		{ "file", "CORELO_BTF=" DEMO_BTF ":", "program pids in tc: first 64\n", "" },
		{ "file", "CORELO_BTF=" DEMO_BTF ":/nonexistent/module", "errno 2\n", "/nonexistent/module" },
	};
	static struct run with;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_with(&with, rows[i].how, OFFSETS, preloaded(), rows[i].btf, "CORELO_STRICT=1");
		if (!CHECK(!with.status == !*rows[i].err) || !CHECK(strstr(with.out, rows[i].out)) ||
		    !CHECK(strstr(with.err, rows[i].err)))
			tell(rows[i].btf, &with);
	}
}

static void failures_are_said(void)
{
	static const char *const ways[] = { "open", "file", "mem", "skeleton" };
	static struct run without, with;
	char *line;
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		open_with(&without, ways[i], OFFSETS, "", "", "");
		open_with(&with, ways[i], OFFSETS, preloaded(), "CORELO_BTF=/nonexistent/btf", "");
		CHECK(with.status == without.status && !strcmp(with.out, without.out));
		line = strchr(with.err, '\n');
		/* once, although libbpf's functions call one another */
		if (!CHECK(line && !line[1] && strstr(with.err, "/nonexistent/btf") &&
			   strstr(with.err, "; left to libbpf\n")))
			tell(ways[i], &with);

		open_with(&with, ways[i], OFFSETS, preloaded(), "CORELO_BTF=/nonexistent/btf", "CORELO_STRICT=1");
		CHECK(with.status == 1 && !strcmp(with.out, "errno 2\n"));
		if (!CHECK(strstr(with.err, "/nonexistent/btf") && !strstr(with.err, "left to libbpf")))
			tell(ways[i], &with);

		/* not a BPF object, but an ELF file */
		open_with(&without, ways[i], opener, "", "", "");
		open_with(&with, ways[i], opener, preloaded(), "CORELO_BTF=" DEMO_BTF, "");
		CHECK(with.status == 1 && without.status == 1 && !strcmp(with.out, without.out));
		CHECK(strstr(with.err, "not relocated"));

		/* in one line: what becomes of the object, and why */
		open_with(&with, ways[i], REFUSED, preloaded(), "CORELO_BTF=tests/fixtures/target.el.o", "CORELO_STRICT=1");
		line = strchr(with.err, '\n');
		if (!CHECK(with.status == 1 && line && !line[1]) ||
		    !CHECK(strstr(with.err, ": not relocated: prog 'range_ldx'") && strstr(with.err, "does not fit the 16 bits")))
			tell(ways[i], &with);
	}
}

static void strict_is_anything_but_empty_and_0(void)
{
	static const struct {
		const char *strict;
		int refused;
	} rows[] = {
		{ "", 0 }, { "CORELO_STRICT=", 0 }, { "CORELO_STRICT=0", 0 }, { "CORELO_STRICT=1", 1 },
		{ "CORELO_STRICT=yes", 1 },
	};
	static struct run with;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_with(&with, "file", REFUSED, preloaded(), "CORELO_BTF=tests/fixtures/target.el.o", rows[i].strict);
		if (!CHECK(with.status == rows[i].refused) ||
		    !CHECK((strstr(with.err, "; left to libbpf\n") == NULL) == rows[i].refused))
			tell(rows[i].strict, &with);
	}
}

static void names_do_not_reach_the_terminal(void)
{
	static struct run with;
	char path[2048 + 32];
	char real[4096];
	const char *at;

	snprintf(path, sizeof(path), "%s.\x1b[7m\n\xc2\x9b.o", opener);
	unlink(path);
	if (!CHECK(realpath(OFFSETS, real) && !symlink(real, path)))
		return;
	open_with(&with, "file", path, preloaded(), "CORELO_BTF=/nonexistent/\x1b[1m", "");
	CHECK(strstr(with.err, "opener.\\x1b[7m\\x0a\\xc2\\x9b.o: not relocated: /nonexistent/\\x1b[1m"));
	for (at = with.err; *at == '\n' || (*at >= ' ' && *at <= '~'); at++)
		;
	if (!CHECK(!*at))
		tell("hostile name", &with);
	unlink(path);
}

static void with_plugin(struct run *result, const char *path, const char *how, const char *btf, const char *major)
{
	const char *argv[] = { self, "plugin", path, how, OFFSETS, NULL };
	const char *env[] = { preloaded(), btf, major, NULL };

	run(result, argv, env);
}

/* The plugin's libbpf is not where the loader's order of libraries leads from here. */
static void plugins_are_served(void)
{
	static struct run with;

	with_plugin(&with, plugin, "file", "CORELO_BTF=" DEMO_BTF, "");
	if (!CHECK(!with.status && !*with.err && strstr(with.out, "program pids in tc: first 64\n")))
		tell("plugin", &with);
	with_plugin(&with, plugin, "last", "CORELO_BTF=" DEMO_BTF, "");
	if (!CHECK(!with.status && !*with.err && !*with.out))
		tell("plugin, last call", &with);

	with_plugin(&with, bundled, "mem", "CORELO_BTF=" DEMO_BTF, "");
	if (!CHECK(!with.status && !*with.err && !strcmp(with.out, "bundled, another, named memory\nerrno 117\n")))
		tell("bundled", &with);
	with_plugin(&with, bundled, "skeleton", "CORELO_BTF=" DEMO_BTF, "");
	CHECK(!with.status && !*with.err && !strncmp(with.out, "bundled, another, named skeleton\n", 33));
	/* said once, although one of libbpf's functions calls the other */
	with_plugin(&with, bundled, "skeleton", "CORELO_BTF=/nonexistent/btf", "");
	CHECK(!strncmp(with.out, "bundled, the original, named skeleton\n", 38));
	if (!CHECK(strchr(with.err, '\n') && !strchr(with.err, '\n')[1]))
		tell("bundled", &with);
	/* one whose options may be others */
	with_plugin(&with, bundled, "mem", "CORELO_BTF=" DEMO_BTF, "BUNDLED_MAJOR=2");
	CHECK(!strncmp(with.out, "bundled, the original, named memory\n", 36));
	CHECK(strstr(with.err, "this is not libbpf 1; left to libbpf\n"));
}

static void other_programs_do_not_care(void)
{
	const char *argv[] = { "sh", "-c", "echo said; exit 3", NULL };
	const char *env[] = { preloaded(), "CORELO_BTF=/nonexistent/btf", "CORELO_STRICT=1", NULL };
	static struct run with;

	run(&with, argv, env);
	CHECK(with.status == 3 && !strcmp(with.out, "said\n") && !*with.err);
}

/* --- iproute2 --- */

struct tool {
	const char *name;
	const char *setup, *attach, *show, *undo;
	/* what stands before the program's number in the output of show */
	const char *before_id;
};

static const struct tool tools[] = {
	{ "tc", "tc qdisc add dev lo clsact", "tc filter add dev lo ingress bpf da obj " OFFSETS " sec tc",
	  "tc filter show dev lo ingress", "tc qdisc del dev lo clsact", " id " },
	{ "ip", "true", "ip link set dev lo xdpgeneric obj " OFFSETS " sec tc",
	  "ip link show dev lo", "ip link set dev lo xdpgeneric off", "prog/xdp id " },
};

static void sh(struct run *result, const char *command, const char *preload, const char *btf)
{
	const char *argv[] = { "sh", "-c", command, NULL };
	const char *env[] = { preload, btf, "CORELO_STRICT=1", NULL };

	run(result, argv, env);
}

/* Has the tool load and attach the program, and takes it from the kernel. 0 when something failed, told in @result. */
static int attached(const struct tool *tool, const char *preload, const char *btf, struct xlated *prog,
		    struct run *result)
{
	const char *id;
	int err;

	sh(result, tool->setup, "", "");
	if (result->status)
		return 0;
	sh(result, tool->attach, preload, btf);
	if (result->status)
		return 0;
	sh(result, tool->show, "", "");
	id = strstr(result->out, tool->before_id);
	if (!CHECK(id))
		return 0;
	err = xlated_of_id(strtoul(id + strlen(tool->before_id), NULL, 10), prog);
	sh(result, tool->undo, "", "");
	return CHECK(!err);
}

static void check_tool(const struct tool *tool)
{
	static struct xlated libbpf, corelo, demo;
	static struct run result;
	char name[64], why[512];

	snprintf(name, sizeof(name), "preload, %s", tool->name);
	snprintf(why, sizeof(why), "command -v %s && ldd $(command -v %s) | grep libbpf.so", tool->name, tool->name);
	sh(&result, why, "", "");
	if (result.status) {
		SKIP(name, "not there, or without libbpf.so (iproute2)");
		return;
	}
	if (!attached(tool, "", "", &libbpf, &result)) {
		snprintf(why, sizeof(why), "does not load a program here without us either: %.*s",
			 (int)strcspn(result.err, "\n"), result.err);
		SKIP(name, why);
		return;
	}
	/* for the running kernel, the same from both */
	if (!CHECK(attached(tool, preloaded(), "", &corelo, &result)))
		tell(tool->name, &result);
	CHECK(xlated_same(&libbpf, &corelo));
	/* for another, of which the tool has never heard */
	if (!CHECK(attached(tool, preloaded(), "CORELO_BTF=" DEMO_BTF, &demo, &result)))
		tell(tool->name, &result);
	CHECK(demo.count == libbpf.count && !xlated_same(&libbpf, &demo));
	CHECK(demo.insns[0].code == (BPF_ALU64 | BPF_MOV | BPF_K) && demo.insns[0].imm == DEMO_PID);
	printf("%s: pid at %d in the running kernel, at %d with CORELO_BTF; %u translated instructions\n", tool->name,
	       libbpf.insns[0].imm, demo.insns[0].imm, (unsigned int)demo.count);
	/* and one that cannot be is not loaded */
	CHECK(!attached(tool, preloaded(), "CORELO_BTF=/nonexistent/btf", &demo, &result));
	CHECK(result.status && strstr(result.err, "/nonexistent/btf"));
	sh(&result, tool->undo, "", "");
}

static void check_tools(void)
{
	size_t i;

	if (unshare(CLONE_NEWNET)) {
		SKIP("preload, tc and ip", "no network namespace of our own (root)");
		return;
	}
	for (i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		check_tool(&tools[i]);
}

static int load_plugin(int argc, char **argv)
{
	void *handle = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	int (*function)(int argc, char **argv);
	int last = argc > 3 && !strcmp(argv[2], "last");
	void *symbol = handle ? dlsym(handle, last ? "opener_last" : "opener") : NULL;
	void *(*open)(const char *path);
	int status;

	if (!symbol)
		return fprintf(stderr, "plugin: %s\n", dlerror()), 1;
	memcpy(&function, &symbol, sizeof(function));
	memcpy(&open, &symbol, sizeof(open));
	if (last)
		return open(argv[3]) ? 0 : 1;
	status = function(argc - 1, argv + 1);
	dlclose(handle);
	return status;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "plugin"))
		return load_plugin(argc - 1, argv + 1);
	if (argc != 3)
		return fprintf(stderr, "usage: preload DIRECTORY LIBRARY\n"), 2;
	self = argv[0];
	library = argv[2];
	snprintf(opener, sizeof(opener), "%s/opener", argv[1]);
	snprintf(plugin, sizeof(plugin), "%s/plugin.so", argv[1]);
	snprintf(bundled, sizeof(bundled), "%s/bundled.so", argv[1]);
	if (!IS_LITTLE) {
		SKIP("preload", "its objects are little-endian");
		return check_summary("preload");
	}
	opens_as_before_but_relocated();
	opens_as_before();
	which_btf();
	failures_are_said();
	strict_is_anything_but_empty_and_0();
	names_do_not_reach_the_terminal();
	plugins_are_served();
	other_programs_do_not_care();
	check_tools();
	return check_summary("preload");
}
