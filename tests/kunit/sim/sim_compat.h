/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the simulator needs of older kernels and the driver does not.
 */
#ifndef SIM_COMPAT_H
#define SIM_COMPAT_H

#include "../../../virtio_blk/compat.h"

#ifndef HAVE_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA	38

/* Not called: the ring of these kernels does not accept the feature. */
static inline u32 vring_notification_data(struct virtqueue *vq)
{
	return vq->index;
}
#endif

#ifdef HAVE_VIRTQUEUE_INFO
#define COMPAT_FIND_VQS(fn)	fn
#define COMPAT_FIND_VQS_WRAPPER(...)
#else
#define COMPAT_FIND_VQS(fn)	fn##_compat
#define COMPAT_FIND_VQS_WRAPPER(fn)						\
static int fn##_compat(struct virtio_device *vdev, unsigned int nvqs,		\
		       struct virtqueue *vqs[], vq_callback_t *callbacks[],	\
		       const char * const names[], const bool *ctx,		\
		       struct irq_affinity *desc)				\
{										\
	struct virtqueue_info *infos = kcalloc(nvqs, sizeof(*infos), GFP_KERNEL); \
	unsigned int i;								\
	int err;								\
										\
	if (!infos)								\
		return -ENOMEM;							\
	for (i = 0; i < nvqs; i++) {						\
		infos[i].name = names[i];					\
		infos[i].callback = callbacks[i];				\
		infos[i].ctx = ctx && ctx[i];					\
	}									\
	err = fn(vdev, nvqs, vqs, infos, desc);					\
	kfree(infos);								\
	return err;								\
}
#endif

#endif /* SIM_COMPAT_H */
