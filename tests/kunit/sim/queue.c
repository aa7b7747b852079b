// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's processor of a virtqueue: takes requests, carries them out when
 * they are due, gives them back and interrupts the driver.
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/random.h>
#include <linux/sched.h>

#include "sim.h"

static void sim_queue_irq(struct irq_work *work)
{
	struct sim_queue *q = container_of(work, struct sim_queue, irq);

	sim_count(q->sim, SIM_STAT_INTERRUPTS);
	vring_interrupt(0, q->vq);
}

/* On another CPU: in a thread of its own there, on PREEMPT_RT. */
static void sim_queue_raise(void *data)
{
	struct sim_queue *q = data;

	irq_work_queue(&q->irq);
	atomic_set_release(&q->raised, 0);
}

static unsigned int sim_other_cpu(void)
{
	unsigned int cpu = cpumask_next(raw_smp_processor_id(), cpu_online_mask);

	return cpu < nr_cpu_ids ? cpu : cpumask_first(cpu_online_mask);
}

/* As a device of VDUSE: what a notification takes as well is held. */
static void sim_queue_call(struct work_struct *work)
{
	struct sim_queue *q = container_of(work, struct sim_queue, call);

	spin_lock_bh(&q->bell);
	WRITE_ONCE(q->caller, current);
	sim_queue_irq(&q->irq);
	WRITE_ONCE(q->caller, NULL);
	spin_unlock_bh(&q->bell);
}

static void sim_queue_interrupt(struct sim_queue *q)
{
	/* Without a callback the driver polls, and has no interrupt. */
	if (!q->vq->callback)
		return;
	switch (q->sim->interrupts) {
	case SIM_LOCAL:
		irq_work_queue(&q->irq);
		return;
	case SIM_REMOTE:
		if (atomic_xchg(&q->raised, 1))
			return;
		/* The other CPU may just have left. */
		if (smp_call_function_single_async(sim_other_cpu(), &q->raise))
			sim_queue_raise(q);
		return;
	case SIM_TASK:
		queue_work_on(sim_other_cpu(), system_long_wq, &q->call);
	}
}

/**
 * sim_queue_synchronize - wait until the driver is called no more
 * @q: the queue
 *
 * Context: process, may sleep.
 */
void sim_queue_synchronize(struct sim_queue *q)
{
	while (atomic_read_acquire(&q->raised))
		fsleep(100);
	irq_work_sync(&q->irq);
	flush_work(&q->call);
}

/* The ring cannot be trusted any more (VIRTIO 1.3, 2.1.2): only a reset helps. */
static void sim_queue_break(struct sim_queue *q)
{
	q->live = false;
	WRITE_ONCE(q->sim->status, q->sim->status | VIRTIO_CONFIG_S_NEEDS_RESET);
	irq_work_queue(&q->sim->config_irq);
}

/**
 * sim_queue_fail - stop working, and ask for a reset
 * @q: the queue
 */
void sim_queue_fail(struct sim_queue *q)
{
	mutex_lock(&q->lock);
	sim_queue_break(q);
	mutex_unlock(&q->lock);
}

static void sim_queue_insert(struct sim_queue *q, struct sim_req *req)
{
	struct list_head *place = &q->pending;
	unsigned int skip;

	switch (READ_ONCE(q->sim->order)) {
	case SIM_FIFO:
		list_add_tail(&req->entry, place);
		return;
	case SIM_RANDOM:
		/* Among the newest few: the oldest must not wait for ever. */
		for (skip = get_random_u32() % 8; skip && place->prev != &q->pending; skip--)
			place = place->prev;
		list_add_tail(&req->entry, place);
		return;
	case SIM_LIFO:
		list_add(&req->entry, place);
	}
}

static int sim_queue_fetch(struct sim_queue *q)
{
	struct sim_dev *sim = q->sim;
	struct sim_req *req;
	u64 delay;
	u16 head;
	int ret;

	ret = sim_ring_fetch(q, &head);
	if (ret <= 0)
		return ret;

	delay = READ_ONCE(sim->latency_us) * (u64)NSEC_PER_USEC;
	if (sim_fault(sim, SIM_LATE))
		delay = READ_ONCE(sim->late_ms) * (u64)NSEC_PER_MSEC;
	req = &q->reqs[head];
	req->busy = true;
	req->due = delay ? ktime_add_ns(ktime_get(), delay) : 0;
	if (sim_fault(sim, SIM_LOSE))
		INIT_LIST_HEAD(&req->entry);
	else
		sim_queue_insert(q, req);
	return 1;
}

static int sim_queue_complete(struct sim_queue *q, struct sim_req *req)
{
	struct sim_dev *sim = q->sim;
	u32 id, len;
	int err;

	list_del(&req->entry);
	id = req - q->reqs;
	err = sim_execute(q, id, &len);
	if (err)
		return err;
	req->busy = false;

	if (sim_fault(sim, SIM_WRONG_LEN))
		len = U32_MAX;
	if (sim_fault(sim, SIM_ZERO_LEN))
		len = 0;
	if (sim_fault(sim, SIM_DUPLICATE))
		sim_ring_push(q, id, len);
	if (sim_fault(sim, SIM_BAD_ID))
		id += q->ring.num;
	sim_ring_push(q, id, len);
	if (sim_fault(sim, SIM_INDEX_JUMP))
		q->used_idx += 2;
	sim_ring_publish(q);
	return 0;
}

