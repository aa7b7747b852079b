/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include <linux/interrupt.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#include "compat.h"

#define VIRTBLK_QUEUE_NAME_LEN	16

/* Data segments whose scatterlist needs no allocation. */
#ifdef CONFIG_ARCH_NO_SG_CHAIN
#define VIRTBLK_INLINE_SGS	0
#else
#define VIRTBLK_INLINE_SGS	2
#endif

/* Scatterlist entries of a request that are not data: its header and the device's answer. */
#define VIRTBLK_HDR_SGS		2

/* How often a run of a queue goes on for others, before the softirq does. */
#define VIRTBLK_MAX_RESTARTS	8

/* When to try again to add a request while the device has none (ms). */
#define VIRTBLK_RETRY_MS	3

/**
 * enum virtblk_queue_state - bits of &virtblk_queue.state
 * @VIRTBLK_ADD: requests are staged, or in the backlog and there may be room
 * @VIRTBLK_REAP: the device has used buffers
 * @VIRTBLK_WORK: both; as a set bit, work that was missed, as an argument, what
 *	a run of the queue may do
 * @VIRTBLK_SCHED: the softirq is scheduled, or running
 * @VIRTBLK_FULL: requests are in the backlog: no more are accepted
 *
 * While one of the first two is set, the lock is held, or its holder is between
 * the unlock and the look, or who set the bit is about to try the lock once
 * more, or the softirq or the work is scheduled.
 */
enum virtblk_queue_state {
	VIRTBLK_ADD	= BIT(0),
	VIRTBLK_REAP	= BIT(1),
	VIRTBLK_WORK	= VIRTBLK_ADD | VIRTBLK_REAP,
	VIRTBLK_SCHED	= BIT(2),
	VIRTBLK_FULL	= BIT(3),
};

/**
 * struct virtblk_stats - what a queue has done since it was found
 * @requests: requests added to the ring
 * @completions: requests reaped from the ring
 * @acquisitions: of the queue's lock
 * @batches: acquisitions that added requests
 * @kicks: notifications sent to the device
 * @kicks_saved: batches that needed none
 * @interrupts: calls of the queue's callback
 * @missed: acquisitions that found work which others had missed
 * @deferred: runs of the softirq
 * @max_backlog: most requests that have found no room in the ring when it became full
 *
 * @interrupts is written by the queue's callback, @deferred by its softirq, all
 * others under the queue's lock.
 */
struct virtblk_stats {
	u64 requests;
	u64 completions;
	u64 acquisitions;
	u64 batches;
	u64 kicks;
	u64 kicks_saved;
	u64 interrupts;
	u64 missed;
	u64 deferred;
	u32 max_backlog;
};

/**
 * struct virtblk_queue - a virtqueue and those who wait for it
 * @vq: the virtqueue; there is none while the device is stopped
 * @vblk: the device
 * @ring_size: slots of the virtqueue
 * @open: may be run: @vq is there; changed under @lock
 * @waits: the lock is waited for, as callbacks come from tasks: see virtblk_done()
 * @polled: has no interrupt, virtblk_poll() looks for completions
 * @no_fallback: uses no direct descriptors, ever: see compat_add_indirect()
 * @name: name of the virtqueue, seen in /proc/interrupts
 * @staged: requests on their way to the ring, newest first; anybody pushes,
 *	only the holder of @lock takes
 * @state: bits of enum virtblk_queue_state
 * @notifying: on PREEMPT_RT, who has to notify the device and has not yet
 * @lock: serialises the operations on @vq, and protects the members below down
 *	to @stats. On the I/O path it is only ever tried, unless @waits.
 * @backlog: first request that waits for room in the ring, in order
 * @in_ring: requests that the device has
 * @stats: counters for debugfs
 * @softirq: runs the queue for who missed the lock or may not do the work
 * @work: adds what the callback found room for, where the lock is waited for
 * @retry: runs the softirq, for a backlog while the device has no request
 */
struct virtblk_queue {
	struct virtqueue *vq;
	struct virtio_blk *vblk;
	unsigned int ring_size;
	bool open;
	bool waits;
	bool polled;
	bool no_fallback;
	char name[VIRTBLK_QUEUE_NAME_LEN];

	struct llist_head staged ____cacheline_aligned_in_smp;
	atomic_t state;
	atomic_t notifying;

	spinlock_t lock ____cacheline_aligned_in_smp;
	struct llist_node *backlog;
	unsigned int in_ring;
	struct virtblk_stats stats;
	struct tasklet_struct softirq;
	struct work_struct work;
	struct timer_list retry;
} ____cacheline_aligned_in_smp;

