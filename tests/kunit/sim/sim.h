/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio-blk device inside the kernel that drives it. README.md tells how to
 * use it.
 */
#ifndef VIRTIO_BLK_SIM_H
#define VIRTIO_BLK_SIM_H

#include <linux/completion.h>
#include <linux/irq_work.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/rwsem.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/virtio_ring.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "sim_compat.h"
#include <uapi/linux/virtio_ring.h>

#define SIM_NAME	"virtio_blk_sim"
#define SIM_RECORDS	32

enum sim_order {
	SIM_FIFO,
	SIM_LIFO,
	SIM_RANDOM,
};

enum sim_interrupts {
	SIM_LOCAL,
	SIM_REMOTE,
	SIM_TASK,
};

/* What a user can have go wrong: see faults.c. */
enum sim_fault {
	SIM_LOSE,
	SIM_LATE,
	SIM_DUPLICATE,
	SIM_BAD_ID,
	SIM_INDEX_JUMP,
	SIM_WRONG_LEN,
	SIM_ZERO_LEN,
	SIM_NO_STATUS,
	SIM_NO_DATA,
	SIM_BAD_STATUS,
	SIM_IO_ERROR,
	SIM_BAD_APPEND,
	SIM_BAD_REPORT,
	SIM_EARLY_IRQ,
	SIM_SPURIOUS_IRQ,
	SIM_TORN_CONFIG,
	SIM_MAP_FAILS,
	SIM_NO_FEATURES,
	SIM_NO_VQS,
	SIM_NO_KICKS,
	SIM_NO_NOTIFY,
	SIM_NR_FAULTS,
};

enum sim_stat {
	SIM_STAT_READ,
	SIM_STAT_WRITE,
	SIM_STAT_FLUSH,
	SIM_STAT_GET_ID,
	SIM_STAT_DISCARD,
	SIM_STAT_WRITE_ZEROES,
	SIM_STAT_UNMAPS,
	SIM_STAT_SECURE_ERASE,
	SIM_STAT_ZONE_APPEND,
	SIM_STAT_ZONE_REPORT,
	SIM_STAT_ZONE_OPEN,
	SIM_STAT_ZONE_CLOSE,
	SIM_STAT_ZONE_FINISH,
	SIM_STAT_ZONE_RESET,
	SIM_STAT_ZONE_RESET_ALL,
	SIM_STAT_ERRORS,
	SIM_STAT_KICKS,
	SIM_STAT_KICKS_IRQS_OFF,
	SIM_STAT_INTERRUPTS,
	SIM_STAT_RESETS,
	SIM_STAT_MAPS_FAILED,
	SIM_STAT_VIOLATIONS,
	SIM_NR_STATS,
};

/**
 * struct sim_req - a request that the device has taken from the ring
 * @entry: link in &sim_queue.pending
 * @due: when it is carried out and given back
 * @busy: the device has it
 */
struct sim_req {
	struct list_head entry;
	ktime_t due;
	bool busy;
};

/**
 * struct sim_chain - the buffers of a request
 * @iov: all of them, those to be read first
 * @n_out: how many the device reads
 * @n_in: how many it writes
 * @out_len: bytes to read
 * @in_len: bytes to write
 */
struct sim_chain {
	struct kvec *iov;
	unsigned int n_out;
	unsigned int n_in;
	size_t out_len;
	size_t in_len;
};

/**
 * struct sim_queue - the device's side of a virtqueue
 * @sim: the device
 * @index: its number
 * @vq: the driver's side, NULL if the driver has none
 * @lock: held while the device looks at the ring; protects the members below
 * @live: the ring may be used: set with the virtqueue, cleared by a reset
 * @ring: the ring's three parts
 * @last_avail: where the device goes on to read
 * @used_idx: where it goes on to write
 * @signalled: the value of @used_idx that the driver has been interrupted for
 * @reqs: by number of their first descriptor
 * @pending: taken from the ring, not given back, in order
 * @iov: room for the buffers of one request
 * @thread: the device's processor
 * @kicked: the driver has notified the device since it last looked
 * @irq: calls the driver in hard interrupt context
 * @raise: has another CPU start @irq
 * @raised: @raise is on its way there
 * @call: calls the driver in a task
 * @bell: held by @call, and to notify a device that uses it
 * @caller: the task that calls the driver with @bell held
 */
