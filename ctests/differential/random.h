/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Numbers that are the same for the same seed, on every machine: rand(3) isn't.
 */
#ifndef DIFFERENTIAL_RANDOM_H
#define DIFFERENTIAL_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

/* xorshift64*, after Vigna */
static inline uint64_t random_bits(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dULL;
}

static inline void random_seed(struct random *r, uint64_t seed)
{
	/* seeds are 1, 2, 3, ...; the state must not be 0 */
	r->state = ((seed + 1) * 0x9e3779b97f4a7c15ULL) | 1;
	random_bits(r);
	random_bits(r);
}

/* 0 to @below - 1; 0 for none */
static inline uint32_t random_below(struct random *r, size_t below)
{
	return below ? (uint32_t)((random_bits(r) >> 33) % below) : 0;
}

static inline int random_chance(struct random *r, uint32_t percent)
{
	return random_below(r, 100) < percent;
}

/* One of the elements of an array. */
#define RANDOM_OF(r, array) ((array)[random_below(r, sizeof(array) / sizeof((array)[0]))])

#endif
