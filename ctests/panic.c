/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A panic inside every exported function, at each point where the library can
 * be told to panic: it comes out as the documented failure, nothing is
 * written, and the next call works. Linked with a library that was built with
 * --cfg corelo_fault.
 */
#include "check.h"
#include "exports.h"

/* Makes point number @point from now on panic, 0 none. How many were left before. */
uint32_t corelo_fault_at(uint32_t point);

static int has_panicked(const struct export *e, struct call *c)
{
	switch (e->failure) {
	case NEVER:
		return 0;
	case ZERO:
		return !c->ret;
	case KEPT:
		return strstr(corelo_last_error(), "bug") != NULL;
	default:
		return c->ret == -ENOTRECOVERABLE;
	}
}

/* Each point after the other, until none is left. How many there are. */
static uint32_t panics(const struct export *e)
{
	static struct call c;
	struct output before;
	uint32_t point, left = 0;
	int panicked;

	for (point = 1; !left; point++) {
		/* with all lines wanted, also those are points */
		corelo_log_set(count_line, NULL);
		/* takes the words of the last panic away */
		corelo_btf_open(NULL, NULL);
		prepare(e, &c);
		memcpy(&before, &c.out, sizeof(before));
		corelo_fault_at(point);
		call(e, &c);
		left = corelo_fault_at(0);
		panicked = has_panicked(e, &c);
		CHECK(panicked == !left);
		CHECK(errno_is_right(e, &c));
		if (panicked) {
			CHECK(strstr(corelo_last_error(), "bug"));
			CHECK(!memcmp(&before, &c.out, sizeof(before)));
			CHECK(!c.elf || !memcmp(c.elf, c.before, c.size));
			CHECK(!c.is_kept || c.is_kept(&c));
		} else {
			CHECK(is_success(e, &c));
		}
		release(e, &c, panicked);
	}
	return point - 2;
}

int main(void)
{
	uint32_t points;
	int failures;
	size_t i;

	CHECK_LIBRARY();
	if (!open_types())
		return check_summary("panic");
	for (i = 0; i < ARRAY_SIZE(exports); i++) {
		failures = check_failed;
		points = panics(&exports[i]);
		CHECK((points > 0) == (exports[i].failure != NEVER));
		printf("%s: %u points%s\n", exports[i].name, points, check_failed > failures ? ", failed" : "");
	}
	corelo_log_set(NULL, NULL);
	close_types();
	return check_summary("panic");
}
