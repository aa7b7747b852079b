// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU TCG plugin: counts the instructions that the guest executes, on all
 * vCPUs together, in a file that the host can read while the guest runs: two
 * 64-bit numbers, all instructions and those at addresses in the ranges.
 *
 *	-plugin ./insns.so,counts=FILE[,range=FIRST-LAST...]
 *
 * A halted vCPU executes nothing, so idle time is not in the figure.  The sum
 * is exact only where vCPUs take turns, that is with -icount.
 *
 * Debian does not package qemu-plugin.h; what is used of it is declared here.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info qemu_info_t;
typedef void (*tb_trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_cb cb);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
						 size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						enum qemu_plugin_op op,
						void *ptr, uint64_t imm);

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 1;

static struct counts {
	uint64_t all;
	uint64_t in_ranges;
} *counts;

static struct range {
	uint64_t first;
	uint64_t last;
} ranges[8];
static unsigned int num_ranges;

static bool in_ranges(uint64_t address)
{
	unsigned int i;

	for (i = 0; i < num_ranges; i++)
		if (address >= ranges[i].first && address <= ranges[i].last)
			return true;
	return false;
}

static void add_one(struct qemu_plugin_insn *insn, uint64_t *count)
{
	qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
						   count, 1);
}

/*
 * Counting by instruction, not by block: a block that is left in its middle
 * (a fault, a device access under -icount) is entered a second time.
 */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		add_one(insn, &counts->all);
		if (in_ranges(qemu_plugin_insn_vaddr(insn)))
			add_one(insn, &counts->in_ranges);
	}
}

static bool map_counts(const char *path)
{
	void *map = MAP_FAILED;
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd >= 0 && !ftruncate(fd, sizeof(*counts)))
		map = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	counts = map;
	return map != MAP_FAILED;
}

static bool add_range(const char *text)
{
	struct range *range = &ranges[num_ranges];

	if (num_ranges == sizeof(ranges) / sizeof(ranges[0]) ||
	    sscanf(text, "%" SCNx64 "-%" SCNx64, &range->first, &range->last) != 2)
		return false;
	num_ranges++;
	return true;
}

static bool take(const char *option)
{
	if (!strncmp(option, "counts=", 7))
		return map_counts(option + 7);
	if (!strncmp(option, "range=", 6))
		return add_range(option + 6);
	return false;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
			       int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!take(argv[i])) {
			fprintf(stderr, "insns.so: cannot use '%s'\n", argv[i]);
			return 1;
		}
	}
	if (!counts) {
		fprintf(stderr, "insns.so: needs counts=FILE\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
