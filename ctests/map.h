/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The tests of all exported functions: test_NAME for each NAME of the version
 * map. Include it behind them: a test that is missing, or one too many, does
 * not compile.
 */
#ifndef CORELO_MAP_H
#define CORELO_MAP_H

#define MAP_NAME(name) { #name, test_##name },

static const struct {
	const char *name;
	void (*test)(void);
} rows[] = {
/* a MAP_NAME(NAME) for each, by scripts/check.py */
#include "map_names.h"
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

#endif /* CORELO_MAP_H */
