// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * libbpf's own functions, asked what is in the file on stdin (exchange.h).
 *
 * On some questions libbpf never returns or crashes: then this program ends by
 * a signal, at a place that the file names, and is started again for the rest.
 * Exit status 0 at the end of the file, else 2.
 *
 * Linked with libbpf.a and not with libcorelo, whose functions have the same
 * names; it makes sure of that itself.
 */
#define _GNU_SOURCE
#include "answer.h"
#include "split.h"

#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

/* Where a function is that this program calls. */
static void *place(void (*fn)(void))
{
	void *addr;

	/* ISO C has no cast from a function to an object pointer */
	memcpy(&addr, &fn, sizeof(addr));
	return addr;
}

static int is_libbpf(void)
{
	void (*const asked[])(void) = {
		(void (*)(void))bpf_core_essential_name_len, (void (*)(void))bpf_core_add_cands,
		(void (*)(void))bpf_core_parse_spec, (void (*)(void))bpf_core_calc_relo_insn,
		(void (*)(void))bpf_core_format_spec, (void (*)(void))bpf_core_patch_insn,
		(void (*)(void))__bpf_core_types_are_compat, (void (*)(void))__bpf_core_types_match,
	};
	Dl_info program, fn;
	size_t i;

	if (dlsym(RTLD_DEFAULT, "corelo_version")) {
		fputs("oracle: linked with libcorelo, not an oracle\n", stderr);
		return 0;
	}
	if (!dladdr(place((void (*)(void))is_libbpf), &program))
		return 0;
	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		if (!dladdr(place(asked[i]), &fn) || fn.dli_fbase != program.dli_fbase) {
			fprintf(stderr, "oracle: function %zu isn't that of libbpf.a\n", i);
			return 0;
		}
	}
	return 1;
}

/* Processor time: a busy machine is no reason to give up. */
static void limit(long milliseconds)
{
	struct itimerval timer = { { 0, 0 }, { milliseconds / 1000, milliseconds % 1000 * 1000 } };

	setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

static void close_pair(struct handles *h)
{
	int i;

	/* split BTF before its base */
	for (i = TARGETS - 1; i >= 0; i--)
		btf__free((struct btf *)h->target[i]);
	btf__free((struct btf *)h->local);
}

static int open_pair(const struct pair *p, struct handles *h)
{
	uint32_t i;

	memset(h, 0, sizeof(*h));
	h->local = open_file(&p->local, NULL);
	for (i = 0; i < p->targets && h->local; i++) {
		h->target[i] = open_file(&p->target[i], i ? (struct btf *)h->target[0] : NULL);
		if (!h->target[i])
			return -1;
	}
	return h->local ? 0 : -1;
}

int main(void)
{
	struct exchange *e;
	struct handles h;

	if (!is_libbpf())
		return 2;
	e = mmap(NULL, sizeof(*e), PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0);
	if (e == MAP_FAILED) {
		perror("oracle: stdin");
		return 2;
	}
	e->major = libbpf_major_version();
	e->minor = libbpf_minor_version();
	libbpf_set_print(NULL);
	/* nothing here is worth a core file */
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	/* should it wait for something, which it doesn't */
	alarm(300);

	for (; e->at_pair < e->pair_count; e->at_pair++, e->at_case = 0, e->at_stage = 0) {
		struct pair *p = &e->pairs[e->at_pair];

		limit(1000);
		p->refused |= open_pair(p, &h);
		for (; e->at_case < p->cases && !p->refused; e->at_case++, e->at_stage = 0) {
			struct answer *a = &p->answers[e->at_case];
			uint32_t stage;

			limit(30);
			/* an answer, once given, stays: what follows writes elsewhere */
			for (stage = e->at_stage; stage < STAGES; e->at_stage = ++stage)
				a->ret[stage] = answer_stage(&p->questions[e->at_case], p, &h, a, (int)stage);
		}
		close_pair(&h);
	}
	e->finished = 1;
	return 0;
}
