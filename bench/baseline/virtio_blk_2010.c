// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtio block driver's locking of 2010, as a baseline to measure against.
 *
 * One queue whatever the device offers.  One lock for the whole device, held
 * across adding a request and across its kick, for every single request, and
 * held by the interrupt handler while it ends the requests it finds.  Mapping
 * is done outside the lock, so that the baseline differs in what it is about.
 *
 * Reads, writes and flushes only.  Written from the VIRTIO specification; for
 * the guests of "make compare", never to be installed.
 */
#include <linux/blk-mq.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>

#include "../../virtio_blk/compat.h"

#define MAX_SEGMENTS	64
#define MAX_DISKS	26

struct baseline {
	struct virtio_device *vdev;
	struct virtqueue *vq;
	spinlock_t lock;	/* held as long as in 2010, on purpose */
	struct gendisk *disk;
	struct blk_mq_tag_set tags;
	int index;
};

struct baseline_req {
	struct virtio_blk_outhdr header;
	u8 status;
	struct scatterlist data[MAX_SEGMENTS];
};

static DEFINE_IDA(baseline_ida);

static blk_status_t baseline_status(u8 status)
{
	switch (status) {
	case VIRTIO_BLK_S_OK:
		return BLK_STS_OK;
	case VIRTIO_BLK_S_UNSUPP:
		return BLK_STS_NOTSUPP;
	default:
		return BLK_STS_IOERR;
	}
}

static blk_status_t baseline_prepare(struct virtio_device *vdev,
				     struct request *rq)
{
	struct baseline_req *breq = blk_mq_rq_to_pdu(rq);
	u64 sector = 0;
	u32 type;

	switch (req_op(rq)) {
	case REQ_OP_READ:
		type = VIRTIO_BLK_T_IN;
		sector = blk_rq_pos(rq);
		break;
	case REQ_OP_WRITE:
		type = VIRTIO_BLK_T_OUT;
		sector = blk_rq_pos(rq);
		break;
	case REQ_OP_FLUSH:
		type = VIRTIO_BLK_T_FLUSH;
		break;
	default:
		return BLK_STS_NOTSUPP;
	}

	breq->header.type = cpu_to_virtio32(vdev, type);
	breq->header.ioprio = 0;
	breq->header.sector = cpu_to_virtio64(vdev, sector);
	return BLK_STS_OK;
}

static int baseline_add(struct baseline *vblk, struct request *rq, int nents)
{
	struct baseline_req *breq = blk_mq_rq_to_pdu(rq);
	struct scatterlist header, status, *sgs[3];
	unsigned int out = 0, in = 0;

	sg_init_one(&header, &breq->header, sizeof(breq->header));
	sg_init_one(&status, &breq->status, sizeof(breq->status));

	sgs[out++] = &header;
	if (nents && rq_data_dir(rq) == WRITE)
		sgs[out++] = breq->data;
	else if (nents)
		sgs[out + in++] = breq->data;
	sgs[out + in++] = &status;

	return virtqueue_add_sgs(vblk->vq, sgs, out, in, breq, GFP_ATOMIC);
}

static blk_status_t baseline_queue_rq(struct blk_mq_hw_ctx *hctx,
				      const struct blk_mq_queue_data *bd)
{
	struct baseline *vblk = hctx->queue->queuedata;
	struct request *rq = bd->rq;
	struct baseline_req *breq = blk_mq_rq_to_pdu(rq);
	blk_status_t status;
	unsigned long flags;
	int nents = 0;
	int err;

	status = baseline_prepare(vblk->vdev, rq);
	if (status)
		return status;

	if (blk_rq_nr_phys_segments(rq)) {
		sg_init_table(breq->data, blk_rq_nr_phys_segments(rq));
		nents = blk_rq_map_sg(rq, breq->data);
	}
	blk_mq_start_request(rq);

	spin_lock_irqsave(&vblk->lock, flags);
	err = baseline_add(vblk, rq, nents);
	if (err == -ENOSPC)
		blk_mq_stop_hw_queue(hctx);
	virtqueue_kick(vblk->vq);
	spin_unlock_irqrestore(&vblk->lock, flags);

	switch (err) {
	case 0:
		return BLK_STS_OK;
	case -ENOSPC:
		return BLK_STS_DEV_RESOURCE;
	case -ENOMEM:
		return BLK_STS_RESOURCE;
	default:
		return BLK_STS_IOERR;
	}
}

static void baseline_interrupt(struct virtqueue *vq)
{
	struct baseline *vblk = vq->vdev->priv;
	struct baseline_req *breq;
	unsigned long flags;
	unsigned int len;

	spin_lock_irqsave(&vblk->lock, flags);
	do {
		virtqueue_disable_cb(vq);
		while ((breq = virtqueue_get_buf(vq, &len)))
			blk_mq_end_request(blk_mq_rq_from_pdu(breq),
					   baseline_status(breq->status));
	} while (!virtqueue_enable_cb(vq));
	blk_mq_start_stopped_hw_queues(vblk->disk->queue, true);
	spin_unlock_irqrestore(&vblk->lock, flags);
}

static const struct blk_mq_ops baseline_mq_ops = {
	.queue_rq = baseline_queue_rq,
};

