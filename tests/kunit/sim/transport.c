// SPDX-License-Identifier: GPL-2.0-only
/*
 * The transport: what virtio-pci and virtio-mmio do with registers, by calls.
 */
#include "sim.h"

static struct sim_dev *to_sim(struct virtio_device *vdev)
{
	return container_of(vdev, struct sim_dev, vdev);
}

static void sim_get(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len)
{
	sim_config_read(to_sim(vdev), offset, buf, len);
}

static void sim_set(struct virtio_device *vdev, unsigned int offset, const void *buf,
		    unsigned int len)
{
	sim_config_write(to_sim(vdev), offset, buf, len);
}

/* A legacy device has none. */
static u32 sim_generation(struct virtio_device *vdev)
{
	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1))
		return 0;
	return READ_ONCE(to_sim(vdev)->generation);
}

static u8 sim_get_status(struct virtio_device *vdev)
{
	return READ_ONCE(to_sim(vdev)->status);
}

static void sim_kick_all(struct sim_dev *sim)
{
	unsigned int i;

	for (i = 0; i < sim->num_queues; i++)
		sim_queue_kick(&sim->queues[i]);
}

/**
 * sim_set_credit - stop the device, or let it go on
 * @sim: the device
 * @credit: how many requests it carries out from now on, -1 for all
 *
 * It takes requests from the ring all the same.
 */
void sim_set_credit(struct sim_dev *sim, int credit)
{
	atomic_set(&sim->credit, credit);
	sim_kick_all(sim);
}

/**
 * sim_settle - wait until the device sleeps, and wants to be notified
 * @sim: the device, which gets no requests meanwhile
 *
 * A driver has its requests back before that.
 *
 * Context: process, may sleep.
 */
void sim_settle(struct sim_dev *sim)
{
	unsigned int i;

	for (i = 0; i < sim->num_queues; i++)
		sim_queue_settle(&sim->queues[i]);
}

/**
 * sim_hold - let the device carry out nothing more, and wait until it sleeps
 * @sim: the device, which gets no requests meanwhile
 *
 * It takes requests from the ring all the same.
 *
 * Context: process, may sleep.
 */
void sim_hold(struct sim_dev *sim)
{
	atomic_set(&sim->credit, 0);
	sim_settle(sim);
}

static void sim_set_status(struct virtio_device *vdev, u8 status)
{
	struct sim_dev *sim = to_sim(vdev);

	if (sim->status & ~status & ~VIRTIO_CONFIG_S_NEEDS_RESET)
		sim_violation(sim, "status %#x after %#x", status, sim->status);
	WRITE_ONCE(sim->status, status | (sim->status & VIRTIO_CONFIG_S_NEEDS_RESET));
	if (status & VIRTIO_CONFIG_S_DRIVER_OK)
		sim_kick_all(sim);
}

static void sim_reset(struct virtio_device *vdev)
{
	struct sim_dev *sim = to_sim(vdev);
	unsigned int i;

	sim_count(sim, SIM_STAT_RESETS);
	WRITE_ONCE(sim->status, 0);
	for (i = 0; i < sim->num_queues; i++)
		sim_queue_stop(&sim->queues[i]);
}

static u64 sim_get_features(struct virtio_device *vdev)
{
	return to_sim(vdev)->features;
}

static int sim_finalize_features(struct virtio_device *vdev)
{
	struct sim_dev *sim = to_sim(vdev);

	if (sim_fault(sim, SIM_NO_FEATURES))
		return -ENODEV;
	vring_transport_features(vdev);
	if (vdev->features & ~sim->features)
		sim_violation(sim, "takes features %#llx of %#llx", vdev->features,
			      sim->features);
	return 0;
}

/* The number of the queue, and where the driver's ring was a moment ago (4.1.5.2). */
static void sim_check_notification(struct sim_queue *q, u32 data)
{
	struct vring_avail *avail = q->ring.avail;
	u16 idx = virtio16_to_cpu(&q->sim->vdev, READ_ONCE(avail->idx));
	u16 next = data >> 16;

	if ((data & 0xffff) != q->index || abs((s16)(next - idx)) > q->ring.num)
		sim_violation(q->sim, "notification data %#x for queue %u at %u", data, q->index,
			      idx);
}

/* It reaches the device at the end of the time that it takes: no reset may come between. */
static void sim_take_notification(struct sim_queue *q)
{
	u64 wait = READ_ONCE(q->sim->notify_us) * (u64)NSEC_PER_USEC;
	s64 resets = atomic64_read(&q->sim->stats[SIM_STAT_RESETS]);
	ktime_t end = ktime_add_ns(ktime_get(), wait);

	while (wait && ktime_before(ktime_get(), end))
		cpu_relax();
	if (!(READ_ONCE(q->sim->status) & VIRTIO_CONFIG_S_DRIVER_OK))
		sim_violation(q->sim, "notifies with status %#x", q->sim->status);
	else if (resets != atomic64_read(&q->sim->stats[SIM_STAT_RESETS]))
		sim_violation(q->sim, "resets during a notification");
}

