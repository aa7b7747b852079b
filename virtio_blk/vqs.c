// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtqueues: how many, on which CPUs, with which kind of descriptors, and
 * their coming and going with probe, suspend, reset and removal.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <uapi/linux/virtio_ring.h>

#include "virtio_blk.h"

static unsigned int num_request_queues;
module_param(num_request_queues, uint, 0644);
MODULE_PARM_DESC(num_request_queues,
		 "Most virtqueues to use for a device, 0 (default) for one a CPU");

static unsigned int poll_queues;
module_param(poll_queues, uint, 0644);
MODULE_PARM_DESC(poll_queues, "How many of a device's virtqueues are for polled I/O");

static unsigned int queue_depth;
module_param(queue_depth, uint, 0444);
MODULE_PARM_DESC(queue_depth, "Requests in flight for each queue. 0 for as many as the ring holds.");

/* The least that a request with data takes with direct descriptors. */
#define VIRTBLK_MIN_SLOTS	(VIRTBLK_HDR_SGS + 1)

static int indirect = -1;

/* Out of range must not keep a machine from its root disk: it counts as not given. */
static int virtblk_set_indirect(const char *val, const struct kernel_param *kp)
{
	int n, err = kstrtoint(val, 0, &n);

	if (err)
		return err;
	if (n < -1 || n > 1) {
		pr_warn("virtio_blk: indirect=%d is none of -1 (automatic), 0 (never), 1 (always); using -1\n",
			n);
		n = -1;
	}
	*(int *)kp->arg = n;
	return 0;
}

static const struct kernel_param_ops virtblk_indirect_ops = {
	.set = virtblk_set_indirect,
	.get = param_get_int,
};
module_param_cb(indirect, &virtblk_indirect_ops, &indirect, 0644);
MODULE_PARM_DESC(indirect,
		 "Use indirect descriptors: -1 unless queue_depth is 1 (default), 0 never, 1 always");

/*
 * Direct descriptors cost a request a slot for each segment and two more: what
 * they save in allocations must not cost requests in flight, which a disk with
 * latency turns into throughput. So the ring has to have room for queue_depth
 * of the largest requests. Its size is not known before the virtqueue is made,
 * and its kind of descriptors is chosen when it is made. But a device that keeps
 * to the rules has room for one: a chain must not be longer than the queue size
 * (VIRTIO 1.3, 2.7.5.3.1), indirect or not. Most have room for no second one.
 */
static bool virtblk_choose_direct(struct virtio_device *vdev)
{
	if (!virtio_has_feature(vdev, VIRTIO_RING_F_INDIRECT_DESC))
		return true;
	if (indirect >= 0)
		return !indirect;
	return queue_depth == 1 && virtio_has_feature(vdev, VIRTIO_BLK_F_SEG_MAX);
}

/**
 * virtblk_alloc_queues - decide on a device's queues
 * @vblk: the device, as probe found it
 *
 * They stay until the disk is freed; virtblk_find_vqs() gives them virtqueues.
 *
 * Context: process.
 *
 * VIRTIO 1.3, 5.2.2 (virtqueues), 5.2.4 (num_queues).
 *
 * Return: 0, -EINVAL (the device has no queue), -ENOMEM.
 */
int virtblk_alloc_queues(struct virtio_blk *vblk)
{
	struct virtio_device *vdev = vblk->vdev;
	unsigned int i, num_poll;
	u16 num;

	if (virtio_cread_feature(vdev, VIRTIO_BLK_F_MQ, struct virtio_blk_config, num_queues,
				 &num))
		num = 1;
	if (!num) {
		dev_err(&vdev->dev, "MQ advertised but zero queues reported\n");
		return -EINVAL;
	}

	vblk->num_queues = min_not_zero(num_request_queues, (unsigned int)num);
	vblk->num_queues = blk_mq_num_possible_queues(vblk->num_queues);
	num_poll = min(poll_queues, vblk->num_queues - 1);
	vblk->io_queues[HCTX_TYPE_DEFAULT] = vblk->num_queues - num_poll;
	vblk->io_queues[HCTX_TYPE_READ] = 0;
	vblk->io_queues[HCTX_TYPE_POLL] = num_poll;

	vblk->direct = virtblk_choose_direct(vdev);
	vblk->queues = kzalloc_objs(*vblk->queues, vblk->num_queues);
	if (!vblk->queues)
		return -ENOMEM;

	for (i = 0; i < vblk->num_queues; i++) {
		struct virtblk_queue *q = &vblk->queues[i];

		virtblk_init_queue(q, vblk);
		q->polled = i >= vblk->io_queues[HCTX_TYPE_DEFAULT];
		snprintf(q->name, sizeof(q->name), q->polled ? "req_poll.%u" : "req.%u", i);
	}
	return 0;
}