static const struct block_device_operations baseline_fops = {
	.owner = THIS_MODULE,
};

static void baseline_read_limits(struct virtio_device *vdev,
				 struct queue_limits *lim)
{
	u32 segments;

	if (virtio_cread_feature(vdev, VIRTIO_BLK_F_SEG_MAX,
				 struct virtio_blk_config, seg_max, &segments))
		segments = 1;
	lim->max_segments = clamp_t(u32, segments, 1, MAX_SEGMENTS);
	lim->max_segment_size = SZ_64K;
	virtio_cread_feature(vdev, VIRTIO_BLK_F_SIZE_MAX,
			     struct virtio_blk_config, size_max,
			     &lim->max_segment_size);
	virtio_cread_feature(vdev, VIRTIO_BLK_F_BLK_SIZE,
			     struct virtio_blk_config, blk_size,
			     &lim->logical_block_size);
	if (virtio_has_feature(vdev, VIRTIO_BLK_F_FLUSH))
		lim->features |= BLK_FEAT_WRITE_CACHE;
}

static int baseline_add_disk(struct baseline *vblk)
{
	struct queue_limits lim = {
		.features		= BLK_FEAT_ROTATIONAL,
		.max_hw_sectors		= UINT_MAX,
		.logical_block_size	= SECTOR_SIZE,
	};
	u64 capacity;
	int err;

	vblk->tags.ops = &baseline_mq_ops;
	vblk->tags.nr_hw_queues = 1;
	vblk->tags.queue_depth = virtqueue_get_vring_size(vblk->vq);
	vblk->tags.numa_node = NUMA_NO_NODE;
	vblk->tags.flags = COMPAT_TAG_SET_FLAGS;
	vblk->tags.cmd_size = sizeof(struct baseline_req);
	err = blk_mq_alloc_tag_set(&vblk->tags);
	if (err)
		return err;

	baseline_read_limits(vblk->vdev, &lim);
	vblk->disk = blk_mq_alloc_disk(&vblk->tags, &lim, vblk);
	if (IS_ERR(vblk->disk)) {
		err = PTR_ERR(vblk->disk);
		goto free_tags;
	}
	snprintf(vblk->disk->disk_name, DISK_NAME_LEN, "vd%c", 'a' + vblk->index);
	vblk->disk->fops = &baseline_fops;
	vblk->disk->private_data = vblk;
	virtio_cread(vblk->vdev, struct virtio_blk_config, capacity, &capacity);
	set_capacity(vblk->disk, capacity);

	virtio_device_ready(vblk->vdev);
	err = device_add_disk(&vblk->vdev->dev, vblk->disk, NULL);
	if (!err)
		return 0;

	put_disk(vblk->disk);
free_tags:
	blk_mq_free_tag_set(&vblk->tags);
	return err;
}

static int baseline_probe(struct virtio_device *vdev)
{
	struct baseline *vblk;
	int err;

	vblk = kzalloc_obj(*vblk);
	if (!vblk)
		return -ENOMEM;
	vblk->vdev = vdev;
	vdev->priv = vblk;
	spin_lock_init(&vblk->lock);

	vblk->index = ida_alloc_max(&baseline_ida, MAX_DISKS - 1, GFP_KERNEL);
	if (vblk->index < 0) {
		err = vblk->index;
		goto free_vblk;
	}

	vblk->vq = virtio_find_single_vq(vdev, baseline_interrupt, "requests");
	if (IS_ERR(vblk->vq)) {
		err = PTR_ERR(vblk->vq);
		goto free_index;
	}

	err = baseline_add_disk(vblk);
	if (!err)
		return 0;

	virtio_reset_device(vdev);
	vdev->config->del_vqs(vdev);
free_index:
	ida_free(&baseline_ida, vblk->index);
free_vblk:
	kfree(vblk);
	return err;
}

static void baseline_remove(struct virtio_device *vdev)
{
	struct baseline *vblk = vdev->priv;

	del_gendisk(vblk->disk);
	virtio_reset_device(vdev);
	vdev->config->del_vqs(vdev);
	put_disk(vblk->disk);
	blk_mq_free_tag_set(&vblk->tags);
	ida_free(&baseline_ida, vblk->index);
	kfree(vblk);
}

/* No MODULE_DEVICE_TABLE: nothing may load this driver by itself. */
static const struct virtio_device_id baseline_ids[] = {
	{ VIRTIO_ID_BLOCK, VIRTIO_DEV_ANY_ID },
	{ 0 },
};

static unsigned int baseline_features[] = {
	VIRTIO_BLK_F_SEG_MAX,
	VIRTIO_BLK_F_SIZE_MAX,
	VIRTIO_BLK_F_BLK_SIZE,
	VIRTIO_BLK_F_FLUSH,
};

static struct virtio_driver baseline_driver = {
	.feature_table		= baseline_features,
	.feature_table_size	= ARRAY_SIZE(baseline_features),
	.driver.name		= KBUILD_MODNAME,
	.id_table		= baseline_ids,
	.probe			= baseline_probe,
	.remove			= baseline_remove,
};
module_virtio_driver(baseline_driver);

MODULE_DESCRIPTION("Virtio block driver with the locking of 2010, to measure against");
MODULE_LICENSE("GPL");