struct sim_queue {
	struct sim_dev *sim;
	unsigned int index;
	struct virtqueue *vq;

	struct mutex lock;		/* protects live ... iov */
	bool live;
	struct vring ring;
	u16 last_avail;
	u16 used_idx;
	u16 signalled;
	struct sim_req *reqs;
	struct list_head pending;
	struct kvec *iov;

	struct task_struct *thread;
	bool kicked;
	struct irq_work irq;
	call_single_data_t raise;
	atomic_t raised;
	struct work_struct call;
	spinlock_t bell;		/* protects caller */
	struct task_struct *caller;
};

/**
 * struct sim_record - what a request said
 * @type: VIRTIO_BLK_T_*
 * @ioprio: of its header
 * @sector: of its header
 * @out_len: bytes of data to read
 * @in_len: bytes of data to write
 * @segments: buffers that held the data
 * @status: how it ended
 */
struct sim_record {
	u32 type;
	u32 ioprio;
	u64 sector;
	size_t out_len;
	size_t in_len;
	unsigned int segments;
	u8 status;
};

struct sim_zone {
	u64 start;
	u64 cap;
	u64 wp;
	u8 type;
	u8 state;
};

/**
 * struct sim_dev - a device
 * @vdev: what the driver sees
 * @pdev: its parent, with the files of attrs.c
 * @entry: link in the list of devices
 * @released: nobody refers to @vdev any more
 * @serial: its name, and the answer to GET_ID
 * @features: what it offers
 * @num_queues: how many virtqueues it has, whatever its configuration says
 * @queue_size: slots of each
 * @max_chain: descriptors of a request
 * @queues: they
 * @interrupts: how the driver is called
 * @config_lock: protects @config and @generation
 * @config: the configuration space
 * @generation: of the configuration
 * @status: the device status field
 * @reads: how many of the driver's read the configuration now
 * @config_irq: tells the driver that the configuration has changed
 * @capacity: what it stores, in sectors
 * @store_lock: taken for writing where pages may go away
 * @pages: what has been written, by page
 * @zone_lock: protects @zones and the counts
 * @zones: NULL if it has none
 * @nr_zones: how many
 * @zone_sectors: size of each but perhaps the last
 * @nr_imp_open: zones that are implicitly open
 * @nr_exp_open: zones that are explicitly open
 * @nr_closed: zones that are closed
 * @mapped: buffers that the driver has mapped, if the mappings are ours
 * @map_skip: mappings that succeed before the next one may fail
 * @map_fails_pct: how many of a hundred fail
 * @latency_us: how long the device takes for a request
 * @late_ms: how long for one that is late
 * @config_ms: how long for the configuration to be read
 * @notify_us: how long a notification takes
 * @order: in which order it gives requests back
 * @credit: how many requests more it carries out, -1 for all
 * @faults: how many times more each fault is to happen, -1 for ever
 * @stats: what has happened
 * @record_lock: protects the members below
 * @records: the newest requests
 * @nr_records: requests so far
 */
struct sim_dev {
	struct virtio_device vdev;
	struct platform_device *pdev;
	struct list_head entry;
	struct completion released;
	char serial[VIRTIO_BLK_ID_BYTES + 1];

	u64 features;
	unsigned int num_queues;
	unsigned int queue_size;
	unsigned int max_chain;
	struct sim_queue *queues;
	unsigned int interrupts;

	spinlock_t config_lock;		/* protects config, generation */
	COMPAT_ZONED_CONFIG config;
	u32 generation;
	u8 status;
	atomic_t reads;
	struct irq_work config_irq;

	u64 capacity;
	struct rw_semaphore store_lock;
	struct xarray pages;

	struct mutex zone_lock;		/* protects zones */
	struct sim_zone *zones;
	unsigned int nr_zones;
	u32 zone_sectors;
	unsigned int nr_imp_open;
	unsigned int nr_exp_open;
	unsigned int nr_closed;

	atomic_t mapped;
	atomic_t map_skip;
	unsigned int map_fails_pct;

	unsigned int latency_us;
	unsigned int late_ms;
	unsigned int config_ms;
	unsigned int notify_us;
	unsigned int order;
	atomic_t credit;
	atomic_t faults[SIM_NR_FAULTS];
	atomic64_t stats[SIM_NR_STATS];