static void sim_ring_bell(struct sim_queue *q)
{
	if (q->sim->interrupts != SIM_TASK || in_hardirq()) {
		sim_take_notification(q);
	} else if (READ_ONCE(q->caller) == current) {
		sim_violation(q->sim, "notifies from a callback, whose caller holds its lock");
	} else {
		spin_lock_bh(&q->bell);
		sim_take_notification(q);
		spin_unlock_bh(&q->bell);
	}
}

static bool sim_notify(struct virtqueue *vq)
{
	struct sim_queue *q = vq->priv;

	if (sim_fault(q->sim, SIM_NO_NOTIFY))
		return false;
	sim_count(q->sim, SIM_STAT_KICKS);
	/* Under a lock that interrupt handlers take as well, most likely. */
	if (irqs_disabled())
		sim_count(q->sim, SIM_STAT_KICKS_IRQS_OFF);
	/* A notification may be a VM exit, for as long as the host likes. */
	if (in_hardirq())
		sim_violation(q->sim, "notifies from a hard interrupt");
	sim_ring_bell(q);
	if (virtio_has_feature(vq->vdev, VIRTIO_F_NOTIFICATION_DATA))
		sim_check_notification(q, vring_notification_data(vq));
	sim_queue_kick(q);
	return true;
}

static void sim_del_vqs(struct virtio_device *vdev)
{
	struct sim_dev *sim = to_sim(vdev);
	unsigned int i;

	for (i = 0; i < sim->num_queues; i++) {
		struct sim_queue *q = &sim->queues[i];

		if (!q->vq)
			continue;
		if (q->live && sim->status & VIRTIO_CONFIG_S_DRIVER_OK)
			sim_violation(sim, "deletes virtqueue %u without a reset", i);
		sim_queue_stop(q);
		sim_queue_synchronize(q);
		vring_del_virtqueue(q->vq);
		q->vq = NULL;
	}
	sim_maps_check(sim);
	irq_work_sync(&sim->config_irq);
}

static int sim_find_vq(struct sim_queue *q, struct virtqueue **vq,
		       const struct virtqueue_info *info)
{
	struct sim_dev *sim = q->sim;

	*vq = vring_create_virtqueue(q->index, sim->queue_size, SMP_CACHE_BYTES, &sim->vdev, true,
				     false, info->ctx, sim_notify, info->callback, info->name);
	if (!*vq)
		return -ENOMEM;
	(*vq)->num_max = sim->queue_size;
	(*vq)->priv = q;
	sim_queue_start(q, *vq);
	return 0;
}

static int sim_find_vqs(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
			struct virtqueue_info infos[], struct irq_affinity *desc)
{
	struct sim_dev *sim = to_sim(vdev);
	unsigned int i;
	int err;

	if (sim_fault(sim, SIM_NO_VQS))
		return -ENOMEM;

	for (i = 0; i < nvqs; i++) {
		err = i < sim->num_queues ? sim_find_vq(&sim->queues[i], &vqs[i], &infos[i]) :
					    -ENOENT;
		if (err) {
			sim_del_vqs(vdev);
			return err;
		}
	}
	return 0;
}

COMPAT_FIND_VQS_WRAPPER(sim_find_vqs)

static void sim_synchronize_cbs(struct virtio_device *vdev)
{
	struct sim_dev *sim = to_sim(vdev);
	unsigned int i;

	for (i = 0; i < sim->num_queues; i++)
		sim_queue_synchronize(&sim->queues[i]);
	irq_work_sync(&sim->config_irq);
}

static const char *sim_bus_name(struct virtio_device *vdev)
{
	return dev_name(&to_sim(vdev)->pdev->dev);
}

/**
 * sim_config_irq - tell the driver that the configuration has changed
 * @work: of the device
 */
void sim_config_irq(struct irq_work *work)
{
	virtio_config_changed(&container_of(work, struct sim_dev, config_irq)->vdev);
}

const struct virtio_config_ops sim_config_ops = {
	.get			= sim_get,
	.set			= sim_set,
	.generation		= sim_generation,
	.get_status		= sim_get_status,
	.set_status		= sim_set_status,
	.reset			= sim_reset,
	.find_vqs		= COMPAT_FIND_VQS(sim_find_vqs),
	.del_vqs		= sim_del_vqs,
	.synchronize_cbs	= sim_synchronize_cbs,
	.get_features		= sim_get_features,
	.finalize_features	= sim_finalize_features,
	.bus_name		= sim_bus_name,
};
