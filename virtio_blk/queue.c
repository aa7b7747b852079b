// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hot path: a request is prepared and staged by its submitter, added to
 * the ring by the queue's owner, and completed by whoever took it back.
 *
 *	submitter      prepare -> stage --.
 *	                                   +-> own -> [ reap, add, kick_prepare,
 *	interrupt      disable_cb, ask ---'            enable_cb ] -> release
 *	                                       -> notify -> complete -> look again
 *
 * The rule: inside the brackets, under vq->lock, run only the virtqueue
 * operations that the ring wants serialised; and nobody waits for that lock.
 * Who cannot have it leaves word (vq->again) and goes, its work being on a
 * list or in a flag already; the owner looks for that word after it has
 * released the lock, and serves once more.
 */
#include <linux/interrupt.h>
#include <linux/percpu.h>

#include "virtio_blk.h"

/* Turns an owner takes for others before it hands over to the worker. */
#define VIRTBLK_MAX_TURNS	8

/* When to try again to add a request while the device has none (ms). */
#define VIRTBLK_RETRY_MS	3

/*
 * This CPU is ending requests. What they submit from their end_io must not
 * make it end more of them: that could nest without bound.
 */
static DEFINE_PER_CPU(bool, virtblk_ending);

/* What an owner leaves to be done after it has released the lock. */
struct virtblk_turn {
	struct virtqueue *ring;
	struct virtblk_req *done;	/* requests to complete, in order */
	struct virtblk_req **done_tail;
	bool reaped;			/* completions were looked for */
	bool more;			/* to reap; the right to switch interrupts is ours */
	bool handover;			/* a reap is wanted that we may not do */
	bool retry;			/* nothing in the ring will bring us back */
};

/* Takes the staged requests to the end of the backlog, oldest first. */
static void virtblk_unstage(struct virtblk_queue *vq)
{
	struct llist_node *node, *next;
	struct virtblk_req *newest, *vbr = NULL;

	if (llist_empty(&vq->staged))
		return;

	node = llist_del_all(&vq->staged);
	newest = llist_entry(node, struct virtblk_req, node);
	for (; node; node = next) {
		struct virtblk_req *older = llist_entry(node, struct virtblk_req, node);

		next = node->next;
		older->next = vbr;
		vbr = older;
		vq->backlog_len++;
	}
	*vq->backlog_tail = vbr;
	vq->backlog_tail = &newest->next;
}

static int virtblk_add(struct virtblk_queue *vq, struct virtblk_req *vbr)
{
	struct scatterlist *sgs[3] = { &vbr->sg_out };
	unsigned int out = 1, in = 0;

	/* virtqueue_add_sgs() would notify the device of a full ring, under the lock. */
	if (vq->vq->num_free < (vq->direct ? vbr->nents + 2 : 1))
		return -ENOSPC;

	if (vbr->nents) {
		if (rq_data_dir(blk_mq_rq_from_pdu(vbr)) == WRITE)
			sgs[out++] = virtblk_sgl(vbr);
		else
			sgs[out + in++] = virtblk_sgl(vbr);
	}
	sgs[out + in++] = &vbr->sg_in;

	return virtqueue_add_sgs(vq->vq, sgs, out, in, vbr, GFP_ATOMIC | __GFP_NOWARN);
}

static void virtblk_add_backlog(struct virtblk_queue *vq, struct virtblk_turn *turn)
{
	unsigned int added = 0;
	struct virtblk_req *vbr;

	while ((vbr = vq->backlog)) {
		/*
		 * Waits, and all behind it: for a completion, for the worker, or for
		 * what becomes of a broken ring.
		 */
		if (virtblk_add(vq, vbr)) {
			vq->stats.max_backlog = max(vq->stats.max_backlog, vq->backlog_len);
			turn->retry = !vq->in_ring;
			break;
		}

		vq->backlog = vbr->next;
		if (!vq->backlog)
			vq->backlog_tail = &vq->backlog;
		vq->backlog_len--;
		vq->in_ring++;
		added++;
	}

	if (added) {
		vq->stats.requests += added;
		vq->stats.batches++;
		/*
		 * The notification is owed from here on. Should we be preempted
		 * before we send it, the next owner does.
		 */
		if (virtqueue_kick_prepare(vq->vq) && !READ_ONCE(vq->notify)) {
			WRITE_ONCE(vq->notify, 1);
			vq->stats.kicks++;
		} else {
			vq->stats.kicks_saved++;
		}
	}
}

static void virtblk_reap(struct virtblk_queue *vq, struct virtblk_turn *turn)
{
	struct virtblk_req *vbr;
	unsigned int len, n = 0;

	while ((vbr = virtqueue_get_buf(vq->vq, &len))) {
		vbr->len = len;
		*turn->done_tail = vbr;
		turn->done_tail = &vbr->next_done;
		n++;
	}
	turn->reaped = true;
	vq->in_ring -= n;
	vq->stats.completions += n;
}

/*
 * Gives the right to interrupts back to the device. Returns false if the device
 * finished more before virtqueue_enable_cb() looked, or interrupted since
 * (virtblk_done() left VIRTBLK_CB_RAISED).
 */
static bool virtblk_rearm(struct virtblk_queue *vq)
{
	return virtqueue_enable_cb(vq->vq) &&
	       cmpxchg(&vq->cb, VIRTBLK_CB_HELD, VIRTBLK_CB_ARMED) == VIRTBLK_CB_HELD;
}

/* Tells whoever is the next owner, or is one, that there is work. */
static void virtblk_leave_word(struct virtblk_queue *vq)
{
	/*
	 * The work before the word, also where the word only overwrites another's:
	 * pairs with the smp_store_mb() in virtblk_take_turn(), which takes it.
	 */
	smp_mb();
	WRITE_ONCE(vq->again, 1);
}

/*
 * Owns the queue once, if nobody else does: all that is done with the lock
 * held is in here. Returns false if the work is left to another.
 */
static bool virtblk_take_turn(struct virtblk_queue *vq, bool may_reap, struct virtblk_turn *turn)
{
	unsigned long flags;
	bool said = false;

	while (!spin_trylock_irqsave(&vq->lock, flags)) {
		/* A poller comes back of itself. */
		if (said || (vq->polled && may_reap))
			return false;
		virtblk_leave_word(vq);
		/*
		 * The owner may have looked already: try once more. Pairs with the
		 * smp_mb() in virtblk_serve(); either the owner sees our word, or
		 * we see the lock free.
		 */
		smp_mb();
		said = true;
	}

	if (unlikely(!vq->open)) {
		spin_unlock_irqrestore(&vq->lock, flags);
		return false;
	}
	turn->ring = vq->vq;
	turn->done_tail = &turn->done;
	turn->reaped = false;
	turn->more = false;
	turn->handover = false;
	turn->retry = false;

	vq->stats.holds++;
	if (READ_ONCE(vq->again)) {
		vq->stats.takeovers++;
		/*
		 * Take the word before the work: pairs with the smp_mb() in
		 * virtblk_leave_word(). Word that we take here was left after its
		 * work, which we are going to see; what comes later stays for the
		 * next look.
		 */
		smp_store_mb(vq->again, 0);
	}

	if (vq->polled) {
		if (may_reap)
			virtblk_reap(vq, turn);
	/* Interrupts were off before: pairs with the smp_store_release() in virtblk_want_reap(). */
	} else if (smp_load_acquire(&vq->cb) == VIRTBLK_CB_WANTED) {
		if (may_reap) {
			WRITE_ONCE(vq->cb, VIRTBLK_CB_HELD);
			virtblk_reap(vq, turn);
		} else {
			turn->handover = true;
		}
	}

	virtblk_unstage(vq);
	virtblk_add_backlog(vq, turn);

	if (turn->reaped && !vq->polled)
		turn->more = !virtblk_rearm(vq);

	spin_unlock_irqrestore(&vq->lock, flags);
	*turn->done_tail = NULL;
	return true;
}

/*
 * The device has finished requests: interrupts go off, and the next turn, ours
 * or another's, has to reap. For who has the right to interrupts.
 */
static void virtblk_want_reap(struct virtblk_queue *vq, struct virtqueue *ring)
{
	virtqueue_disable_cb(ring);
	/* Pairs with the smp_load_acquire() in virtblk_take_turn(). */
	smp_store_release(&vq->cb, VIRTBLK_CB_WANTED);
}

static void virtblk_end_request(struct request *rq, struct io_comp_batch *iob)
{
	blk_status_t status = virtblk_finish_rq(rq);

	if (status != BLK_STS_OK || !compat_add_to_batch(rq, iob))
		blk_mq_end_request(rq, status);
}

static void virtblk_end_batch(struct virtblk_req *vbr)
{
	DEFINE_IO_COMP_BATCH(iob);
	struct virtblk_req *next;

	for (; vbr; vbr = next) {
		next = vbr->next_done;
		virtblk_end_request(blk_mq_rq_from_pdu(vbr), &iob);
	}
	if (iob.complete)
		iob.complete(&iob);
}

/* Ends a chain of requests where blk-mq wants it done. */
static void virtblk_end_chain(struct virtblk_req *vbr)
{
	bool nested = this_cpu_read(virtblk_ending);

	this_cpu_write(virtblk_ending, true);
	if (vbr->next_done)
		virtblk_end_batch(vbr);
	else
		virtblk_end_request(blk_mq_rq_from_pdu(vbr), NULL);
	this_cpu_write(virtblk_ending, nested);
}

static void virtblk_complete_rq(struct request *rq)
{
	virtblk_end_chain(blk_mq_rq_to_pdu(rq));
}

/*
 * Requests that came from the same CPU one after the other stay together: the
 * first is given to blk-mq, to complete it on the CPU of its choice, and has
 * the others in tow.
 */
static void virtblk_complete(struct virtblk_req *vbr)
{
	/* In a task, softirqs that blk-mq raises shall not wake their thread, but run below. */
	bool task = in_task();

	if (task)
		local_bh_disable();
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
			virtblk_end_chain(vbr);
		vbr = next;
	}
	if (task)
		local_bh_enable();
}

