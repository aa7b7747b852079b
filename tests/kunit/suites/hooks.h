/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the driver calls, watched: who calls what, in which context, with the
 * queue's lock or without; and what a test wants to answer in the kernel's place.
 */
#ifndef KUNIT_HOOKS_H
#define KUNIT_HOOKS_H

#include "../../../virtio_blk/virtio_blk.h"

/**
 * enum hook - a call that the driver makes
 * @HOOK_ADD: virtqueue_add_sgs()
 * @HOOK_GET_BUF: virtqueue_get_buf()
 * @HOOK_KICK_PREPARE: virtqueue_kick_prepare()
 * @HOOK_ENABLE_CB: virtqueue_enable_cb()
 * @HOOK_DISABLE_CB: virtqueue_disable_cb()
 * @HOOK_NOTIFY: virtqueue_notify(); on PREEMPT_RT it belongs to those before
 * @HOOK_IS_BROKEN: virtqueue_is_broken()
 * @HOOK_START: blk_mq_start_request()
 * @HOOK_COMPLETE: blk_mq_complete_request_remote()
 * @HOOK_CHAINED: blk_mq_set_request_complete(): another request is completed with it
 * @HOOK_END: blk_mq_end_request()
 * @HOOK_BATCH: compat_add_to_batch() has taken a request
 * @HOOK_REQUEUE: blk_mq_requeue_request()
 * @HOOK_MAP: blk_rq_map_sg()
 * @HOOK_ALLOC: memory is allocated
 * @HOOK_FREE: memory is freed
 * @HOOK_RETRY: mod_timer()
 * @HOOK_SCHEDULE: tasklet_schedule()
 * @HOOK_WORK: kblockd_schedule_work()
 * @HOOK_END_IO: not the driver: a test's bio has ended
 * @HOOK_LOCK: the queue's lock was taken on the I/O path, by a try, or by
 *	waiting where &virtblk_queue.waits says so
 * @HOOK_TRYLOCK_FAILED: another has the queue's lock
 * @HOOK_UNLOCK: it was released, and the look at the queue's state is still to come
 * @HOOK_WAIT: it was taken by waiting, to start or to stop the queue
 * @NR_HOOKS: number of hooks
 */
enum hook {
	/* under the queue's lock, and only there */
	HOOK_ADD,
	HOOK_GET_BUF,
	HOOK_KICK_PREPARE,
	HOOK_ENABLE_CB,
	HOOK_DISABLE_CB,
	/* never there; on PREEMPT_RT the first of them only there */
	HOOK_NOTIFY,
	HOOK_IS_BROKEN,
	HOOK_START,
	HOOK_COMPLETE,
	HOOK_CHAINED,
	HOOK_END,
	HOOK_BATCH,
	HOOK_REQUEUE,
	HOOK_MAP,
	HOOK_ALLOC,
	HOOK_FREE,
	HOOK_RETRY,
	HOOK_SCHEDULE,
	HOOK_WORK,
	HOOK_END_IO,
	/* the lock itself */
	HOOK_LOCK,
	HOOK_TRYLOCK_FAILED,
	HOOK_UNLOCK,
	HOOK_WAIT,
	NR_HOOKS,
};

#define HOOK_EVENTS	2048

/**
 * enum hook_context - what a call was made in
 * @HOOK_TASK: a task
 * @HOOK_SOFTIRQ: a softirq, whoever runs it
 * @HOOK_HARDIRQ: a hard interrupt
 */
enum hook_context {
	HOOK_TASK,
	HOOK_SOFTIRQ,
	HOOK_HARDIRQ,
};

/* For hook_count_in(). */
#define HOOK_ANY	-1

/**
 * struct hook_event - one call
 * @hook: which
 * @cpu: where
 * @task: who was running
 * @context: a task, or what had interrupted it
 * @what: the request, for those that have one
 * @value: what was answered, jiffies until a timer expires, or that the lock was
 *	waited for
 */
struct hook_event {
	enum hook hook;
	int cpu;
	struct task_struct *task;
	enum hook_context context;
	const void *what;
	long value;
};

/**
 * struct hooks - what has been seen, and what a test wants
 * @count: calls of each kind
 * @nr_events: all calls
 * @events: the first of them
 * @violations: calls that break a rule
 * @violator: the first of these
 * @violation: what is wrong with it
 * @at: called at each call, with the lock held where the driver holds it
 * @add: called before a request is added: an error to give to the driver, or 0
 * @reaped: called with each request taken back
 * @no_memory: how many allocations fail
 * @no_lock: how many tries of the lock fail
 * @no_kick: the device wants no notification
 * @ring_size: of a virtqueue that is none
 */
struct hooks {
	atomic_t count[NR_HOOKS];
	atomic_t nr_events;
	struct hook_event events[HOOK_EVENTS];
	atomic_t violations;
	int violator;
	const char *violation;
	void (*at)(enum hook hook, const void *what);
	int (*add)(struct virtblk_req *vbr, struct scatterlist *sgs[], unsigned int out,
		   unsigned int in);
	void (*reaped)(struct virtblk_req *vbr);
	atomic_t no_memory;
	atomic_t no_lock;
	bool no_kick;
	unsigned int ring_size;
};

extern struct hooks hooks;

void hooks_reset(void);
enum hook_context hook_context(void);
void hook_note(enum hook hook, const void *what, long value);
const char *hook_name(int hook);

void hook_done(struct virtqueue *vq);
int hook_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob);

bool hook_trylock_irqsave(spinlock_t *lock, unsigned long *flags);
void hook_unlock_irqrestore(spinlock_t *lock, unsigned long flags);
unsigned long hook_lock_irqsave(spinlock_t *lock) __acquires(lock);
void hook_lock_irq(spinlock_t *lock) __acquires(lock);
void hook_unlock_irq(spinlock_t *lock) __releases(lock);

int hook_add_sgs(struct virtqueue *vq, struct scatterlist *sgs[], unsigned int out,
		 unsigned int in, void *data, gfp_t gfp);
void *hook_get_buf(struct virtqueue *vq, unsigned int *len);
bool hook_kick_prepare(struct virtqueue *vq);
bool hook_enable_cb(struct virtqueue *vq);
void hook_disable_cb(struct virtqueue *vq);
bool hook_notify(struct virtqueue *vq);
bool hook_kick(struct virtqueue *vq);
bool hook_is_broken(struct virtqueue *vq);
unsigned int hook_get_vring_size(struct virtqueue *vq);

void hook_start_request(struct request *rq);
void hook_end_request(struct request *rq, blk_status_t status);
void hook_set_request_complete(struct request *rq);
bool hook_complete_request_remote(struct request *rq);
void hook_requeue_request(struct request *rq, bool kick);
bool hook_add_to_batch(struct request *rq, struct io_comp_batch *iob);
int hook_map_sg(struct request *rq, struct scatterlist *sgl);

void hook_schedule(struct tasklet_struct *softirq);
int hook_mod_timer(struct timer_list *timer, unsigned long expires);
int hook_schedule_work(struct work_struct *work);

void *hook_kmalloc(size_t size, size_t count, gfp_t gfp);
void hook_kfree(const void *ptr);
int hook_sg_alloc(struct sg_table *table, int nents, struct scatterlist *first, unsigned int n);
void hook_sg_free(struct sg_table *table, unsigned int n);

#endif /* KUNIT_HOOKS_H */
