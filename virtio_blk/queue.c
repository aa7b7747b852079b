// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hot path. A request is prepared and staged by its submitter, added to the
 * ring by whoever holds the queue's lock, reaped by the interrupt handler, the
 * softirq or a poller, and completed there after the lock was released.
 *
 * Nobody waits for the lock: a failed trylock sets a bit in q->state for the
 * work that was missed, and the holder looks for it after the unlock. These are
 * qdisc_run_begin() and qdisc_run_end() around a virtqueue; q->state, the states
 * of a request and the barriers, by their labels, are in doc/design.md. Where
 * interrupt handlers are tasks the lock is waited for: see virtblk_done().
 */
#include <linux/interrupt.h>
#include <linux/iopoll.h>
#include <linux/timer.h>

#include "virtio_blk.h"

/* What a run of a queue leaves to be done after the unlock. */
struct virtblk_run {
	struct virtqueue *vq;		/* NULL: never got the lock */
	struct virtblk_req *done;	/* reaped requests, in order */
	struct virtblk_req **done_tail;
	bool notify;			/* the device wants to be told */
	bool retry;			/* ring is empty: no completion will run the queue again */
};

static struct virtblk_req *virtblk_run_queue(struct virtblk_queue *q, int may);
static void virtblk_run_locked(struct virtblk_queue *q, int may, struct virtblk_run *run)
	__must_hold(&q->lock);

/* ---- Submission: any CPU, no lock ---- */

/*
 * Others rely on the look at q->state after the unlock: do not get preempted
 * before it, and let the softirq run on the way out. On PREEMPT_RT nobody ever
 * misses the lock.
 */
static void virtblk_begin_run(void)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		local_bh_disable();
}

static void virtblk_end_run(void)
{
	if (!IS_ENABLED(CONFIG_PREEMPT_RT))
		local_bh_enable();
}

/* While requests wait for room blk-mq keeps the others, which it can merge and reorder. */
static blk_status_t virtblk_accept(struct virtblk_queue *q, struct request *rq)
{
	if (unlikely(atomic_read(&q->state) & VIRTBLK_FULL))
		return BLK_STS_RESOURCE;
	return virtblk_prep_rq(q->vblk, rq);
}

static void virtblk_submit(struct virtblk_queue *q)
{
	virtblk_begin_run();
	virtblk_run_queue(q, VIRTBLK_ADD);
	virtblk_end_run();
}

/**
 * virtblk_queue_rq - blk_mq_ops.queue_rq: submit a request
 * @hctx: a queue
 * @bd: the request, and whether it is the last of a list
 *
 * Context: process or softirq, does not sleep.
 *
 * Return: as virtblk_prep_rq(), also BLK_STS_RESOURCE (the ring is full).
 */
blk_status_t virtblk_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct virtblk_queue *q = hctx->driver_data;
	struct virtblk_req *vbr = blk_mq_rq_to_pdu(bd->rq);
	blk_status_t status = virtblk_accept(q, bd->rq);

	if (unlikely(status))
		return status;

	llist_add(&vbr->node, &q->staged);
	/* If it is not the last, virtblk_commit_rqs() or the last one submits all. */
	if (bd->last)
		virtblk_submit(q);
	return BLK_STS_OK;
}

/**
 * virtblk_commit_rqs - blk_mq_ops.commit_rqs: no request will be the last
 * @hctx: a queue
 *
 * Context: as virtblk_queue_rq().
 */
void virtblk_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	virtblk_submit(hctx->driver_data);
}

/**
 * virtblk_queue_rqs - blk_mq_ops.queue_rqs: submit a plug list
 * @rqlist: the requests; those that are not accepted are left in it
 *
 * Context: as virtblk_queue_rq().
 */
