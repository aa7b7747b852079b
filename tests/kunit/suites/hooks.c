// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of the driver: each is noted, held against the lock rule, and
 * passed on to the kernel unless a test has another answer.
 */
#include <linux/percpu.h>
#include <linux/preempt.h>

#include "hooks.h"

struct hooks hooks;

/* The queue's lock that this CPU holds; interrupts are off as long as it does. */
static DEFINE_PER_CPU(spinlock_t *, hook_held);

static const char * const hook_names[NR_HOOKS] = {
	[HOOK_ADD]		= "virtqueue_add_sgs",
	[HOOK_GET_BUF]		= "virtqueue_get_buf",
	[HOOK_KICK_PREPARE]	= "virtqueue_kick_prepare",
	[HOOK_ENABLE_CB]	= "virtqueue_enable_cb",
	[HOOK_DISABLE_CB]	= "virtqueue_disable_cb",
	[HOOK_NOTIFY]		= "virtqueue_notify",
	[HOOK_IS_BROKEN]	= "virtqueue_is_broken",
	[HOOK_START]		= "blk_mq_start_request",
	[HOOK_COMPLETE]		= "blk_mq_complete_request_remote",
	[HOOK_TOW]		= "blk_mq_set_request_complete",
	[HOOK_END]		= "blk_mq_end_request",
	[HOOK_BATCH]		= "blk_mq_add_to_batch",
	[HOOK_REQUEUE]		= "blk_mq_requeue_request",
	[HOOK_MAP]		= "blk_rq_map_sg",
	[HOOK_ALLOC]		= "an allocation",
	[HOOK_FREE]		= "a kfree",
	[HOOK_WORK]		= "kblockd_mod_delayed_work_on",
	[HOOK_END_IO]		= "bi_end_io",
	[HOOK_LOCK]		= "the lock",
	[HOOK_BUSY]		= "a try of the lock",
	[HOOK_UNLOCK]		= "the unlock",
	[HOOK_WAIT]		= "waiting for the lock",
};

/**
 * hook_name - what a hook stands for
 * @hook: the hook, -1 for none
 */
const char *hook_name(int hook)
{
	return hook < 0 ? "nothing" : hook_names[hook];
}

/**
 * hooks_reset - forget what was seen, and what a test wanted
 *
 * Context: process, no device in use.
 */
void hooks_reset(void)
{
	memset(&hooks, 0, sizeof(hooks));
	hooks.violator = -1;
}

static void hook_violation(enum hook hook)
{
	atomic_inc(&hooks.violations);
	cmpxchg(&hooks.violator, -1, hook);
}

/**
 * hook_note - note a call
 * @hook: which
 * @what: the request, if it is about one
 * @value: the answer
 */
void hook_note(enum hook hook, const void *what, long value)
{
	void (*at)(enum hook hook, const void *what) = READ_ONCE(hooks.at);
	bool held = raw_cpu_read(hook_held);
	unsigned int n = atomic_inc_return(&hooks.nr_events) - 1;

	atomic_inc(&hooks.count[hook]);
	if (n < HOOK_EVENTS) {
		hooks.events[n] = (struct hook_event) {
			.hook = hook,
			.cpu = raw_smp_processor_id(),
			.task = current,
			.irq = in_hardirq(),
			.what = what,
			.value = value,
		};
	}
	if (hook <= HOOK_ENABLE_CB ? !held : held && hook < HOOK_LOCK)
		hook_violation(hook);
	if (at)
		at(hook, what);
}

static bool hook_use_one(atomic_t *left)
{
	return atomic_dec_if_positive(left) >= 0;
}

/**
 * hook_trylock_irqsave - spin_trylock_irqsave()
 * @lock: the queue's
 * @flags: of the interrupts
 */
bool hook_trylock_irqsave(spinlock_t *lock, unsigned long *flags)
{
	unsigned long f;

	if (hook_use_one(&hooks.no_lock) || !spin_trylock_irqsave(lock, f)) {
		hook_note(HOOK_BUSY, lock, 0);
		return false;
	}
	__release(lock);	/* for sparse: the caller has it */
	*flags = f;
	this_cpu_write(hook_held, lock);
	hook_note(HOOK_LOCK, lock, 0);
	return true;
}

/**
 * hook_unlock_irqrestore - spin_unlock_irqrestore()
 * @lock: the queue's
 * @flags: of the interrupts
 */