	spinlock_t record_lock;		/* protects records, nr_records */
	struct sim_record records[SIM_RECORDS];
	unsigned int nr_records;
};

static inline void sim_count(struct sim_dev *sim, enum sim_stat stat)
{
	atomic64_inc(&sim->stats[stat]);
}

/* main.c */
__printf(2, 3) void sim_violation(struct sim_dev *sim, const char *fmt, ...);
struct sim_dev *sim_create(const char *options);
void sim_destroy(struct sim_dev *sim);
int sim_suspend(struct sim_dev *sim);

/* options.c */
struct sim_dev *sim_parse(const char *options, int index);
void sim_free(struct sim_dev *sim);

/* attrs.c */
extern const struct attribute_group *sim_attr_groups[];

/* transport.c */
extern const struct virtio_config_ops sim_config_ops;
void sim_set_credit(struct sim_dev *sim, int credit);
void sim_settle(struct sim_dev *sim);
void sim_hold(struct sim_dev *sim);
void sim_config_irq(struct irq_work *work);

/* config.c */
u64 sim_config_get(struct sim_dev *sim, const char *name);
int sim_config_set(struct sim_dev *sim, const char *name, u64 value);
void sim_config_read(struct sim_dev *sim, unsigned int offset, void *buf, unsigned int len);
void sim_config_write(struct sim_dev *sim, unsigned int offset, const void *buf,
		      unsigned int len);
int sim_config_print(struct sim_dev *sim, char *buf);
int sim_feature(const char *name);

/* queue.c */
int sim_queue_init(struct sim_queue *q, struct sim_dev *sim, unsigned int index);
void sim_queue_exit(struct sim_queue *q);
void sim_queue_start(struct sim_queue *q, struct virtqueue *vq);
void sim_queue_stop(struct sim_queue *q);
void sim_queue_kick(struct sim_queue *q);
void sim_queue_synchronize(struct sim_queue *q);
void sim_queue_settle(struct sim_queue *q);
void sim_queue_fail(struct sim_queue *q);

/* ring.c */
void sim_ring_init(struct sim_queue *q);
int sim_ring_fetch(struct sim_queue *q, u16 *head);
int sim_ring_chain(struct sim_queue *q, u16 head, struct sim_chain *chain);
void sim_ring_push(struct sim_queue *q, u32 id, u32 len);
void sim_ring_publish(struct sim_queue *q);
void sim_ring_disable_kick(struct sim_queue *q);
bool sim_ring_enable_kick(struct sim_queue *q);
bool sim_ring_wants_irq(struct sim_queue *q);

/* request.c */
int sim_print_records(struct sim_dev *sim, char *buf);
int sim_execute(struct sim_queue *q, u16 head, u32 *len);

/* store.c */
bool sim_store_read(struct sim_dev *sim, u64 sector, struct iov_iter *to);
bool sim_store_write(struct sim_dev *sim, u64 sector, struct iov_iter *from);
void sim_store_zero(struct sim_dev *sim, u64 sector, u64 nr_sectors);
void sim_store_free(struct sim_dev *sim);

/* maps.c */
int sim_maps_init(struct sim_dev *sim);
void sim_maps_check(struct sim_dev *sim);

/* zoned.c */
int sim_zones_init(struct sim_dev *sim, unsigned int conventional, u64 zone_cap);
u8 sim_zone_check_read(struct sim_dev *sim, u64 sector, u64 nr);
u8 sim_zone_start_write(struct sim_dev *sim, u64 sector, u64 nr);
u8 sim_zone_start_append(struct sim_dev *sim, u64 *sector, u64 nr);
void sim_zone_end_write(struct sim_dev *sim, u64 sector, u64 nr);
u8 sim_zone_manage(struct sim_dev *sim, u32 type, u64 sector);
u8 sim_zone_report(struct sim_dev *sim, u64 sector, struct iov_iter *to);
int sim_zone_set_state(struct sim_dev *sim, unsigned int idx, u8 state);

/* faults.c */
extern const char * const sim_fault_names[SIM_NR_FAULTS];
bool sim_use_one(atomic_t *left);
bool sim_fault(struct sim_dev *sim, enum sim_fault fault);

#endif /* VIRTIO_BLK_SIM_H */
