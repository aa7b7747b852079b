// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests: the header and payload that the device gets, what it answers, and
 * requests of the driver's own. Nothing here knows about rings or locks.
 */
#include <linux/bvec.h>

#include "virtio_blk.h"

/* What the status byte holds until the device has written it: no legal status. */
#define VIRTBLK_S_NONE	0xff

static blk_status_t virtblk_status(u8 status)
{
	switch (status) {
	case VIRTIO_BLK_S_OK:
		return BLK_STS_OK;
	case VIRTIO_BLK_S_UNSUPP:
		return BLK_STS_NOTSUPP;
	case VIRTIO_BLK_S_ZONE_OPEN_RESOURCE:
		return BLK_STS_ZONE_OPEN_RESOURCE;
	case VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE:
		return BLK_STS_ZONE_ACTIVE_RESOURCE;
	default:
		return BLK_STS_IOERR;
	}
}

static void virtblk_set_sgl(struct virtblk_req *vbr, struct scatterlist *sgl)
{
#ifdef CONFIG_ARCH_NO_SG_CHAIN
	vbr->sgl = sgl;
#endif
}

/**
 * virtblk_init_request - fill in what a request never changes
 * @set: the device's tag set
 * @rq: the request, its driver's part zeroed
 * @hctx_idx: unused
 * @numa_node: unused
 *
 * Return: 0.
 */
int virtblk_init_request(struct blk_mq_tag_set *set, struct request *rq, unsigned int hctx_idx,
			 COMPAT_NODE numa_node)
{
	struct virtblk_req *vbr = blk_mq_rq_to_pdu(rq);

	sg_init_one(&vbr->sg_out, &vbr->out_hdr, sizeof(vbr->out_hdr));
	sg_init_one(&vbr->sg_in, &vbr->in_hdr.status, sizeof(vbr->in_hdr.status));
	if (VIRTBLK_INLINE_SGS)
		sg_init_table(vbr->sg, VIRTBLK_INLINE_SGS);
	virtblk_set_sgl(vbr, vbr->sg);
	return 0;
}

static void virtblk_unmap_data(struct virtblk_req *vbr)
{
	struct sg_table table;

	if (vbr->orig_nents <= VIRTBLK_INLINE_SGS)
		return;
	table = (struct sg_table) { .sgl = virtblk_sgl(vbr), .orig_nents = vbr->orig_nents };
	sg_free_table_chained(&table, VIRTBLK_INLINE_SGS);
	virtblk_set_sgl(vbr, vbr->sg);
	vbr->orig_nents = 0;
	if (VIRTBLK_INLINE_SGS)
		sg_init_table(vbr->sg, VIRTBLK_INLINE_SGS);
}

/* Returns how many segments there are, or -ENOMEM. */
static int virtblk_map_data(struct request *rq, struct virtblk_req *vbr)
{
	unsigned short segments = blk_rq_nr_phys_segments(rq);
	struct sg_table table = { .sgl = vbr->sg };

	if (VIRTBLK_INLINE_SGS && segments == 1) {
		struct bio_vec bv = req_bvec(rq);

		sg_set_page(vbr->sg, bv.bv_page, bv.bv_len, bv.bv_offset);
		sg_mark_end(vbr->sg);
		return 1;
	}

	if (segments && segments <= VIRTBLK_INLINE_SGS) {
		sg_init_table(vbr->sg, segments);
	} else if (segments) {
		if (sg_alloc_table_chained(&table, segments, vbr->sg, VIRTBLK_INLINE_SGS))
			return -ENOMEM;
		virtblk_set_sgl(vbr, table.sgl);
		vbr->orig_nents = table.orig_nents;
	}
	return segments ? blk_rq_map_sg(rq, virtblk_sgl(vbr)) : 0;
}

/* The ranges are the payload (VIRTIO 1.3, 5.2.6: discard, write zeroes, secure erase). */
static blk_status_t virtblk_set_ranges(struct request *rq, bool unmap)
{
	__le32 flags = cpu_to_le32(unmap ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0);
	/* Neighbours only are merged then, as reads are: one range for all bios. */
	bool one = queue_max_discard_segments(rq->q) == 1 || req_op(rq) == REQ_OP_SECURE_ERASE;
	unsigned short n = 0, segments = one ? 1 : blk_rq_nr_discard_segments(rq);
	struct virtio_blk_discard_write_zeroes *range;
	struct bio *bio;

	range = kmalloc_objs(*range, segments, GFP_ATOMIC);
	if (!range)
		return BLK_STS_RESOURCE;

	if (one) {
		range[n++] = (struct virtio_blk_discard_write_zeroes) {
			.sector = cpu_to_le64(blk_rq_pos(rq)),
			.num_sectors = cpu_to_le32(blk_rq_sectors(rq)),
			.flags = flags,
		};
	} else {
		__rq_for_each_bio(bio, rq) {
			if (n < segments)
				range[n] = (struct virtio_blk_discard_write_zeroes) {
					.sector = cpu_to_le64(bio->bi_iter.bi_sector),
					.num_sectors = cpu_to_le32(bio_sectors(bio)),
					.flags = flags,
				};
			n++;
		}
	}
	if (WARN_ON_ONCE(n != segments)) {
		kfree(range);
		return BLK_STS_IOERR;
	}

	bvec_set_virt(&rq->special_vec, range, sizeof(*range) * segments);
	rq->rq_flags |= RQF_SPECIAL_PAYLOAD;
	return BLK_STS_OK;
}

