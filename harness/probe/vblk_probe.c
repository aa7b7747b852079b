// SPDX-License-Identifier: GPL-2.0-only
/* Test helper: says how much memory a disk's driver asks for with each request. */

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/module.h>

static char *disk = "/dev/vda";
module_param(disk, charp, 0444);

static int __init vblk_probe_init(void)
{
	struct file *file = filp_open(disk, O_RDONLY, 0);
	struct blk_mq_tag_set *set;

	if (IS_ERR(file))
		return PTR_ERR(file);
	set = bdev_get_queue(I_BDEV(file->f_mapping->host))->tag_set;
	pr_info("vblk_probe: cmd_size=%u depth=%u queues=%u\n", set->cmd_size,
		set->queue_depth, set->nr_hw_queues);
	filp_close(file, NULL);
	return 0;
}
module_init(vblk_probe_init);

static void __exit vblk_probe_exit(void)
{
}
module_exit(vblk_probe_exit);

MODULE_DESCRIPTION("virtio_blk test helper");
MODULE_LICENSE("GPL");