void virtblk_queue_rqs(struct rq_list *rqlist)
{
	struct virtblk_req *oldest = NULL, *newest = NULL;
	struct virtblk_queue *q = NULL;
	struct rq_list failed = { };
	struct request *rq;

	while ((rq = rq_list_pop(rqlist))) {
		struct virtblk_queue *rq_queue = rq->mq_hctx->driver_data;
		struct virtblk_req *vbr = blk_mq_rq_to_pdu(rq);

		if (unlikely(virtblk_accept(rq_queue, rq))) {
			rq_list_add_tail(&failed, rq);
			continue;
		}

		if (newest && q != rq_queue) {
			llist_add_batch(&newest->node, &oldest->node, &q->staged);
			virtblk_submit(q);
			newest = NULL;
		}
		q = rq_queue;
		if (newest)
			vbr->node.next = &newest->node;
		else
			oldest = vbr;
		newest = vbr;
	}
	while (unlikely((rq = rq_list_pop(&failed))))
		rq_list_add_tail(rqlist, rq);
	if (newest) {
		llist_add_batch(&newest->node, &oldest->node, &q->staged);
		virtblk_submit(q);
	}
}

/* ---- Running a queue: trylock, or mark what was missed ---- */

static void virtblk_schedule_softirq(struct virtblk_queue *q, int work)
{
	if (!(atomic_fetch_or(VIRTBLK_SCHED | work, &q->state) & VIRTBLK_SCHED))
		tasklet_schedule(&q->softirq);
}

/* Has somebody do what we may not do, or not any longer. */
static void virtblk_schedule_run(struct virtblk_queue *q, int work)
{
	bool waits = READ_ONCE(q->waits);

	if (unlikely(waits && (work & VIRTBLK_ADD)))
		kblockd_schedule_work(&q->work);
	if (likely(!waits || (work & VIRTBLK_REAP)))
		virtblk_schedule_softirq(q, work);
}

/*
 * On PREEMPT_RT a task that is about to notify the device may be preempted, for
 * any length of time. A submitter whose request it has added, or whose own
 * notification it made superfluous, does not wait for it and notifies the device
 * itself. Not under the lock: a device may hold a lock of its own around our
 * callback and take it in its doorbell.
 */
static bool virtblk_is_notifying(struct virtblk_queue *q)
{
	return IS_ENABLED(CONFIG_PREEMPT_RT) && atomic_read(&q->notifying);
}

/*
 * Runs the queue once, if nobody else does. The loop is qdisc_run_begin():
 *
 * (MISSED:A) the work before its bit, and the bit before the second try: either
 * the holder sees the bit, or we see the lock free. atomic_fetch_or() is fully
 * ordered. Pairs with (LOOK:A) and (TAKE:A). If the bit was set already, the
 * second try of whoever set it is still to come or has failed, and whoever
 * clears the bit sees our work.
 */
static bool virtblk_run_once(struct virtblk_queue *q, int may, struct virtblk_run *run)
{
	bool marked = false;
	unsigned long flags;
	int missed;

	if (unlikely(READ_ONCE(q->waits))) {
		spin_lock_irqsave(&q->lock, flags);
	} else {
		while (!spin_trylock_irqsave(&q->lock, flags)) {
			/* The softirq's bits are set; a poller comes back. */
			if (marked || may == VIRTBLK_WORK)
				return false;
			if (atomic_fetch_or(may, &q->state) & may)
				return false;
			marked = true;
		}
	}

	if (unlikely(!q->open)) {
		spin_unlock_irqrestore(&q->lock, flags);
		return false;
	}
	q->stats.acquisitions++;
	missed = atomic_read(&q->state) & may;
	if (missed) {
		q->stats.missed++;
		/* The bits before the work they stand for: pairs with (MISSED:A). */
		atomic_andnot(missed, &q->state);
		smp_mb__after_atomic();	/* (TAKE:A) */
	}
	virtblk_run_locked(q, may, run);
	if (IS_ENABLED(CONFIG_PREEMPT_RT) && run->notify)
		atomic_inc(&q->notifying);
	spin_unlock_irqrestore(&q->lock, flags);

	if (run->notify || (may & VIRTBLK_ADD && virtblk_is_notifying(q)))
		virtqueue_notify(run->vq);
	if (IS_ENABLED(CONFIG_PREEMPT_RT) && run->notify) {
		smp_mb__before_atomic();	/* told before it counts as told */
		atomic_dec(&q->notifying);
	}
	return true;
}

