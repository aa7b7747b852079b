// SPDX-License-Identifier: GPL-2.0-only
/*
 * Block requests, as the device understands them (VIRTIO 1.3, 5.2.6).
 */
#include "sim.h"

/* A request taken apart: @out and @in hold its data, without header and answer. */
struct sim_op {
	struct sim_dev *sim;
	u32 type;
	u64 sector;
	struct iov_iter out;
	struct iov_iter in;
	u64 append_sector;
	bool no_data;
};

static const int sim_stat_of_type[] = {
	[VIRTIO_BLK_T_IN] = SIM_STAT_READ,
	[VIRTIO_BLK_T_OUT] = SIM_STAT_WRITE,
	[VIRTIO_BLK_T_FLUSH] = SIM_STAT_FLUSH,
	[VIRTIO_BLK_T_GET_ID] = SIM_STAT_GET_ID,
	[VIRTIO_BLK_T_DISCARD] = SIM_STAT_DISCARD,
	[VIRTIO_BLK_T_WRITE_ZEROES] = SIM_STAT_WRITE_ZEROES,
	[VIRTIO_BLK_T_SECURE_ERASE] = SIM_STAT_SECURE_ERASE,
	[VIRTIO_BLK_T_ZONE_APPEND] = SIM_STAT_ZONE_APPEND,
	[VIRTIO_BLK_T_ZONE_REPORT] = SIM_STAT_ZONE_REPORT,
	[VIRTIO_BLK_T_ZONE_OPEN] = SIM_STAT_ZONE_OPEN,
	[VIRTIO_BLK_T_ZONE_CLOSE] = SIM_STAT_ZONE_CLOSE,
	[VIRTIO_BLK_T_ZONE_FINISH] = SIM_STAT_ZONE_FINISH,
	[VIRTIO_BLK_T_ZONE_RESET] = SIM_STAT_ZONE_RESET,
	[VIRTIO_BLK_T_ZONE_RESET_ALL] = SIM_STAT_ZONE_RESET_ALL,
};

static bool sim_has(struct sim_dev *sim, unsigned int feature)
{
	return virtio_has_feature(&sim->vdev, feature);
}

/* Whole sectors, that exist, in segments as large and as many as allowed. */
static bool sim_data_ok(struct sim_op *op, const struct iov_iter *data, unsigned int segments)
{
	u64 capacity = sim_config_get(op->sim, "capacity"), len = iov_iter_count(data);

	if (!len || len % SECTOR_SIZE) {
		sim_violation(op->sim, "type %u of %llu bytes", op->type, len);
		return false;
	}
	/* Without a single one there is no data: 0 cannot be meant. */
	if (sim_has(op->sim, VIRTIO_BLK_F_SEG_MAX) &&
	    segments > max(sim_config_get(op->sim, "seg_max"), 1ULL)) {
		sim_violation(op->sim, "type %u of %u segments", op->type, segments);
		return false;
	}
	/* Beyond the end is no violation: the capacity may just have changed. */
	return op->sector <= capacity && len >> SECTOR_SHIFT <= capacity - op->sector;
}

static u8 sim_read(struct sim_op *op, unsigned int segments)
{
	u8 status;

	if (!sim_data_ok(op, &op->in, segments))
		return VIRTIO_BLK_S_IOERR;
	status = sim_zone_check_read(op->sim, op->sector, iov_iter_count(&op->in) >> SECTOR_SHIFT);
	if (status)
		return status;
	op->no_data = sim_fault(op->sim, SIM_NO_DATA);
	if (op->no_data)
		return VIRTIO_BLK_S_OK;
	return sim_store_read(op->sim, op->sector, &op->in) ? VIRTIO_BLK_S_OK :
							      VIRTIO_BLK_S_IOERR;
}

