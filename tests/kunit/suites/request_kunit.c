// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests as the ring gets them: header, payload, answer, status (VIRTIO 1.3,
 * 5.2.6).
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/ioprio.h>

#include "fixture.h"

#define ZONE		8192	/* sectors */
#define DATA		0xa5
#define PRIO		IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 3)
#define S_NONE		0xff

struct request_row {
	const char *name;
	blk_opf_t op;
	sector_t sector;
	unsigned int len;
	/* what the device gets */
	u32 type;
	u64 header_sector;
	unsigned int out, in, answer;
	u32 range_flags;
};

#define ERASED	.sector = 4096, .len = 8192, .out = 16

static const struct request_row plain_rows[] = {
	{ "read", REQ_OP_READ, 64, 512, VIRTIO_BLK_T_IN, 64, .in = 512 },
	{ "long read", REQ_OP_READ, 1 << 16, 8192, VIRTIO_BLK_T_IN, 1 << 16, .in = 8192 },
	{ "write", REQ_OP_WRITE, 128, 1024, VIRTIO_BLK_T_OUT, 128, .out = 1024 },
	{ "long write", REQ_OP_WRITE, 256, 16384, VIRTIO_BLK_T_OUT, 256, .out = 16384 },
	{ "flush", REQ_OP_WRITE | REQ_PREFLUSH, .type = VIRTIO_BLK_T_FLUSH },
	{ "discard", REQ_OP_DISCARD, ERASED, .type = VIRTIO_BLK_T_DISCARD },
	{ "zeroes", REQ_OP_WRITE_ZEROES, ERASED, .type = VIRTIO_BLK_T_WRITE_ZEROES,
	  .range_flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP },
	{ "zeroes, mapped", REQ_OP_WRITE_ZEROES | REQ_NOUNMAP, ERASED,
	  .type = VIRTIO_BLK_T_WRITE_ZEROES },
	{ "secure erase", REQ_OP_SECURE_ERASE, ERASED, .type = VIRTIO_BLK_T_SECURE_ERASE },
};

static const struct request_row zoned_rows[] = {
	{ "open", REQ_OP_ZONE_OPEN, ZONE, 0, VIRTIO_BLK_T_ZONE_OPEN, ZONE },
	{ "close", REQ_OP_ZONE_CLOSE, ZONE, 0, VIRTIO_BLK_T_ZONE_CLOSE, ZONE },
	{ "append", REQ_OP_ZONE_APPEND, ZONE, 512, VIRTIO_BLK_T_ZONE_APPEND, ZONE, .out = 512,
	  .answer = 9 },
	{ "finish", REQ_OP_ZONE_FINISH, ZONE, 0, VIRTIO_BLK_T_ZONE_FINISH, ZONE },
	{ "reset", REQ_OP_ZONE_RESET, ZONE, 0, VIRTIO_BLK_T_ZONE_RESET, ZONE },
	{ "reset all", REQ_OP_ZONE_RESET_ALL, 0, 0, VIRTIO_BLK_T_ZONE_RESET_ALL, 0 },
	{ "read", REQ_OP_READ, ZONE, 512, VIRTIO_BLK_T_IN, ZONE, .in = 512 },
};

/* The last request that was added. */
static struct {
	struct virtblk_req *vbr;
	struct virtio_blk_outhdr hdr;
	unsigned int hdr_len, out, in, answer;
	u8 status;
	u8 data[16];
} seen;

static int see_request(struct virtblk_req *vbr, struct scatterlist *sgs[], unsigned int out,
		       unsigned int in)
{
	struct scatterlist *sg;
	unsigned int i;

	memset(&seen, 0, sizeof(seen));
	seen.vbr = vbr;
	seen.hdr_len = sgs[0]->length;
	memcpy(&seen.hdr, sg_virt(sgs[0]), min_t(unsigned int, seen.hdr_len, sizeof(seen.hdr)));
	for (i = 1; i < out + in - 1; i++) {
		for (sg = sgs[i]; sg; sg = sg_next(sg)) {
			*(i < out ? &seen.out : &seen.in) += sg->length;
			memcpy(seen.data, sg_virt(sg), sizeof(seen.data));
		}
	}
	sg = sgs[out + in - 1];
	seen.answer = sg->length;
	seen.status = *((u8 *)sg_virt(sg) + sg->length - 1);
	return 0;
}

/* In the device's byte order: little-endian, or the guest's for a legacy one. */
static u64 seen_sector(struct fixture *fix)
{
	bool legacy = !virtio_has_feature(&fix->sim->vdev, VIRTIO_F_VERSION_1);

	return legacy ? (__force u64)seen.hdr.sector :
			le64_to_cpu((__force __le64)seen.hdr.sector);
}

