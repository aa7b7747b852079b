// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of the driver: each is noted, held against the rules, and passed on
 * to the kernel unless a test has another answer.
 *
 * Under the queue's lock only the ring is used, and it is used nowhere else.
 * Nobody waits for the lock, a callback misses it at most twice, and who has it
 * is not preempted before it has looked at the queue's state. Neither a callback
 * nor any other hard interrupt adds a request or notifies the device. Requests
 * end in a hard interrupt, a softirq, a callback, or in who polls.
 *
 * Another rule holds for a queue that is waited for (&virtblk_queue.waits): who
 * wants the lock waits, and may be preempted.
 */
#include <linux/preempt.h>
#include <linux/sched.h>

#include "hooks.h"

struct hooks hooks;

/**
 * struct hook_scope - what somebody is in the middle of
 * @key: hook_key(), 0 if the scope is free; all else is for who has this key
 * @users: how many things these are
 * @held: the queue's lock that it holds
 * @misses: how often in a row it has missed the lock
 * @callbacks: it is in a virtqueue's callback
 * @polls: it polls
 */
struct hook_scope {
	unsigned long key;
	unsigned int users;
	const spinlock_t *held;
	unsigned int misses;
	unsigned int callbacks;
	unsigned int polls;
};

static struct hook_scope hook_scopes[64];

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
	[HOOK_CHAINED]		= "blk_mq_set_request_complete",
	[HOOK_END]		= "blk_mq_end_request",
	[HOOK_BATCH]		= "blk_mq_add_to_batch",
	[HOOK_REQUEUE]		= "blk_mq_requeue_request",
	[HOOK_MAP]		= "blk_rq_map_sg",
	[HOOK_ALLOC]		= "an allocation",
	[HOOK_FREE]		= "a kfree",
	[HOOK_RETRY]		= "mod_timer",
	[HOOK_SCHEDULE]		= "tasklet_schedule",
	[HOOK_WORK]		= "kblockd_schedule_work",
	[HOOK_END_IO]		= "bi_end_io",
	[HOOK_LOCK]		= "the lock",
	[HOOK_TRYLOCK_FAILED]	= "a failed try of the lock",
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

static void hook_violation(enum hook hook, const char *why)
{
	atomic_inc(&hooks.violations);
	if (cmpxchg(&hooks.violator, -1, hook) == -1)
		WRITE_ONCE(hooks.violation, why);
}

/**
 * hook_context - what the caller is in
 */
enum hook_context hook_context(void)
{
	if (in_hardirq())
		return HOOK_HARDIRQ;
	return in_serving_softirq() ? HOOK_SOFTIRQ : HOOK_TASK;
}

/* A task and what has interrupted it are not the same. */
static unsigned long hook_key(void)
{
	return (unsigned long)current | hook_context();
}

static struct hook_scope *hook_find_scope(unsigned long key)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(hook_scopes); i++)
		if (READ_ONCE(hook_scopes[i].key) == key)
			return &hook_scopes[i];
	return NULL;
}

static struct hook_scope *hook_get_scope(void)
{
	static struct hook_scope spare;
	unsigned long key = hook_key();
	struct hook_scope *scope = hook_find_scope(key);
	unsigned int i;

	for (i = 0; !scope && i < ARRAY_SIZE(hook_scopes); i++)
		if (!cmpxchg(&hook_scopes[i].key, 0, key))
			scope = &hook_scopes[i];
	if (WARN_ON_ONCE(!scope))
		scope = &spare;
	scope->users++;
	return scope;
}

static void hook_put_scope(struct hook_scope *scope)
{
	if (--scope->users)
		return;
	scope->misses = 0;
	/* Who takes it next finds it empty. */
	smp_store_release(&scope->key, 0);
}

static void hook_locked(const spinlock_t *lock)
{
	struct hook_scope *scope = hook_get_scope();

	scope->held = lock;
	scope->misses = 0;
}

static void hook_unlocked(void)
{
	struct hook_scope *scope = hook_find_scope(hook_key());

	if (!scope || !scope->held) {
		hook_violation(HOOK_UNLOCK, "of nothing");
		return;
	}
	scope->held = NULL;
	hook_put_scope(scope);
}

static bool hook_waits(const spinlock_t *lock)
{
	return READ_ONCE(container_of(lock, struct virtblk_queue, lock)->waits);
}

