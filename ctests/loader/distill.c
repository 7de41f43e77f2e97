/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * What libbpf makes of modules that are built out of tree:
 *
 *	distill KERNEL DIR MODULE...	raw BTF of modules as that of ELF files
 *					with a distilled base: DIR/MODULE.ko
 *	relocate KERNEL DIR FILE...	their BTF on another kernel, as raw BTF:
 *					DIR/MODULE.btf
 *
 * What is refused is printed and has no file.
 */
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELF_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

static void fail(const char *what)
{
	perror(what);
	exit(2);
}

static FILE *create(const char *dir, char *module, const char *ext)
{
	char path[4096], *name = basename(module), *dot = strrchr(name, '.');
	FILE *file;

	snprintf(path, sizeof(path), "%s/%.*s%s", dir, (int)(dot ? dot - name : (long)strlen(name)), name, ext);
	file = fopen(path, "w");
	if (!file)
		fail(path);
	return file;
}

static void write_elf(FILE *file, const struct btf *btf, const struct btf *base)
{
	static const char names[] = "\0.BTF\0.BTF.base\0.shstrtab";
	Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELF_DATA, EV_CURRENT },
		.e_type = ET_REL, .e_version = EV_CURRENT, .e_ehsize = sizeof(header),
		.e_shoff = sizeof(header), .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 4, .e_shstrndx = 3,
	};
	Elf64_Shdr sections[4] = {
		{ .sh_type = SHT_NULL },
		{ .sh_name = 1, .sh_type = SHT_PROGBITS },
		{ .sh_name = 6, .sh_type = SHT_PROGBITS },
		{ .sh_name = 16, .sh_type = SHT_STRTAB },
	};
	const void *content[4] = { NULL, NULL, NULL, names };
	uint32_t size[4] = { 0, 0, 0, sizeof(names) };
	uint64_t offset = sizeof(header) + sizeof(sections);
	int i;

	content[1] = btf__raw_data(btf, &size[1]);
	content[2] = btf__raw_data(base, &size[2]);
	for (i = 1; i < 4; offset += size[i++]) {
		sections[i].sh_offset = offset;
		sections[i].sh_size = size[i];
		sections[i].sh_addralign = 1;
	}
	fwrite(&header, sizeof(header), 1, file);
	fwrite(sections, sizeof(sections), 1, file);
	for (i = 1; i < 4; i++)
		fwrite(content[i], size[i], 1, file);
}

static int distill(struct btf *kernel, const char *dir, char *module)
{
	struct btf *btf = btf__parse_split(module, kernel), *base, *split;
	FILE *file;

	if (!btf || btf__distill_base(btf, &base, &split))
		return -errno;
	file = create(dir, module, ".ko");
	write_elf(file, split, base);
	if (fclose(file))
		fail(module);
	btf__free(split);
	btf__free(base);
	btf__free(btf);
	return 0;
}

static int relocate(struct btf *kernel, const char *dir, char *module)
{
	struct btf *btf = btf__parse_split(module, kernel);
	const void *data;
	uint32_t size;
	FILE *file;

	if (!btf)
		return -errno;
	file = create(dir, module, ".btf");
	data = btf__raw_data(btf, &size);
	fwrite(data, size, 1, file);
	if (fclose(file))
		fail(module);
	btf__free(btf);
	return 0;
}

int main(int argc, char **argv)
{
	int is_distill = argc > 1 && !strcmp(argv[1], "distill"), i, err;
	struct btf *kernel;

	if (argc < 4)
		return 2;
	libbpf_set_print(NULL);
	kernel = btf__parse(argv[2], NULL);
	if (!kernel)
		fail(argv[2]);
	for (i = 4; i < argc; i++) {
		err = (is_distill ? distill : relocate)(kernel, argv[3], argv[i]);
		if (err)
			printf("%s: %d\n", argv[i], err);
	}
	btf__free(kernel);
	return 0;
}
