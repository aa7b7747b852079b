/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that older kernels need. The driver speaks the API of the newest
 * kernel; compat.mk probes the headers and defines HAVE_* for what is there.
 */
#ifndef VIRTIO_BLK_COMPAT_H
#define VIRTIO_BLK_COMPAT_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/hdreg.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/workqueue.h>
#ifndef HAVE_MAP_HW_QUEUES
#include <linux/blk-mq-virtio.h>
#endif
#ifndef HAVE_VIRTIO_SHUTDOWN
#include <linux/reboot.h>
#endif

#ifndef HAVE_KMALLOC_OBJ
#define kzalloc_obj(VAR)		kzalloc(sizeof(VAR), GFP_KERNEL)
#define kzalloc_objs(VAR, COUNT)	kcalloc(COUNT, sizeof(VAR), GFP_KERNEL)
#define kmalloc_objs(VAR, COUNT, GFP)	kmalloc_array(COUNT, sizeof(VAR), GFP)
#endif

/*
 * Only for sparse, so not worth a probe that could stop a build: it counts the
 * lock twice where PREEMPT_RT has a macro around spin_trylock() (6.12; 7.3 has not).
 */
#if defined(__CHECKER__) && defined(CONFIG_PREEMPT_RT)
#undef spin_trylock_irqsave
#define spin_trylock_irqsave(lock, flags)	((flags) = 0, spin_trylock(lock))
#endif

#ifndef HAVE_WQ_PERCPU
#define WQ_PERCPU	0
#endif

/* The flag that older kernels want in blk_mq_tag_set.flags. */
#ifdef HAVE_SHOULD_MERGE
#define COMPAT_TAG_SET_FLAGS	BLK_MQ_F_SHOULD_MERGE
#else
#define COMPAT_TAG_SET_FLAGS	0
#endif

/* The type of a NUMA node in blk_mq_ops.init_request. */
#ifdef HAVE_INIT_REQUEST_INT
#define COMPAT_NODE	int
#else
#define COMPAT_NODE	unsigned int
#endif

#ifndef HAVE_NUM_POSSIBLE_QUEUES
static inline unsigned int blk_mq_num_possible_queues(unsigned int max_queues)
{
	return min_not_zero(nr_cpu_ids, max_queues);
}
#endif

#ifndef HAVE_MAP_HW_QUEUES
static inline void blk_mq_map_hw_queues(struct blk_mq_queue_map *qmap, struct device *dev,
					unsigned int offset)
{
	blk_mq_virtio_map_queues(qmap, dev_to_virtio(dev), offset);
}
#endif

/* Where freezing a queue is no lock that somebody owns. */
#ifndef HAVE_FREEZE_NON_OWNER
#define blk_freeze_queue_start_non_owner	blk_freeze_queue_start
#define blk_mq_unfreeze_queue_non_owner		blk_mq_unfreeze_queue
#endif

#ifndef HAVE_MAP_SG_NO_QUEUE
static inline int compat_rq_map_sg(struct request *rq, struct scatterlist *sgl)
{
	return blk_rq_map_sg(rq->q, rq, sgl);
}

#define blk_rq_map_sg	compat_rq_map_sg
#endif

#ifndef HAVE_MAP_KERN_NO_QUEUE
static inline int compat_rq_map_kern(struct request *rq, void *buf, unsigned int len, gfp_t gfp)
{
	return blk_rq_map_kern(rq->q, rq, buf, len, gfp);
}

#define blk_rq_map_kern	compat_rq_map_kern
#endif

/*
 * Completing a batch of requests by blk_mq_end_request_batch() can lose tag
 * wake-ups before "sbitmap: fix batching wakeup" (106397376c03, 6.3), which no
 * header shows. Kernels with queue limit features (6.11) have the fix.
 */
static inline bool compat_add_to_batch(struct request *rq, struct io_comp_batch *iob)
{
#ifdef HAVE_QUEUE_LIMITS_FEATURES
	return blk_mq_add_to_batch(rq, iob, false, blk_mq_end_request_batch);
#else
	return false;
#endif
}

/*
 * When virtqueue_add_sgs() cannot map a buffer, it tries again with direct
 * descriptors, and before 7.3 a packed ring that fails then leaves some of them
 * available: the device takes them after the next request for one more. No
 * header shows whether a kernel has the fix.
 */
static inline bool compat_keeps_descriptors(struct virtio_device *vdev)
{
	return virtio_has_feature(vdev, VIRTIO_F_RING_PACKED) && !virtio_has_dma_quirk(vdev);
}

/* As virtqueue_add_sgs(), but for that: with one slot there are no direct descriptors. */
static inline int compat_add_indirect(struct virtqueue *vq, struct scatterlist *sgs[],
				      unsigned int out_sgs, unsigned int in_sgs, void *data)
{
	unsigned int others = vq->num_free - 1;
	int err;

	vq->num_free = 1;
	err = virtqueue_add_sgs(vq, sgs, out_sgs, in_sgs, data, GFP_ATOMIC | __GFP_NOWARN);
	vq->num_free += others;
	return err;
}

#ifdef HAVE_RQ_LIST
#define COMPAT_QUEUE_RQS(fn)	fn
#define COMPAT_QUEUE_RQS_WRAPPER(...)
#else
struct rq_list {
	struct request *head;
	struct request *tail;
};

static inline void compat_rq_list_add_tail(struct rq_list *rl, struct request *rq)
{
	rq->rq_next = NULL;
	if (rl->tail)
		rl->tail->rq_next = rq;
	else
		rl->head = rq;
	rl->tail = rq;
}