/* Polled requests end in the caller's batch. */
static int virtblk_complete_polled(struct virtblk_req *vbr, struct io_comp_batch *iob)
{
	struct virtblk_req *next;
	int found = 0;

	for (; vbr; vbr = next, found++) {
		struct request *rq = blk_mq_rq_from_pdu(vbr);

		next = vbr->next_done;
		vbr->next_done = NULL;
		if (!blk_mq_complete_request_remote(rq))
			virtblk_end_request(rq, iob);
	}
	return found;
}

static void virtblk_hand_over(struct virtblk_queue *vq, unsigned int ms)
{
	kblockd_mod_delayed_work_on(WORK_CPU_UNBOUND, &vq->work, msecs_to_jiffies(ms));
}

/*
 * An owner with others' work in hand must not be scheduled away from it. Where
 * that cannot be forbidden, virtblk_cancel_all() still has to wait for it.
 */
static inline void virtblk_begin_serve(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		rcu_read_lock();
	else
		preempt_disable();
}

static inline void virtblk_end_serve(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		rcu_read_unlock();
	else
		preempt_enable();
}

/*
 * Gets the queue's work done: by us, or by its owner. Returns how many polled
 * requests were completed. Any context; does not sleep, does not wait.
 */
static int virtblk_serve(struct virtblk_queue *vq, bool may_reap, struct io_comp_batch *iob)
{
	struct virtblk_turn turn;
	unsigned int turns = 0;
	int found = 0;

	virtblk_begin_serve();
	do {
		if (unlikely(turns++ == VIRTBLK_MAX_TURNS)) {
			virtblk_hand_over(vq, 0);
			break;
		}
		if (!virtblk_take_turn(vq, may_reap, &turn))
			break;

		if (unlikely(turn.more)) {
			virtblk_want_reap(vq, turn.ring);
			virtblk_leave_word(vq);
		}
		if (READ_ONCE(vq->notify) && xchg(&vq->notify, 0))
			virtqueue_notify(turn.ring);
		if (turn.done && vq->polled)
			found += virtblk_complete_polled(turn.done, iob);
		else if (turn.done)
			virtblk_complete(turn.done);
		if (unlikely(virtqueue_is_broken(turn.ring)))
			virtblk_schedule_recovery(vq->vblk);
		if (unlikely(turn.retry))
			virtblk_hand_over(vq, VIRTBLK_RETRY_MS);
		if (unlikely(turn.handover))
			virtblk_hand_over(vq, 0);

		/* The lock is free before we look: pairs with the smp_mb() after the word. */
		smp_mb();
	} while (unlikely(READ_ONCE(vq->again)));

	virtblk_end_serve();
	return found;
}

