// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * init of a guest: runs the jobs in /jobs, prints their rows to the second
 * serial port, and turns the machine off. It refuses to be anything else, since
 * it gives the kernel relocations that some kernels do not survive.
 *
 * A line of /jobs is a way and one or two files, in between tabs. The last
 * row is "end": without it, something has gone wrong on the way.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "guest.h"

#define JOB_MAX 1024

char verifier_log[4 << 20];
char libbpf_warning[256];

static int keep_warning(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN && !*libbpf_warning)
		vsnprintf(libbpf_warning, sizeof(libbpf_warning), format, args);
	return 0;
}

void verdict_of_program(struct verdict *verdict, int fd)
{
	struct bpf_prog_info info;
	__u32 size = sizeof(info);
	size_t i;

	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(fd, &info, &size)) {
		verdict_of_failure(verdict, -errno);
	} else {
		for (i = 0; i < sizeof(info.tag); i++)
			sprintf(verdict->tag + 2 * i, "%02x", info.tag[i]);
		verdict->verified = info.verified_insns;
	}
	close(fd);
}

/* The last line of the log that is not about the log itself. */
static void last_line(char *out, size_t size)
{
	static const char *const statistics[] = { "processed ", "verification time ", "stack depth " };
	const char *line = verifier_log;
	size_t i, length;

	for (; *line; line += length + (line[length] == '\n')) {
		length = strcspn(line, "\n");
		for (i = 0; i < sizeof(statistics) / sizeof(*statistics); i++)
			if (!strncmp(line, statistics[i], strlen(statistics[i])))
				break;
		if (length && i == sizeof(statistics) / sizeof(*statistics))
			snprintf(out, size, "%.*s", (int)length, line);
	}
}

void verdict_of_failure(struct verdict *verdict, int err)
{
	verdict->err = err;
	/* the second is what libbpf makes of the first when it has relocated itself */
	verdict->poison = strstr(verifier_log, "invalid func unknown#195896080") ||
			  strstr(verifier_log, "<invalid CO-RE relocation>");
	last_line(verdict->detail, sizeof(verdict->detail));
	if (!*verdict->detail)
		snprintf(verdict->detail, sizeof(verdict->detail), "%s", libbpf_warning);
}

void print_row(const char *way, const char *object, const char *name, const struct verdict *verdict)
{
	char detail[sizeof(verdict->detail)], *at;

	strcpy(detail, verdict->detail);
	for (at = detail; (at = strpbrk(at, "\t\r\n")); )
		*at = ' ';
	printf("%s\t%s\t%s\t%d\t%d\t%s\t%u\t%s\n", way, object, name, verdict->err, verdict->poison, verdict->tag,
	       verdict->verified, detail);
}

static int run_job(char *line)
{
	const char *way = strtok(line, "\t\n"), *object = strtok(NULL, "\t\n"), *second = strtok(NULL, "\t\n");

	if (way && object && (!strcmp(way, "programs") || !strcmp(way, "reach")))
		return load_programs(way, object, second);
	if (way && object && !strcmp(way, "skeleton"))
		return load_skeleton(object);
	if (way && object && !strcmp(way, "instructions"))
		return load_instructions(object, second);
	return -1;
}

/* In a process of its own: what one object does to libbpf harms no other. */
static void run(char line[JOB_MAX])
{
	char job[JOB_MAX];
	int status;
	pid_t child;

	line[strcspn(line, "\n")] = '\0';
	strcpy(job, line);
	fflush(stdout);
	child = fork();
	if (!child) {
		status = run_job(line);
		fflush(stdout);
		_exit(!!status);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		printf("failed\t%s\n", job);
}

static bool same_contents(const char *one, const char *other)
{
	char a[4096], b[sizeof(a)];
	FILE *first = fopen(one, "r"), *second = fopen(other, "r");
	size_t size;

	if (!first || !second)
		return false;
	do {
		size = fread(a, 1, sizeof(a), first);
		if (fread(b, 1, sizeof(b), second) != size || memcmp(a, b, size))
			return false;
	} while (size == sizeof(a));
	return true;
}

static void serial_port(const char *path)
{
	struct termios port;
	int fd = open(path, O_RDWR | O_NOCTTY);

	if (fd < 0 || tcgetattr(fd, &port))
		return;
	cfmakeraw(&port);
	tcsetattr(fd, TCSANOW, &port);
	dup2(fd, STDOUT_FILENO);
}

int main(void)
{
	char line[JOB_MAX];
	struct utsname kernel;
	FILE *jobs;

	if (getpid() != 1) {
		fputs("runs as init of a virtual machine only: see scripts/check-kernels.py\n", stderr);
		return 2;
	}
	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("debug", "/sys/kernel/debug", "debugfs", 0, NULL);
	serial_port("/dev/ttyS1");
	uname(&kernel);
	printf("kernel\t%s\n", kernel.release);
	printf("btf\t%s\n", same_contents("/target.btf", "/sys/kernel/btf/vmlinux") ? "same" : "other");

	libbpf_set_print(keep_warning);
	jobs = fopen("/jobs", "r");
	while (jobs && fgets(line, sizeof(line), jobs))
		run(line);
	printf("end\n");
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	reboot(RB_POWER_OFF);
	return 1;
}
