// SPDX-License-Identifier: GPL-2.0-only
/*
 * From each field of the configuration to a limit (VIRTIO 1.3, 5.2.4), on a
 * device that is nothing but its configuration.
 */
#include "fixture.h"

#define RING	128

struct fake {
	struct virtio_device vdev;
	struct virtio_driver driver;
	struct virtio_blk vblk;
	struct virtblk_queue q;
	struct virtqueue vq;
	COMPAT_ZONED_CONFIG config;
};

/**
 * struct limit_row - one value of one field
 * @name: for messages
 * @features: that the device has beside VIRTIO_F_VERSION_1
 * @field: where it is in the configuration
 * @size: of it
 * @value: in it
 * @limit: where the limit is that follows
 * @limit_size: of it
 * @want: its value
 * @err: what virtblk_read_limits() says
 */
struct limit_row {
	const char *name;
	u64 features;
	size_t field;
	size_t size;
	u64 value;
	size_t limit;
	size_t limit_size;
	u64 want;
	int err;
};

#define BIT_OF(name)	BIT_ULL(VIRTIO_BLK_F_##name)
#define FIELD_AS(text, bits, val, ...)							\
	.name = text " = " #val, .features = bits, .value = val,			\
	.field = offsetof(__VA_ARGS__), .size = sizeof_field(__VA_ARGS__)
