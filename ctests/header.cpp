// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// A C++ program includes the header and links the library: the functions are extern "C", the structs are usable.
#include <corelo.h>
#include <corelo/relo_core.h>

#include <corelo.h> // a second time, for the guards
#include <corelo/relo_core.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <type_traits>

static_assert(std::is_standard_layout<corelo_relocate_opts>::value, "a struct of C");
static_assert(std::is_trivially_copyable<corelo_report_entry>::value, "a struct of C");
static_assert(std::is_same<decltype(&corelo_relocate), int (*)(void *, size_t, const corelo_relocate_opts *)>::value,
	      "the signature that is documented");

struct Free {
	void operator()(corelo_btf *btf) const { corelo_btf_free(btf); }
};

int main()
{
	corelo_relocate_opts opts = {};
	char nothing[1] = {};

	opts.sz = sizeof(opts);
	opts.semantics = CORELO_SEMANTICS_LIBBPF;
	std::unique_ptr<corelo_btf, Free> btf(corelo_btf_from_bytes(nothing, sizeof(nothing), nullptr));
	int err = corelo_relocate(nothing, sizeof(nothing), &opts);
	bool ok = !std::strcmp(corelo_version(), CORELO_VERSION) && !btf && err < 0;

	std::printf("header: version %s, error %d: %s\n", corelo_version(), err, corelo_last_error());
	return ok ? 0 : 1;
}
