// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a disk: probe, configuration changes, suspend, reset, removal.
 */
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/string_helpers.h>

#include "virtio_blk.h"

#define VIRTBLK_PART_BITS	4

/* How long a device may take to finish what it has before it is shut down (ms). */
#define VIRTBLK_SHUTDOWN_MS	2000

/*
 * Where the kernel has a driver of the same devices built in, this one takes
 * only what it is told to, by its file "bind" in sysfs. Its disks' names are
 * no one else's, but udev's rules for vd* apply to them.
 */
#define VIRTBLK_OPT_IN		IS_BUILTIN(CONFIG_VIRTIO_BLK)
#define VIRTBLK_DISK_NAME	(VIRTBLK_OPT_IN ? "vd_%s" : "vd%s")

static int major;
static DEFINE_IDA(virtblk_index_ida);
struct workqueue_struct *virtblk_wq;

/* vda ... vdz, vdaa ... (or vd_a): digits a to z, without a zero. */
static int virtblk_name_disk(char *name, size_t len, int index)
{
	char digits[DISK_NAME_LEN];
	char *p = &digits[sizeof(digits) - 1];

	*p = '\0';
	for (; index >= 0; index = index / 26 - 1)
		*--p = 'a' + index % 26;
	return snprintf(name, len, VIRTBLK_DISK_NAME, p) < len ? 0 : -EINVAL;
}

/* Some old boot loaders and partition tools want a geometry. */
static int virtblk_getgeo(struct gendisk *disk, struct hd_geometry *geo)
{
	struct virtio_blk *vblk = disk->private_data;
	struct virtio_device *vdev;
	int err = 0;

	mutex_lock(&vblk->vdev_mutex);
	vdev = vblk->vdev;
	if (!vdev) {
		err = -ENXIO;
	} else if (virtio_has_feature(vdev, VIRTIO_BLK_F_GEOMETRY)) {
		virtio_cread(vdev, struct virtio_blk_config, geometry.cylinders, &geo->cylinders);
		virtio_cread(vdev, struct virtio_blk_config, geometry.heads, &geo->heads);
		virtio_cread(vdev, struct virtio_blk_config, geometry.sectors, &geo->sectors);
	} else {
		geo->heads = 64;
		geo->sectors = 32;
		geo->cylinders = get_capacity(disk) / (64 * 32);
	}
	mutex_unlock(&vblk->vdev_mutex);
	return err;
}

COMPAT_GETGEO_WRAPPER(virtblk_getgeo)

static void virtblk_free(struct virtio_blk *vblk)
{
	ida_free(&virtblk_index_ida, vblk->index);
	mutex_destroy(&vblk->state_mutex);
	mutex_destroy(&vblk->vdev_mutex);
	kfree(vblk->queues);
	kfree(vblk);
}

static void virtblk_free_disk(struct gendisk *disk)
{
	virtblk_free(disk->private_data);
}

static const struct block_device_operations virtblk_fops = {
	.owner		= THIS_MODULE,
	.getgeo		= COMPAT_GETGEO(virtblk_getgeo),
	.free_disk	= virtblk_free_disk,
	VIRTBLK_REPORT_ZONES
};

static u64 virtblk_read_capacity(struct virtio_device *vdev)
{
	u64 before, capacity = 0;

	/* A legacy device cannot tell that it changed meanwhile (VIRTIO 1.3, 2.5.4). */
	do {
		before = capacity;
		virtio_cread(vdev, struct virtio_blk_config, capacity, &capacity);
	} while (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1) && capacity != before);
	return capacity;
}

static void virtblk_set_capacity(struct virtio_blk *vblk, u64 capacity, bool resize)
{
	unsigned int size = queue_logical_block_size(vblk->disk->queue);
	char binary[10], decimal[10];
	u64 blocks;

	blocks = DIV_ROUND_UP_ULL(capacity, size >> SECTOR_SHIFT);
	string_get_size(blocks, size, STRING_UNITS_2, binary, sizeof(binary));
	string_get_size(blocks, size, STRING_UNITS_10, decimal, sizeof(decimal));
	dev_notice(&vblk->vdev->dev, "[%s] %s%llu %u-byte logical blocks (%s/%s)\n",
		   vblk->disk->disk_name, resize ? "new size: " : "", blocks, size, decimal,
		   binary);

	set_capacity_and_notify(vblk->disk, capacity);
}

