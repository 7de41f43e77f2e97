/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A shared library with all of libcorelo.a inside, which exports plugin() and
 * nothing else.
 */
#include <corelo.h>
#include <corelo/relo_core.h>

#define MAP_NAME(name) (void (*)(void))name,

void (*plugin(unsigned int which))(void);

void (*plugin(unsigned int which))(void)
{
	static void (*const functions[])(void) = {
/* by scripts/check.py */
#include "map_names.h"
	};

	return which < sizeof(functions) / sizeof(functions[0]) ? functions[which] : (void (*)(void))0;
}