/* Gives back what is due; returns when the next one is, or a negative error. */
static ktime_t sim_queue_complete_due(struct sim_queue *q)
{
	ktime_t next = KTIME_MAX, now = ktime_get();
	struct sim_req *req, *tmp;
	int err;

	list_for_each_entry_safe(req, tmp, &q->pending, entry) {
		if (req->due > now) {
			next = min(next, req->due);
			continue;
		}
		if (!sim_use_one(&q->sim->credit))
			break;
		err = sim_queue_complete(q, req);
		if (err)
			return err;
	}
	if (sim_ring_wants_irq(q) || sim_fault(q->sim, SIM_SPURIOUS_IRQ))
		sim_queue_interrupt(q);
	return next;
}

/* Does what there is to do; returns when the next request is due. */
static ktime_t sim_queue_run(struct sim_queue *q)
{
	ktime_t next = KTIME_MAX;
	int ret;

	mutex_lock(&q->lock);
	/* A notification from now on means another look. */
	smp_store_mb(q->kicked, false);
	while (q->live && READ_ONCE(q->sim->status) & VIRTIO_CONFIG_S_DRIVER_OK) {
		sim_ring_disable_kick(q);
		do {
			ret = sim_queue_fetch(q);
		} while (ret > 0);
		next = ret ?: sim_queue_complete_due(q);
		if (next < 0) {
			sim_queue_break(q);
			next = KTIME_MAX;
			break;
		}
		if (sim_fault(q->sim, SIM_NO_KICKS)) {
			next = min(next, ktime_add_ms(ktime_get(), 1));
			break;
		}
		if (!sim_ring_enable_kick(q))
			break;
		cond_resched();
	}
	mutex_unlock(&q->lock);
	return next;
}

static int sim_queue_thread(void *data)
{
	struct sim_queue *q = data;
	ktime_t next;

	while (!kthread_should_stop()) {
		next = sim_queue_run(q);
		set_current_state(TASK_IDLE);
		if (!READ_ONCE(q->kicked) && !kthread_should_stop())
			schedule_hrtimeout(next == KTIME_MAX ? NULL : &next, HRTIMER_MODE_ABS);
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}

/**
 * sim_queue_kick - have the device look at a queue
 * @q: the queue
 *
 * Context: any.
 */
void sim_queue_kick(struct sim_queue *q)
{
	WRITE_ONCE(q->kicked, true);
	wake_up_process(q->thread);
}

/**
 * sim_queue_settle - wait until the device has looked at a queue as often as it
 *	was asked to
 * @q: the queue
 *
 * Context: process, may sleep.
 */
void sim_queue_settle(struct sim_queue *q)
{
	bool asked;

	do {
		mutex_lock(&q->lock);
		asked = READ_ONCE(q->kicked);
		mutex_unlock(&q->lock);
		if (asked)
			fsleep(100);
	} while (asked);
}

/**
 * sim_queue_start - give a queue its virtqueue
 * @q: the queue
 * @vq: the virtqueue
 */
void sim_queue_start(struct sim_queue *q, struct virtqueue *vq)
{
	mutex_lock(&q->lock);
	q->vq = vq;
	sim_ring_init(q);
	q->live = true;
	mutex_unlock(&q->lock);

	if (sim_fault(q->sim, SIM_EARLY_IRQ))
		sim_queue_interrupt(q);
}

/**
 * sim_queue_stop - leave the driver's memory alone, and forget its requests
 * @q: the queue
 */
void sim_queue_stop(struct sim_queue *q)
{
	unsigned int i;

	mutex_lock(&q->lock);
	q->live = false;
	INIT_LIST_HEAD(&q->pending);
	for (i = 0; i < q->sim->queue_size; i++)
		q->reqs[i].busy = false;
	mutex_unlock(&q->lock);
}

/**
 * sim_queue_init - make a queue ready for a driver
 * @q: the queue, zeroed
 * @sim: its device
 * @index: its number
 *
 * Return: 0, or -ENOMEM; sim_queue_exit() frees also what an error has left.
 */
int sim_queue_init(struct sim_queue *q, struct sim_dev *sim, unsigned int index)
{
	struct task_struct *thread;

	q->sim = sim;
	q->index = index;
	mutex_init(&q->lock);
	spin_lock_init(&q->bell);
	INIT_CSD(&q->raise, sim_queue_raise, q);
	INIT_WORK(&q->call, sim_queue_call);
	INIT_LIST_HEAD(&q->pending);
	init_irq_work(&q->irq, sim_queue_irq);
	q->reqs = kvcalloc(sim->queue_size, sizeof(*q->reqs), GFP_KERNEL);
	q->iov = kvcalloc(sim->max_chain, sizeof(*q->iov), GFP_KERNEL);
	if (!q->reqs || !q->iov)
		return -ENOMEM;

	thread = kthread_run(sim_queue_thread, q, "%s/%u", sim->serial, index);
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	q->thread = thread;
	return 0;
}

/**
 * sim_queue_exit - undo sim_queue_init()
 * @q: the queue, without virtqueue
 */
void sim_queue_exit(struct sim_queue *q)
{
	if (q->thread)
		kthread_stop(q->thread);
	kvfree(q->iov);
	kvfree(q->reqs);
}
