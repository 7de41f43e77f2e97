// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause

// tour.c in Go, by cgo: checks an object on a kernel, relocates it for that
// kernel, and reports.
//
//	go build tour.go
//	./tour [OBJECT [BTF [OUT]]]
package main

/*
#cgo pkg-config: corelo
#include <corelo.h>
#include <stdlib.h>

// Go must not store a pointer to its own memory in a struct of C, so C fills in the options.
static int relocate(void *elf, size_t size, const struct corelo_targets *targets, struct corelo_report **report)
{
	struct corelo_relocate_opts opts = { .sz = sizeof(opts), .targets = targets, .report = report };

	return corelo_relocate(elf, size, &opts);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

var (
	verdicts = []string{"yes", "unknown", "no"}
	outcomes = []string{"resolved", "poisoned", "skipped", "failed"}
)

// locked keeps fn and the look at its error on one thread, to which the message belongs.
func locked(fn func() bool) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if fn() {
		return nil
	}
	return errors.New(C.GoString(C.corelo_last_error()))
}

func text(s *C.char) string {
	if s == nil {
		return "?"
	}
	return C.GoString(s)
}

func openTargets(path string) (targets *C.struct_corelo_targets, err error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	err = locked(func() bool {
		kernel := C.corelo_btf_open(name, nil)
		if kernel == nil {
			return false
		}
		// the targets keep a reference of their own
		defer C.corelo_btf_free(kernel)
		targets = C.corelo_targets_new(kernel, nil, 0)
		return targets != nil
	})
	return targets, err
}

// check says which programs load, and what speaks against the others.
func check(elf []byte, targets *C.struct_corelo_targets) error {
	var result *C.struct_corelo_check
	opts := C.struct_corelo_check_opts{targets: targets}
	opts.sz = C.size_t(unsafe.Sizeof(opts))
	err := locked(func() bool {
		return C.corelo_check(unsafe.Pointer(&elf[0]), C.size_t(len(elf)), &opts, &result) == 0
	})
	if err != nil {
		return err
	}
	defer C.corelo_check_free(result)
	for i := C.size_t(0); i < C.corelo_check_program_cnt(result); i++ {
		program := C.corelo_check_program(result, i)
		fmt.Printf("%s: load %s, attach %s\n", text(program.name), verdicts[program.load], verdicts[program.attach])
	}
	for i := C.size_t(0); i < C.corelo_check_finding_cnt(result); i++ {
		finding := C.corelo_check_finding(result, i)
		fmt.Printf("%s: %s\n", text(finding.rule), text(finding.message))
	}
	return nil
}

func relocate(elf []byte, targets *C.struct_corelo_targets) error {
	var report *C.struct_corelo_report
	err := locked(func() bool {
		return C.relocate(unsafe.Pointer(&elf[0]), C.size_t(len(elf)), targets, &report) == 0
	})
	defer C.corelo_report_free(report)
	for i := C.size_t(0); i < C.corelo_report_entry_cnt(report); i++ {
		e := C.corelo_report_get(report, i)
		fmt.Printf("%s:%d: %s: %s, %d -> %d\n", text(e.file), e.line, text(e.access), outcomes[e.outcome], e.orig_val, e.new_val)
		if e.message != nil {
			fmt.Printf("    %s\n", text(e.message))
		}
	}
	return err
}

func run(object, kernel, out string) error {
	elf, err := os.ReadFile(object)
	if err != nil {
		return err
	}
	if len(elf) == 0 {
		return errors.New("the file is empty")
	}
	targets, err := openTargets(kernel)
	if err != nil {
		return err
	}
	defer C.corelo_targets_free(targets)
	// check before relocate, which changes the object
	if err := check(elf, targets); err != nil {
		return err
	}
	if err := relocate(elf, targets); err != nil || out == "" {
		return err
	}
	return os.WriteFile(out, elf, 0o644)
}

func main() {
	files := []string{"examples/demo.bpf.o", "examples/demo.btf", ""}
	copy(files, os.Args[1:])
	if err := run(files[0], files[1], files[2]); err != nil {
		fmt.Fprintf(os.Stderr, "tour: %s: %v\n", files[0], err)
		os.Exit(1)
	}
}
