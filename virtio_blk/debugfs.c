// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/virtio_blk/<disk>/: what the queues are and have done.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "virtio_blk.h"

static struct dentry *virtblk_debugfs_root;

/* One line a queue. They are counted on meanwhile: the figures are not of one moment. */
static int counters_show(struct seq_file *m, void *unused)
{
	struct virtio_blk *vblk = m->private;
	unsigned int i;

	seq_puts(m, "queue requests completions acquisitions batches kicks kicks_saved");
	seq_puts(m, " interrupts missed deferred max_backlog\n");
	for (i = 0; i < vblk->num_queues; i++) {
		const struct virtblk_stats *s = &vblk->queues[i].stats;

		seq_printf(m, "%s %llu %llu %llu %llu %llu %llu %llu %llu %llu %u\n",
			   vblk->queues[i].name, READ_ONCE(s->requests), READ_ONCE(s->completions),
			   READ_ONCE(s->acquisitions), READ_ONCE(s->batches), READ_ONCE(s->kicks),
			   READ_ONCE(s->kicks_saved), READ_ONCE(s->interrupts),
			   READ_ONCE(s->missed), READ_ONCE(s->deferred),
			   READ_ONCE(s->max_backlog));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int queues_show(struct seq_file *m, void *unused)
{
	struct virtio_blk *vblk = m->private;
	unsigned int i;

	seq_puts(m, "queue ring descriptors polled request_bytes queue_bytes\n");
	for (i = 0; i < vblk->num_queues; i++) {
		struct virtblk_queue *q = &vblk->queues[i];

		seq_printf(m, "%s %u %s %u %u %zu\n", q->name, q->ring_size,
			   q->vblk->direct ? "direct" : "indirect", q->polled,
			   vblk->tag_set.cmd_size, sizeof(*q));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(queues);

/* A digit a bit, as sysfs shows what was negotiated: /sys/bus/virtio/devices/.../features. */
static int offered_show(struct seq_file *m, void *unused)
{
	struct virtio_blk *vblk = m->private;
	unsigned int i;

	for (i = 0; i < BITS_PER_TYPE(vblk->offered); i++)
		seq_putc(m, vblk->offered & BIT_ULL(i) ? '1' : '0');
	seq_putc(m, '\n');
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(offered);

/**
 * virtblk_debugfs_add - show a disk's queues
 * @vblk: the device, its disk named
 *
 * Context: process. Without debugfs it does nothing.
 */
void virtblk_debugfs_add(struct virtio_blk *vblk)
{
	vblk->debugfs = debugfs_create_dir(vblk->disk->disk_name, virtblk_debugfs_root);
	debugfs_create_file("counters", 0444, vblk->debugfs, vblk, &counters_fops);
	debugfs_create_file("queues", 0444, vblk->debugfs, vblk, &queues_fops);
	debugfs_create_file("offered", 0444, vblk->debugfs, vblk, &offered_fops);
}

/**
 * virtblk_debugfs_remove - undo virtblk_debugfs_add()
 * @vblk: the device
 *
 * Context: process, waits for readers.
 */
void virtblk_debugfs_remove(struct virtio_blk *vblk)
{
	debugfs_remove(vblk->debugfs);
}

/**
 * virtblk_debugfs_init - make the folder for all disks
 *
 * Context: process.
 */
void virtblk_debugfs_init(void)
{
	virtblk_debugfs_root = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

/**
 * virtblk_debugfs_exit - undo virtblk_debugfs_init()
 *
 * Context: process.
 */
void virtblk_debugfs_exit(void)
{
	debugfs_remove(virtblk_debugfs_root);
}