static inline struct request *compat_rq_list_pop(struct rq_list *rl)
{
	struct request *rq = rl->head;

	if (rq) {
		rl->head = rq->rq_next;
		if (!rl->head)
			rl->tail = NULL;
		rq->rq_next = NULL;
	}
	return rq;
}

#undef rq_list_add_tail
#define rq_list_add_tail	compat_rq_list_add_tail
#undef rq_list_pop
#define rq_list_pop		compat_rq_list_pop

#define COMPAT_QUEUE_RQS(fn)	fn##_compat
/* These kernels leave it to the driver to note which request has the tag. */
#define COMPAT_QUEUE_RQS_WRAPPER(fn)						\
static void fn##_compat(struct request **rqlist)				\
{										\
	struct rq_list list = { .head = *rqlist };				\
	struct request *rq;							\
										\
	for (rq = list.head; rq; rq = rq->rq_next) {				\
		rq->mq_hctx->tags->rqs[rq->tag] = rq;				\
		list.tail = rq;							\
	}									\
	/* What an end_io submits meanwhile is added to the list. */		\
	*rqlist = NULL;								\
	fn(&list);								\
	if (list.head) {							\
		list.tail->rq_next = *rqlist;					\
		*rqlist = list.head;						\
	}									\
}
#endif

#ifdef HAVE_GETGEO_DISK
#define COMPAT_GETGEO(fn)	fn
#define COMPAT_GETGEO_WRAPPER(...)
#else
#define COMPAT_GETGEO(fn)	fn##_compat
#define COMPAT_GETGEO_WRAPPER(fn)						\
static int fn##_compat(struct block_device *bdev, struct hd_geometry *geo)	\
{										\
	return fn(bdev->bd_disk, geo);						\
}
#endif

#ifdef HAVE_REPORT_ZONES_ARGS
#define COMPAT_REPORT_ZONES(fn)	fn
#define COMPAT_REPORT_ZONES_WRAPPER(...)
#else
struct blk_report_zones_args {
	report_zones_cb cb;
	void *data;
};

static inline int disk_report_zone(struct gendisk *disk, struct blk_zone *zone, unsigned int idx,
				   struct blk_report_zones_args *args)
{
	return args->cb(zone, idx, args->data);
}

#define COMPAT_REPORT_ZONES(fn)	fn##_compat
#define COMPAT_REPORT_ZONES_WRAPPER(fn)						\
int fn##_compat(struct gendisk *disk, sector_t sector, unsigned int nr_zones,	\
		report_zones_cb cb, void *data)					\
{										\
	struct blk_report_zones_args args = { .cb = cb, .data = data };		\
										\
	return fn(disk, sector, nr_zones, &args);				\
}

int virtblk_report_zones_compat(struct gendisk *disk, sector_t sector, unsigned int nr_zones,
				report_zones_cb cb, void *data);
#endif

#ifdef HAVE_VIRTIO_SHUTDOWN
#define COMPAT_SHUTDOWN_OP(fn)	.shutdown = fn,
#define COMPAT_SHUTDOWN(...)	struct compat_shutdown
#define compat_register_shutdown()	0
#define compat_unregister_shutdown()
#else
/*
 * The bus does not shut its devices down, or (6.1 stable) does so without
 * asking their driver: be there before it, and after all who may still write.
 */
struct compat_shutdown {
	struct notifier_block nb;
	struct virtio_driver *drv;
	void (*shutdown)(struct virtio_device *vdev);
};

static inline int compat_shutdown_device(struct device *dev, void *data)
{
	struct compat_shutdown *compat = data;

	device_lock(dev);
	if (dev->driver == &compat->drv->driver)
		compat->shutdown(dev_to_virtio(dev));
	device_unlock(dev);
	return 0;
}

static inline int compat_reboot(struct notifier_block *nb, unsigned long event, void *command)
{
	struct compat_shutdown *compat = container_of(nb, struct compat_shutdown, nb);

	return notifier_from_errno(driver_for_each_device(&compat->drv->driver, NULL, compat,
							  compat_shutdown_device));
}

#define COMPAT_SHUTDOWN_OP(fn)
#define COMPAT_SHUTDOWN(driver, fn)						\
static struct compat_shutdown compat_shutdown = {				\
	.nb.notifier_call = compat_reboot, .nb.priority = INT_MIN,		\
	.drv = &(driver), .shutdown = fn,					\
}

#define compat_register_shutdown()	register_reboot_notifier(&compat_shutdown.nb)
#define compat_unregister_shutdown()	unregister_reboot_notifier(&compat_shutdown.nb)
#endif

#ifdef HAVE_RESET_PREPARE
#define COMPAT_RESET_OPS(prepare, done)	.reset_prepare = prepare, .reset_done = done,
#else
#define COMPAT_RESET_OPS(...)
static inline int virtio_device_reset_done(struct virtio_device *vdev)
{
#ifdef CONFIG_PM_SLEEP
	return virtio_device_restore(vdev);
#else
	return -EOPNOTSUPP;
#endif
}
#endif

#ifndef HAVE_FEATURES_U64S
#define VIRTIO_FEATURES_U64S	1
static inline void virtio_get_features(struct virtio_device *vdev, u64 *features)
{
	*features = vdev->config->get_features(vdev);
}
#endif

#ifndef HAVE_MAX_HW_ZONE_APPEND
#define max_hw_zone_append_sectors	max_zone_append_sectors
#endif

#include "compat_6_1.h"

#endif /* VIRTIO_BLK_COMPAT_H */