/**
 * enum virtblk_state - the life of a device
 * @VIRTBLK_STOPPED: there are no virtqueues, and the request queue is quiesced,
 *	or not there yet
 * @VIRTBLK_LIVE: the virtqueues are there
 * @VIRTBLK_RESETTING: as stopped: virtblk_recover() restores the device, and
 *	deals with failure
 * @VIRTBLK_DEAD: there are no virtqueues, and all requests fail
 * @VIRTBLK_REMOVED: as stopped, for good
 *
 * virtblk_moves[] has what may follow what.
 */
enum virtblk_state {
	VIRTBLK_STOPPED,
	VIRTBLK_LIVE,
	VIRTBLK_RESETTING,
	VIRTBLK_DEAD,
	VIRTBLK_REMOVED,
};

/**
 * struct virtio_blk - a virtio block device
 * @vdev: the device on the virtio bus, NULL once virtblk_remove() has ended
 * @vdev_mutex: protects @vdev from that; held by whatever may run later
 *
 * Set by probe, and only read from then on:
 * @disk: the disk
 * @tag_set: its tags
 * @index: of the disk's name and minor numbers
 * @offered: feature bits of the device
 * @num_queues: virtqueues in use
 * @io_queues: how many of them serve which kind of request
 * @direct: there are no indirect descriptors: a request takes a slot a segment
 * @queues: a virtqueue each; kept across suspend and reset
 * @zone_sectors: size of a zone, in 512-byte sectors; 0 if not zoned
 * @debugfs: the disk's folder
 *
 * Starting and stopping:
 * @config_work: reads the capacity again after a configuration change
 * @recover_work: finds out what is wrong with the device
 * @timed_out: a request was not completed in time; written by xchg()
 * @state_mutex: protects the next five; held by who starts or stops the
 *	virtqueues once the disk is there
 * @state: see enum virtblk_state
 * @frozen: nobody gets into the request queue, and nothing is in it: since
 *	virtblk_freeze()
 * @writeback: the device has a volatile write cache, and is to have it after a reset
 * @completions_at_reset: requests completed up to the last reset
 * @resets: since the device last completed a request
 *
 * I/O path, no lock:
 * @len_valid: the device reports how much it has read; set once, never cleared
 */
struct virtio_blk {
	struct virtio_device *vdev;
	struct mutex vdev_mutex;	/* protects vdev */

	struct gendisk *disk;
	struct blk_mq_tag_set tag_set;
	int index;
	u64 offered;
	unsigned int num_queues;
	unsigned int io_queues[HCTX_MAX_TYPES];
	bool direct;
	struct virtblk_queue *queues;
	unsigned int zone_sectors;
	struct dentry *debugfs;

	struct work_struct config_work;
	struct work_struct recover_work;
	int timed_out;			/* no smaller type is portable for xchg() */
	struct mutex state_mutex;	/* protects what follows, down to resets */
	enum virtblk_state state;
	bool frozen;
	bool writeback;
	u64 completions_at_reset;
	unsigned int resets;

	bool len_valid;
};

/**
 * struct virtblk_req - the driver's part of a request
 * @out_hdr: header for the device (VIRTIO 1.3, 5.2.6)
 * @next_done: link in a chain of completions, when the device needs no header
 *	any more
 * @len: how many bytes the device says it has written, likewise
 * @in_hdr: what the device answers; status is its last byte, and the only one
 *	but for zone append
 * @node: link in &virtblk_queue.staged and &virtblk_queue.backlog, while the
 *	device does not know @in_hdr yet
 * @late: not completed in time
 * @out_sgs: scatterlists that the device reads, @sg_out and perhaps the data
 * @in_sgs: those that it writes, perhaps the data and @sg_in
 * @slots: that it takes in the ring
 * @orig_nents: size of the data's scatterlist if it was allocated, else 0
 * @sgl: the data, @sg or an allocated table; where scatterlists can be chained,
 *	it is always @sg, which the allocated entries follow
 * @sg_out: describes @out_hdr
 * @sg_in: describes @in_hdr
 * @sg: the first data segments
 */
struct virtblk_req {
	union {
		struct virtio_blk_outhdr out_hdr;
		struct {
			struct virtblk_req *next_done;
			u32 len;
		};
	};
	union {
		struct {
			struct {
				__virtio64 sector;
				u8 status;
			} __packed in_hdr;
			bool late;
			u8 out_sgs;
			u8 in_sgs;
			unsigned short slots;
			unsigned short orig_nents;
		};
		struct llist_node node;
	};
#ifdef CONFIG_ARCH_NO_SG_CHAIN
	struct scatterlist *sgl;
#endif
	struct scatterlist sg_out;
	struct scatterlist sg_in;
	struct scatterlist sg[];
};

