// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// tour.c in C++11: handles free themselves, errors are exceptions.
//
//	c++ -o tour tour.cpp $(pkg-config --cflags --libs corelo)
//	./tour [OBJECT [BTF [OUT]]]
#include <corelo.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

template <typename T, void (*free)(T *)> struct Free {
	void operator()(T *handle) const { free(handle); }
};
template <typename T, void (*free)(T *)> using Handle = std::unique_ptr<T, Free<T, free>>;

using Btf = Handle<corelo_btf, corelo_btf_free>;
using Targets = Handle<corelo_targets, corelo_targets_free>;
// `struct`, because there is a function of this name
using Check = Handle<struct corelo_check, corelo_check_free>;
using Report = Handle<corelo_report, corelo_report_free>;

static void require(bool ok)
{
	if (!ok)
		throw std::runtime_error(corelo_last_error());
}

static std::vector<char> read_file(const std::string &path)
{
	std::ifstream file(path, std::ios::binary);

	if (!file)
		throw std::runtime_error("cannot be read");
	return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

// Which programs load, and what speaks against the others.
static void check(const std::vector<char> &elf, const Targets &targets)
{
	static const char *const verdicts[] = { "yes", "unknown", "no" };
	corelo_check_opts opts = {};
	struct corelo_check *out = nullptr;

	opts.sz = sizeof(opts);
	opts.targets = targets.get();
	require(!corelo_check(elf.data(), elf.size(), &opts, &out));
	Check check(out);

	for (std::size_t i = 0; i < corelo_check_program_cnt(check.get()); i++) {
		const auto *program = corelo_check_program(check.get(), i);

		std::cout << program->name << ": load " << verdicts[program->load] << ", attach "
			  << verdicts[program->attach] << '\n';
	}
	for (std::size_t i = 0; i < corelo_check_finding_cnt(check.get()); i++) {
		const auto *finding = corelo_check_finding(check.get(), i);

		std::cout << finding->rule << ": " << finding->message << '\n';
	}
}

static void relocate(std::vector<char> &elf, const Targets &targets)
{
	static const char *const outcomes[] = { "resolved", "poisoned", "skipped", "failed" };
	corelo_relocate_opts opts = {};
	corelo_report *out = nullptr;

	opts.sz = sizeof(opts);
	opts.targets = targets.get();
	opts.report = &out;
	int err = corelo_relocate(elf.data(), elf.size(), &opts);
	Report report(out);

	for (std::size_t i = 0; i < corelo_report_entry_cnt(out); i++) {
		const auto *e = corelo_report_get(out, i);

		std::cout << (e->file ? e->file : "?") << ':' << e->line << ": " << (e->access ? e->access : "?") << ": "
			  << outcomes[e->outcome] << ", " << e->orig_val << " -> " << e->new_val << '\n';
		if (e->message)
			std::cout << "    " << e->message << '\n';
	}
	require(!err);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "examples/demo.bpf.o";

	try {
		std::vector<char> elf = read_file(path);
		Btf kernel(corelo_btf_open(argc > 2 ? argv[2] : "examples/demo.btf", nullptr));
		require(kernel != nullptr);
		Targets targets(corelo_targets_new(kernel.get(), nullptr, 0));
		require(targets != nullptr);

		// check() before relocate(), which changes the object
		check(elf, targets);
		relocate(elf, targets);
		if (argc > 3) {
			std::ofstream file(argv[3], std::ios::binary);

			file.exceptions(std::ios::badbit | std::ios::failbit);
			file.write(elf.data(), elf.size());
		}
	} catch (const std::exception &e) {
		std::cout.flush();
		std::cerr << "tour: " << path << ": " << e.what() << '\n';
		return 1;
	}
	return 0;
}
