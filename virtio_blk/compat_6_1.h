/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What only kernels before 6.11 need, of which the tests know 6.1: goes with it.
 * In the order of compat.mk. Included by compat.h.
 */
#ifndef VIRTIO_BLK_COMPAT_6_1_H
#define VIRTIO_BLK_COMPAT_6_1_H

#ifndef HAVE_VIRTIO_BLK_F_ZONED
/* VIRTIO 1.3, 5.2.3 to 5.2.6: the parts about zoned devices */
#define VIRTIO_BLK_F_ZONED		17

#define VIRTIO_BLK_T_ZONE_APPEND	15
#define VIRTIO_BLK_T_ZONE_REPORT	16
#define VIRTIO_BLK_T_ZONE_OPEN		18
#define VIRTIO_BLK_T_ZONE_CLOSE		20
#define VIRTIO_BLK_T_ZONE_FINISH	22
#define VIRTIO_BLK_T_ZONE_RESET		24
#define VIRTIO_BLK_T_ZONE_RESET_ALL	26

#define VIRTIO_BLK_S_ZONE_INVALID_CMD		3
#define VIRTIO_BLK_S_ZONE_UNALIGNED_WP		4
#define VIRTIO_BLK_S_ZONE_OPEN_RESOURCE		5
#define VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE	6

#define VIRTIO_BLK_Z_NONE	0
#define VIRTIO_BLK_Z_HM		1
#define VIRTIO_BLK_Z_HA		2

#define VIRTIO_BLK_ZT_CONV	1
#define VIRTIO_BLK_ZT_SWR	2
#define VIRTIO_BLK_ZT_SWP	3

#define VIRTIO_BLK_ZS_NOT_WP	0
#define VIRTIO_BLK_ZS_EMPTY	1
#define VIRTIO_BLK_ZS_IOPEN	2
#define VIRTIO_BLK_ZS_EOPEN	3
#define VIRTIO_BLK_ZS_CLOSED	4
#define VIRTIO_BLK_ZS_RDONLY	13
#define VIRTIO_BLK_ZS_FULL	14
#define VIRTIO_BLK_ZS_OFFLINE	15

struct virtio_blk_zone_descriptor {
	__virtio64 z_cap;
	__virtio64 z_start;
	__virtio64 z_wp;
	__u8 z_type;
	__u8 z_state;
	__u8 reserved[38];
};

struct virtio_blk_zone_report {
	__virtio64 nr_zones;
	__u8 reserved[56];
	struct virtio_blk_zone_descriptor zones[];
};

struct compat_virtio_blk_config {
	struct virtio_blk_config base;
	struct {
		__virtio32 zone_sectors;
		__virtio32 max_open_zones;
		__virtio32 max_active_zones;
		__virtio32 max_append_sectors;
		__virtio32 write_granularity;
		__u8 model;
		__u8 unused2[3];
	} zoned;
} __packed;
#define COMPAT_ZONED_CONFIG	struct compat_virtio_blk_config
#else
#define COMPAT_ZONED_CONFIG	struct virtio_blk_config
#endif

#ifndef HAVE_BVEC_SET_VIRT
static inline void bvec_set_virt(struct bio_vec *bv, void *vaddr, unsigned int len)
{
	bv->bv_page = virt_to_page(vaddr);
	bv->bv_offset = offset_in_page(vaddr);
	bv->bv_len = len;
}
#endif

#ifndef HAVE_VIRTIO_DRIVER_OWNER
static inline int compat_register_driver(struct virtio_driver *drv)
{
	drv->driver.owner = THIS_MODULE;
	return register_virtio_driver(drv);
}

#define register_virtio_driver	compat_register_driver
#endif

#ifndef HAVE_QUEUE_LIMITS_FEATURES
/* Limits used to be set one by one, on a queue that was there already. */
#define BLK_FEAT_WRITE_CACHE	BIT(0)
#define BLK_FEAT_ROTATIONAL	BIT(1)
#define BLK_FEAT_ZONED		BIT(2)

struct compat_queue_limits {
	unsigned int features;
	unsigned int max_hw_sectors;
	unsigned int max_segment_size;
	unsigned int logical_block_size;
	unsigned int physical_block_size;
	unsigned int alignment_offset;
	unsigned int io_min;
	unsigned int io_opt;
	unsigned int max_hw_discard_sectors;
	unsigned int max_secure_erase_sectors;
	unsigned int max_write_zeroes_sectors;
	unsigned int discard_granularity;
	unsigned int chunk_sectors;
	unsigned int zone_write_granularity;
	unsigned int max_hw_zone_append_sectors;
	unsigned int max_open_zones;
	unsigned int max_active_zones;
	unsigned short max_segments;
	unsigned short max_discard_segments;
};

