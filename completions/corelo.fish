# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_corelo_global_optspecs
    string join \n v/verbose color= h/help V/version
end

function __fish_corelo_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_corelo_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_corelo_using_subcommand
    set -l cmd (__fish_corelo_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c corelo -n "__fish_corelo_needs_command" -l color -d 'When to use colour; `auto` is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c corelo -n "__fish_corelo_needs_command" -s v -l verbose -d 'Say more on stderr: once for a summary and what was poisoned, twice for how each answer was found'
complete -c corelo -n "__fish_corelo_needs_command" -s h -l help -d 'Print help'
complete -c corelo -n "__fish_corelo_needs_command" -s V -l version -d 'Print version'
complete -c corelo -n "__fish_corelo_needs_command" -f -a "relocate" -d 'Write an object with its CO-RE relocations applied'
complete -c corelo -n "__fish_corelo_needs_command" -f -a "inspect" -d 'Show what each CO-RE relocation of an object comes to'
complete -c corelo -n "__fish_corelo_needs_command" -f -a "check" -d 'Tell which programs of objects load and attach on which kernels'
complete -c corelo -n "__fish_corelo_needs_command" -f -a "min-btf" -d 'Write the smallest BTF with which objects are relocated as with all of a kernel\'s'
complete -c corelo -n "__fish_corelo_needs_command" -f -a "btf" -d 'Show, verify or extract the BTF of a kernel, a module or an object'
complete -c corelo -n "__fish_corelo_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c corelo -n "__fish_corelo_using_subcommand relocate" -l btf -d 'BTF to relocate against: a raw or ELF file; `-` for standard input. The first is the kernel\'s, further ones its modules\'. Without any, the running kernel and its modules' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand relocate" -l kernel-version -d 'Version of the kernel, such as 6.12.5: the value of LINUX_KERNEL_VERSION, which may guard poisoned instructions' -r
complete -c corelo -n "__fish_corelo_using_subcommand relocate" -l config -d 'Configuration of the kernel, such as /boot/config-6.12.5: the values of `extern` variables CONFIG_*' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand relocate" -l semantics -d 'Whose answers to give where the two implementations differ' -r -f -a "libbpf\t'libbpf\'s, which loads most programs'
kernel\t'The kernel\'s own, which relocates light skeletons'"
complete -c corelo -n "__fish_corelo_using_subcommand relocate" -s o -l output -d 'Where to write the relocated object; `-` for standard output. It may be IN.o' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand relocate" -l color -d 'When to use colour; `auto` is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c corelo -n "__fish_corelo_using_subcommand relocate" -l forbid-reachable -d 'Fail, and write nothing, if the verifier reaches a poisoned instruction of a program that is loaded by default'
complete -c corelo -n "__fish_corelo_using_subcommand relocate" -l tag-poison -d 'Poison with numbers that name the relocation in the verifier\'s log: 2003000000 and up'
complete -c corelo -n "__fish_corelo_using_subcommand relocate" -s v -l verbose -d 'Say more on stderr: once for a summary and what was poisoned, twice for how each answer was found'
complete -c corelo -n "__fish_corelo_using_subcommand relocate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -l btf -d 'BTF to relocate against: a raw or ELF file; `-` for standard input. The first is the kernel\'s, further ones its modules\'. Without any, the running kernel and its modules' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -l kernel-version -d 'Version of the kernel, such as 6.12.5: the value of LINUX_KERNEL_VERSION, which may guard poisoned instructions' -r
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -l config -d 'Configuration of the kernel, such as /boot/config-6.12.5: the values of `extern` variables CONFIG_*' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -l semantics -d 'Whose answers to give where the two implementations differ' -r -f -a "libbpf\t'libbpf\'s, which loads most programs'
kernel\t'The kernel\'s own, which relocates light skeletons'"
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -l format -d 'How to write it' -r -f -a "text\t'A table'
json\t'JSON, of the schema in docs/check.schema.json'"
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -l log -d 'Instead of the table, explain the verifier\'s log in this file, or in what a loader printed; `-` for standard input' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -l program -d 'The program that the log is of, where the log does not say it, or the one of several to explain' -r
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -l color -d 'When to use colour; `auto` is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -l candidates -d 'List every candidate of each relocation, and why it does not match'
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -s v -l verbose -d 'Say more on stderr: once for a summary and what was poisoned, twice for how each answer was found'
complete -c corelo -n "__fish_corelo_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c corelo -n "__fish_corelo_using_subcommand check" -l btf -d 'A kernel in any form, or a folder of kernels; KERNEL,MODULE,... is a kernel and modules of it. May be repeated. Without any, the running kernel and its modules' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand check" -l extra-btf -d 'BTF with types that no kernel has, which the loader gives to relocations' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand check" -l optional -d 'Programs that need not load on every kernel: a pattern for OBJECT/PROGRAM, as in \'biosnoop/*\'' -r
complete -c corelo -n "__fish_corelo_using_subcommand check" -l only -d 'Check these programs only' -r
complete -c corelo -n "__fish_corelo_using_subcommand check" -l target -d 'What the loader attaches a program to, instead of what its section says' -r
complete -c corelo -n "__fish_corelo_using_subcommand check" -l set -d 'What the loader writes to a `const volatile` variable: an integer, true or false' -r
complete -c corelo -n "__fish_corelo_using_subcommand check" -l rodata -d 'All such variables: what `bpftool -j map dump` prints of the map .rodata' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand check" -l config -d 'Configuration of the kernels, instead of what comes with them' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand check" -l kernel-version -d 'Version of the kernels, instead of what comes with them: 6.12 or 6.12.5' -r
complete -c corelo -n "__fish_corelo_using_subcommand check" -l baseline -d 'An earlier JSON report: exit with 1 only for what it does not have' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand check" -l format -d 'How to write what goes to standard output, and to files whose suffix does not tell' -r -f -a "text\t'For a terminal of 80 columns'
json\t'The schema is docs/check.schema.json'
html\t'A page for browsers'
markdown\t'For the summary of a CI job'"
complete -c corelo -n "__fish_corelo_using_subcommand check" -s o -l output -d 'Write a report to a file as well: .json, .html, .md or .txt. `-` takes the place of the text on standard output' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand check" -l semantics -d 'Whose answers relocations get where the two implementations differ' -r -f -a "libbpf\t'libbpf\'s, which loads most programs'
kernel\t'The kernel\'s own, which relocates light skeletons'"
complete -c corelo -n "__fish_corelo_using_subcommand check" -s j -l jobs -d 'Threads, and kernels in memory at a time. Without it, one for each processor' -r
complete -c corelo -n "__fish_corelo_using_subcommand check" -l color -d 'When to use colour; `auto` is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c corelo -n "__fish_corelo_using_subcommand check" -l all-modules -d 'Take what neither a kernel nor its modules here have for missing. By default, that is unknown where only a kernel\'s BTF is given: a module may have it'
complete -c corelo -n "__fish_corelo_using_subcommand check" -l strict -d 'Exit with 1 also for what is unknown'
complete -c corelo -n "__fish_corelo_using_subcommand check" -s v -l verbose -d 'Say more on stderr: once for a summary and what was poisoned, twice for how each answer was found'
complete -c corelo -n "__fish_corelo_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c corelo -n "__fish_corelo_using_subcommand min-btf" -l btf -d 'Kernels: files with BTF, kernel images, packages, and folders of them. Modules of a kernel follow it after commas. Without any, the running kernel and its modules' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand min-btf" -s o -l output -d 'Where to write it: a file for one kernel, `-` for standard output; for several kernels or modules a folder that exists or ends in a slash, or an archive by its name: .tar, .tar.xz, .tar.zst' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand min-btf" -l color -d 'When to use colour; `auto` is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c corelo -n "__fish_corelo_using_subcommand min-btf" -l keep-ids -d 'Let types keep their ids, for BPF_CORE_TYPE_ID_TARGET. The file is larger'
complete -c corelo -n "__fish_corelo_using_subcommand min-btf" -l for-check -d 'Keep also what `corelo check` reads of a kernel for these objects, such as what programs attach to'
complete -c corelo -n "__fish_corelo_using_subcommand min-btf" -l fail-unreadable -d 'Fail, and write nothing, if an object or a kernel cannot be read. By default, it is left out with a message'
complete -c corelo -n "__fish_corelo_using_subcommand min-btf" -s v -l verbose -d 'Say more on stderr: once for a summary and what was poisoned, twice for how each answer was found'
complete -c corelo -n "__fish_corelo_using_subcommand min-btf" -s h -l help -d 'Print help'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and not __fish_seen_subcommand_from info verify extract help" -l color -d 'When to use colour; `auto` is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c corelo -n "__fish_corelo_using_subcommand btf; and not __fish_seen_subcommand_from info verify extract help" -s v -l verbose -d 'Say more on stderr: once for a summary and what was poisoned, twice for how each answer was found'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and not __fish_seen_subcommand_from info verify extract help" -s h -l help -d 'Print help'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and not __fish_seen_subcommand_from info verify extract help" -f -a "info" -d 'Show byte order, sizes, ids and the number of types of each kind'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and not __fish_seen_subcommand_from info verify extract help" -f -a "verify" -d 'List what is broken, and structs, unions and enums that differ from others of their name'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and not __fish_seen_subcommand_from info verify extract help" -f -a "extract" -d 'Write the BTF of a kernel, a module or an object to a file'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and not __fish_seen_subcommand_from info verify extract help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from info" -l base -d 'The kernel whose types the BTF of a module continues' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from info" -l color -d 'When to use colour; `auto` is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from info" -s v -l verbose -d 'Say more on stderr: once for a summary and what was poisoned, twice for how each answer was found'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from info" -s h -l help -d 'Print help'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from verify" -l base -d 'The kernel whose types the BTF of a module continues' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from verify" -l color -d 'When to use colour; `auto` is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Say more on stderr: once for a summary and what was poisoned, twice for how each answer was found'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from extract" -l module -d 'A module of this name in the package, instead of the kernel' -r
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from extract" -s o -l output -d 'Where to write it; `-` for standard output' -r -F
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from extract" -l color -d 'When to use colour; `auto` is on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from extract" -s v -l verbose -d 'Say more on stderr: once for a summary and what was poisoned, twice for how each answer was found'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from extract" -s h -l help -d 'Print help'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from help" -f -a "info" -d 'Show byte order, sizes, ids and the number of types of each kind'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from help" -f -a "verify" -d 'List what is broken, and structs, unions and enums that differ from others of their name'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from help" -f -a "extract" -d 'Write the BTF of a kernel, a module or an object to a file'
complete -c corelo -n "__fish_corelo_using_subcommand btf; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c corelo -n "__fish_corelo_using_subcommand help; and not __fish_seen_subcommand_from relocate inspect check min-btf btf help" -f -a "relocate" -d 'Write an object with its CO-RE relocations applied'
complete -c corelo -n "__fish_corelo_using_subcommand help; and not __fish_seen_subcommand_from relocate inspect check min-btf btf help" -f -a "inspect" -d 'Show what each CO-RE relocation of an object comes to'
complete -c corelo -n "__fish_corelo_using_subcommand help; and not __fish_seen_subcommand_from relocate inspect check min-btf btf help" -f -a "check" -d 'Tell which programs of objects load and attach on which kernels'
complete -c corelo -n "__fish_corelo_using_subcommand help; and not __fish_seen_subcommand_from relocate inspect check min-btf btf help" -f -a "min-btf" -d 'Write the smallest BTF with which objects are relocated as with all of a kernel\'s'
complete -c corelo -n "__fish_corelo_using_subcommand help; and not __fish_seen_subcommand_from relocate inspect check min-btf btf help" -f -a "btf" -d 'Show, verify or extract the BTF of a kernel, a module or an object'
complete -c corelo -n "__fish_corelo_using_subcommand help; and not __fish_seen_subcommand_from relocate inspect check min-btf btf help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c corelo -n "__fish_corelo_using_subcommand help; and __fish_seen_subcommand_from btf" -f -a "info" -d 'Show byte order, sizes, ids and the number of types of each kind'
complete -c corelo -n "__fish_corelo_using_subcommand help; and __fish_seen_subcommand_from btf" -f -a "verify" -d 'List what is broken, and structs, unions and enums that differ from others of their name'
complete -c corelo -n "__fish_corelo_using_subcommand help; and __fish_seen_subcommand_from btf" -f -a "extract" -d 'Write the BTF of a kernel, a module or an object to a file'
