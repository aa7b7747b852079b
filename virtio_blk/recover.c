// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that has stopped working. What it has not completed is taken back
 * from it, and issued again after a reset; or it fails, and all that comes
 * later, if the device is gone or breaks the rules of the ring.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <uapi/linux/virtio_config.h>

#include "virtio_blk.h"

/* How often a device is reset that completes nothing in between. */
#define VIRTBLK_MAX_RESETS	3

/* Between two tries of a reset (ms). */
#define VIRTBLK_RESET_MS	200

#define VIRTBLK_MAX_TIMEOUT	86400U

static unsigned int io_timeout;

static int virtblk_set_io_timeout(const char *val, const struct kernel_param *kp)
{
	unsigned int n;
	int err = kstrtouint(val, 0, &n);

	if (err)
		return err;
	if (n > VIRTBLK_MAX_TIMEOUT) {
		pr_warn("virtio_blk: io_timeout=%u is more than a day; using %u\n", n,
			VIRTBLK_MAX_TIMEOUT);
		n = VIRTBLK_MAX_TIMEOUT;
	}
	*(unsigned int *)kp->arg = n;
	return 0;
}

static const struct kernel_param_ops virtblk_io_timeout_ops = {
	.set = virtblk_set_io_timeout,
	.get = param_get_uint,
};
module_param_cb(io_timeout, &virtblk_io_timeout_ops, &io_timeout, 0444);
MODULE_PARM_DESC(io_timeout,
		 "Seconds without an answer after which a device is reset, 0 (default) for never");

/**
 * virtblk_io_timeout - when to look after a request that is not completed
 *
 * Return: the time in jiffies, 0 for the block layer's default.
 */
unsigned int virtblk_io_timeout(void)
{
	return io_timeout * HZ;
}

/* Where a device can go from each state, see doc/design.md. */
static const u8 virtblk_moves[] = {
	[VIRTBLK_STOPPED]	= BIT(VIRTBLK_LIVE) | BIT(VIRTBLK_DEAD) | BIT(VIRTBLK_REMOVED),
	[VIRTBLK_LIVE]		= BIT(VIRTBLK_STOPPED) | BIT(VIRTBLK_RESETTING) |
				  BIT(VIRTBLK_DEAD) | BIT(VIRTBLK_REMOVED),
	[VIRTBLK_RESETTING]	= BIT(VIRTBLK_LIVE) | BIT(VIRTBLK_DEAD),
	[VIRTBLK_DEAD]		= BIT(VIRTBLK_REMOVED),
	[VIRTBLK_REMOVED]	= BIT(VIRTBLK_DEAD) | BIT(VIRTBLK_REMOVED),
};

/**
 * virtblk_set_state - a device has gone to another state
 * @vblk: the device
 * @state: the new state
 *
 * Context: any. state_mutex is held once others know the device.
 */
void virtblk_set_state(struct virtio_blk *vblk, enum virtblk_state state)
{
	WARN_ON_ONCE(!(virtblk_moves[vblk->state] & BIT(state)));
	WRITE_ONCE(vblk->state, state);
}

/**
 * virtblk_timeout - a request takes long
 * @rq: the request
 *
 * It stays where it is: only a reset takes it back from the device.
 *
 * Context: process, does not sleep.
 *
 * Return: BLK_EH_RESET_TIMER.
 */
enum blk_eh_timer_return virtblk_timeout(struct request *rq)
{
	struct virtblk_req *vbr = blk_mq_rq_to_pdu(rq);
	struct virtio_blk *vblk = rq->q->queuedata;

	WRITE_ONCE(vbr->late, true);
	if (!xchg(&vblk->timed_out, 1))
		dev_warn(&vblk->vdev->dev, "[%s] no answer on queue %u for %u s\n",
			 vblk->disk->disk_name, rq->mq_hctx->queue_num, rq->timeout / HZ);
	virtblk_schedule_recovery(vblk);
	return BLK_EH_RESET_TIMER;
}

static bool virtblk_is_broken(struct virtio_blk *vblk)
{
	unsigned int i;

	for (i = 0; i < vblk->num_queues; i++)
		if (virtqueue_is_broken(vblk->queues[i].vq))
			return true;
	return false;
}

/**
 * virtblk_needs_reset - was the device reset behind our back, or does it want it
 * @vdev: the device
 *
 * Also true if the device is gone.
 *
 * Context: process.
 *
 * VIRTIO 1.3, 2.1 (device status field).
 */
bool virtblk_needs_reset(struct virtio_device *vdev)
{
	u8 status = vdev->config->get_status(vdev);

	return !(status & VIRTIO_CONFIG_S_DRIVER_OK) || status & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static u64 virtblk_completions(struct virtio_blk *vblk)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < vblk->num_queues; i++)
		sum += READ_ONCE(vblk->queues[i].stats.completions);
	return sum;
}

static bool virtblk_count_late(struct request *rq, void *data)
{
	struct virtblk_req *vbr = blk_mq_rq_to_pdu(rq);
	unsigned int *late = data;

	if (!blk_mq_request_completed(rq))
		*late += READ_ONCE(vbr->late);
	return true;
}

/* Does the device owe us an answer, even if we look as after an interrupt? */
static bool virtblk_is_late(struct virtio_blk *vblk)
{
	unsigned int i, late = 0;

	for (i = 0; i < vblk->num_queues; i++)
		if (!vblk->queues[i].polled)
			virtblk_look(&vblk->queues[i]);
	blk_mq_tagset_busy_iter(&vblk->tag_set, virtblk_count_late, &late);
	return late;
}

static bool virtblk_may_retry(struct request *rq)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
	case REQ_OP_WRITE:
	case REQ_OP_FLUSH:
	case REQ_OP_DISCARD:
	case REQ_OP_WRITE_ZEROES:
	case REQ_OP_SECURE_ERASE:
		return !blk_noretry_request(rq);
	default:
		return false;
	}
}