static u8 sim_write(struct sim_op *op, unsigned int segments)
{
	u64 nr = iov_iter_count(&op->out) >> SECTOR_SHIFT;
	u8 status;

	if (sim_has(op->sim, VIRTIO_BLK_F_RO)) {
		sim_violation(op->sim, "write to a read-only device");
		return VIRTIO_BLK_S_IOERR;
	}
	if (!sim_data_ok(op, &op->out, segments))
		return VIRTIO_BLK_S_IOERR;

	mutex_lock(&op->sim->zone_lock);
	if (op->type == VIRTIO_BLK_T_ZONE_APPEND)
		status = sim_zone_start_append(op->sim, &op->sector, nr);
	else
		status = sim_zone_start_write(op->sim, op->sector, nr);
	if (!status && !sim_store_write(op->sim, op->sector, &op->out))
		status = VIRTIO_BLK_S_IOERR;
	if (!status)
		sim_zone_end_write(op->sim, op->sector, nr);
	mutex_unlock(&op->sim->zone_lock);
	op->append_sector = op->sector;
	return status;
}

static u8 sim_flush(struct sim_op *op)
{
	if (op->sector || iov_iter_count(&op->out) || iov_iter_count(&op->in)) {
		sim_violation(op->sim, "flush of sector %llu with %zu and %zu bytes", op->sector,
			      iov_iter_count(&op->out), iov_iter_count(&op->in));
		return VIRTIO_BLK_S_IOERR;
	}
	return VIRTIO_BLK_S_OK;
}

static u8 sim_get_id(struct sim_op *op)
{
	size_t len = min_t(size_t, iov_iter_count(&op->in), VIRTIO_BLK_ID_BYTES);

	return copy_to_iter(op->sim->serial, len, &op->in) == len ? VIRTIO_BLK_S_OK :
								    VIRTIO_BLK_S_IOERR;
}

static u8 sim_erase_range(struct sim_op *op, const struct virtio_blk_discard_write_zeroes *range,
			  u64 most)
{
	u64 sector = le64_to_cpu(range->sector), capacity = sim_config_get(op->sim, "capacity");
	u32 nr = le32_to_cpu(range->num_sectors), flags = le32_to_cpu(range->flags);
	u32 legal = op->type == VIRTIO_BLK_T_WRITE_ZEROES ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;
	u8 status;

	if (nr > most || flags & ~legal) {
		sim_violation(op->sim, "type %u of %u sectors (at most %llu), flags %#x",
			      op->type, nr, most, flags);
		return flags & ~legal ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
	}
	if (sector > capacity || nr > capacity - sector)
		return VIRTIO_BLK_S_IOERR;
	if (flags)
		sim_count(op->sim, SIM_STAT_UNMAPS);

	mutex_lock(&op->sim->zone_lock);
	status = sim_zone_start_write(op->sim, sector, nr);
	if (!status) {
		sim_store_zero(op->sim, sector, nr);
		sim_zone_end_write(op->sim, sector, nr);
	}
	mutex_unlock(&op->sim->zone_lock);
	return status;
}

static u8 sim_erase(struct sim_op *op, unsigned int feature, const char *max_sectors,
		    const char *max_seg)
{
	u64 most = sim_config_get(op->sim, max_sectors);
	struct virtio_blk_discard_write_zeroes range;
	size_t len = iov_iter_count(&op->out);
	u8 status = VIRTIO_BLK_S_OK;

	if (!sim_has(op->sim, feature))
		return VIRTIO_BLK_S_UNSUPP;
	if (op->sector || !len || len % sizeof(range) || iov_iter_count(&op->in) ||
	    len / sizeof(range) > sim_config_get(op->sim, max_seg)) {
		sim_violation(op->sim, "type %u with ranges of %zu bytes at sector %llu",
			      op->type, len, op->sector);
		return VIRTIO_BLK_S_IOERR;
	}
	while (!status && copy_from_iter(&range, sizeof(range), &op->out) == sizeof(range))
		status = sim_erase_range(op, &range, most);
	return status;
}