static void virtblk_config_work(struct work_struct *work)
{
	struct virtio_blk *vblk = container_of(work, struct virtio_blk, config_work);
	u64 before = get_capacity(vblk->disk), capacity = before;

	/*
	 * What looks like a change may be a device that has failed, or is gone.
	 * A stopped device is asked again when it is restored.
	 */
	mutex_lock(&vblk->state_mutex);
	if (vblk->state == VIRTBLK_LIVE) {
		if (virtblk_needs_reset(vblk->vdev))
			virtblk_schedule_recovery(vblk);
		else
			capacity = virtblk_read_capacity(vblk->vdev);
	}
	mutex_unlock(&vblk->state_mutex);

	/* Not under the mutex: recovery must not wait for memory. */
	if (capacity != before)
		virtblk_set_capacity(vblk, capacity, true);
}

static void virtblk_config_changed(struct virtio_device *vdev)
{
	struct virtio_blk *vblk = vdev->priv;

	queue_work(virtblk_wq, &vblk->config_work);
}

COMPAT_QUEUE_RQS_WRAPPER(virtblk_queue_rqs)

static const struct blk_mq_ops virtblk_mq_ops = {
	.queue_rq	= virtblk_queue_rq,
	.queue_rqs	= COMPAT_QUEUE_RQS(virtblk_queue_rqs),
	.commit_rqs	= virtblk_commit_rqs,
	.poll		= virtblk_poll,
	.complete	= virtblk_complete_rq,
	.timeout	= virtblk_timeout,
	.init_hctx	= virtblk_init_hctx,
	.init_request	= virtblk_init_request,
	.map_queues	= virtblk_map_queues,
};

static int virtblk_alloc_tags(struct virtio_blk *vblk)
{
	struct blk_mq_tag_set *set = &vblk->tag_set;

	set->ops = &virtblk_mq_ops;
	set->queue_depth = virtblk_default_depth(vblk);
	set->numa_node = NUMA_NO_NODE;
	set->flags = COMPAT_TAG_SET_FLAGS;
	set->cmd_size = sizeof(struct virtblk_req) +
			VIRTBLK_INLINE_SGS * sizeof(struct scatterlist);
	set->driver_data = vblk;
	set->nr_hw_queues = vblk->num_queues;
	set->timeout = virtblk_io_timeout();
	set->nr_maps = vblk->io_queues[HCTX_TYPE_POLL] ? HCTX_MAX_TYPES : 1;
	return blk_mq_alloc_tag_set(set);
}

static int virtblk_alloc_disk(struct virtio_blk *vblk)
{
	struct queue_limits lim = {
		.features		= BLK_FEAT_ROTATIONAL,
		.logical_block_size	= SECTOR_SIZE,
	};
	struct gendisk *disk;
	int err;

	err = virtblk_read_limits(vblk, &lim);
	if (err)
		return err;

	disk = blk_mq_alloc_disk(&vblk->tag_set, &lim, vblk);
	if (IS_ERR(disk))
		return PTR_ERR(disk);

	virtblk_name_disk(disk->disk_name, DISK_NAME_LEN, vblk->index);
	disk->major = major;
	disk->first_minor = vblk->index << VIRTBLK_PART_BITS;
	disk->minors = 1 << VIRTBLK_PART_BITS;
	disk->private_data = vblk;
	disk->fops = &virtblk_fops;
	vblk->disk = disk;
	if (virtio_has_feature(vblk->vdev, VIRTIO_BLK_F_RO))
		set_disk_ro(disk, true);
	return 0;
}