static void virtblk_work(struct work_struct *work)
{
	struct virtblk_queue *vq = container_of(to_delayed_work(work), struct virtblk_queue, work);

	vq->stats.handovers++;
	virtblk_serve(vq, !vq->polled, NULL);
}

/* Submitters reap when an interrupt handler asked for it; a poll queue's pollers do. */
static void virtblk_submit(struct virtblk_queue *vq)
{
	virtblk_serve(vq, !vq->polled && !this_cpu_read(virtblk_ending), NULL);
}

/**
 * virtblk_done - callback of a virtqueue: the device has used buffers
 * @ring: the virtqueue
 *
 * Context: hard interrupt. Takes no lock.
 *
 * VIRTIO 1.3, 2.7.7 (used buffer notification suppression).
 */
void virtblk_done(struct virtqueue *ring)
{
	struct virtio_blk *vblk = ring->vdev->priv;
	struct virtblk_queue *vq = &vblk->queues[ring->index];
	int cb = VIRTBLK_CB_ARMED;

	vq->stats.interrupts++;

	/*
	 * Without the right to interrupts there is nothing to do: who has it looks
	 * at the ring after it has switched them on. But if that look is over,
	 * leave word: pairs with the cmpxchg() in virtblk_rearm().
	 */
	while (!try_cmpxchg(&vq->cb, &cb, cb == VIRTBLK_CB_ARMED ? VIRTBLK_CB_HELD :
								    VIRTBLK_CB_RAISED)) {
		/*
		 * We saw the used buffer; if the reap is still to come, so will
		 * the reaper: pairs with the barrier in virtqueue_enable_cb().
		 */
		smp_mb();
		cb = READ_ONCE(vq->cb);
		if (cb == VIRTBLK_CB_WANTED || cb == VIRTBLK_CB_RAISED)
			return;
	}
	if (cb != VIRTBLK_CB_ARMED)
		return;

	virtblk_want_reap(vq, ring);
	virtblk_serve(vq, true, NULL);
}