static inline void compat_set_zoned(struct gendisk *disk, const struct compat_queue_limits *lim)
{
#ifdef CONFIG_BLK_DEV_ZONED
	struct request_queue *q = disk->queue;

	disk_set_zoned(disk, BLK_ZONED_HM);
	disk_set_max_open_zones(disk, lim->max_open_zones);
	disk_set_max_active_zones(disk, lim->max_active_zones);
	blk_queue_zone_write_granularity(q, lim->zone_write_granularity);
	blk_queue_chunk_sectors(q, lim->chunk_sectors);
	blk_queue_max_zone_append_sectors(q, lim->max_hw_zone_append_sectors);
	blk_queue_required_elevator_features(q, ELEVATOR_F_ZBD_SEQ_WRITE);
	blk_queue_flag_set(QUEUE_FLAG_ZONE_RESETALL, q);
#endif
}

static inline void compat_set_limits(struct gendisk *disk, const struct compat_queue_limits *lim)
{
	struct request_queue *q = disk->queue;

	blk_queue_write_cache(q, lim->features & BLK_FEAT_WRITE_CACHE, false);
	blk_queue_max_segments(q, lim->max_segments);
	blk_queue_max_hw_sectors(q, lim->max_hw_sectors);
	blk_queue_max_segment_size(q, lim->max_segment_size);
	blk_queue_logical_block_size(q, lim->logical_block_size);
	if (lim->physical_block_size)
		blk_queue_physical_block_size(q, lim->physical_block_size);
	if (lim->alignment_offset)
		blk_queue_alignment_offset(q, lim->alignment_offset);
	if (lim->io_min)
		blk_queue_io_min(q, lim->io_min);
	if (lim->io_opt)
		blk_queue_io_opt(q, lim->io_opt);
	if (lim->max_hw_discard_sectors)
		blk_queue_max_discard_sectors(q, lim->max_hw_discard_sectors);
	if (lim->max_write_zeroes_sectors)
		blk_queue_max_write_zeroes_sectors(q, lim->max_write_zeroes_sectors);
	if (lim->max_secure_erase_sectors)
		blk_queue_max_secure_erase_sectors(q, lim->max_secure_erase_sectors);
	if (lim->max_discard_segments)
		blk_queue_max_discard_segments(q, lim->max_discard_segments);
	if (lim->discard_granularity)
		q->limits.discard_granularity = lim->discard_granularity;
	if (lim->features & BLK_FEAT_ZONED)
		compat_set_zoned(disk, lim);
}

static inline struct gendisk *compat_alloc_disk(struct gendisk *disk,
						const struct compat_queue_limits *lim,
						struct virtio_device *vdev)
{
	if (IS_ERR(disk))
		return disk;
	if (blk_validate_block_size(lim->logical_block_size)) {
		dev_err(&vdev->dev, "virtio_blk: invalid block size: 0x%x\n",
			lim->logical_block_size);
		put_disk(disk);
		return ERR_PTR(-EINVAL);
	}
	compat_set_limits(disk, lim);
	return disk;
}

#undef blk_mq_alloc_disk
#define blk_mq_alloc_disk(set, lim, vblk)						\
({											\
	static struct lock_class_key __key;						\
	typeof(vblk) __vblk = (vblk);							\
											\
	compat_alloc_disk(__blk_mq_alloc_disk(set, __vblk, &__key), lim, __vblk->vdev);	\
})

/* Only the write cache is ever changed on a queue that is in use. */
static inline struct compat_queue_limits compat_limits_start_update(struct request_queue *q)
{
	return (struct compat_queue_limits) { .features = 0 };
}

static inline int compat_limits_commit_update(struct request_queue *q,
					      struct compat_queue_limits *lim)
{
	blk_queue_write_cache(q, lim->features & BLK_FEAT_WRITE_CACHE, false);
	return 0;
}

#define queue_limits			compat_queue_limits
#define queue_limits_start_update	compat_limits_start_update
#define queue_limits_commit_update_frozen compat_limits_commit_update
#define blk_queue_write_cache(q)	test_bit(QUEUE_FLAG_WC, &(q)->queue_flags)
#define blk_revalidate_disk_zones(disk)	blk_revalidate_disk_zones(disk, NULL)
#endif /* !HAVE_QUEUE_LIMITS_FEATURES */

#ifndef HAVE_VIRTQUEUE_INFO
struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
	bool ctx;
};

static inline int compat_find_vqs(struct virtio_device *vdev, unsigned int nvqs,
				  struct virtqueue *vqs[], struct virtqueue_info infos[],
				  struct irq_affinity *desc)
{
	vq_callback_t **callbacks = kcalloc(nvqs, sizeof(*callbacks), GFP_KERNEL);
	const char **names = kcalloc(nvqs, sizeof(*names), GFP_KERNEL);
	bool *ctx = kcalloc(nvqs, sizeof(*ctx), GFP_KERNEL);
	unsigned int i;
	int err = -ENOMEM;

	if (callbacks && names && ctx) {
		for (i = 0; i < nvqs; i++) {
			callbacks[i] = infos[i].callback;
			names[i] = infos[i].name;
			ctx[i] = infos[i].ctx;
		}
		err = virtio_find_vqs_ctx(vdev, nvqs, vqs, callbacks, names, ctx, desc);
	}
	kfree(callbacks);
	kfree(names);
	kfree(ctx);
	return err;
}

#define virtio_find_vqs	compat_find_vqs
#endif

#endif /* VIRTIO_BLK_COMPAT_6_1_H */