static int virtblk_probe(struct virtio_device *vdev)
{
	u64 offered[VIRTIO_FEATURES_U64S];
	struct virtio_blk *vblk;
	int err;

	if (!vdev->config->get) {
		dev_err(&vdev->dev, "%s failure: config access disabled\n", __func__);
		return -EINVAL;
	}

	vblk = kzalloc_obj(*vblk);
	if (!vblk)
		return -ENOMEM;
	vblk->vdev = vdev;
	vdev->priv = vblk;
	virtio_get_features(vdev, offered);
	vblk->offered = offered[0];
	mutex_init(&vblk->vdev_mutex);
	mutex_init(&vblk->state_mutex);
	INIT_WORK(&vblk->config_work, virtblk_config_work);
	INIT_WORK(&vblk->recover_work, virtblk_recover);

	vblk->index = ida_alloc_max(&virtblk_index_ida, (1 << (MINORBITS - VIRTBLK_PART_BITS)) - 1,
				    GFP_KERNEL);
	if (vblk->index < 0) {
		err = vblk->index;
		kfree(vblk);
		return err;
	}

	err = virtblk_alloc_queues(vblk);
	if (err)
		goto out_free;
	err = virtblk_find_vqs(vblk);
	if (err)
		goto out_free;
	virtblk_set_state(vblk, VIRTBLK_LIVE);
	err = virtblk_alloc_tags(vblk);
	if (err)
		goto out_disable;
	err = virtblk_alloc_disk(vblk);
	if (err)
		goto out_free_tags;

	virtblk_set_capacity(vblk, virtblk_read_capacity(vdev), false);
	virtio_device_ready(vdev);

	err = virtblk_revalidate_zones(vblk);
	if (err)
		goto out_put_disk;
	virtblk_debugfs_add(vblk);
	err = device_add_disk(&vdev->dev, vblk->disk, virtblk_attr_groups);
	if (err)
		goto out_debugfs;
	return 0;

out_debugfs:
	virtblk_debugfs_remove(vblk);
out_put_disk:
	/* The device has worked already, and may even have been reset or given up. */
	blk_sync_queue(vblk->disk->queue);	/* its timer, which put_disk() leaves running */
	virtblk_disable(vblk);
	put_disk(vblk->disk);	/* not added: does not free vblk */
out_free_tags:
	blk_mq_free_tag_set(&vblk->tag_set);
out_disable:
	virtblk_disable(vblk);
out_free:
	virtblk_free(vblk);
	return err;
}

static void virtblk_remove(struct virtio_device *vdev)
{
	struct virtio_blk *vblk = vdev->priv;

	/* What the device does not complete any more, nobody would wait for in vain. */
	mutex_lock(&vblk->state_mutex);
	if (vblk->state != VIRTBLK_LIVE || virtblk_is_gone(vdev))
		virtblk_mark_dead(vblk);
	mutex_unlock(&vblk->state_mutex);

	virtblk_debugfs_remove(vblk);
	del_gendisk(vblk->disk);

	blk_mq_quiesce_queue(vblk->disk->queue);
	virtblk_disable(vblk);
	blk_mq_free_tag_set(&vblk->tag_set);

	mutex_lock(&vblk->vdev_mutex);
	vblk->vdev = NULL;
	mutex_unlock(&vblk->vdev_mutex);

	put_disk(vblk->disk);	/* frees vblk, after the last close */
}

/*
 * Memory is about to be somebody else's. What the device has not answered
 * waits for ever, as does all that comes later: nothing has failed. But the
 * device has a while to answer, and the rest waits at the queue's entrance:
 * where CPUs go offline first (kexec on arm64), see virtblk_freeze().
 */
static void virtblk_shutdown(struct virtio_device *vdev)
{
	struct virtio_blk *vblk = vdev->priv;
	struct request_queue *q = vblk->disk->queue;

	blk_freeze_queue_start_non_owner(q);
	blk_mq_freeze_queue_wait_timeout(q, msecs_to_jiffies(VIRTBLK_SHUTDOWN_MS));
	blk_mq_quiesce_queue(q);
	virtblk_disable(vblk);
}

static int __maybe_unused virtblk_freeze(struct virtio_device *vdev)
{
	struct virtio_blk *vblk = vdev->priv;
	struct request_queue *q = vblk->disk->queue;
	bool live;

	/* Dead, or not restored after the last time. */
	mutex_lock(&vblk->state_mutex);
	live = vblk->state == VIRTBLK_LIVE;
	mutex_unlock(&vblk->state_mutex);
	if (!live)
		return 0;

	/*
	 * Until virtblk_restore(): a CPU does not go offline, nor the system to
	 * sleep, while requests wait in that CPU's queue.
	 */
	blk_freeze_queue_start_non_owner(q);
	blk_mq_freeze_queue_wait(q);
	blk_mq_quiesce_queue(q);

	mutex_lock(&vblk->state_mutex);
	vblk->frozen = true;
	/* virtblk_recover() may have marked it dead while we waited. */
	if (vblk->state == VIRTBLK_LIVE) {
		virtblk_del_vqs(vblk);
		virtblk_set_state(vblk, VIRTBLK_STOPPED);
	} else {
		virtblk_unfreeze(vblk);
		blk_mq_unquiesce_queue(q);
	}
	mutex_unlock(&vblk->state_mutex);
	return 0;
}

/*
 * Nobody but us touches a stopped device: state_mutex is not needed. A failure
 * is not the end if virtblk_recover() has called us.
 */