#define FIELD(bits, member, val) FIELD_AS(#member, bits, val, struct virtio_blk_config, member)
#define ZFIELD(bits, member, val) \
	FIELD_AS(#member, bits, val, COMPAT_ZONED_CONFIG, zoned.member)
#define LIMIT_AS(val, ...) \
	.want = val, .limit = offsetof(__VA_ARGS__), .limit_size = sizeof_field(__VA_ARGS__)
#define LIMIT(member, val)	LIMIT_AS(val, struct queue_limits, member)

static const struct limit_row size_rows[] = {
	{ FIELD(BIT_OF(SIZE_MAX), size_max, 4096), LIMIT(max_segment_size, 4096) },
	{ FIELD(BIT_OF(SIZE_MAX), size_max, 0xffffffff), LIMIT(max_segment_size, U32_MAX) },
	{ FIELD(0, size_max, 4096), LIMIT(max_segment_size, U32_MAX) },
	{ FIELD(BIT_OF(SEG_MAX), seg_max, 0), LIMIT(max_segments, 1) },
	{ FIELD(BIT_OF(SEG_MAX), seg_max, 1), LIMIT(max_segments, 1) },
	{ FIELD(BIT_OF(SEG_MAX), seg_max, 126), LIMIT(max_segments, 126) },
	{ FIELD(BIT_OF(SEG_MAX), seg_max, 1000), LIMIT(max_segments, 1000) },
	{ FIELD(BIT_OF(SEG_MAX), seg_max, 0xffffffff), LIMIT(max_segments, 32766) },
	{ FIELD(0, seg_max, 126), LIMIT(max_segments, 1) },
	{ FIELD(BIT_OF(BLK_SIZE), blk_size, 4096), LIMIT(logical_block_size, 4096) },
	{ FIELD(0, blk_size, 4096), LIMIT(logical_block_size, 512) },
	{ FIELD(0, blk_size, 0), LIMIT(max_hw_sectors, UINT_MAX) },
};

#define WRITE_CACHE	((__force u32)BLK_FEAT_WRITE_CACHE)

static const struct limit_row topology_rows[] = {
	{ FIELD(BIT_OF(TOPOLOGY), physical_block_exp, 3), LIMIT(physical_block_size, 4096) },
	{ FIELD(BIT_OF(TOPOLOGY), physical_block_exp, 0), LIMIT(physical_block_size, 0) },
	{ FIELD(0, physical_block_exp, 3), LIMIT(physical_block_size, 0) },
	{ FIELD(BIT_OF(TOPOLOGY), alignment_offset, 7), LIMIT(alignment_offset, 3584) },
	{ FIELD(0, alignment_offset, 7), LIMIT(alignment_offset, 0) },
	{ FIELD(BIT_OF(TOPOLOGY), min_io_size, 8), LIMIT(io_min, 4096) },
	{ FIELD(BIT_OF(TOPOLOGY), min_io_size, 0), LIMIT(io_min, 0) },
	{ FIELD(0, min_io_size, 8), LIMIT(io_min, 0) },
	{ FIELD(BIT_OF(TOPOLOGY), opt_io_size, 128), LIMIT(io_opt, 65536) },
	{ FIELD(BIT_OF(TOPOLOGY), opt_io_size, 0), LIMIT(io_opt, 0) },
	{ FIELD(0, opt_io_size, 128), LIMIT(io_opt, 0) },
	{ FIELD(BIT_OF(CONFIG_WCE), wce, 1), LIMIT(features, WRITE_CACHE) },
	{ FIELD(BIT_OF(CONFIG_WCE) | BIT_OF(FLUSH), wce, 0), LIMIT(features, 0) },
	{ FIELD(BIT_OF(FLUSH), wce, 0), LIMIT(features, WRITE_CACHE) },
	{ FIELD(0, wce, 1), LIMIT(features, 0) },
};

#define BOTH	(BIT_OF(DISCARD) | BIT_OF(SECURE_ERASE))

/* What the device has by default: segments 16, alignment 8, for secure erase. */
static const struct limit_row erase_rows[] = {
	{ FIELD(BIT_OF(WRITE_ZEROES), max_write_zeroes_sectors, 7),
	  LIMIT(max_write_zeroes_sectors, 7) },
	{ FIELD(BIT_OF(WRITE_ZEROES), max_write_zeroes_sectors, 0),
	  LIMIT(max_write_zeroes_sectors, UINT_MAX) },
	{ FIELD(0, max_write_zeroes_sectors, 7), LIMIT(max_write_zeroes_sectors, 0) },
	{ FIELD(BIT_OF(DISCARD), max_discard_sectors, 7), LIMIT(max_hw_discard_sectors, 7) },
	{ FIELD(BIT_OF(DISCARD), max_discard_sectors, 0),
	  LIMIT(max_hw_discard_sectors, UINT_MAX) },
	{ FIELD(0, max_discard_sectors, 7), LIMIT(max_hw_discard_sectors, 0) },
	{ FIELD(BIT_OF(DISCARD), max_discard_seg, 5), LIMIT(max_discard_segments, 5) },
	{ FIELD(BIT_OF(DISCARD), max_discard_seg, 257), LIMIT(max_discard_segments, 256) },
	{ FIELD(BIT_OF(DISCARD) | BIT_OF(SEG_MAX), max_discard_seg, 0),
	  LIMIT(max_discard_segments, 126) },
	{ FIELD(BOTH, max_discard_seg, 5), LIMIT(max_discard_segments, 5) },
	{ FIELD(BOTH, max_discard_seg, 17), LIMIT(max_discard_segments, 16) },
	{ FIELD(BOTH, max_discard_seg, 0), LIMIT(max_discard_segments, 16) },
	{ FIELD(BIT_OF(DISCARD), discard_sector_alignment, 16),
	  LIMIT(discard_granularity, 8192) },
	{ FIELD(BIT_OF(DISCARD), discard_sector_alignment, 0), LIMIT(discard_granularity, 512) },
	{ FIELD(BOTH, discard_sector_alignment, 16), LIMIT(discard_granularity, 4096) },
	{ FIELD(BOTH, discard_sector_alignment, 2), LIMIT(discard_granularity, 1024) },
	{ FIELD(BIT_OF(SECURE_ERASE), max_secure_erase_sectors, 7),
	  LIMIT(max_secure_erase_sectors, 7) },
	{ FIELD(BIT_OF(SECURE_ERASE), max_secure_erase_sectors, 0), .err = -EINVAL },
	{ FIELD(BIT_OF(SECURE_ERASE), max_secure_erase_seg, 5), LIMIT(max_discard_segments, 5) },
	{ FIELD(BIT_OF(SECURE_ERASE), max_secure_erase_seg, 0), .err = -EINVAL },
	{ FIELD(BIT_OF(SECURE_ERASE), secure_erase_sector_alignment, 4),
	  LIMIT(discard_granularity, 2048) },
	{ FIELD(BIT_OF(SECURE_ERASE), secure_erase_sector_alignment, 0), .err = -EINVAL },
	{ FIELD(0, secure_erase_sector_alignment, 0), LIMIT(max_secure_erase_sectors, 0) },
};

#define ZONED	BIT_OF(ZONED)
#define ZONED_MODEL	((__force u32)BLK_FEAT_ZONED)

static const struct limit_row zoned_rows[] = {
	{ ZFIELD(ZONED, model, 1), LIMIT(features, ZONED_MODEL) },
	{ ZFIELD(ZONED, model, 0), LIMIT(features, 0) },
	{ ZFIELD(ZONED, model, 2), LIMIT(features, 0) },
	{ ZFIELD(ZONED, model, 3), .err = -EINVAL },
	{ ZFIELD(0, model, 1), LIMIT(features, 0) },
	{ ZFIELD(ZONED, zone_sectors, 4096), LIMIT(chunk_sectors, 4096) },
	{ ZFIELD(ZONED, zone_sectors, 0), .err = -ENODEV },
	{ ZFIELD(ZONED, zone_sectors, 4097), .err = -ENODEV },
	{ ZFIELD(ZONED, max_open_zones, 5), LIMIT(max_open_zones, 5) },
	{ ZFIELD(ZONED, max_active_zones, 6), LIMIT(max_active_zones, 6) },
	{ ZFIELD(ZONED, write_granularity, 4096), LIMIT(zone_write_granularity, 4096) },
	{ ZFIELD(ZONED, write_granularity, 4096), LIMIT(physical_block_size, 4096) },
	{ ZFIELD(ZONED, write_granularity, 4096), LIMIT(io_min, 4096) },
	{ ZFIELD(ZONED, write_granularity, 0), .err = -ENODEV },
	{ ZFIELD(ZONED, max_append_sectors, 64), LIMIT(max_hw_zone_append_sectors, 64) },
	{ ZFIELD(ZONED, max_append_sectors, 0), .err = -ENODEV },
	{ ZFIELD(ZONED, write_granularity, 65537), .err = -ENODEV },
	{ ZFIELD(ZONED | BIT_OF(DISCARD), model, 1), LIMIT(max_hw_discard_sectors, 0) },
};

static const unsigned int fake_features[] = {
	VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_GEOMETRY, VIRTIO_BLK_F_RO,
	VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_TOPOLOGY,
	VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_MQ, VIRTIO_BLK_F_DISCARD,
	VIRTIO_BLK_F_WRITE_ZEROES, VIRTIO_BLK_F_SECURE_ERASE, VIRTIO_BLK_F_ZONED,
};

static void fake_get(struct virtio_device *vdev, unsigned int offset, void *buf,
		     unsigned int len)
{
	struct fake *fake = container_of(vdev, struct fake, vdev);

	memset(buf, 0, len);
	if (offset + len <= sizeof(fake->config))
		memcpy(buf, (u8 *)&fake->config + offset, len);
}

static const struct virtio_config_ops fake_ops = { .get = fake_get };

static void fake_set(struct fake *fake, size_t field, size_t size, u64 value)
{
	__le64 le = cpu_to_le64(value);

	memcpy((u8 *)&fake->config + field, &le, size);
}

#define SET_AS(value, ...) \
	fake_set(fake, offsetof(__VA_ARGS__), sizeof_field(__VA_ARGS__), value)
#define SET(member, value)	SET_AS(value, struct virtio_blk_config, member)
#define ZSET(member, value)	SET_AS(value, COMPAT_ZONED_CONFIG, zoned.member)

/* A device of which every field is legal. */
static struct fake *fake_device(struct kunit *test)
{
	struct fake *fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fake);
	fake->driver.feature_table = fake_features;
	fake->driver.feature_table_size = ARRAY_SIZE(fake_features);
	fake->vdev.config = &fake_ops;
	fake->vdev.dev.init_name = "fake";
	fake->vdev.dev.driver = &fake->driver.driver;
	fake->vblk.vdev = &fake->vdev;
	fake->vblk.queues = &fake->q;
	fake->vblk.num_queues = 1;
	fake->q.vq = &fake->vq;
	fake->vq.num_free = RING;
	hooks.ring_size = RING;

	SET(size_max, SZ_64K);
	SET(seg_max, RING - 2);
	SET(blk_size, SECTOR_SIZE);
	SET(num_queues, 1);
	SET(max_discard_sectors, 1024);
	SET(max_discard_seg, 32);
	SET(discard_sector_alignment, 1);
	SET(max_write_zeroes_sectors, 1024);
	SET(max_secure_erase_sectors, 1024);
	SET(max_secure_erase_seg, 16);
	SET(secure_erase_sector_alignment, 8);
	ZSET(zone_sectors, 8192);
	ZSET(max_append_sectors, 128);
	ZSET(write_granularity, SECTOR_SIZE);
	ZSET(model, VIRTIO_BLK_Z_HM);
	return fake;
}

