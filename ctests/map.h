/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A test of every exported function, and that there is one for each name of
 * the version map and for no other. Include it behind check.h.
 */
#ifndef CORELO_MAP_H
#define CORELO_MAP_H

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAP_MAX 256

struct map_row {
	const char *name;
	void (*test)(void);
};

/* Each name of the map has a row, and each row a name. */
static inline void map_compare(const char *path, const struct map_row *rows, size_t count)
{
	int seen[MAP_MAX] = { 0 };
	FILE *file = fopen(path, "r");
	char line[256], *name, *end;
	size_t i, names = 0;

	if (!CHECK(file) || !CHECK(count <= MAP_MAX)) {
		printf("\t%s: %s\n", path, strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		for (name = line; isspace((unsigned char)*name); name++)
			;
		for (end = name; isalnum((unsigned char)*end) || *end == '_'; end++)
			;
		if (end == name || *end != ';')
			continue;
		*end = '\0';
		names++;
		for (i = 0; i < count && strcmp(rows[i].name, name); i++)
			;
		if (!CHECK(i < count))
			printf("\t%s has no row here\n", name);
		else
			seen[i]++;
	}
	fclose(file);
	CHECK(names && names == count);
	for (i = 0; i < count; i++)
		if (!CHECK(seen[i] == 1))
			printf("\t%s is %d times in %s\n", rows[i].name, seen[i], path);
}

#endif /* CORELO_MAP_H */
