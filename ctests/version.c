/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The library that is loaded is the one that the header describes, and says so. */
#include "check.h"

#include <corelo.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

int main(void)
{
	const char *macros = TEXT(CORELO_VERSION_MAJOR) "." TEXT(CORELO_VERSION_MINOR) "." TEXT(CORELO_VERSION_PATCH);
	const char *version = corelo_version();
	void *handle;

	CHECK_LIBRARY();
	if (CHECK(version))
		CHECK(!strcmp(version, CORELO_VERSION));
	/* a pre-release has more behind it */
	CHECK(!strncmp(CORELO_VERSION, macros, strlen(macros)));
	/* valid for the life of the program */
	CHECK(corelo_version() == version);

#ifndef CORELO_STATIC
	/* what a program records when it is linked: the name with its version, not the bare name */
	CHECK(dlvsym(RTLD_DEFAULT, "corelo_version", "CORELO_0.1.0"));
	CHECK(!dlvsym(RTLD_DEFAULT, "corelo_version", "CORELO_0.0.9"));
	CHECK(dlvsym(RTLD_DEFAULT, "bpf_core_calc_relo_insn", "CORELO_0.1.0"));

	/* the soname is what the loader looks for, and it is the library that is loaded already */
	handle = dlopen(CORELO_VERSION_MAJOR ? "libcorelo.so." TEXT(CORELO_VERSION_MAJOR)
			: "libcorelo.so." TEXT(CORELO_VERSION_MAJOR) "." TEXT(CORELO_VERSION_MINOR),
			RTLD_NOW | RTLD_NOLOAD);
	if (CHECK(handle))
		dlclose(handle);
#else
	(void)handle;
#endif
	return check_summary("version");
}