static void fake_offer(struct fake *fake, u64 features)
{
	fake->vdev.features = features | BIT_ULL(VIRTIO_F_VERSION_1);
}

static u64 limit_of(const struct queue_limits *lim, const struct limit_row *row)
{
	const void *at = (const u8 *)lim + row->limit;

	return row->limit_size == sizeof(u16) ? *(const u16 *)at : *(const u32 *)at;
}

static void expect_limits(struct kunit *test, const struct limit_row *rows, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		const struct limit_row *row = &rows[i];
		struct queue_limits lim = { .logical_block_size = SECTOR_SIZE };
		struct fake *fake = fake_device(test);

		KUNIT_ASSERT_TRUE(test, row->err || row->limit_size == sizeof(u16) ||
				  row->limit_size == sizeof(u32));
		fake_offer(fake, row->features);
		fake_set(fake, row->field, row->size, row->value);
		KUNIT_EXPECT_EQ_MSG(test, row->err, virtblk_read_limits(&fake->vblk, &lim), "%s",
				    row->name);
		if (!row->err)
			KUNIT_EXPECT_EQ_MSG(test, row->want, limit_of(&lim, row), "%s",
					    row->name);
	}
}

static void sizes(struct kunit *test)
{
	expect_limits(test, size_rows, ARRAY_SIZE(size_rows));
}