static u8 sim_run(struct sim_op *op, unsigned int n_out, unsigned int n_in)
{
	switch (op->type) {
	case VIRTIO_BLK_T_IN:
		return sim_read(op, n_in);
	case VIRTIO_BLK_T_ZONE_APPEND:
		if (!sim_has(op->sim, VIRTIO_BLK_F_ZONED))
			return VIRTIO_BLK_S_UNSUPP;
		fallthrough;
	case VIRTIO_BLK_T_OUT:
		return sim_write(op, n_out);
	case VIRTIO_BLK_T_FLUSH:
		return sim_flush(op);
	case VIRTIO_BLK_T_GET_ID:
		return sim_get_id(op);
	case VIRTIO_BLK_T_DISCARD:
		return sim_erase(op, VIRTIO_BLK_F_DISCARD, "max_discard_sectors",
				 "max_discard_seg");
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return sim_erase(op, VIRTIO_BLK_F_WRITE_ZEROES, "max_write_zeroes_sectors",
				 "max_write_zeroes_seg");
	case VIRTIO_BLK_T_SECURE_ERASE:
		return sim_erase(op, VIRTIO_BLK_F_SECURE_ERASE, "max_secure_erase_sectors",
				 "max_secure_erase_seg");
	case VIRTIO_BLK_T_ZONE_REPORT:
		if (!op->sim->zones)
			return VIRTIO_BLK_S_UNSUPP;
		return sim_zone_report(op->sim, op->sector, &op->in);
	case VIRTIO_BLK_T_ZONE_OPEN:
	case VIRTIO_BLK_T_ZONE_CLOSE:
	case VIRTIO_BLK_T_ZONE_FINISH:
	case VIRTIO_BLK_T_ZONE_RESET:
	case VIRTIO_BLK_T_ZONE_RESET_ALL:
		if (!op->sim->zones)
			return VIRTIO_BLK_S_UNSUPP;
		return sim_zone_manage(op->sim, op->type, op->sector);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static bool sim_segments_ok(struct sim_dev *sim, const struct sim_chain *chain)
{
	u64 most = sim_config_get(sim, "size_max");
	unsigned int i;

	if (!sim_has(sim, VIRTIO_BLK_F_SIZE_MAX))
		return true;
	for (i = 0; i < chain->n_out + chain->n_in; i++) {
		if (chain->iov[i].iov_len > most) {
			sim_violation(sim, "segment of %zu bytes, at most %llu",
				      chain->iov[i].iov_len, most);
			return false;
		}
	}
	return true;
}

static bool sim_answer_append(struct sim_op *op, const struct sim_chain *chain)
{
	__virtio64 sector;
	struct iov_iter in;

	if (sim_fault(op->sim, SIM_BAD_APPEND))
		op->append_sector = sim_config_get(op->sim, "capacity");
	sector = cpu_to_virtio64(&op->sim->vdev, op->append_sector);
	iov_iter_kvec(&in, READ, chain->iov + chain->n_out, chain->n_in, chain->in_len);
	return copy_to_iter(&sector, sizeof(sector), &in) == sizeof(sector);
}

static u8 sim_status(struct sim_op *op, const struct sim_chain *chain)
{
	u8 status;

	if (op->type < ARRAY_SIZE(sim_stat_of_type))
		sim_count(op->sim, sim_stat_of_type[op->type]);
	if (!sim_segments_ok(op->sim, chain) || sim_fault(op->sim, SIM_IO_ERROR))
		status = VIRTIO_BLK_S_IOERR;
	else
		status = sim_run(op, chain->n_out - 1, chain->n_in - 1);
	if (status)
		sim_count(op->sim, SIM_STAT_ERRORS);
	return status;
}

static void sim_record(struct sim_dev *sim, const struct sim_record *record)
{
	spin_lock(&sim->record_lock);
	sim->records[sim->nr_records++ % SIM_RECORDS] = *record;
	spin_unlock(&sim->record_lock);
}

/**
 * sim_print_records - the newest requests, one a line, the oldest of them first
 * @sim: the device
 * @buf: a page
 *
 * Return: the length of the text.
 */
int sim_print_records(struct sim_dev *sim, char *buf)
{
	unsigned int i, n;
	int len = 0;

	spin_lock(&sim->record_lock);
	n = min_t(unsigned int, sim->nr_records, SIM_RECORDS);
	for (i = sim->nr_records - n; i != sim->nr_records; i++) {
		const struct sim_record *r = &sim->records[i % SIM_RECORDS];

		len += sysfs_emit_at(buf, len, "%u %u %llu %zu %zu %u %u\n", r->type, r->ioprio,
				     r->sector, r->out_len, r->in_len, r->segments, r->status);
	}
	spin_unlock(&sim->record_lock);
	return len;
}

/* A legacy device may take the header, the data and the answer by their descriptors (5.2.6.4). */
static bool sim_framing_ok(struct virtio_device *vdev, const struct sim_chain *chain,
			   size_t answer)
{
	return virtio_has_feature(vdev, VIRTIO_F_VERSION_1) ||
	       (chain->iov[0].iov_len == sizeof(struct virtio_blk_outhdr) &&
		chain->iov[chain->n_out + chain->n_in - 1].iov_len == answer);
}

/**
 * sim_execute - carry a request out
 * @q: the queue, its lock held
 * @head: the request
 * @len: set to the number of bytes written
 *
 * Return: 0, also if the request failed, or -EPROTO.
 */
int sim_execute(struct sim_queue *q, u16 head, u32 *len)
{
	struct sim_op op = { .sim = q->sim };
	struct virtio_device *vdev = &q->sim->vdev;
	size_t answer = sizeof(u8);
	struct virtio_blk_outhdr hdr;
	struct sim_record record;
	struct sim_chain chain;
	struct kvec *last;
	u8 status;
	int err;

	err = sim_ring_chain(q, head, &chain);
	if (err)
		return err;
	iov_iter_kvec(&op.out, WRITE, chain.iov, chain.n_out, chain.out_len);
	if (copy_from_iter(&hdr, sizeof(hdr), &op.out) != sizeof(hdr)) {
		sim_violation(q->sim, "header of %zu bytes", chain.out_len);
		return -EPROTO;
	}
	op.type = virtio32_to_cpu(vdev, hdr.type);
	op.sector = virtio64_to_cpu(vdev, hdr.sector);

	if (op.type == VIRTIO_BLK_T_ZONE_APPEND)
		answer += sizeof(__virtio64);
	if (chain.in_len < answer || !sim_framing_ok(vdev, &chain, answer)) {
		sim_violation(q->sim, "type %u with %zu bytes for the answer, in %u buffers",
			      op.type, chain.in_len, chain.n_in);
		return -EPROTO;
	}
	iov_iter_kvec(&op.in, READ, chain.iov + chain.n_out, chain.n_in, chain.in_len - answer);

	record = (struct sim_record) {
		.type = op.type,
		.ioprio = virtio32_to_cpu(vdev, hdr.ioprio),
		.sector = op.sector,
		.out_len = iov_iter_count(&op.out),
		.in_len = iov_iter_count(&op.in),
		.segments = chain.n_out + chain.n_in - 2,
	};
	record.status = sim_status(&op, &chain);
	sim_record(q->sim, &record);
	status = record.status;
	if (op.type == VIRTIO_BLK_T_ZONE_APPEND && !sim_answer_append(&op, &chain))
		status = VIRTIO_BLK_S_IOERR;
	if (sim_fault(q->sim, SIM_BAD_STATUS))
		status = 0x7f;
	if (!sim_fault(q->sim, SIM_NO_STATUS)) {
		last = &chain.iov[chain.n_out + chain.n_in - 1];
		WRITE_ONCE(*((u8 *)last->iov_base + last->iov_len - 1), status);
	}
	*len = op.no_data ? 0 : chain.in_len;
	return 0;
}
