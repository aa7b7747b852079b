// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU TCG plugin: counts the instructions that the guest executes, on all
 * vCPUs together, in a file that the host can read while the guest runs:
 *
 *	-plugin ./insns.so,counts=/path/to/an/8-byte/file
 *
 * A halted vCPU executes nothing, so idle time is not in the figure.  The sum
 * is exact only where vCPUs take turns, that is with -icount.
 *
 * Debian does not package qemu-plugin.h; what is used of it is declared here.
 */
#include <fcntl.h>
#include <stdint.h>
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
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						enum qemu_plugin_op op,
						void *ptr, uint64_t imm);

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 1;

static uint64_t *count;

/*
 * Counting by instruction, not by block: a block that is left in its middle
 * (a fault, a device access under -icount) is entered a second time.
 */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++)
		qemu_plugin_register_vcpu_insn_exec_inline(
			qemu_plugin_tb_get_insn(tb, i),
			QEMU_PLUGIN_INLINE_ADD_U64, count, 1);
}

static uint64_t *map_count(const char *path)
{
	void *map = MAP_FAILED;
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd >= 0 && !ftruncate(fd, sizeof(*count)))
		map = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return map == MAP_FAILED ? NULL : map;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
			       int argc, char **argv)
{
	static const char option[] = "counts=";

	(void)info;
	if (argc == 1 && !strncmp(argv[0], option, sizeof(option) - 1))
		count = map_count(argv[0] + sizeof(option) - 1);
	if (!count) {
		fprintf(stderr, "insns.so: needs %sFILE, a file that can be written\n",
			option);
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
