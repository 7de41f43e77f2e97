/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * The differences that are meant to be, as docs/deviations.md has them under
 * the same names. Whatever is not in the table is a bug, in corelo or in here.
 */
#ifndef DIFFERENTIAL_DEVIATIONS_H
#define DIFFERENTIAL_DEVIATIONS_H

#include "compare.h"

#include <signal.h>

struct deviation {
	const char *name;
	const char *reason;
	int (*is)(const struct difference *d);
	/* the first version of libbpf, as 100 * major + minor, that no longer does so; 0: they all do */
	uint32_t until;
	unsigned long count;
};

static int failed_with(const struct difference *d, int ret, const char *words)
{
	return d->ours->ret[d->stage] == ret && strstr(d->words, words);
}

static int hung(const struct difference *d)
{
	int signal = d->facet == ENDED ? d->theirs->signal[d->stage] : 0;

	return signal == SIGVTALRM || signal == SIGALRM;
}

static int is_cycle(const struct difference *d)
{
	/* it calls itself at each step in places, until the stack is full */
	int overflow = d->facet == ENDED && d->theirs->signal[d->stage] == SIGSEGV;

	return (hung(d) || overflow) && failed_with(d, -EINVAL, "leads back to itself");
}

static int is_zero_size_bitfield(const struct difference *d)
{
	return d->facet == ENDED && d->theirs->signal[d->stage] == SIGFPE && d->stage == CALC &&
	       failed_with(d, -EINVAL, "whose size is zero");
}

static int is_foreign_lshift(const struct difference *d)
{
	struct bpf_core_relo_res same;

	if (d->stage != CALC || d->question->relo.kind != BPF_CORE_FIELD_LSHIFT_U64 || d->plan->big == BUILD_IS_BIG)
		return 0;
	if (d->facet == RETURNED) {
		/* candidates that agree in the one order and not in the other */
		int ours = d->ours->ret[CALC], theirs = d->theirs->ret[CALC];

		return d->question->cand_count > 1 && ((!ours && theirs == -EINVAL) || (ours == -EINVAL && !theirs));
	}
	same = d->theirs->res;
	same.orig_val = d->ours->res.orig_val;
	same.new_val = d->ours->res.new_val;
	return d->facet == VALUES && !values_differ(&same, &d->ours->res);
}

static int is_huge_element(const struct difference *d)
{
	int theirs = d->theirs->ret[d->stage];

	/* a size of 2 GiB and more as a signed number; the last of them look like an errno */
	return d->stage == CALC && d->facet == RETURNED && failed_with(d, -E2BIG, "is larger than 4 GiB") &&
	       (theirs == -1 || theirs < -4095);
}

static int is_no_utf8(const struct difference *d)
{
	const char *text = d->facet == TEXT ? d->their_spec->text : "";

	if (d->facet != TEXT || d->our_spec->text_overrun || d->their_spec->text_overrun)
		return 0;
	if (d->question->text_size >= 500)
		return strchr(text, '\xff') && strstr(d->our_spec->text, "\xef\xbf\xbd");
	/* the name may lie behind what fits: only the lengths tell */
	return d->plan->temper.binary && d->our_spec->text_len > d->their_spec->text_len;
}

static int has_no_such_type(const struct difference *d)
{
	const struct question *q = d->question;
	uint32_t count = d->plan->target[0].count + (q->types.target ? d->plan->target[1].count : 0);

	/* a type-based spec says nothing of its type until it becomes text */
	if (d->stage == PARSE && !d->ours->ret[PARSE])
		return (d->facet == TEXT || d->facet == ENDED) && q->relo.type_id > d->plan->local.count &&
		       d->ours->parsed.text_len == -EINVAL;
	if (d->facet != ENDED && d->facet != RETURNED)
		return 0;
	if (d->stage == COMPAT || d->stage == MATCH)
		return q->types.target_id > count && failed_with(d, -EINVAL, "is not in this BTF");
	return (d->stage == PARSE || d->stage == CALC || d->stage == ADD_CANDS) &&
	       q->relo.type_id > d->plan->local.count && d->ours->ret[d->stage] == -EINVAL;
}

/* The access string of the question. */
static const char *access_text(const struct difference *d)
{
	return (const char *)d->pair->local.data + build_get(d->pair->local.data + 4, 4, d->plan->big) +
	       build_get(d->pair->local.data + 16, 4, d->plan->big) + d->question->relo.access_str_off;
}

static int has_huge_index(const struct difference *d)
{
	const char *at = access_text(d);

	if ((d->stage != PARSE && d->stage != CALC) || (d->facet != RETURNED && d->facet != ENDED) ||
	    !failed_with(d, -EINVAL, "0 to 2147483647"))
		return 0;
	for (; *at; at += strspn(at, "0123456789") + !strspn(at, "0123456789"))
		if (*at >= '0' && *at <= '9' && strtoull(at, NULL, 10) > INT32_MAX)
			return 1;
	return 0;
}