void hook_unlock_irqrestore(spinlock_t *lock, unsigned long flags)
{
	__acquire(lock);	/* for sparse: the caller has it */
	this_cpu_write(hook_held, NULL);
	spin_unlock_irqrestore(lock, flags);
	hook_note(HOOK_UNLOCK, lock, 0);
}

/**
 * hook_lock_irqsave - spin_lock_irqsave(), which nobody may call for I/O
 * @lock: the queue's
 *
 * Return: the flags.
 */
unsigned long hook_lock_irqsave(spinlock_t *lock)
	__acquires(lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	this_cpu_write(hook_held, lock);
	hook_note(HOOK_WAIT, lock, 0);
	return flags;
}

/**
 * hook_lock_irq - spin_lock_irq(), to start or stop a queue
 * @lock: the queue's
 */
void hook_lock_irq(spinlock_t *lock)
	__acquires(lock)
{
	spin_lock_irq(lock);
	this_cpu_write(hook_held, lock);
	hook_note(HOOK_WAIT, lock, 0);
}

/**
 * hook_unlock_irq - spin_unlock_irq()
 * @lock: the queue's
 */
void hook_unlock_irq(spinlock_t *lock)
	__releases(lock)
{
	this_cpu_write(hook_held, NULL);
	spin_unlock_irq(lock);
}

/**
 * hook_add_sgs - virtqueue_add_sgs()
 * @vq: the virtqueue
 * @sgs: header, data, answer
 * @out: how many of them the device reads
 * @in: how many it writes
 * @data: the driver's part of a request
 * @gfp: for indirect descriptors
 *
 * A full ring would notify the device, with the lock held.
 */
int hook_add_sgs(struct virtqueue *vq, struct scatterlist *sgs[], unsigned int out,
		 unsigned int in, void *data, gfp_t gfp)
{
	int err = hooks.add ? hooks.add(data, sgs, out, in) : 0;

	if (!err) {
		err = virtqueue_add_sgs(vq, sgs, out, in, data, gfp);
		if (err == -ENOSPC)
			hook_violation(HOOK_ADD);
	}
	hook_note(HOOK_ADD, blk_mq_rq_from_pdu(data), err);
	return err;
}

/**
 * hook_get_buf - virtqueue_get_buf()
 * @vq: the virtqueue
 * @len: as it says
 */
void *hook_get_buf(struct virtqueue *vq, unsigned int *len)
{
	struct virtblk_req *vbr = virtqueue_get_buf(vq, len);

	if (vbr && hooks.reaped)
		hooks.reaped(vbr);
	hook_note(HOOK_GET_BUF, vbr ? blk_mq_rq_from_pdu(vbr) : NULL, 0);
	return vbr;
}

/**
 * hook_kick_prepare - virtqueue_kick_prepare()
 * @vq: the virtqueue
 */
bool hook_kick_prepare(struct virtqueue *vq)
{
	bool kick = virtqueue_kick_prepare(vq) && !hooks.no_kick;

	hook_note(HOOK_KICK_PREPARE, NULL, kick);
	return kick;
}

/**
 * hook_enable_cb - virtqueue_enable_cb()
 * @vq: the virtqueue
 */
bool hook_enable_cb(struct virtqueue *vq)
{
	bool on = virtqueue_enable_cb(vq);

	hook_note(HOOK_ENABLE_CB, NULL, on);
	return on;
}

/**
 * hook_disable_cb - virtqueue_disable_cb()
 * @vq: the virtqueue
 */
void hook_disable_cb(struct virtqueue *vq)
{
	virtqueue_disable_cb(vq);
	hook_note(HOOK_DISABLE_CB, NULL, 0);
}

/**
 * hook_notify - virtqueue_notify()
 * @vq: the virtqueue
 */
bool hook_notify(struct virtqueue *vq)
{
	hook_note(HOOK_NOTIFY, NULL, 0);
	return virtqueue_notify(vq);
}

/**
 * hook_kick - virtqueue_kick(), which notifies
 * @vq: the virtqueue
 */
bool hook_kick(struct virtqueue *vq)
{
	return !hook_kick_prepare(vq) || hook_notify(vq);
}

/**
 * hook_is_broken - virtqueue_is_broken()
 * @vq: the virtqueue
 */
