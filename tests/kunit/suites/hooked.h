/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before each of the driver's sources: its calls go to hooks.c, which
 * notes them and passes them on.
 */
#ifndef KUNIT_HOOKED_H
#define KUNIT_HOOKED_H

/* All that the driver includes, while the names still mean the kernel's functions. */
#include <linux/bvec.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/idr.h>
#include <linux/interrupt.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/string_helpers.h>
#include <linux/sysfs.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

#include "hooks.h"

#undef spin_trylock_irqsave
#undef spin_trylock
#undef spin_lock_irqsave
#undef kmalloc_objs
#undef kmalloc
#undef kzalloc
#undef kmalloc_array
#undef blk_rq_map_sg

/* sparse of older kernels counts locks */
#ifdef __cond_lock
#define spin_trylock_irqsave(lock, flags)					\
({										\
	spinlock_t *__lock = lock;						\
										\
	__cond_lock(__lock, hook_trylock_irqsave(__lock, &(flags)));		\
})
#else
#define spin_trylock_irqsave(lock, flags) hook_trylock_irqsave(lock, &(flags))
#endif
#define spin_unlock_irqrestore(lock, flags)					\
do {										\
	spinlock_t *__lock = lock;						\
										\
	__release(__lock);							\
	hook_unlock_irqrestore(__lock, flags);					\
} while (0)
#define spin_lock_irqsave(lock, flags)	((flags) = hook_lock_irqsave(lock))
#define spin_lock_irq(lock)		hook_lock_irq(lock)
#define spin_unlock_irq(lock)		hook_unlock_irq(lock)

#define virtqueue_add_sgs(vq, sgs, out, in, data, gfp) \
	hook_add_sgs(vq, sgs, out, in, data, gfp)
#define virtqueue_get_buf(vq, len)	hook_get_buf(vq, len)
#define virtqueue_kick_prepare(vq)	hook_kick_prepare(vq)
#define virtqueue_enable_cb(vq)		hook_enable_cb(vq)
#define virtqueue_disable_cb(vq)	hook_disable_cb(vq)
#define virtqueue_notify(vq)		hook_notify(vq)
#define virtqueue_kick(vq)		hook_kick(vq)
#define virtqueue_is_broken(vq)		hook_is_broken(vq)
#define virtqueue_get_vring_size(vq)	hook_get_vring_size(vq)

#define blk_mq_start_request(rq)	hook_start_request(rq)
#define blk_mq_end_request(rq, status)	hook_end_request(rq, status)
#define blk_mq_set_request_complete(rq)	hook_set_request_complete(rq)
#define blk_mq_complete_request_remote(rq) hook_complete_request_remote(rq)
#define blk_mq_requeue_request(rq, kick) hook_requeue_request(rq, kick)
#define compat_add_to_batch(rq, iob)	hook_add_to_batch(rq, iob)
#define blk_rq_map_sg(rq, sgl)		hook_map_sg(rq, sgl)
#define tasklet_schedule(softirq)	hook_schedule(softirq)
#define mod_timer(timer, expires)	hook_mod_timer(timer, expires)
#define kblockd_schedule_work(work)	hook_schedule_work(work)

#define kmalloc_objs(var, count, gfp)	hook_kmalloc(sizeof(var), count, gfp)
#define kmalloc_array(count, size, gfp)	hook_kmalloc(size, count, gfp)
#define kmalloc(size, gfp)		hook_kmalloc(size, 1, gfp)
#define kzalloc(size, gfp)		hook_kmalloc(size, 1, (gfp) | __GFP_ZERO)
#define kfree(ptr)			hook_kfree(ptr)
#define sg_alloc_table_chained(table, nents, first, n) hook_sg_alloc(table, nents, first, n)
#define sg_free_table_chained(table, n)	hook_sg_free(table, n)

/* Where the kernel is told what to call. */
#ifdef KUNIT_CALLED
#define virtblk_done			hook_done
#define virtblk_poll			hook_poll
#endif

#endif /* KUNIT_HOOKED_H */
