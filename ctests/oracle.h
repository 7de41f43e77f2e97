/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What the oracle writes to parity, in this order: a struct oracle_answer, and
 * as many struct oracle_relo as it says, in the order in which libbpf started
 * them. Errors are negative numbers as libbpf returned them.
 */
#ifndef CORELO_ORACLE_H
#define CORELO_ORACLE_H

#include <limits.h>
#include <stddef.h>

enum oracle_outcome {
	RELOCATED,	/* the relocation step went through */
	NO_RELOCATION,	/* the object has no CO-RE relocation */
	REFUSED,	/* the relocation step failed with the error */
	UNOPENED,	/* libbpf cannot open such an object */
	UNREACHED,	/* libbpf stopped before the relocation step */
	HUNG,		/* no answer within the timeout */
	CRASHED,	/* killed by the signal -error */
};

struct oracle_answer {
	int major, minor;	/* libbpf's version */
	char library[4096];	/* file that the relocation code is in */
	int modules;		/* whether the search includes the kernel's modules */
	enum oracle_outcome outcome;
	int error;
	/*
	 * The relocation that libbpf gave up at, or -1. The number of
	 * relocations when it failed before it looked at candidates.
	 */
	int failed;
	char warning[512];	/* libbpf's first one */
	size_t relo_count;
};

/* What a function returned that libbpf did not call, or that never returned. */
#define NOT_CALLED INT_MIN

struct oracle_relo {
	unsigned int insn_off;	/* bytes from the start of the ELF section */
	unsigned int kind, type_id;
	int calc;		/* what bpf_core_calc_relo_insn() returned */
	int patch;		/* what bpf_core_patch_insn() returned */
	unsigned long long orig_val, new_val;
	int array;		/* the local field is an array */
	unsigned char insn[16];	/* after the patch */
	size_t insn_len;	/* 16 at a LDIMM64, else 8; 0 without a patch */
	char section[256], program[256];
	char local_spec[1024];
	char target_spec[1024];	/* "" when no candidate matched */
};

#endif /* CORELO_ORACLE_H */