/* Takes back one request that neither the device nor any of us has any more. */
static bool virtblk_cancel_rq(struct request *rq, void *data)
{
	struct virtblk_req *vbr = blk_mq_rq_to_pdu(rq);
	struct virtio_blk *vblk = data;

	if (blk_mq_request_completed(rq))
		return true;
	vbr->len = 0;	/* has not been told */
	virtblk_finish_rq(rq);
	if (vblk->state != VIRTBLK_DEAD && virtblk_may_retry(rq))
		blk_mq_requeue_request(rq, true);
	else
		blk_mq_end_request(rq, BLK_STS_IOERR);
	return true;
}

/* The caller has quiesced the queue. */
static void virtblk_cancel_all(struct virtio_blk *vblk)
{
	virtblk_del_vqs(vblk);
	blk_mq_tagset_busy_iter(&vblk->tag_set, virtblk_cancel_rq, vblk);
}

/**
 * virtblk_unfreeze - let requests into a device's queue again
 * @vblk: the device, perhaps frozen by virtblk_freeze()
 *
 * Context: process. The device is stopped, or state_mutex is held.
 */
void virtblk_unfreeze(struct virtio_blk *vblk)
{
	if (vblk->frozen) {
		vblk->frozen = false;
		blk_mq_unfreeze_queue_non_owner(vblk->disk->queue);
	}
}

/**
 * virtblk_mark_dead - have a device's requests fail, those in flight and all later
 * @vblk: the device
 *
 * Context: process, sleeps. state_mutex is held.
 */
void virtblk_mark_dead(struct virtio_blk *vblk)
{
	struct request_queue *q = vblk->disk->queue;
	bool live = vblk->state == VIRTBLK_LIVE;

	lockdep_assert_held(&vblk->state_mutex);
	if (vblk->state == VIRTBLK_DEAD)
		return;

	dev_err(&vblk->vdev->dev, "[%s] the device does not work any more, its requests fail\n",
		vblk->disk->disk_name);
	virtblk_set_state(vblk, VIRTBLK_DEAD);
	if (live) {
		blk_mq_quiesce_queue(q);
		virtblk_cancel_all(vblk);
	}
	virtblk_unfreeze(vblk);
	blk_mq_unquiesce_queue(q);
}

static void virtblk_reset(struct virtio_blk *vblk)
{
	struct virtio_device *vdev = vblk->vdev;
	struct device *parent = vdev->dev.parent;
	u64 completions = virtblk_completions(vblk);
	unsigned int tries;
	int err;

	vblk->resets = completions == vblk->completions_at_reset ? vblk->resets + 1 : 1;
	vblk->completions_at_reset = completions;
	if (vblk->resets > VIRTBLK_MAX_RESETS) {
		virtblk_mark_dead(vblk);
		return;
	}

	dev_warn_ratelimited(&vdev->dev, "[%s] resetting the device\n", vblk->disk->disk_name);
	virtblk_set_state(vblk, VIRTBLK_RESETTING);
	blk_mq_quiesce_queue(vblk->disk->queue);
	virtblk_cancel_all(vblk);
	if (parent && dev_is_pci(parent))
		pci_set_master(to_pci_dev(parent));

	/* Who has reset the device behind our back may do so again while we set it up. */
	for (tries = 0; tries < VIRTBLK_MAX_RESETS && !virtblk_is_gone(vdev); tries++) {
		/* Comes back to us in virtblk_restore(). */
		err = virtio_device_reset_done(vdev);
		if (!err)
			break;
		dev_err(&vdev->dev, "[%s] the reset failed: %d\n", vblk->disk->disk_name, err);
		msleep(VIRTBLK_RESET_MS);
	}
	if (vblk->state != VIRTBLK_LIVE)
		virtblk_mark_dead(vblk);
}

/**
 * virtblk_recover - find out what is wrong with a device, and do what helps
 * @work: the device's recover_work
 *
 * Context: process, sleeps.
 *
 * VIRTIO 1.3, 2.1.2 (DEVICE_NEEDS_RESET).
 */
void virtblk_recover(struct work_struct *work)
{
	struct virtio_blk *vblk = container_of(work, struct virtio_blk, recover_work);
	bool timed_out;

	mutex_lock(&vblk->state_mutex);
	timed_out = xchg(&vblk->timed_out, 0);
	if (vblk->state != VIRTBLK_LIVE)
		goto out;

	if (virtblk_is_gone(vblk->vdev) || virtblk_is_broken(vblk))
		virtblk_mark_dead(vblk);
	else if (virtblk_needs_reset(vblk->vdev))
		virtblk_reset(vblk);
	else if (timed_out && virtblk_is_late(vblk) && io_timeout)
		virtblk_reset(vblk);
out:
	mutex_unlock(&vblk->state_mutex);
}

/**
 * virtblk_disable - take a device out of use for good
 * @vblk: the device, without disk or with a quiesced queue
 *
 * Context: process, sleeps.
 */
void virtblk_disable(struct virtio_blk *vblk)
{
	mutex_lock(&vblk->state_mutex);
	if (vblk->state == VIRTBLK_LIVE)
		virtblk_del_vqs(vblk);
	else if (!virtblk_is_gone(vblk->vdev))
		virtio_reset_device(vblk->vdev);	/* it failed to start, perhaps */
	virtblk_set_state(vblk, VIRTBLK_REMOVED);
	mutex_unlock(&vblk->state_mutex);

	/* In this order: the first may schedule the second. No callback schedules them any more. */
	cancel_work_sync(&vblk->config_work);
	cancel_work_sync(&vblk->recover_work);
}
