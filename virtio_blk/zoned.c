// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host-managed zoned devices (VIRTIO 1.3, 5.2.5 and 5.2.6): limits and report.
 */
#include <linux/log2.h>
#include <linux/vmalloc.h>

#include "virtio_blk.h"

static void *virtblk_alloc_report(struct virtio_blk *vblk, unsigned int nr_zones, size_t *size)
{
	struct request_queue *q = vblk->disk->queue;
	struct virtio_blk_zone_report *report;
	u64 zones = get_capacity(vblk->disk) >> ilog2(vblk->zone_sectors);
	size_t len;

	/* Not more than there is, nor than one request can carry. */
	len = struct_size(report, zones, min_t(u64, nr_zones, zones));
	len = min_t(size_t, len, (size_t)queue_max_hw_sectors(q) << SECTOR_SHIFT);
	len = min_t(size_t, len, (size_t)queue_max_segments(q) << PAGE_SHIFT);

	/* A shorter buffer takes more requests. */
	for (; len >= struct_size(report, zones, 1); len >>= 1) {
		report = __vmalloc(len, GFP_KERNEL | __GFP_NORETRY);
		if (report) {
			*size = len;
			return report;
		}
	}
	return NULL;
}

static int virtblk_zone_type(u8 type)
{
	switch (type) {
	case VIRTIO_BLK_ZT_CONV:
		return BLK_ZONE_TYPE_CONVENTIONAL;
	case VIRTIO_BLK_ZT_SWR:
		return BLK_ZONE_TYPE_SEQWRITE_REQ;
	case VIRTIO_BLK_ZT_SWP:
		return BLK_ZONE_TYPE_SEQWRITE_PREF;
	default:
		return -EIO;
	}
}

static int virtblk_zone_cond(u8 state)
{
	switch (state) {
	case VIRTIO_BLK_ZS_NOT_WP:
		return BLK_ZONE_COND_NOT_WP;
	case VIRTIO_BLK_ZS_EMPTY:
		return BLK_ZONE_COND_EMPTY;
	case VIRTIO_BLK_ZS_IOPEN:
		return BLK_ZONE_COND_IMP_OPEN;
	case VIRTIO_BLK_ZS_EOPEN:
		return BLK_ZONE_COND_EXP_OPEN;
	case VIRTIO_BLK_ZS_CLOSED:
		return BLK_ZONE_COND_CLOSED;
	case VIRTIO_BLK_ZS_RDONLY:
		return BLK_ZONE_COND_READONLY;
	case VIRTIO_BLK_ZS_FULL:
		return BLK_ZONE_COND_FULL;
	case VIRTIO_BLK_ZS_OFFLINE:
		return BLK_ZONE_COND_OFFLINE;
	default:
		return -EIO;
	}
}

static int virtblk_report_zone(struct virtio_blk *vblk,
			       const struct virtio_blk_zone_descriptor *desc, unsigned int idx,
			       struct blk_report_zones_args *args)
{
	struct virtio_device *vdev = vblk->vdev;
	int type = virtblk_zone_type(desc->z_type);
	int cond = virtblk_zone_cond(desc->z_state);
	struct blk_zone zone = {
		.start = virtio64_to_cpu(vdev, desc->z_start),
		.capacity = virtio64_to_cpu(vdev, desc->z_cap),
		.wp = virtio64_to_cpu(vdev, desc->z_wp),
	};

	if (zone.start >= get_capacity(vblk->disk)) {
		dev_err(&vdev->dev, "zone %llu: beyond the end of the disk\n", zone.start);
		return -EIO;
	}
	zone.len = min_t(u64, vblk->zone_sectors, get_capacity(vblk->disk) - zone.start);

	if (type < 0) {
		dev_err(&vdev->dev, "zone %llu: invalid type %#x\n", zone.start, desc->z_type);
		return type;
	}
	if (cond < 0) {
		dev_err(&vdev->dev, "zone %llu: invalid condition %#x\n", zone.start,
			desc->z_state);
		return cond;
	}
	zone.type = type;
	zone.cond = cond;

	/* Where there is no write pointer, say so as the block layer does. */
	if (cond == BLK_ZONE_COND_FULL)
		zone.wp = zone.start + zone.len;
	else if (cond == BLK_ZONE_COND_READONLY || cond == BLK_ZONE_COND_OFFLINE)
		zone.wp = ULONG_MAX;

	return disk_report_zone(vblk->disk, &zone, idx, args);
}

/* Reports zones from @sector on with one request; returns their number. */
static int virtblk_report_some(struct virtio_blk *vblk, sector_t *sector, unsigned int idx,
			       unsigned int nr_zones, struct virtio_blk_zone_report *report,
			       size_t size, struct blk_report_zones_args *args)
{
	struct virtio_device *vdev = vblk->vdev;
	u64 i, n;
	int err;

	memset(report, 0, size);
	err = virtblk_execute(vblk, VIRTIO_BLK_T_ZONE_REPORT, *sector, report, size);
	if (err)
		return err;

	n = virtio64_to_cpu(vdev, report->nr_zones);
	n = min_t(u64, n, nr_zones);
	n = min_t(u64, n, (size - sizeof(*report)) / sizeof(report->zones[0]));
	for (i = 0; i < n; i++) {
		err = virtblk_report_zone(vblk, &report->zones[i], idx + i, args);
		if (err)
			return err;
		*sector = virtio64_to_cpu(vdev, report->zones[i].z_start) + vblk->zone_sectors;
	}
	return n;
}

