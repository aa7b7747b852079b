// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's side of a split virtqueue (VIRTIO 1.3, 2.7).
 *
 * The sim_queue's lock is held throughout.
 */
#include <linux/io.h>

#include "sim.h"

static void *sim_memory(struct sim_dev *sim, __virtio64 addr)
{
	return phys_to_virt(virtio64_to_cpu(&sim->vdev, addr));
}

/**
 * sim_ring_init - begin with a new ring
 * @q: the queue, with its virtqueue
 */
void sim_ring_init(struct sim_queue *q)
{
	q->ring.num = virtqueue_get_vring_size(q->vq);
	q->ring.desc = phys_to_virt(virtqueue_get_desc_addr(q->vq));
	q->ring.avail = phys_to_virt(virtqueue_get_avail_addr(q->vq));
	q->ring.used = phys_to_virt(virtqueue_get_used_addr(q->vq));
	q->last_avail = 0;
	q->used_idx = 0;
	q->signalled = 0;
}

/**
 * sim_ring_fetch - take the next request that the driver has made available
 * @q: the queue
 * @head: set to the number of its first descriptor
 *
 * Return: 1, 0 if there is none, or -EPROTO.
 */
int sim_ring_fetch(struct sim_queue *q, u16 *head)
{
	struct virtio_device *vdev = &q->sim->vdev;
	u16 avail = virtio16_to_cpu(vdev, READ_ONCE(q->ring.avail->idx));

	if (avail == q->last_avail)
		return 0;
	if ((u16)(avail - q->last_avail) > q->ring.num) {
		sim_violation(q->sim, "available index %u after %u, ring of %u", avail,
			      q->last_avail, q->ring.num);
		return -EPROTO;
	}
	/* The entry, and what it stands for, only after the index. */
	virt_rmb();
	*head = virtio16_to_cpu(vdev, q->ring.avail->ring[q->last_avail & (q->ring.num - 1)]);
	if (*head >= q->ring.num || q->reqs[*head].busy) {
		sim_violation(q->sim, "descriptor %u made available: %s", *head,
			      *head < q->ring.num ? "the device has it" : "out of range");
		return -EPROTO;
	}
	q->last_avail++;
	return 1;
}

struct sim_table {
	struct vring_desc *desc;
	unsigned int num;
	bool indirect;
};

static int sim_open_indirect(struct sim_queue *q, const struct vring_desc *desc, u16 flags,
			     struct sim_table *table)
{
	u32 len = virtio32_to_cpu(&q->sim->vdev, desc->len);

	if (!virtio_has_feature(&q->sim->vdev, VIRTIO_RING_F_INDIRECT_DESC) || table->indirect ||
	    flags & VRING_DESC_F_NEXT || !len || len % sizeof(*desc)) {
		sim_violation(q->sim, "indirect table of %u bytes, flags %#x", len, flags);
		return -EPROTO;
	}
	*table = (struct sim_table) {
		.desc = sim_memory(q->sim, desc->addr),
		.num = len / sizeof(*desc),
		.indirect = true,
	};
	return 0;
}

static int sim_add_buffer(struct sim_queue *q, struct sim_chain *chain,
			  const struct vring_desc *desc, u16 flags)
{
	u32 len = virtio32_to_cpu(&q->sim->vdev, desc->len);
	unsigned int n = chain->n_out + chain->n_in;

	/* Not longer than the queue, indirect or not (2.7.5.3.1), unless the device allows it. */
	if (n == q->sim->max_chain || !len) {
		sim_violation(q->sim, "buffer %u of %u bytes, at most %u", n, len,
			      q->sim->max_chain);
		return -EPROTO;
	}
	chain->iov[n].iov_base = sim_memory(q->sim, desc->addr);
	chain->iov[n].iov_len = len;
	if (flags & VRING_DESC_F_WRITE) {
		chain->n_in++;
		chain->in_len += len;
		return 0;
	}
	if (chain->n_in) {
		sim_violation(q->sim, "buffer %u to be read follows one to be written", n);
		return -EPROTO;
	}
	chain->n_out++;
	chain->out_len += len;
	return 0;
}