static void virtblk_free_ranges(struct request *rq)
{
	if (rq->rq_flags & RQF_SPECIAL_PAYLOAD) {
		kfree(bvec_virt(&rq->special_vec));
		rq->rq_flags &= ~RQF_SPECIAL_PAYLOAD;
	}
}

/* Of a zoned device, whole zones only are erased (VIRTIO 1.3, 5.2.6.2). */
static bool virtblk_may_erase(struct request *rq)
{
	struct virtio_blk *vblk = rq->q->queuedata;
	sector_t in_zone = vblk->zone_sectors ? vblk->zone_sectors - 1 : 0;
	sector_t end = blk_rq_pos(rq) + blk_rq_sectors(rq);

	return !(blk_rq_pos(rq) & in_zone) &&
	       (!(end & in_zone) || end == get_capacity(vblk->disk));
}

static blk_status_t virtblk_set_header(struct virtio_device *vdev, struct request *rq,
				       struct virtblk_req *vbr)
{
	blk_status_t status = BLK_STS_OK;
	sector_t sector = blk_rq_pos(rq);
	u32 type;

	switch (req_op(rq)) {
	case REQ_OP_READ:
		type = VIRTIO_BLK_T_IN;
		break;
	case REQ_OP_WRITE:
		type = VIRTIO_BLK_T_OUT;
		break;
	case REQ_OP_FLUSH:
		type = VIRTIO_BLK_T_FLUSH;
		sector = 0;
		break;
	case REQ_OP_DISCARD:
		type = VIRTIO_BLK_T_DISCARD;
		sector = 0;
		status = virtblk_set_ranges(rq, false);
		break;
	case REQ_OP_WRITE_ZEROES:
		type = VIRTIO_BLK_T_WRITE_ZEROES;
		sector = 0;
		status = virtblk_set_ranges(rq, !(rq->cmd_flags & REQ_NOUNMAP));
		break;
	case REQ_OP_SECURE_ERASE:
		if (!virtblk_may_erase(rq))
			return BLK_STS_NOTSUPP;
		type = VIRTIO_BLK_T_SECURE_ERASE;
		sector = 0;
		status = virtblk_set_ranges(rq, false);
		break;
	case REQ_OP_ZONE_OPEN:
		type = VIRTIO_BLK_T_ZONE_OPEN;
		break;
	case REQ_OP_ZONE_CLOSE:
		type = VIRTIO_BLK_T_ZONE_CLOSE;
		break;
	case REQ_OP_ZONE_FINISH:
		type = VIRTIO_BLK_T_ZONE_FINISH;
		break;
	case REQ_OP_ZONE_RESET:
		type = VIRTIO_BLK_T_ZONE_RESET;
		break;
	case REQ_OP_ZONE_RESET_ALL:
		type = VIRTIO_BLK_T_ZONE_RESET_ALL;
		sector = 0;
		break;
	case REQ_OP_ZONE_APPEND:
		type = VIRTIO_BLK_T_ZONE_APPEND;
		sg_set_buf(&vbr->sg_in, &vbr->in_hdr, sizeof(vbr->in_hdr));
		break;
	case REQ_OP_DRV_IN:
		/* virtblk_execute() has set type and sector. */
		vbr->out_hdr.ioprio = cpu_to_virtio32(vdev, req_get_ioprio(rq));
		return BLK_STS_OK;
	default:
		WARN_ON_ONCE(1);
		return BLK_STS_IOERR;
	}
	if (!IS_ENABLED(CONFIG_BLK_DEV_ZONED) && op_is_zone_mgmt(req_op(rq)))
		return BLK_STS_NOTSUPP;

	vbr->out_hdr.type = cpu_to_virtio32(vdev, type);
	vbr->out_hdr.ioprio = cpu_to_virtio32(vdev, req_get_ioprio(rq));
	vbr->out_hdr.sector = cpu_to_virtio64(vdev, sector);
	return status;
}

/* The device says where it has appended; believe it only within the zone. */
static blk_status_t virtblk_end_append(struct request *rq, struct virtblk_req *vbr,
				       blk_status_t status)
{
	struct virtio_blk *vblk = rq->q->queuedata;
	sector_t sector = virtio64_to_cpu(vblk->vdev, vbr->in_hdr.sector);

	sg_set_buf(&vbr->sg_in, &vbr->in_hdr.status, sizeof(vbr->in_hdr.status));
	if (status == BLK_STS_OK) {
		if (sector - blk_rq_pos(rq) >= vblk->zone_sectors)
			return BLK_STS_IOERR;
		rq->__sector = sector;
	}
	return status;
}