static u32 seen_u32(struct fixture *fix, __virtio32 value)
{
	bool legacy = !virtio_has_feature(&fix->sim->vdev, VIRTIO_F_VERSION_1);

	return legacy ? (__force u32)value : le32_to_cpu((__force __le32)value);
}

static void expect_range(struct kunit *test, const struct request_row *row)
{
	struct virtio_blk_discard_write_zeroes range;

	memcpy(&range, seen.data, sizeof(range));
	KUNIT_EXPECT_EQ_MSG(test, row->sector, le64_to_cpu(range.sector), "%s", row->name);
	KUNIT_EXPECT_EQ_MSG(test, row->len >> SECTOR_SHIFT, le32_to_cpu(range.num_sectors), "%s",
			    row->name);
	KUNIT_EXPECT_EQ_MSG(test, row->range_flags, le32_to_cpu(range.flags), "%s", row->name);
}

static void expect_request(struct kunit *test, unsigned int n, const struct request_row *row)
{
	struct fixture *fix = test->priv;
	struct io *io = &fix->ios[n];
	unsigned int i;

	io_prepare(test, n, row->op, row->sector, row->len);
	io->bio->bi_ioprio = PRIO;
	for (i = 0; i < io->nr_pages; i++)
		memset(page_address(io->pages[i]), DATA, PAGE_SIZE);
	memset(&seen, 0, sizeof(seen));
	io_submit(fix, n, 1);
	io_wait(test, n, 1);

	KUNIT_ASSERT_NOT_NULL_MSG(test, seen.vbr, "%s", row->name);
	KUNIT_EXPECT_EQ_MSG(test, sizeof(seen.hdr), (size_t)seen.hdr_len, "%s", row->name);
	KUNIT_EXPECT_EQ_MSG(test, row->type, seen_u32(fix, seen.hdr.type), "%s", row->name);
	KUNIT_EXPECT_EQ_MSG(test, row->header_sector, seen_sector(fix), "%s", row->name);
	/* The block layer's own flush request has none. */
	if (row->type != VIRTIO_BLK_T_FLUSH)
		KUNIT_EXPECT_EQ_MSG(test, (u32)PRIO, seen_u32(fix, seen.hdr.ioprio), "%s",
				    row->name);
	KUNIT_EXPECT_EQ_MSG(test, row->out, seen.out, "%s", row->name);
	KUNIT_EXPECT_EQ_MSG(test, row->in, seen.in, "%s", row->name);
	KUNIT_EXPECT_EQ_MSG(test, row->answer ?: 1, seen.answer, "%s", row->name);
	KUNIT_EXPECT_EQ_MSG(test, S_NONE, seen.status, "%s", row->name);
	if (row->out == sizeof(struct virtio_blk_discard_write_zeroes))
		expect_range(test, row);
	else if (row->out)
		KUNIT_EXPECT_EQ_MSG(test, DATA, seen.data[0], "%s", row->name);
}

static void expect_requests(struct kunit *test, const char *options,
			    const struct request_row *rows, unsigned int count)
{
	unsigned int i;

	fixture_disk(test, options);
	hooks.add = see_request;
	for (i = 0; i < count; i++)
		expect_request(test, i, &rows[i]);
}

static void modern_requests(struct kunit *test)
{
	expect_requests(test, "", plain_rows, ARRAY_SIZE(plain_rows));
}

static void legacy_requests(struct kunit *test)
{
	expect_requests(test, "-version_1", plain_rows, ARRAY_SIZE(plain_rows));
}

static void zoned_requests(struct kunit *test)
{
	expect_requests(test, "zoned=host-managed", zoned_rows, ARRAY_SIZE(zoned_rows));
}

/* The driver's own. */
static void get_id(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "serial=whoami");
	char *id = kunit_kzalloc(test, SECTOR_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, id);
	hooks.add = see_request;
	KUNIT_EXPECT_EQ(test, 0, virtblk_execute(fix->vblk, VIRTIO_BLK_T_GET_ID, 0, id,
						 VIRTIO_BLK_ID_BYTES));
	KUNIT_EXPECT_STREQ(test, "whoami", id);
	KUNIT_EXPECT_EQ(test, (u32)VIRTIO_BLK_T_GET_ID, seen_u32(fix, seen.hdr.type));
	KUNIT_EXPECT_EQ(test, 0, seen_sector(fix));
	KUNIT_EXPECT_EQ(test, (unsigned int)VIRTIO_BLK_ID_BYTES, seen.in);
	KUNIT_EXPECT_EQ(test, 0, seen.out);
}