static int __maybe_unused virtblk_restore(struct virtio_device *vdev)
{
	struct virtio_blk *vblk = vdev->priv;
	struct request_queue *q = vblk->disk->queue;
	unsigned int memflags;
	int err;

	if (vblk->state == VIRTBLK_DEAD)
		return 0;

	/* What is written to free memory may have to wait for us. */
	memflags = memalloc_noio_save();
	err = virtblk_find_vqs(vblk);
	memalloc_noio_restore(memflags);
	if (err && vblk->state != VIRTBLK_RESETTING) {
		mutex_lock(&vblk->state_mutex);
		virtblk_mark_dead(vblk);
		mutex_unlock(&vblk->state_mutex);
	}
	if (err)
		return err;

	/* The reset switched the cache back to what the device began with. */
	if (virtio_has_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE))
		virtio_cwrite8(vdev, offsetof(struct virtio_blk_config, wce), vblk->writeback);
	virtio_device_ready(vdev);
	virtblk_unfreeze(vblk);
	virtblk_set_state(vblk, VIRTBLK_LIVE);
	blk_mq_unquiesce_queue(q);
	/* Nobody tells what has changed meanwhile. */
	queue_work(virtblk_wq, &vblk->config_work);
	return 0;
}

static const struct virtio_device_id virtblk_ids[] = {
	{ VIRTIO_ID_BLOCK, VIRTIO_DEV_ANY_ID },
	{ }
};

static const struct virtio_device_id virtblk_no_ids[] = {
	{ }
};

/* Zoned devices are modern ones: what a legacy device may offer ends before the last. */
static const unsigned int virtblk_features[] = {
	VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_GEOMETRY, VIRTIO_BLK_F_RO,
	VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_TOPOLOGY,
	VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_MQ, VIRTIO_BLK_F_DISCARD,
	VIRTIO_BLK_F_WRITE_ZEROES, VIRTIO_BLK_F_SECURE_ERASE, VIRTIO_BLK_F_ZONED,
};

static struct virtio_driver virtblk_driver = {
	.driver.name			= KBUILD_MODNAME,
	COMPAT_SHUTDOWN_OP(virtblk_shutdown)
	.feature_table			= virtblk_features,
	.feature_table_size		= ARRAY_SIZE(virtblk_features),
	.feature_table_legacy		= virtblk_features,
	.feature_table_size_legacy	= ARRAY_SIZE(virtblk_features) - 1,
	.id_table			= VIRTBLK_OPT_IN ? virtblk_no_ids : virtblk_ids,
	.probe				= virtblk_probe,
	.remove				= virtblk_remove,
	.config_changed			= virtblk_config_changed,
#ifdef CONFIG_PM_SLEEP
	.freeze				= virtblk_freeze,
	.restore			= virtblk_restore,
#endif
	COMPAT_RESET_OPS(virtblk_freeze, virtblk_restore)
};

COMPAT_SHUTDOWN(virtblk_driver, virtblk_shutdown);

static int __init virtblk_init(void)
{
	int err;

	virtblk_wq = alloc_workqueue("virtio-blk", WQ_PERCPU, 0);
	if (!virtblk_wq)
		return -ENOMEM;

	major = register_blkdev(0, "virtblk");
	if (major < 0) {
		err = major;
		goto out_destroy_wq;
	}

	virtblk_debugfs_init();
	err = register_virtio_driver(&virtblk_driver);
	if (err)
		goto out_exit_debugfs;
	err = compat_register_shutdown();
	if (err)
		goto out_unregister_driver;
	/* Devices without a driver were not for us, but may be later. */
	virtblk_driver.id_table = virtblk_ids;
	return 0;

out_unregister_driver:
	unregister_virtio_driver(&virtblk_driver);
out_exit_debugfs:
	virtblk_debugfs_exit();
	unregister_blkdev(major, "virtblk");
out_destroy_wq:
	destroy_workqueue(virtblk_wq);
	return err;
}

static void __exit virtblk_exit(void)
{
	compat_unregister_shutdown();
	unregister_virtio_driver(&virtblk_driver);
	virtblk_debugfs_exit();
	unregister_blkdev(major, "virtblk");
	destroy_workqueue(virtblk_wq);
}

module_init(virtblk_init);
module_exit(virtblk_exit);

#if !VIRTBLK_OPT_IN
MODULE_DEVICE_TABLE(virtio, virtblk_ids);
#endif
MODULE_DESCRIPTION("Virtio block driver");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");	/* as in dkms.conf */