static void topology_and_cache(struct kunit *test)
{
	expect_limits(test, topology_rows, ARRAY_SIZE(topology_rows));
}

static void erasing(struct kunit *test)
{
	expect_limits(test, erase_rows, ARRAY_SIZE(erase_rows));
}

static void zones(struct kunit *test)
{
	expect_limits(test, zoned_rows, ARRAY_SIZE(zoned_rows));
}

/* With direct descriptors a request and its headers have to fit into the ring. */
static void segments_in_a_ring(struct kunit *test)
{
	static const struct {
		bool direct;
		unsigned int ring;
		u32 seg_max;
		unsigned int want;
	} rows[] = {
		{ false, 16, 126, 126 },
		{ true, 128, 126, 126 },
		{ true, 16, 126, 14 },
		{ true, 16, 14, 14 },
		{ true, 16, 13, 13 },
		{ true, 4, 126, 2 },
		{ true, 3, 126, 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake *fake = fake_device(test);

		fake_offer(fake, BIT_OF(SEG_MAX));
		SET(seg_max, rows[i].seg_max);
		fake->vblk.direct = rows[i].direct;
		hooks.ring_size = rows[i].ring;
		KUNIT_EXPECT_EQ_MSG(test, rows[i].want, virtblk_max_segments(&fake->vblk),
				    "row %u", i);
	}
}

static void depth(struct kunit *test)
{
	static const struct {
		u64 features;
		unsigned int free, want;
	} rows[] = {
		{ BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC), 128, 128 },
		{ BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC), 1, 1 },
		{ 0, 128, 64 },
		{ 0, 2, 1 },
		{ 0, 1, 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake *fake = fake_device(test);

		fake_offer(fake, rows[i].features);
		fake->vq.num_free = rows[i].free;
		KUNIT_EXPECT_EQ_MSG(test, rows[i].want, virtblk_default_depth(&fake->vblk),
				    "row %u", i);
	}
}

static void queues(struct kunit *test)
{
	unsigned int cpus = num_possible_cpus(), i;
	const struct {
		u64 features;
		u16 num_queues;
		int err;
		unsigned int want;
	} rows[] = {
		{ 0, 4, 0, 1 },
		{ BIT_OF(MQ), 0, -EINVAL, 0 },
		{ BIT_OF(MQ), 1, 0, 1 },
		{ BIT_OF(MQ), 2, 0, min(2U, cpus) },
		{ BIT_OF(MQ), 65535, 0, cpus },
	};

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake *fake = fake_device(test);
		struct virtio_blk *vblk = &fake->vblk;

		vblk->queues = NULL;
		fake_offer(fake, rows[i].features);
		SET(num_queues, rows[i].num_queues);
		KUNIT_EXPECT_EQ_MSG(test, rows[i].err, virtblk_alloc_queues(vblk), "row %u", i);
		if (!rows[i].err) {
			KUNIT_EXPECT_EQ_MSG(test, rows[i].want, vblk->num_queues, "row %u", i);
			KUNIT_EXPECT_EQ_MSG(test, rows[i].want,
					    vblk->io_queues[HCTX_TYPE_DEFAULT] +
					    vblk->io_queues[HCTX_TYPE_POLL], "row %u", i);
		}
		kfree(vblk->queues);
	}
}

static struct kunit_case limits_cases[] = {
	KUNIT_CASE(sizes),
	KUNIT_CASE(topology_and_cache),
	KUNIT_CASE(erasing),
	KUNIT_CASE(zones),
	KUNIT_CASE(segments_in_a_ring),
	KUNIT_CASE(depth),
	KUNIT_CASE(queues),
	{ }
};

struct kunit_suite virtblk_limits_suite = {
	.name = "virtblk_limits",
	.init = fixture_init,
	.exit = fixture_exit,
	.test_cases = limits_cases,
};