static blk_status_t virtblk_queue_rq(struct blk_mq_hw_ctx *hctx,
				     const struct blk_mq_queue_data *bd)
{
	struct virtblk_queue *vq = hctx->driver_data;
	struct virtblk_req *vbr = blk_mq_rq_to_pdu(bd->rq);
	blk_status_t status = virtblk_prep_rq(vq->vblk, bd->rq);

	if (unlikely(status))
		return status;

	llist_add(&vbr->node, &vq->staged);
	/* Not the last of a plug list: virtblk_commit_rqs() or the last one serves for all. */
	if (bd->last)
		virtblk_submit(vq);
	return BLK_STS_OK;
}

static void virtblk_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	virtblk_submit(hctx->driver_data);
}

static void virtblk_queue_rqs(struct rq_list *rqlist)
{
	struct virtblk_req *oldest = NULL, *newest = NULL;
	struct virtblk_queue *vq = NULL;
	struct rq_list failed = { };
	struct request *rq;

	while ((rq = rq_list_pop(rqlist))) {
		struct virtblk_queue *rq_vq = rq->mq_hctx->driver_data;
		struct virtblk_req *vbr = blk_mq_rq_to_pdu(rq);

		if (unlikely(virtblk_prep_rq(rq_vq->vblk, rq))) {
			rq_list_add_tail(&failed, rq);
			continue;
		}

		if (newest && vq != rq_vq) {
			llist_add_batch(&newest->node, &oldest->node, &vq->staged);
			virtblk_submit(vq);
			newest = NULL;
		}
		vq = rq_vq;
		if (newest)
			vbr->node.next = &newest->node;
		else
			oldest = vbr;
		newest = vbr;
	}
	if (newest) {
		llist_add_batch(&newest->node, &oldest->node, &vq->staged);
		virtblk_submit(vq);
	}
	*rqlist = failed;
}