/*
 * Gets done what we may do: by us, or by the holder of the lock. Returns what
 * was reaped. Any context with bottom halves off; does not sleep, does not wait.
 */
static struct virtblk_req *virtblk_run_queue(struct virtblk_queue *q, int may)
{
	struct virtblk_run run = { .done_tail = &run.done };
	unsigned int restarts = 0;
	int left;

	while (virtblk_run_once(q, may, &run)) {
		/* (LOOK:A) the unlock before the look: pairs with (MISSED:A). */
		smp_mb();
		left = atomic_read(&q->state) & VIRTBLK_WORK;
		if (likely(!left))
			break;
		if (left & ~may || restarts++ == VIRTBLK_MAX_RESTARTS) {
			virtblk_schedule_run(q, left);
			break;
		}
	}
	*run.done_tail = NULL;

	if (unlikely(run.retry))
		mod_timer(&q->retry, jiffies + msecs_to_jiffies(VIRTBLK_RETRY_MS));
	if (unlikely(run.vq && virtqueue_is_broken(run.vq)))
		virtblk_schedule_recovery(q->vblk);
	return run.done;
}

/* ---- Under q->lock, and nothing else ---- */

/* What is staged by now, oldest first. */
static struct llist_node *virtblk_take_staged(struct virtblk_queue *q)
{
	if (llist_empty(&q->staged))
		return NULL;
	return llist_reverse_order(llist_del_all(&q->staged));
}

static int virtblk_add(struct virtblk_queue *q, struct virtblk_req *vbr,
		       struct scatterlist *sgs[3])
{
	struct virtqueue *vq = q->vq;

	/* virtqueue_add_sgs() would notify the device of a full ring, under the lock. */
	if (vq->num_free < vbr->slots)
		return -ENOSPC;

	sgs[0] = &vbr->sg_out;
	sgs[1] = virtblk_sgl(vbr);
	sgs[vbr->out_sgs + vbr->in_sgs - 1] = &vbr->sg_in;
	if (unlikely(q->no_fallback))
		return compat_add_indirect(vq, sgs, vbr->out_sgs, vbr->in_sgs, vbr);
	return virtqueue_add_sgs(vq, sgs, vbr->out_sgs, vbr->in_sgs, vbr,
				 GFP_ATOMIC | __GFP_NOWARN);
}

static unsigned int virtblk_count(struct llist_node *node)
{
	unsigned int n = 0;

	for (; node; node = node->next)
		n++;
	return n;
}

/* The backlog first, then what is staged. */
static void virtblk_add_backlog(struct virtblk_queue *q, struct virtblk_run *run)
{
	struct llist_node *node = q->backlog, *next;
	struct scatterlist *sgs[3];
	unsigned int added = 0;

	do {
		for (; node; node = next, added++) {
			/* Read before the device knows of it, which may answer there at once. */
			next = node->next;
			/* It waits, and all behind it: for a completion, or for the timer. */
			if (virtblk_add(q, llist_entry(node, struct virtblk_req, node), sgs))
				break;
		}
	} while (!node && (node = virtblk_take_staged(q)));

	q->backlog = node;
	q->in_ring += added;
	run->retry = node && !q->in_ring;
	if (unlikely(!node == !!(atomic_read(&q->state) & VIRTBLK_FULL))) {
		atomic_xor(VIRTBLK_FULL, &q->state);
		q->stats.max_backlog = max(q->stats.max_backlog, virtblk_count(node));
	}
	if (!added)
		return;

	q->stats.requests += added;
	q->stats.batches++;
	run->notify = virtqueue_kick_prepare(q->vq);
	if (run->notify)
		q->stats.kicks++;
	else
		q->stats.kicks_saved++;
}

/* Ends with an empty ring and interrupts on. No longer than the ring: nobody adds meanwhile. */
static void virtblk_reap(struct virtblk_queue *q, struct virtblk_run *run)
{
	struct virtblk_req **tail = run->done_tail, *vbr;
	struct virtqueue *vq = q->vq;
	unsigned int len, n = 0;

	do {
		if (!q->polled)
			virtqueue_disable_cb(vq);
		while ((vbr = virtqueue_get_buf(vq, &len))) {
			vbr->len = len;
			*tail = vbr;
			tail = &vbr->next_done;
			n++;
		}
	} while (!q->polled && unlikely(!virtqueue_enable_cb(vq)));

	run->done_tail = tail;
	q->in_ring -= n;
	q->stats.completions += n;
}