static int has_negative_index(const struct difference *d)
{
	return (d->stage == PARSE || d->stage == CALC) && (d->facet == RETURNED || d->facet == ENDED) &&
	       strchr(access_text(d), '-') && failed_with(d, -EINVAL, "0 to 2147483647");
}

/* Elements of an array, of all dimensions; 1 of what is no array. */
static uint32_t elements(const struct model *m, uint32_t id)
{
	const struct model_type *t;
	uint32_t count = 1;

	for (t = model_resolve(m, id); t && t->kind == BTF_KIND_ARRAY; t = model_resolve(m, t->part[0].type))
		count *= t->part[0].value;
	return count;
}

static int is_array_size(const struct difference *d)
{
	const struct bpf_core_relo_res *ours = &d->ours->res, *theirs = &d->theirs->res;
	struct bpf_core_relo_res same = *theirs;
	uint32_t split = d->pair->first_id[1], in_local, in_target;

	if (d->stage != CALC || d->facet != VALUES || d->question->relo.kind != BPF_CORE_FIELD_BYTE_OFFSET)
		return 0;
	in_local = elements(&d->plan->local, ours->orig_type_id);
	/* a candidate of the module may be a type of its base */
	if (d->pair->targets > 1 && ours->new_type_id >= split)
		in_target = elements(&d->plan->target[1], ours->new_type_id - split + 1);
	else
		in_target = elements(&d->plan->target[0], ours->new_type_id);
	same.orig_sz = ours->orig_sz;
	same.new_sz = ours->new_sz;
	same.fail_memsz_adjust = ours->fail_memsz_adjust;
	return theirs->orig_sz == ours->orig_sz * in_local && theirs->new_sz == ours->new_sz * in_target &&
	       !values_differ(&same, ours);
}

/* The sign of a local member that is no int; an enum whose values are unsigned is none either. */
static int is_signed_of_no_int(const struct difference *d)
{
	const struct spec_answer *spec = &d->ours->local;
	struct bpf_core_relo_res same = d->theirs->res;
	const struct model_type *t;

	if (d->stage != CALC || d->question->relo.kind != BPF_CORE_FIELD_SIGNED || d->ours->ret[CALC] || spec->len < 2)
		return 0;
	t = model_type(&d->plan->local, spec->steps[spec->len - 1].type_id);
	if (t && model_is_composite(t))
		t = model_resolve(&d->plan->local, t->part[spec->steps[spec->len - 1].idx].type);
	/* libbpf takes what follows a record of another kind for an int's encoding */
	if (!t || t->kind == BTF_KIND_INT)
		return 0;
	/* in one candidate and not in the other */
	if (d->facet == RETURNED)
		return d->theirs->ret[CALC] == -EINVAL && d->question->cand_count > 1;
	same.orig_val = d->ours->res.orig_val;
	same.new_val = d->ours->res.new_val;
	return d->facet == VALUES && !values_differ(&same, &d->ours->res);
}

static struct deviation deviations[] = {
	{ "cycle", "libbpf follows a typedef or array that leads back to itself for ever", is_cycle, 0, 0 },
	{ "zero-size-bitfield", "libbpf divides by the size of a bitfield's type", is_zero_size_bitfield, 0, 0 },
	{ "foreign-lshift", "libbpf shifts as on the machine it was built for", is_foreign_lshift, 0, 0 },
	{ "huge-element", "libbpf takes a size of 2 GiB and more for an errno", is_huge_element, 0, 0 },
	{ "no-utf8", "in text, corelo replaces bytes that are no UTF-8", is_no_utf8, 0, 0 },
	{ "no-such-type", "libbpf reads out of bounds for an id that no type has", has_no_such_type, 0, 0 },
	{ "huge-index", "what sscanf(3) makes of an index above 2147483647 is undefined", has_huge_index, 0, 0 },
	{ "negative-index", "libbpf before 1.8 takes negative indices", has_negative_index, 108, 0 },
	{ "signed-of-no-int", "libbpf before 1.3 asks any type for its encoding as an int", is_signed_of_no_int, 103, 0 },
	{ "array-size", "libbpf before 1.6 takes all of an array for what a load moves", is_array_size, 106, 0 },
};

#define DEVIATIONS (sizeof(deviations) / sizeof(deviations[0]))

/* The one that explains @d, or NULL. */
static struct deviation *explain(const struct difference *d)
{
	size_t i;

	/* that nothing is written on failure is a promise of ours, whatever libbpf does */
	for (i = 0; i < DEVIATIONS && d->facet != TOUCHED; i++)
		if ((!deviations[i].until || d->version < deviations[i].until) && deviations[i].is(d))
			return &deviations[i];
	return NULL;
}

#endif
