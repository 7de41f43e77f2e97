/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The loader that is init of the guests of scripts/check-kernels.py. It prints
 * a row for each program or instruction that it gave to the kernel:
 *
 *	way TAB object TAB name TAB errno TAB poison TAB tag TAB verified TAB detail
 *
 * errno is 0 or negative. poison: the verifier came to an instruction that a
 * failed relocation has poisoned. tag: the kernel's hash of the instructions
 * that it was given and has relocated. verified: how many instructions the
 * verifier walked. detail: why not, in the words of the kernel or of libbpf.
 */
#ifndef CORELO_GUEST_H
#define CORELO_GUEST_H

#include <stdbool.h>
#include <stddef.h>

struct bpf_object;
struct bpf_program;

struct verdict {
	int err;
	bool poison;
	char tag[17];
	unsigned int verified;
	char detail[256];
};

/* The verifier's log of one load. */
extern char verifier_log[4 << 20];

/* What libbpf has warned of first since the last reset, or "". */
extern char libbpf_warning[256];

/* Fills in tag and verified of a loaded program; the descriptor is closed. */
void verdict_of_program(struct verdict *verdict, int fd);

/* Fills in poison and detail of a failed load, from the log and from libbpf's warning. */
void verdict_of_failure(struct verdict *verdict, int err);

void print_row(const char *way, const char *object, const char *name, const struct verdict *verdict);

/*
 * Ways to load. Each returns 0, or -1 for an object that gave no rows.
 *
 * programs: each program of an object by itself. libbpf relocates it, unless
 * there is nothing left to relocate.
 *
 * skeleton: the same, as a light skeleton does it: libbpf makes a program that
 * loads the object's, and the kernel relocates it.
 *
 * instructions: each instruction that has records in the object, relocated by
 * the kernel, in a program that does not come to it; and, as way "relocated",
 * the instruction at the same place of the other object, without its records.
 * Without another object (NULL) only the former.
 *
 * programs and reach with a list of instructions: where a program loads, the
 * kernel is given others, too: as way "dead", poison for all those of the
 * list; as way "reached", for one mark REACHED.
 */
int load_programs(const char *way, const char *object, const char *dead);
int load_skeleton(const char *object);
int load_instructions(const char *object, const char *relocated);

/* A list of instructions of an object: function and number in the function. */
int read_dead(const char *object_path, const char *list);

/* From now on, the program is loaded again with poison whenever libbpf has loaded it. */
void load_again_poisoned(const struct bpf_object *of, const struct bpf_program *program);

#endif