/* Returns what is wrong with a call, or NULL. */
static const char *hook_judge(enum hook hook, const struct hook_scope *scope, const void *what)
{
	static const struct hook_scope none;
	enum hook_context context = hook_context();

	if (!scope)
		scope = &none;
	if (hook < HOOK_NOTIFY && !scope->held)
		return "without the lock";
	if (hook >= HOOK_NOTIFY && hook < HOOK_LOCK && scope->held)
		return "with the lock held";

	switch (hook) {
	case HOOK_ADD:
	case HOOK_NOTIFY:
		if (context == HOOK_HARDIRQ)
			return "in a hard interrupt";
		return scope->callbacks ? "in a callback" : NULL;
	case HOOK_END:
	case HOOK_BATCH:
	case HOOK_END_IO:
		if (context == HOOK_TASK && !scope->callbacks && !scope->polls)
			return "in a task that neither polls nor was called back";
		return NULL;
	case HOOK_LOCK:
	case HOOK_UNLOCK:
		if (!hook_waits(what) && !in_interrupt())
			return "in a task that can be preempted";
		return NULL;
	case HOOK_TRYLOCK_FAILED:
		return scope->callbacks && scope->misses > 2 ? "again in a callback" : NULL;
	default:
		return NULL;
	}
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
	const char *why = hook_judge(hook, hook_find_scope(hook_key()), what);
	unsigned int n = atomic_inc_return(&hooks.nr_events) - 1;

	atomic_inc(&hooks.count[hook]);
	if (n < HOOK_EVENTS) {
		hooks.events[n] = (struct hook_event) {
			.hook = hook,
			.cpu = raw_smp_processor_id(),
			.task = current,
			.context = hook_context(),
			.what = what,
			.value = value,
		};
	}
	if (why)
		hook_violation(hook, why);
	if (at)
		at(hook, what);
}

/**
 * hook_done - virtblk_done(), as the ring calls it
 * @vq: the virtqueue
 */
void hook_done(struct virtqueue *vq)
{
	struct hook_scope *scope = hook_get_scope();

	scope->callbacks++;
	virtblk_done(vq);
	scope->callbacks--;
	hook_put_scope(scope);
}

/**
 * hook_poll - virtblk_poll(), as blk-mq calls it
 * @hctx: the queue
 * @iob: for requests that can be ended together
 */
int hook_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob)
{
	struct hook_scope *scope = hook_get_scope();
	int found;

	scope->polls++;
	found = virtblk_poll(hctx, iob);
	scope->polls--;
	hook_put_scope(scope);
	return found;
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
		struct hook_scope *scope = hook_get_scope();

		scope->misses++;
		hook_note(HOOK_TRYLOCK_FAILED, lock, 0);
		hook_put_scope(scope);
		return false;
	}
	__release(lock);	/* for sparse: the caller has it */
	*flags = f;
	hook_locked(lock);
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
	hook_unlocked();
	spin_unlock_irqrestore(lock, flags);
	hook_note(HOOK_UNLOCK, lock, 0);
}

/**
 * hook_lock_irqsave - spin_lock_irqsave(), for a queue that is waited for
 * @lock: the queue's
 *
 * Return: the flags.
 */
unsigned long hook_lock_irqsave(spinlock_t *lock)
	__acquires(lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	hook_locked(lock);
	if (!hook_waits(lock))
		hook_violation(HOOK_WAIT, "for I/O");
	hook_note(HOOK_LOCK, lock, 1);
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
	hook_locked(lock);
	hook_note(HOOK_WAIT, lock, 0);
}

/**
 * hook_unlock_irq - spin_unlock_irq()
 * @lock: the queue's
 */
void hook_unlock_irq(spinlock_t *lock)
	__releases(lock)
{
	hook_unlocked();
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
			hook_violation(HOOK_ADD, "for which there is no room");
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
	hook_note(HOOK_CHAINED, rq, 0);
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
 * hook_schedule - tasklet_schedule()
 * @softirq: the queue's
 */
void hook_schedule(struct tasklet_struct *softirq)
{
	hook_note(HOOK_SCHEDULE, NULL, 0);
	tasklet_schedule(softirq);
}

/**
 * hook_mod_timer - mod_timer()
 * @timer: the queue's
 * @expires: when
 */
int hook_mod_timer(struct timer_list *timer, unsigned long expires)
{
	hook_note(HOOK_RETRY, NULL, expires - jiffies);
	return mod_timer(timer, expires);
}

/**
 * hook_schedule_work - kblockd_schedule_work()
 * @work: the queue's
 */
int hook_schedule_work(struct work_struct *work)
{
	hook_note(HOOK_WORK, NULL, 0);
	return kblockd_schedule_work(work);
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