/* One range for each of the bios that were merged. */
static void discard_of_several_ranges(struct kunit *test)
{
	struct fixture *fix = fixture_scheduled_disk(test);
	unsigned int i;

	hooks.add = see_request;
	for (i = 0; i < 4; i++)
		io_prepare(test, i, REQ_OP_DISCARD, i * 64, SZ_4K);
	io_submit(fix, 0, 4);
	io_wait(test, 0, 4);
	KUNIT_EXPECT_EQ(test, 1, hook_count(HOOK_ADD));
	KUNIT_EXPECT_EQ(test, 4 * 16, seen.out);
}

static u8 answer;
static u64 landed;

static void answer_with_status(struct virtblk_req *vbr)
{
	vbr->in_hdr.status = answer;
}

static void statuses(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "");
	static const struct {
		u8 status;
		blk_status_t want;
	} rows[] = {
		{ VIRTIO_BLK_S_OK, BLK_STS_OK },
		{ VIRTIO_BLK_S_IOERR, BLK_STS_IOERR },
		{ VIRTIO_BLK_S_UNSUPP, BLK_STS_NOTSUPP },
		{ VIRTIO_BLK_S_ZONE_INVALID_CMD, BLK_STS_IOERR },
		{ VIRTIO_BLK_S_ZONE_UNALIGNED_WP, BLK_STS_IOERR },
		{ VIRTIO_BLK_S_ZONE_OPEN_RESOURCE, BLK_STS_ZONE_OPEN_RESOURCE },
		{ VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE, BLK_STS_ZONE_ACTIVE_RESOURCE },
		{ 7, BLK_STS_IOERR },
		{ 0x7f, BLK_STS_IOERR },
		{ 0x80, BLK_STS_IOERR },
		{ S_NONE, BLK_STS_IOERR },
	};
	unsigned int i;

	hooks.reaped = answer_with_status;
	io_prepare_reads(test, 0, ARRAY_SIZE(rows));
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct io *io = &fix->ios[i];

		answer = rows[i].status;
		io_submit(fix, i, 1);
		KUNIT_ASSERT_NE(test, 0,
				wait_for_completion_timeout(&io->done,
							    msecs_to_jiffies(PATIENCE_MS)));
		complete_all(&io->done);
		KUNIT_EXPECT_EQ_MSG(test, (__force int)rows[i].want, (__force int)io->status,
				    "status %#x", rows[i].status);
	}
}

static void answer_with_sector(struct virtblk_req *vbr)
{
	struct virtblk_queue *vq = blk_mq_rq_from_pdu(vbr)->mq_hctx->driver_data;

	vbr->in_hdr.sector = cpu_to_virtio64(vq->vblk->vdev, landed);
}

/* Where an append went: only within the zone. */
static void sectors_of_appends(struct kunit *test)
{
	struct fixture *fix = fixture_disk(test, "zoned=host-managed");
	static const struct {
		u64 sector;
		bool ok;
	} rows[] = {
		{ ZONE, true },
		{ ZONE + 1, true },
		{ 2 * ZONE - 1, true },
		{ 2 * ZONE, false },
		{ ZONE - 1, false },
		{ 0, false },
		{ U64_MAX, false },
	};
	unsigned int i;

	hooks.reaped = answer_with_sector;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct io *io = &fix->ios[i];

		io_prepare(test, i, REQ_OP_ZONE_APPEND, ZONE, SECTOR_SIZE);
		landed = rows[i].sector;
		io_submit(fix, i, 1);
		KUNIT_ASSERT_NE(test, 0,
				wait_for_completion_timeout(&io->done,
							    msecs_to_jiffies(PATIENCE_MS)));
		complete_all(&io->done);
		KUNIT_EXPECT_EQ_MSG(test, rows[i].ok ? 0 : -EIO, blk_status_to_errno(io->status),
				    "sector %llu", rows[i].sector);
		if (rows[i].ok)
			KUNIT_EXPECT_EQ(test, rows[i].sector, (u64)io->sector);
	}
}

static struct kunit_case request_cases[] = {
	KUNIT_CASE(modern_requests),
	KUNIT_CASE(legacy_requests),
	KUNIT_CASE(zoned_requests),
	KUNIT_CASE(get_id),
	KUNIT_CASE(discard_of_several_ranges),
	KUNIT_CASE(statuses),
	KUNIT_CASE(sectors_of_appends),
	{ }
};

struct kunit_suite virtblk_request_suite = {
	.name = "virtblk_request",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = request_cases,
};
