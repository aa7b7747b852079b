// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk's own sysfs attributes: serial and cache_type.
 */
#include <linux/blkdev.h>
#include <linux/device.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "virtio_blk.h"

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct virtio_blk *vblk = dev_to_disk(dev)->private_data;
	int err;

	BUILD_BUG_ON(VIRTIO_BLK_ID_BYTES >= PAGE_SIZE);

	/* The device need not end the string if it has the full length. */
	buf[VIRTIO_BLK_ID_BYTES] = '\0';
	err = virtblk_execute(vblk, VIRTIO_BLK_T_GET_ID, 0, buf, VIRTIO_BLK_ID_BYTES);
	if (err == -EIO)	/* a device without one */
		return 0;
	return err ?: strlen(buf);
}
static DEVICE_ATTR_RO(serial);

static const char *const virtblk_cache_types[] = { "write through", "write back" };

static ssize_t cache_type_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct virtio_blk *vblk = dev_to_disk(dev)->private_data;

	return sysfs_emit(buf, "%s\n",
			  virtblk_cache_types[virtblk_cache_is_writeback(vblk->vdev)]);
}

static ssize_t cache_type_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	struct gendisk *disk = dev_to_disk(dev);
	struct virtio_blk *vblk = disk->private_data;
	struct queue_limits lim;
	int type, err, flush_err = 0;

	type = sysfs_match_string(virtblk_cache_types, buf);
	if (type < 0)
		return type;

	/* A device that is being reset gets what it is to have when it is restored. */
	mutex_lock(&vblk->state_mutex);
	vblk->writeback = type;
	if (vblk->state == VIRTBLK_LIVE) {
		virtio_cwrite8(vblk->vdev, offsetof(struct virtio_blk_config, wce), type);
		vblk->writeback = virtblk_cache_is_writeback(vblk->vdev);
	}
	mutex_unlock(&vblk->state_mutex);

	/* What was written before may still be in the cache (5.2.6.1), and fsync will not care. */
	if (!READ_ONCE(vblk->writeback))
		flush_err = blkdev_issue_flush(disk->part0);

	lim = queue_limits_start_update(disk->queue);
	if (READ_ONCE(vblk->writeback))
		lim.features |= BLK_FEAT_WRITE_CACHE;
	else
		lim.features &= ~BLK_FEAT_WRITE_CACHE;
	err = queue_limits_commit_update_frozen(disk->queue, &lim);
	return err ?: flush_err ?: count;
}
static DEVICE_ATTR_RW(cache_type);

static struct attribute *virtblk_attrs[] = {
	&dev_attr_serial.attr,
	&dev_attr_cache_type.attr,
	NULL,
};

/* The cache can only be switched if the device says so (VIRTIO 1.3, 5.2.3). */
static umode_t virtblk_attr_is_visible(struct kobject *kobj, struct attribute *attr, int n)
{
	struct virtio_blk *vblk = dev_to_disk(kobj_to_dev(kobj))->private_data;

	if (attr == &dev_attr_cache_type.attr &&
	    !virtio_has_feature(vblk->vdev, VIRTIO_BLK_F_CONFIG_WCE))
		return 0444;
	return attr->mode;
}

static const struct attribute_group virtblk_attr_group = {
	.attrs = virtblk_attrs,
	.is_visible = virtblk_attr_is_visible,
};

const struct attribute_group *virtblk_attr_groups[] = {
	&virtblk_attr_group,
	NULL,
};