/* All that ever runs under q->lock on the I/O path. */
static void virtblk_run_locked(struct virtblk_queue *q, int may, struct virtblk_run *run)
{
	run->vq = q->vq;
	run->notify = false;
	run->retry = false;
	if (may & VIRTBLK_REAP)
		virtblk_reap(q, run);
	if (may & VIRTBLK_ADD) {
		virtblk_add_backlog(q, run);
	} else if (unlikely(q->backlog)) {
		/* There is room now: for who may add, after our unlock. */
		atomic_or(VIRTBLK_ADD, &q->state);
	}
}

/* ---- Completion: after the unlock; hard interrupt, softirq, poller ---- */

static void virtblk_end_request(struct request *rq, struct io_comp_batch *iob)
{
	blk_status_t status = virtblk_finish_rq(rq);

	if (status != BLK_STS_OK || !compat_add_to_batch(rq, iob))
		blk_mq_end_request(rq, status);
}

/**
 * virtblk_complete_rq - blk_mq_ops.complete: end a chain of requests
 * @rq: the first; the others follow by &virtblk_req.next_done
 *
 * Context: where blk-mq wants it: hard interrupt, or softirq.
 */
void virtblk_complete_rq(struct request *rq)
{
	struct virtblk_req *vbr = blk_mq_rq_to_pdu(rq), *next = vbr->next_done;
	DEFINE_IO_COMP_BATCH(iob);

	if (!next) {
		virtblk_end_request(rq, NULL);
		return;
	}
	for (; vbr; vbr = next) {
		next = vbr->next_done;
		virtblk_end_request(blk_mq_rq_from_pdu(vbr), &iob);
	}
	if (iob.complete)
		iob.complete(&iob);
}

/*
 * Requests of the same CPU that follow each other stay together: only the first
 * goes through blk-mq, which chooses the CPU to complete it on; next_done chains
 * the rest to it.
 */
static void virtblk_complete(struct virtblk_req *vbr)
{
	while (vbr) {
		struct request *rq = blk_mq_rq_from_pdu(vbr);
		unsigned int cpu = vbr->next_done ? blk_mq_rq_cpu(rq) : 0;
		struct virtblk_req *last = vbr, *next;

		if (unlikely(blk_should_fake_timeout(rq->q))) {
			vbr = vbr->next_done;
			continue;
		}
		while ((next = last->next_done) && blk_mq_rq_cpu(blk_mq_rq_from_pdu(next)) == cpu) {
			blk_mq_set_request_complete(blk_mq_rq_from_pdu(next));
			last = next;
		}
		last->next_done = NULL;
		if (!blk_mq_complete_request_remote(rq))
			virtblk_complete_rq(rq);
		vbr = next;
	}
}

/**
 * virtblk_done - callback of a virtqueue: the device has used buffers
 * @vq: the virtqueue
 *
 * Neither adds nor notifies: the caller may hold locks that a notification
 * takes (VDUSE), and a hard interrupt is no place for a VM exit.
 *
 * From a task (PREEMPT_RT, threadirqs, VDUSE) a queue is run as the in-tree
 * driver does it: who wants the lock waits for it and boosts its holder, the
 * callback completes in place, and a task adds what found no room. There a
 * softirq would have to wait for whatever the task was preempted by, and must
 * not notify: VDUSE takes the locks of its doorbell with bottom halves on.
 *
 * Context: any.
 *
 * VIRTIO 1.3, 2.7.7 (used buffer notification suppression).
 */
void virtblk_done(struct virtqueue *vq)
{
	struct virtio_blk *vblk = vq->vdev->priv;
	struct virtblk_queue *q = &vblk->queues[vq->index];
	bool waits = !in_hardirq();

	q->stats.interrupts++;
	if (unlikely(READ_ONCE(q->waits) != waits))
		WRITE_ONCE(q->waits, waits);
	virtblk_complete(virtblk_run_queue(q, VIRTBLK_REAP));
}

