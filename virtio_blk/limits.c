// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the device's configuration space to the limits of its queue.
 */
#include "virtio_blk.h"

#define VIRTBLK_MAX_DISCARD_SEGMENTS	256U

#define virtblk_cread(vdev, field, ptr) \
	virtio_cread(vdev, struct virtio_blk_config, field, ptr)
#define virtblk_cread_feature(vdev, feature, field, ptr) \
	virtio_cread_feature(vdev, feature, struct virtio_blk_config, field, ptr)

/* The value, or 0 after saying that it can't be. */
#define virtblk_cread_nonzero(vdev, field)					\
({										\
	struct virtio_device *__vdev = (vdev);					\
	u32 __v;								\
										\
	virtblk_cread(__vdev, field, &__v);					\
	if (!__v)								\
		dev_err(&__vdev->dev, "virtio_blk: " #field " can't be 0\n");	\
	__v;									\
})

static void virtblk_read_size_limits(struct virtio_blk *vblk, struct queue_limits *lim)
{
	struct virtio_device *vdev = vblk->vdev;
	u32 size_max;

	lim->max_segments = virtblk_max_segments(vblk);
	lim->max_hw_sectors = UINT_MAX;
	lim->max_segment_size = min_t(size_t, virtio_max_dma_size(vdev), U32_MAX);
	if (!virtblk_cread_feature(vdev, VIRTIO_BLK_F_SIZE_MAX, size_max, &size_max))
		lim->max_segment_size = min(lim->max_segment_size, size_max);

	virtblk_cread_feature(vdev, VIRTIO_BLK_F_BLK_SIZE, blk_size, &lim->logical_block_size);
}

static void virtblk_read_topology(struct virtio_device *vdev, struct queue_limits *lim)
{
	u8 physical_block_exp, alignment_offset;
	u16 min_io_size;
	u32 opt_io_size;

	if (!virtio_has_feature(vdev, VIRTIO_BLK_F_TOPOLOGY))
		return;

	virtblk_cread(vdev, physical_block_exp, &physical_block_exp);
	virtblk_cread(vdev, alignment_offset, &alignment_offset);
	virtblk_cread(vdev, min_io_size, &min_io_size);
	virtblk_cread(vdev, opt_io_size, &opt_io_size);

	/* All in logical blocks; 0 says nothing. */
	if (physical_block_exp)
		lim->physical_block_size = lim->logical_block_size * (1 << physical_block_exp);
	if (alignment_offset)
		lim->alignment_offset = lim->logical_block_size * alignment_offset;
	if (min_io_size)
		lim->io_min = lim->logical_block_size * min_io_size;
	if (opt_io_size)
		lim->io_opt = lim->logical_block_size * opt_io_size;
}

static int virtblk_read_secure_erase(struct virtio_device *vdev, struct queue_limits *lim,
				     u32 *segments, u32 *granularity)
{
	u32 v;

	v = virtblk_cread_nonzero(vdev, secure_erase_sector_alignment);
	if (!v)
		return -EINVAL;
	*granularity = min_not_zero(*granularity, v);

	v = virtblk_cread_nonzero(vdev, max_secure_erase_sectors);
	if (!v)
		return -EINVAL;
	lim->max_secure_erase_sectors = v;

	v = virtblk_cread_nonzero(vdev, max_secure_erase_seg);
	if (!v)
		return -EINVAL;
	*segments = min_not_zero(*segments, v);
	return 0;
}

/*
 * The block layer has one limit of segments and one granularity for discard
 * and secure erase together: the smaller of the device's two.
 */
static int virtblk_read_erase_limits(struct virtio_device *vdev, struct queue_limits *lim)
{
	bool discard = virtio_has_feature(vdev, VIRTIO_BLK_F_DISCARD);
	bool erase = virtio_has_feature(vdev, VIRTIO_BLK_F_SECURE_ERASE);
	u32 v, segments = 0, granularity = 0;
	int err;

	if (virtio_has_feature(vdev, VIRTIO_BLK_F_WRITE_ZEROES)) {
		virtblk_cread(vdev, max_write_zeroes_sectors, &v);
		lim->max_write_zeroes_sectors = v ?: UINT_MAX;
	}

	if (discard) {
		virtblk_cread(vdev, discard_sector_alignment, &granularity);
		virtblk_cread(vdev, max_discard_sectors, &v);
		lim->max_hw_discard_sectors = v ?: UINT_MAX;
		virtblk_cread(vdev, max_discard_seg, &segments);
	}
	if (erase) {
		err = virtblk_read_secure_erase(vdev, lim, &segments, &granularity);
		if (err)
			return err;
	}
	if (discard || erase) {
		lim->max_discard_segments = min(segments ?: lim->max_segments,
						VIRTBLK_MAX_DISCARD_SEGMENTS);
		lim->discard_granularity = granularity ? granularity << SECTOR_SHIFT :
							 lim->logical_block_size;
	}
	return 0;
}

static int virtblk_read_zone_model(struct virtio_blk *vblk, struct queue_limits *lim)
{
	struct virtio_device *vdev = vblk->vdev;
	u8 model;

	if (!virtio_has_feature(vdev, VIRTIO_BLK_F_ZONED))
		return 0;

	virtio_cread(vdev, COMPAT_ZONED_CONFIG, zoned.model, &model);
	switch (model) {
	case VIRTIO_BLK_Z_NONE:
	case VIRTIO_BLK_Z_HA:	/* works as a conventional one */
		return 0;
	case VIRTIO_BLK_Z_HM:
		return virtblk_read_zoned_limits(vblk, lim);
	default:
		dev_err(&vdev->dev, "unsupported zone model %d\n", model);
		return -EINVAL;
	}
}

/**
 * virtblk_cache_is_writeback - does the device have a volatile write cache
 * @vdev: the device
 *
 * VIRTIO 1.3, 5.2.5.1: without CONFIG_WCE, FLUSH alone tells.
 *
 * Context: process.
 */
bool virtblk_cache_is_writeback(struct virtio_device *vdev)
{
	u8 writeback;

	if (virtblk_cread_feature(vdev, VIRTIO_BLK_F_CONFIG_WCE, wce, &writeback))
		writeback = virtio_has_feature(vdev, VIRTIO_BLK_F_FLUSH);
	return writeback;
}

/**
 * virtblk_read_limits - read the limits of a device's queue
 * @vblk: the device, with its virtqueues found
 * @lim: what is known so far; the logical block size must be set
 *
 * VIRTIO 1.3, 5.2.4 (device configuration layout).
 *
 * Context: process.
 *
 * Return: 0, -EINVAL or -ENODEV (a value that no device may have, named in the
 * kernel log), -EOPNOTSUPP (zoned, and the kernel has no zones).
 */
int virtblk_read_limits(struct virtio_blk *vblk, struct queue_limits *lim)
{
	int err;

	virtblk_read_size_limits(vblk, lim);
	virtblk_read_topology(vblk->vdev, lim);
	vblk->writeback = virtblk_cache_is_writeback(vblk->vdev);
	if (vblk->writeback)
		lim->features |= BLK_FEAT_WRITE_CACHE;

	err = virtblk_read_erase_limits(vblk->vdev, lim);
	if (err)
		return err;
	return virtblk_read_zone_model(vblk, lim);
}