/**
 * virtblk_prep_rq - make a request ready for the ring, and start it
 * @vblk: the device
 * @rq: the request
 *
 * Context: any, no lock held; does not sleep.
 *
 * VIRTIO 1.3, 5.2.6 (device operation).
 *
 * Return: BLK_STS_OK, or BLK_STS_RESOURCE (no memory), BLK_STS_NOTSUPP,
 * BLK_STS_IOERR (an operation unknown to the driver, or a dead device); nothing
 * is kept then.
 */
blk_status_t virtblk_prep_rq(struct virtio_blk *vblk, struct request *rq)
{
	struct virtblk_req *vbr = blk_mq_rq_to_pdu(rq);
	blk_status_t status;
	int nents;

	if (unlikely(READ_ONCE(vblk->state) == VIRTBLK_DEAD))
		return BLK_STS_IOERR;

	status = virtblk_set_header(vblk->vdev, rq, vbr);
	if (unlikely(status))
		return status;

	nents = virtblk_map_data(rq, vbr);
	if (unlikely(nents < 0)) {
		virtblk_free_ranges(rq);
		return BLK_STS_RESOURCE;
	}

	vbr->out_sgs = 1;
	vbr->in_sgs = 1;
	if (nents && rq_data_dir(rq) == WRITE)
		vbr->out_sgs++;
	else if (nents)
		vbr->in_sgs++;
	vbr->slots = vblk->direct ? nents + VIRTBLK_HDR_SGS : 1;
	vbr->in_hdr.status = VIRTBLK_S_NONE;
	vbr->late = false;
	blk_mq_start_request(rq);
	return BLK_STS_OK;
}

/*
 * What a device does not say that it has written is what memory held before
 * (VIRTIO 1.3, 2.7.8.3). But it may write more than it says (2.7.8.2), and some
 * say 1 of every read: who has told a length once is taken at its word.
 */
static bool virtblk_is_short(struct request *rq, struct virtblk_req *vbr)
{
	struct virtio_blk *vblk = rq->q->queuedata;
	bool told = READ_ONCE(vblk->len_valid);

	if (vbr->len < blk_rq_bytes(rq)) {
		if (told)
			dev_err_ratelimited(&vblk->vdev->dev, "of %u bytes to read, the device gave %u\n",
					    blk_rq_bytes(rq), vbr->len);
		return told;
	}
	if (unlikely(!told) && virtio_has_feature(vblk->vdev, VIRTIO_F_VERSION_1))
		WRITE_ONCE(vblk->len_valid, true);
	return false;
}

/**
 * virtblk_finish_rq - undo virtblk_prep_rq() for a request that the device has
 *	given back
 * @rq: the request
 *
 * Context: any, no lock held; does not sleep.
 *
 * Return: what became of the request.
 */
blk_status_t virtblk_finish_rq(struct request *rq)
{
	struct virtblk_req *vbr = blk_mq_rq_to_pdu(rq);
	blk_status_t status = virtblk_status(vbr->in_hdr.status);

	virtblk_unmap_data(vbr);
	virtblk_free_ranges(rq);
	if (unlikely(req_op(rq) == REQ_OP_ZONE_APPEND))
		return virtblk_end_append(rq, vbr, status);
	if (req_op(rq) == REQ_OP_READ && !status && unlikely(virtblk_is_short(rq, vbr)))
		return BLK_STS_IOERR;
	return status;
}

/**
 * virtblk_execute - have the device fill a buffer
 * @vblk: the device
 * @type: VIRTIO_BLK_T_*
 * @sector: for the header, in 512-byte units
 * @buf: the buffer
 * @len: its length in bytes
 *
 * Context: process, sleeps until the device has answered.
 *
 * Return: 0, or a negative error: -EIO (the device failed it), -EOPNOTSUPP
 * (the device does not know it), -ENOMEM, or the queue's.
 */
int virtblk_execute(struct virtio_blk *vblk, u32 type, sector_t sector, void *buf,
		    unsigned int len)
{
	struct virtblk_req *vbr;
	struct request *rq;
	int err;

	rq = blk_mq_alloc_request(vblk->disk->queue, REQ_OP_DRV_IN, 0);
	if (IS_ERR(rq))
		return PTR_ERR(rq);

	vbr = blk_mq_rq_to_pdu(rq);
	vbr->out_hdr.type = cpu_to_virtio32(vblk->vdev, type);
	vbr->out_hdr.sector = cpu_to_virtio64(vblk->vdev, sector);

	err = blk_rq_map_kern(rq, buf, len, GFP_KERNEL);
	if (!err)
		err = blk_status_to_errno(blk_execute_rq(rq, false));
	blk_mq_free_request(rq);
	return err;
}