static void virtblk_softirq(struct tasklet_struct *softirq)
{
	struct virtblk_queue *q = container_of(softirq, struct virtblk_queue, softirq);
	int may = q->polled ? VIRTBLK_ADD : q->waits ? VIRTBLK_REAP : VIRTBLK_WORK;

	q->stats.deferred++;
	virtblk_complete(virtblk_run_queue(q, may));
	/*
	 * (SCHED:A) Bits that are set now came after our look, or we missed the
	 * lock. From here on whoever holds it schedules us for them, so that one
	 * more try is enough. atomic_fetch_andnot() is fully ordered. Pairs with
	 * (LOOK:A).
	 */
	if (atomic_fetch_andnot(VIRTBLK_SCHED, &q->state) & VIRTBLK_WORK)
		virtblk_complete(virtblk_run_queue(q, may));
}

static void virtblk_work(struct work_struct *work)
{
	rcu_read_lock();	/* for virtblk_del_vqs() */
	virtblk_submit(container_of(work, struct virtblk_queue, work));
	rcu_read_unlock();
}

static void virtblk_retry(struct timer_list *retry)
{
	struct virtblk_queue *q = container_of(retry, struct virtblk_queue, retry);

	virtblk_schedule_run(q, VIRTBLK_ADD);
}

/**
 * virtblk_poll - blk_mq_ops.poll: reap and end what a poll queue has
 * @hctx: the queue
 * @iob: takes requests that can be ended together, or NULL
 *
 * Context: process.
 *
 * Return: how many requests were found.
 */
int virtblk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob)
{
	struct virtblk_req *done, *vbr, *next;
	int found = 0;

	/* virtblk_del_vqs() waits until all is marked: what is not complete gets cancelled. */
	rcu_read_lock();
	virtblk_begin_run();
	done = virtblk_run_queue(hctx->driver_data, VIRTBLK_WORK);
	for (vbr = done; vbr; vbr = vbr->next_done, found++)
		blk_mq_set_request_complete(blk_mq_rq_from_pdu(vbr));
	virtblk_end_run();
	rcu_read_unlock();

	for (vbr = done; vbr; vbr = next) {
		next = vbr->next_done;
		virtblk_end_request(blk_mq_rq_from_pdu(vbr), iob);
	}
	return found;
}

/* ---- Not on the I/O path ---- */

/**
 * virtblk_look - look at a queue as after an interrupt
 * @q: the queue, open, with interrupts
 *
 * Context: process, sleeps until the softirq has looked.
 */
void virtblk_look(struct virtblk_queue *q)
{
	int state;

	local_bh_disable();
	virtblk_schedule_softirq(q, VIRTBLK_REAP);
	local_bh_enable();
	/* A queue that is never still for a second has no request that is late. */
	read_poll_timeout(atomic_read, state, !(state & (VIRTBLK_REAP | VIRTBLK_SCHED)),
			  USEC_PER_MSEC, USEC_PER_SEC, false, &q->state);
	/* The softirq's last try may have reaped, and not completed yet. */
	synchronize_rcu();
}

/**
 * virtblk_init_hctx - blk_mq_ops.init_hctx: give a hardware context its queue
 * @hctx: the hardware context
 * @data: the device
 * @index: of both
 *
 * Return: 0.
 */
int virtblk_init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	struct virtio_blk *vblk = data;

	hctx->driver_data = &vblk->queues[index];
	return 0;
}

/**
 * virtblk_init_queue - make an empty queue
 * @q: the queue, zeroed
 * @vblk: its device
 */
void virtblk_init_queue(struct virtblk_queue *q, struct virtio_blk *vblk)
{
	q->vblk = vblk;
	q->waits = IS_ENABLED(CONFIG_PREEMPT_RT);
	spin_lock_init(&q->lock);
	tasklet_setup(&q->softirq, virtblk_softirq);
	INIT_WORK(&q->work, virtblk_work);
	timer_setup(&q->retry, virtblk_retry, 0);
}