/**
 * virtblk_open_queue - let a queue be run
 * @q: the queue; the requests that it had were cancelled
 * @vq: its virtqueue, without buffers, interrupts on
 *
 * Context: process, before the device is made ready.
 */
void virtblk_open_queue(struct virtblk_queue *q, struct virtqueue *vq)
{
	spin_lock_irq(&q->lock);
	init_llist_head(&q->staged);
	q->backlog = NULL;
	q->in_ring = 0;
	atomic_set(&q->state, 0);
	q->ring_size = virtqueue_get_vring_size(vq);
	q->no_fallback = !q->vblk->direct && compat_keeps_descriptors(vq->vdev);
	q->vq = vq;
	q->open = true;
	spin_unlock_irq(&q->lock);
}

/**
 * virtblk_close_queue - let nobody run a queue any more
 * @q: the queue; no submitter is in it
 *
 * Who has run it may still notify the device and complete requests: callbacks,
 * RCU readers (pollers) and the softirq.
 *
 * Context: process.
 */
void virtblk_close_queue(struct virtblk_queue *q)
{
	spin_lock_irq(&q->lock);
	q->open = false;
	/* Nobody else will: what comes is to fail, if the device is dead. */
	atomic_andnot(VIRTBLK_FULL, &q->state);
	spin_unlock_irq(&q->lock);
}

/**
 * virtblk_drain_queue - wait for who was scheduled to run a closed queue
 * @q: the queue; callbacks and pollers that had run it have ended
 *
 * Context: process, sleeps.
 */
void virtblk_drain_queue(struct virtblk_queue *q)
{
	timer_delete_sync(&q->retry);
	tasklet_kill(&q->softirq);
	cancel_work_sync(&q->work);
}

/**
 * virtblk_find_vqs - give a device's queues their virtqueues
 * @vblk: the device, with features negotiated and not yet ready
 *
 * Context: process.
 *
 * VIRTIO 1.3, 3.1.1 (device initialization, step 7).
 *
 * Return: 0, or a negative error: -ENOMEM, -EINVAL (the queues are too small),
 * or the transport's.
 */
int virtblk_find_vqs(struct virtio_blk *vblk)
{
	struct virtio_device *vdev = vblk->vdev;
	struct irq_affinity desc = { 0, };
	struct virtqueue_info *infos;
	struct virtqueue **vqs;
	unsigned int i;
	int err = -ENOMEM;

	dev_info(&vdev->dev, "%u/%u/%u default/read/poll queues\n",
		 vblk->io_queues[HCTX_TYPE_DEFAULT], vblk->io_queues[HCTX_TYPE_READ],
		 vblk->io_queues[HCTX_TYPE_POLL]);

	infos = kzalloc_objs(*infos, vblk->num_queues);
	vqs = kzalloc_objs(*vqs, vblk->num_queues);
	if (!infos || !vqs)
		goto out;

	for (i = 0; i < vblk->num_queues; i++) {
		infos[i].name = vblk->queues[i].name;
		infos[i].callback = vblk->queues[i].polled ? NULL : virtblk_done;
		/* A ring whose buffers may have a context does not use indirect descriptors. */
		infos[i].ctx = vblk->direct;
	}

	err = virtio_find_vqs(vdev, vblk->num_queues, vqs, infos, &desc);
	if (err)
		goto out;

	if (vblk->direct && virtqueue_get_vring_size(vqs[0]) < VIRTBLK_MIN_SLOTS) {
		dev_err(&vdev->dev, "a queue of %u has no room for a request, which takes %u\n",
			virtqueue_get_vring_size(vqs[0]), VIRTBLK_MIN_SLOTS);
		vdev->config->del_vqs(vdev);
		err = -EINVAL;
		goto out;
	}

	for (i = 0; i < vblk->num_queues; i++)
		virtblk_open_queue(&vblk->queues[i], vqs[i]);
out:
	kfree(vqs);
	kfree(infos);
	return err;
}