/**
 * sim_ring_chain - follow a request's descriptors
 * @q: the queue
 * @head: the first of them
 * @chain: filled in
 *
 * Return: 0, or -EPROTO.
 */
int sim_ring_chain(struct sim_queue *q, u16 head, struct sim_chain *chain)
{
	struct sim_table table = { .desc = q->ring.desc, .num = q->ring.num };
	struct virtio_device *vdev = &q->sim->vdev;
	unsigned int i = head;
	u16 flags;
	int err;

	*chain = (struct sim_chain) { .iov = q->iov };
	for (;;) {
		const struct vring_desc *desc = &table.desc[i];

		if (i >= table.num) {
			sim_violation(q->sim, "next descriptor %u of %u", i, table.num);
			return -EPROTO;
		}
		flags = virtio16_to_cpu(vdev, desc->flags);
		if (flags & VRING_DESC_F_INDIRECT) {
			err = sim_open_indirect(q, desc, flags, &table);
			if (err)
				return err;
			i = 0;
			continue;
		}
		err = sim_add_buffer(q, chain, desc, flags);
		if (err)
			return err;
		if (!(flags & VRING_DESC_F_NEXT))
			return 0;
		i = virtio16_to_cpu(vdev, desc->next);
	}
}

/**
 * sim_ring_push - write the next used element, which the driver does not see yet
 * @q: the queue
 * @id: of the request
 * @len: bytes that the device has written
 */
void sim_ring_push(struct sim_queue *q, u32 id, u32 len)
{
	struct virtio_device *vdev = &q->sim->vdev;
	struct vring_used_elem *elem = &q->ring.used->ring[q->used_idx & (q->ring.num - 1)];

	elem->id = cpu_to_virtio32(vdev, id);
	elem->len = cpu_to_virtio32(vdev, len);
	q->used_idx++;
}

/**
 * sim_ring_publish - show the driver all used elements
 * @q: the queue
 */
void sim_ring_publish(struct sim_queue *q)
{
	/* Element, status and data before the index. */
	virt_wmb();
	WRITE_ONCE(q->ring.used->idx, cpu_to_virtio16(&q->sim->vdev, q->used_idx));
}

/**
 * sim_ring_disable_kick - ask for no notifications
 * @q: the queue
 */
void sim_ring_disable_kick(struct sim_queue *q)
{
	struct virtio_device *vdev = &q->sim->vdev;

	if (!virtio_has_feature(vdev, VIRTIO_RING_F_EVENT_IDX))
		WRITE_ONCE(q->ring.used->flags, cpu_to_virtio16(vdev, VRING_USED_F_NO_NOTIFY));
}

/**
 * sim_ring_enable_kick - ask for a notification of the next request
 * @q: the queue
 *
 * Return: there is one already.
 */
bool sim_ring_enable_kick(struct sim_queue *q)
{
	struct virtio_device *vdev = &q->sim->vdev;
	__virtio16 last = cpu_to_virtio16(vdev, q->last_avail);

	if (virtio_has_feature(vdev, VIRTIO_RING_F_EVENT_IDX))
		WRITE_ONCE(*(__virtio16 *)&q->ring.used->ring[q->ring.num], last);
	else
		WRITE_ONCE(q->ring.used->flags, 0);
	/* Whoever adds a request and reads the wish too early is seen here. */
	virt_mb();
	return READ_ONCE(q->ring.avail->idx) != last;
}

/**
 * sim_ring_wants_irq - does the driver want to know of what was published
 *	since it was last interrupted
 * @q: the queue
 */
bool sim_ring_wants_irq(struct sim_queue *q)
{
	struct virtio_device *vdev = &q->sim->vdev;
	u16 old = q->signalled, event;

	if (q->used_idx == old)
		return false;
	q->signalled = q->used_idx;

	/* The index before the driver's wish. */
	virt_mb();
	if (virtio_has_feature(vdev, VIRTIO_RING_F_EVENT_IDX)) {
		event = virtio16_to_cpu(vdev, READ_ONCE(vring_used_event(&q->ring)));
		return vring_need_event(event, q->used_idx, old);
	}
	return !(READ_ONCE(q->ring.avail->flags) &
		 cpu_to_virtio16(vdev, VRING_AVAIL_F_NO_INTERRUPT));
}
