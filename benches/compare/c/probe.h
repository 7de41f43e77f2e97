/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What is measured besides time, alike in every contender's process. */
#ifndef PROBE_H
#define PROBE_H

#include <stddef.h>
#include <stdint.h>

/* nanoseconds of the monotonic clock */
uint64_t probe_now(void);
/* starts to count what malloc() and its like have handed out, from zero */
void probe_heap_start(void);
/* the most that was handed out at one time since the start; counts on */
size_t probe_heap_peak(void);
void probe_heap_stop(void);
/* under callgrind: begins or ends the part whose instructions are counted */
void probe_toggle_collect(void);

#endif