bool hook_is_broken(struct virtqueue *vq)
{
	hook_note(HOOK_IS_BROKEN, NULL, 0);
	return virtqueue_is_broken(vq);
}

/**
 * hook_get_vring_size - virtqueue_get_vring_size()
 * @vq: the virtqueue
 */
unsigned int hook_get_vring_size(struct virtqueue *vq)
{
	return hooks.ring_size ?: virtqueue_get_vring_size(vq);
}

/**
 * hook_start_request - blk_mq_start_request()
 * @rq: the request
 */
void hook_start_request(struct request *rq)
{
	hook_note(HOOK_START, rq, 0);
	blk_mq_start_request(rq);
}

/**
 * hook_end_request - blk_mq_end_request()
 * @rq: the request
 * @status: what became of it
 */
void hook_end_request(struct request *rq, blk_status_t status)
{
	hook_note(HOOK_END, rq, (__force u8)status);
	blk_mq_end_request(rq, status);
}

/**
 * hook_set_request_complete - blk_mq_set_request_complete()
 * @rq: the request
 */
void hook_set_request_complete(struct request *rq)
{
	hook_note(HOOK_TOW, rq, 0);
	blk_mq_set_request_complete(rq);
}

/**
 * hook_complete_request_remote - blk_mq_complete_request_remote()
 * @rq: the request
 */
bool hook_complete_request_remote(struct request *rq)
{
	hook_note(HOOK_COMPLETE, rq, 0);
	return blk_mq_complete_request_remote(rq);
}

/**
 * hook_requeue_request - blk_mq_requeue_request()
 * @rq: the request
 * @kick: at once
 */
void hook_requeue_request(struct request *rq, bool kick)
{
	hook_note(HOOK_REQUEUE, rq, 0);
	blk_mq_requeue_request(rq, kick);
}

/**
 * hook_add_to_batch - compat_add_to_batch()
 * @rq: the request
 * @iob: the batch
 */
bool hook_add_to_batch(struct request *rq, struct io_comp_batch *iob)
{
	if (!compat_add_to_batch(rq, iob))
		return false;
	hook_note(HOOK_BATCH, rq, 0);
	return true;
}

/**
 * hook_map_sg - blk_rq_map_sg()
 * @rq: the request
 * @sgl: the scatterlist
 */
int hook_map_sg(struct request *rq, struct scatterlist *sgl)
{
	hook_note(HOOK_MAP, rq, 0);
	return blk_rq_map_sg(rq, sgl);
}

/**
 * hook_delayed_work - kblockd_mod_delayed_work_on()
 * @cpu: where
 * @work: the work
 * @delay: in jiffies
 */
int hook_delayed_work(int cpu, struct delayed_work *work, unsigned long delay)
{
	hook_note(HOOK_WORK, NULL, delay);
	return kblockd_mod_delayed_work_on(cpu, work, delay);
}

/**
 * hook_kmalloc - kmalloc() and its relatives
 * @size: of an object
 * @count: of objects
 * @gfp: how
 */
void *hook_kmalloc(size_t size, size_t count, gfp_t gfp)
{
	void *ptr = hook_use_one(&hooks.no_memory) ? NULL : kmalloc_array(count, size, gfp);

	hook_note(HOOK_ALLOC, NULL, !!ptr);
	return ptr;
}

/**
 * hook_kfree - kfree()
 * @ptr: the memory
 */
void hook_kfree(const void *ptr)
{
	hook_note(HOOK_FREE, NULL, 0);
	kfree(ptr);
}

/**
 * hook_sg_alloc - sg_alloc_table_chained()
 * @table: the scatterlist
 * @nents: its entries
 * @first: the first of them
 * @n: how many these are
 */
int hook_sg_alloc(struct sg_table *table, int nents, struct scatterlist *first, unsigned int n)
{
	int err = hook_use_one(&hooks.no_memory) ? -ENOMEM :
						   sg_alloc_table_chained(table, nents, first, n);

	hook_note(HOOK_ALLOC, NULL, !err);
	return err;
}

/**
 * hook_sg_free - sg_free_table_chained()
 * @table: the scatterlist
 * @n: entries that were not allocated
 */
void hook_sg_free(struct sg_table *table, unsigned int n)
{
	hook_note(HOOK_FREE, NULL, 0);
	sg_free_table_chained(table, n);
}