/**
 * virtblk_report_zones - report the zones of a disk
 * @disk: the disk
 * @sector: where the first of them begins, in 512-byte sectors
 * @nr_zones: how many at most
 * @args: of the block layer's, told of each zone
 *
 * Context: process, sleeps.
 *
 * VIRTIO 1.3, 5.2.6 (VIRTIO_BLK_T_ZONE_REPORT).
 *
 * Return: the number of zones reported, or a negative error: -ENXIO (the
 * device is gone), -ENOMEM, -EINVAL (no zone), -EIO (nonsense, or a failure of
 * the device).
 */
int virtblk_report_zones(struct gendisk *disk, sector_t sector, unsigned int nr_zones,
			 struct blk_report_zones_args *args)
{
	struct virtio_blk *vblk = disk->private_data;
	struct virtio_blk_zone_report *report;
	unsigned int idx = 0;
	size_t size;
	int n = 0;

	if (WARN_ON_ONCE(!vblk->zone_sectors))
		return -EOPNOTSUPP;

	report = virtblk_alloc_report(vblk, nr_zones, &size);
	if (!report)
		return -ENOMEM;

	mutex_lock(&vblk->vdev_mutex);
	if (!vblk->vdev)
		n = -ENXIO;
	while (n >= 0 && idx < nr_zones && sector < get_capacity(disk)) {
		n = virtblk_report_some(vblk, &sector, idx, nr_zones - idx, report, size, args);
		if (n <= 0)
			break;
		idx += n;
	}
	mutex_unlock(&vblk->vdev_mutex);
	kvfree(report);

	if (n < 0)
		return n;
	return idx ?: -EINVAL;
}

COMPAT_REPORT_ZONES_WRAPPER(virtblk_report_zones)

/**
 * virtblk_read_zoned_limits - read the limits of a host-managed device
 * @vblk: the device
 * @lim: what is known so far
 *
 * VIRTIO 1.3, 5.2.5.1.
 *
 * Context: process.
 *
 * Return: 0, or -ENODEV: a value that the block layer cannot work with, named
 * in the kernel log.
 */
int virtblk_read_zoned_limits(struct virtio_blk *vblk, struct queue_limits *lim)
{
	struct virtio_device *vdev = vblk->vdev;
	u32 append, granularity;

	lim->features |= BLK_FEAT_ZONED;
	virtio_cread(vdev, COMPAT_ZONED_CONFIG, zoned.max_open_zones, &lim->max_open_zones);
	virtio_cread(vdev, COMPAT_ZONED_CONFIG, zoned.max_active_zones, &lim->max_active_zones);

	virtio_cread(vdev, COMPAT_ZONED_CONFIG, zoned.write_granularity, &granularity);
	if (!granularity) {
		dev_warn(&vdev->dev, "zero write granularity reported\n");
		return -ENODEV;
	}
	lim->zone_write_granularity = granularity;
	lim->physical_block_size = granularity;
	lim->io_min = granularity;

	/* The specification has zones of any size, the block layer has not. */
	virtio_cread(vdev, COMPAT_ZONED_CONFIG, zoned.zone_sectors, &vblk->zone_sectors);
	if (!is_power_of_2(vblk->zone_sectors)) {
		dev_err(&vdev->dev, "zoned device with non power of two zone size %u\n",
			vblk->zone_sectors);
		return -ENODEV;
	}
	lim->chunk_sectors = vblk->zone_sectors;

	if (virtio_has_feature(vdev, VIRTIO_BLK_F_DISCARD)) {
		dev_warn(&vdev->dev, "ignoring negotiated F_DISCARD for zoned device\n");
		lim->max_hw_discard_sectors = 0;
	}

	virtio_cread(vdev, COMPAT_ZONED_CONFIG, zoned.max_append_sectors, &append);
	if (!append) {
		dev_warn(&vdev->dev, "zero max_append_sectors reported\n");
		return -ENODEV;
	}
	if ((u64)append << SECTOR_SHIFT < granularity) {
		dev_err(&vdev->dev, "write granularity %u exceeds max_append_sectors %u limit\n",
			granularity, append);
		return -ENODEV;
	}
	lim->max_hw_zone_append_sectors = append;
	return 0;
}

/**
 * virtblk_revalidate_zones - have the block layer learn the zones of a disk
 * @vblk: the device, ready for requests
 *
 * Context: process, sleeps.
 *
 * Return: 0, also if the disk has no zones, or a negative error.
 */
int virtblk_revalidate_zones(struct virtio_blk *vblk)
{
	return vblk->zone_sectors ? blk_revalidate_disk_zones(vblk->disk) : 0;
}
