// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU TCG plugin: counts the instructions that the guest executes, on all
 * vCPUs together, by address.
 *
 *	-plugin ./insns.so,starts=FILE,counts=FILE
 *
 * Both are files of 64-bit numbers.  starts: addresses in ascending order, the
 * first one 0.  counts, written here, can be read while the guest runs: for
 * each of them, the instructions executed from there on, up to the next one.
 *
 * A halted vCPU executes nothing, so idle time is not in the figure.  The sum
 * is exact only where vCPUs take turns, that is with -icount.
 *
 * With calls=FILE,held=FILE besides, hold.c counts what runs under the lock of
 * a virtqueue.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "insns.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 1;

static const uint64_t *starts;
static uint64_t *counts;
static bool holds;
size_t num_starts;

size_t span_of(uint64_t address)
{
	size_t low = 0, high = num_starts;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (starts[middle] <= address)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * Counting by instruction, not by block: a block that is left in its middle
 * (a fault, a device access under -icount) is entered a second time.
 */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (holds)
		hold_translated(tb);
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t *count = &counts[span_of(qemu_plugin_insn_vaddr(insn))];

		qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							   count, 1);
	}
}

void *map_file(const char *path, size_t *size)
{
	void *map = MAP_FAILED;
	int fd = open(path, O_RDWR);
	off_t end = -1;

	if (fd >= 0)
		end = lseek(fd, 0, SEEK_END);
	if (end > 0)
		map = mmap(NULL, end, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	*size = end;
	return map == MAP_FAILED ? NULL : map;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
			       int argc, char **argv)
{
	size_t starts_size = 0, counts_size = 0;
	const char *calls = NULL, *held = NULL;
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "starts=", 7))
			starts = map_file(argv[i] + 7, &starts_size);
		else if (!strncmp(argv[i], "counts=", 7))
			counts = map_file(argv[i] + 7, &counts_size);
		else if (!strncmp(argv[i], "calls=", 6))
			calls = argv[i] + 6;
		else if (!strncmp(argv[i], "held=", 5))
			held = argv[i] + 5;
	}
	if (!starts || !counts || starts_size != counts_size) {
		fprintf(stderr, "insns.so: needs starts=FILE and counts=FILE of one size\n");
		return 1;
	}
	num_starts = starts_size / sizeof(*starts);
	holds = calls && held;
	if (holds && !hold_install(calls, held)) {
		fprintf(stderr, "insns.so: calls=FILE or held=FILE is not what hold.c needs\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