/**
 * virtblk_sgl - a request's data
 * @vbr: the driver's part of a request, with data mapped
 *
 * Return: its scatterlist.
 */
static inline struct scatterlist *virtblk_sgl(struct virtblk_req *vbr)
{
#ifdef CONFIG_ARCH_NO_SG_CHAIN
	return vbr->sgl;
#else
	return vbr->sg;
#endif
}

/* main.c */
extern struct workqueue_struct *virtblk_wq;

/**
 * virtblk_schedule_recovery - have virtblk_recover() find out what is wrong
 * @vblk: the device
 *
 * Context: any.
 */
static inline void virtblk_schedule_recovery(struct virtio_blk *vblk)
{
	queue_work(virtblk_wq, &vblk->recover_work);
}

/* vqs.c */
int virtblk_alloc_queues(struct virtio_blk *vblk);
void virtblk_open_queue(struct virtblk_queue *q, struct virtqueue *vq);
void virtblk_close_queue(struct virtblk_queue *q);
void virtblk_drain_queue(struct virtblk_queue *q);
int virtblk_find_vqs(struct virtio_blk *vblk);
void virtblk_del_vqs(struct virtio_blk *vblk);
bool virtblk_is_gone(struct virtio_device *vdev);
unsigned int virtblk_default_depth(struct virtio_blk *vblk);
unsigned int virtblk_max_segments(struct virtio_blk *vblk);
void virtblk_map_queues(struct blk_mq_tag_set *set);

/* queue.c */
blk_status_t virtblk_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd);
void virtblk_commit_rqs(struct blk_mq_hw_ctx *hctx);
void virtblk_queue_rqs(struct rq_list *rqlist);
void virtblk_complete_rq(struct request *rq);
int virtblk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob);
void virtblk_done(struct virtqueue *vq);
void virtblk_look(struct virtblk_queue *q);
int virtblk_init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index);
void virtblk_init_queue(struct virtblk_queue *q, struct virtio_blk *vblk);

/* request.c */
int virtblk_init_request(struct blk_mq_tag_set *set, struct request *rq, unsigned int hctx_idx,
			 COMPAT_NODE numa_node);
blk_status_t virtblk_prep_rq(struct virtio_blk *vblk, struct request *rq);
blk_status_t virtblk_finish_rq(struct request *rq);
int virtblk_execute(struct virtio_blk *vblk, u32 type, sector_t sector, void *buf,
		    unsigned int len);

/* recover.c */
void virtblk_set_state(struct virtio_blk *vblk, enum virtblk_state state);
enum blk_eh_timer_return virtblk_timeout(struct request *rq);
unsigned int virtblk_io_timeout(void);
bool virtblk_needs_reset(struct virtio_device *vdev);
void virtblk_recover(struct work_struct *work);
void virtblk_unfreeze(struct virtio_blk *vblk);
void virtblk_mark_dead(struct virtio_blk *vblk);
void virtblk_disable(struct virtio_blk *vblk);

/* limits.c */
int virtblk_read_limits(struct virtio_blk *vblk, struct queue_limits *lim);
bool virtblk_cache_is_writeback(struct virtio_device *vdev);

/* sysfs.c */
extern const struct attribute_group *virtblk_attr_groups[];

/* zoned.c */
#ifdef CONFIG_BLK_DEV_ZONED
int virtblk_report_zones(struct gendisk *disk, sector_t sector, unsigned int nr_zones,
			 struct blk_report_zones_args *args);
int virtblk_read_zoned_limits(struct virtio_blk *vblk, struct queue_limits *lim);
int virtblk_revalidate_zones(struct virtio_blk *vblk);
#define VIRTBLK_REPORT_ZONES	.report_zones = COMPAT_REPORT_ZONES(virtblk_report_zones),
#else
static inline int virtblk_read_zoned_limits(struct virtio_blk *vblk, struct queue_limits *lim)
{
	dev_err(&vblk->vdev->dev, "virtio_blk: zoned devices are not supported");
	return -EOPNOTSUPP;
}

static inline int virtblk_revalidate_zones(struct virtio_blk *vblk)
{
	return 0;
}

#define VIRTBLK_REPORT_ZONES
#endif

/* debugfs.c */
void virtblk_debugfs_init(void);
void virtblk_debugfs_exit(void);
void virtblk_debugfs_add(struct virtio_blk *vblk);
void virtblk_debugfs_remove(struct virtio_blk *vblk);

#endif /* VIRTIO_BLK_H */