/**
 * virtblk_is_gone - was the device pulled out
 * @vdev: the device
 *
 * Its registers read as all ones then, and a reset would wait for ever.
 *
 * Context: process.
 */
bool virtblk_is_gone(struct virtio_device *vdev)
{
#ifdef CONFIG_PCI
	struct device *parent = vdev->dev.parent;

	return parent && dev_is_pci(parent) && !pci_device_is_present(to_pci_dev(parent));
#else
	return false;
#endif
}

/**
 * virtblk_del_vqs - take a device's virtqueues away
 * @vblk: the device; its queue is quiesced, or was never used
 *
 * Afterwards no request is with the device, and nobody runs a queue.
 *
 * Context: process, sleeps. state_mutex is held once others know the device.
 *
 * VIRTIO 1.3, 2.4.2 (device reset), 3.3.1 (device cleanup).
 */
void virtblk_del_vqs(struct virtio_blk *vblk)
{
	struct virtio_device *vdev = vblk->vdev;
	unsigned int i;

	for (i = 0; i < vblk->num_queues; i++)
		virtblk_close_queue(&vblk->queues[i]);

	/* Before the reset, who has run a queue notifies the device and completes requests. */
	virtio_synchronize_cbs(vdev);
	synchronize_rcu();
	for (i = 0; i < vblk->num_queues; i++)
		virtblk_drain_queue(&vblk->queues[i]);

	if (!virtblk_is_gone(vdev))
		virtio_reset_device(vdev);
	for (i = 0; i < vblk->num_queues; i++)
		while (virtqueue_detach_unused_buf(vblk->queues[i].vq))
			;
	vdev->config->del_vqs(vdev);
}

/**
 * virtblk_default_depth - how many requests a queue takes
 * @vblk: the device, with its virtqueues found
 *
 * Return: the module parameter, or the number of requests that fill the ring:
 * as many as it has slots, or half of that if the device has no indirect
 * descriptors. What the ring does not hold waits in the driver.
 */
unsigned int virtblk_default_depth(struct virtio_blk *vblk)
{
	unsigned int depth = queue_depth;

	if (!depth) {
		depth = vblk->queues[0].vq->num_free;
		if (!virtio_has_feature(vblk->vdev, VIRTIO_RING_F_INDIRECT_DESC))
			depth /= 2;
	}
	return max(depth, 1U);
}

/**
 * virtblk_max_segments - how many segments a request of the device may have
 * @vblk: the device, with its virtqueues found
 *
 * Return: what the device says, at least 1; with direct descriptors no more
 * than fit into the ring beside the headers.
 */
unsigned int virtblk_max_segments(struct virtio_blk *vblk)
{
	u32 seg_max;
	unsigned int ring = virtqueue_get_vring_size(vblk->queues[0].vq);

	if (virtio_cread_feature(vblk->vdev, VIRTIO_BLK_F_SEG_MAX, struct virtio_blk_config,
				 seg_max, &seg_max))
		seg_max = 1;
	/* A queue has at most 32768 elements (VIRTIO 1.3, 2.7). */
	seg_max = clamp(seg_max, 1U, 32768U - VIRTBLK_HDR_SGS);
	if (vblk->direct && ring > VIRTBLK_HDR_SGS)
		seg_max = min(seg_max, ring - VIRTBLK_HDR_SGS);
	return seg_max;
}

/**
 * virtblk_map_queues - say which CPU uses which virtqueue
 * @set: the device's tag set
 *
 * Queues with interrupts follow their interrupts' affinity, poll queues are
 * spread by the block layer.
 */
void virtblk_map_queues(struct blk_mq_tag_set *set)
{
	struct virtio_blk *vblk = set->driver_data;
	unsigned int i, offset = 0;

	for (i = 0; i < set->nr_maps; i++) {
		struct blk_mq_queue_map *map = &set->map[i];

		map->nr_queues = vblk->io_queues[i];
		map->queue_offset = offset;
		offset += map->nr_queues;

		if (!map->nr_queues)
			continue;
		if (i == HCTX_TYPE_POLL)
			blk_mq_map_queues(map);
		else
			blk_mq_map_hw_queues(map, &vblk->vdev->dev, 0);
	}
}