COMPAT_QUEUE_RQS_WRAPPER(virtblk_queue_rqs)

static int virtblk_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob)
{
	struct virtblk_queue *vq = hctx->driver_data;

	return virtblk_serve(vq, true, iob);
}

static int virtblk_init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	struct virtio_blk *vblk = data;

	hctx->driver_data = &vblk->queues[index];
	return 0;
}

const struct blk_mq_ops virtblk_mq_ops = {
	.queue_rq	= virtblk_queue_rq,
	.queue_rqs	= COMPAT_QUEUE_RQS(virtblk_queue_rqs),
	.commit_rqs	= virtblk_commit_rqs,
	.poll		= virtblk_poll,
	.complete	= virtblk_complete_rq,
	.timeout	= virtblk_timeout,
	.init_hctx	= virtblk_init_hctx,
	.init_request	= virtblk_init_request,
	.map_queues	= virtblk_map_queues,
};

/**
 * virtblk_init_queue - make an empty queue
 * @vq: the queue, zeroed
 * @vblk: its device
 */
void virtblk_init_queue(struct virtblk_queue *vq, struct virtio_blk *vblk)
{
	vq->vblk = vblk;
	spin_lock_init(&vq->lock);
	INIT_DELAYED_WORK(&vq->work, virtblk_work);
}

/**
 * virtblk_start_queue - let a queue be served
 * @vq: the queue; what requests it had were taken back from it
 * @ring: its virtqueue, without buffers, interrupts on
 *
 * Context: process, before the device is made ready.
 */
void virtblk_start_queue(struct virtblk_queue *vq, struct virtqueue *ring)
{
	spin_lock_irq(&vq->lock);
	init_llist_head(&vq->staged);
	vq->backlog = NULL;
	vq->backlog_tail = &vq->backlog;
	vq->backlog_len = 0;
	vq->in_ring = 0;
	vq->again = 0;
	vq->notify = 0;
	vq->cb = VIRTBLK_CB_ARMED;
	vq->ring_size = virtqueue_get_vring_size(ring);
	vq->vq = ring;
	vq->open = true;
	spin_unlock_irq(&vq->lock);
}

/**
 * virtblk_stop_queue - let nobody serve a queue any more
 * @vq: the queue; no submitter is in it
 *
 * Afterwards nobody gets at the virtqueue but an interrupt handler that runs
 * already; these end before the transport frees the interrupt.
 *
 * Context: process, may sleep.
 */
void virtblk_stop_queue(struct virtblk_queue *vq)
{
	spin_lock_irq(&vq->lock);
	vq->open = false;
	spin_unlock_irq(&vq->lock);
	cancel_delayed_work_sync(&vq->work);
}
