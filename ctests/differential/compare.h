/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Two answers to one question.
 */
#ifndef DIFFERENTIAL_COMPARE_H
#define DIFFERENTIAL_COMPARE_H

#include "questions.h"

/* What of an answer differs. */
enum facet { ENDED, RETURNED, CANDIDATES, LOCAL_SPEC, TARGET_SPEC, TEXT, VALUES, INSTRUCTION, TOUCHED, FACETS };

static const char *const facet_names[FACETS] = {
	"libbpf never returned", "returned", "candidates", "local spec", "target spec", "text", "values",
	"instruction", "written on failure",
};

/* What corelo said of a failure. */
struct why {
	char words[STAGES][160];
};

/* One difference, with all that may explain it. */
struct difference {
	enum stage stage;
	enum facet facet;
	const struct plan *plan;
	const struct pair *pair;
	const struct question *question;
	const struct answer *ours, *theirs;
	const char *words;
	/* of libbpf: 100 * major + minor */
	uint32_t version;
	/* for facet TEXT: the specs whose texts differ */
	const struct spec_answer *our_spec, *their_spec;
};

typedef void (*on_difference)(const struct difference *d);

static inline void compare_spec(struct difference *d, enum facet facet, const struct spec_answer *ours,
				const struct spec_answer *theirs, on_difference report)
{
	d->our_spec = ours;
	d->their_spec = theirs;
	d->facet = facet;
	if (specs_differ(ours, theirs))
		report(d);
	d->facet = TEXT;
	if (texts_differ(ours, theirs))
		report(d);
}

/* What succeeded on both sides. */
static inline void compare_results(struct difference *d, on_difference report)
{
	const struct answer *ours = d->ours, *theirs = d->theirs;

	switch (d->stage) {
	case NAME_LEN:
	case COMPAT:
	case MATCH:
		break;
	case ADD_CANDS:
		d->facet = CANDIDATES;
		if (cands_differ(ours->added_count, ours->added, theirs->added_count, theirs->added))
			report(d);
		break;
	case PARSE:
		compare_spec(d, LOCAL_SPEC, &ours->parsed, &theirs->parsed, report);
		break;
	case CALC:
		compare_spec(d, LOCAL_SPEC, &ours->local, &theirs->local, report);
		compare_spec(d, TARGET_SPEC, &ours->target, &theirs->target, report);
		d->facet = CANDIDATES;
		if (cands_differ(ours->cand_count, ours->cands, theirs->cand_count, theirs->cands))
			report(d);
		d->facet = VALUES;
		if (values_differ(&ours->res, &theirs->res))
			report(d);
		break;
	default:
		d->facet = INSTRUCTION;
		if (memcmp(ours->insns[d->stage - PATCH], theirs->insns[d->stage - PATCH], sizeof(ours->insns[0])))
			report(d);
		break;
	}
}

/* @d has the question and both answers. */
static inline void compare_case(struct difference *d, const struct why *why, on_difference report)
{
	int stage;

	for (stage = 0; stage < STAGES; stage++) {
		int ret = d->ours->ret[stage];

		d->stage = (enum stage)stage;
		d->words = ret < 0 ? why->words[stage] : "";
		d->our_spec = d->their_spec = NULL;
		if (d->ours->touched[stage]) {
			d->facet = TOUCHED;
			report(d);
		}
		if (d->theirs->signal[stage]) {
			d->facet = ENDED;
			report(d);
		} else if (ret != d->theirs->ret[stage]) {
			d->facet = RETURNED;
			report(d);
		} else if (ret >= 0) {
			compare_results(d, report);
		}
	}
}

#endif
