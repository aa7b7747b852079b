// SPDX-License-Identifier: GPL-2.0-only
/*
 * The configuration space (VIRTIO 1.3, 5.2.4), field by field, and the names of
 * the feature bits.
 */
#include <linux/delay.h>
#include <linux/string.h>

#include "sim.h"

/* @feature: without it the device has no such field; negative: it always has. */
struct sim_field {
	const char *name;
	int feature;
	unsigned int offset;
	unsigned int size;
};

#define SIM_FIELD_AS(name, feature, ...) \
	{ name, feature, offsetof(__VA_ARGS__), sizeof_field(__VA_ARGS__) }
#define SIM_FIELD(member, feature) \
	SIM_FIELD_AS(#member, feature, struct virtio_blk_config, member)
#define SIM_GEOMETRY(member) \
	SIM_FIELD_AS(#member, VIRTIO_BLK_F_GEOMETRY, struct virtio_blk_config, geometry.member)
#define SIM_ZONED(member) \
	SIM_FIELD_AS(#member, VIRTIO_BLK_F_ZONED, COMPAT_ZONED_CONFIG, zoned.member)

static const struct sim_field sim_fields[] = {
	SIM_FIELD(capacity, -1),
	SIM_FIELD(size_max, VIRTIO_BLK_F_SIZE_MAX),
	SIM_FIELD(seg_max, VIRTIO_BLK_F_SEG_MAX),
	SIM_GEOMETRY(cylinders),
	SIM_GEOMETRY(heads),
	SIM_GEOMETRY(sectors),
	SIM_FIELD(blk_size, VIRTIO_BLK_F_BLK_SIZE),
	SIM_FIELD(physical_block_exp, VIRTIO_BLK_F_TOPOLOGY),
	SIM_FIELD(alignment_offset, VIRTIO_BLK_F_TOPOLOGY),
	SIM_FIELD(min_io_size, VIRTIO_BLK_F_TOPOLOGY),
	SIM_FIELD(opt_io_size, VIRTIO_BLK_F_TOPOLOGY),
	SIM_FIELD_AS("writeback", VIRTIO_BLK_F_CONFIG_WCE, struct virtio_blk_config, wce),
	SIM_FIELD(num_queues, VIRTIO_BLK_F_MQ),
	SIM_FIELD(max_discard_sectors, VIRTIO_BLK_F_DISCARD),
	SIM_FIELD(max_discard_seg, VIRTIO_BLK_F_DISCARD),
	SIM_FIELD(discard_sector_alignment, VIRTIO_BLK_F_DISCARD),
	SIM_FIELD(max_write_zeroes_sectors, VIRTIO_BLK_F_WRITE_ZEROES),
	SIM_FIELD(max_write_zeroes_seg, VIRTIO_BLK_F_WRITE_ZEROES),
	SIM_FIELD(write_zeroes_may_unmap, VIRTIO_BLK_F_WRITE_ZEROES),
	SIM_FIELD(max_secure_erase_sectors, VIRTIO_BLK_F_SECURE_ERASE),
	SIM_FIELD(max_secure_erase_seg, VIRTIO_BLK_F_SECURE_ERASE),
	SIM_FIELD(secure_erase_sector_alignment, VIRTIO_BLK_F_SECURE_ERASE),
	SIM_ZONED(zone_sectors),
	SIM_ZONED(max_open_zones),
	SIM_ZONED(max_active_zones),
	SIM_ZONED(max_append_sectors),
	SIM_ZONED(write_granularity),
	SIM_ZONED(model),
};

static const struct {
	const char *name;
	unsigned int bit;
} sim_features[] = {
	{ "size_max", VIRTIO_BLK_F_SIZE_MAX },
	{ "seg_max", VIRTIO_BLK_F_SEG_MAX },
	{ "geometry", VIRTIO_BLK_F_GEOMETRY },
	{ "ro", VIRTIO_BLK_F_RO },
	{ "blk_size", VIRTIO_BLK_F_BLK_SIZE },
	{ "flush", VIRTIO_BLK_F_FLUSH },
	{ "topology", VIRTIO_BLK_F_TOPOLOGY },
	{ "config_wce", VIRTIO_BLK_F_CONFIG_WCE },
	{ "mq", VIRTIO_BLK_F_MQ },
	{ "discard", VIRTIO_BLK_F_DISCARD },
	{ "write_zeroes", VIRTIO_BLK_F_WRITE_ZEROES },
	{ "secure_erase", VIRTIO_BLK_F_SECURE_ERASE },
	{ "zoned", VIRTIO_BLK_F_ZONED },
	{ "indirect_desc", VIRTIO_RING_F_INDIRECT_DESC },
	{ "event_idx", VIRTIO_RING_F_EVENT_IDX },
	{ "version_1", VIRTIO_F_VERSION_1 },
	{ "access_platform", VIRTIO_F_ACCESS_PLATFORM },
	{ "in_order", VIRTIO_F_IN_ORDER },
	{ "notification_data", VIRTIO_F_NOTIFICATION_DATA },
};

/**
 * sim_feature - the number of a feature bit
 * @name: its name
 *
 * Return: the number, or -EINVAL.
 */
int sim_feature(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sim_features); i++) {
		if (!strcmp(name, sim_features[i].name))
			return sim_features[i].bit;
	}
	return -EINVAL;
}

static const struct sim_field *sim_field(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sim_fields); i++) {
		if (!strcmp(name, sim_fields[i].name))
			return &sim_fields[i];
	}
	return NULL;
}

static u64 sim_field_get(struct sim_dev *sim, const struct sim_field *field)
{
	__le64 value = 0;

	spin_lock(&sim->config_lock);
	memcpy(&value, (void *)&sim->config + field->offset, field->size);
	spin_unlock(&sim->config_lock);
	return le64_to_cpu(value);
}

/**
 * sim_config_get - the value of a field
 * @sim: the device
 * @name: of the field, which exists
 */
u64 sim_config_get(struct sim_dev *sim, const char *name)
{
	return sim_field_get(sim, sim_field(name));
}

/**
 * sim_config_set - change a field
 * @sim: the device
 * @name: of the field
 * @value: its value
 *
 * Return: 0, -EINVAL (no such field), -ERANGE (larger than the field).
 */
int sim_config_set(struct sim_dev *sim, const char *name, u64 value)
{
	const struct sim_field *field = sim_field(name);
	__le64 le = cpu_to_le64(value);

	if (!field)
		return -EINVAL;
	if (field->size < sizeof(value) && value >> (8 * field->size))
		return -ERANGE;
	spin_lock(&sim->config_lock);
	memcpy((void *)&sim->config + field->offset, &le, field->size);
	sim->generation++;
	spin_unlock(&sim->config_lock);
	return 0;
}

/* Before the features are agreed on, if the driver is one that says when they are. */
static bool sim_too_early(struct sim_dev *sim)
{
	return virtio_has_feature(&sim->vdev, VIRTIO_F_VERSION_1) &&
	       !(READ_ONCE(sim->status) & VIRTIO_CONFIG_S_FEATURES_OK);
}

/* Fields come with features (VIRTIO 1.3, 2.5.1); the cache mode counts after them (5.2.5.1). */
static void sim_check_read(struct sim_dev *sim, unsigned int offset, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sim_fields); i++) {
		const struct sim_field *field = &sim_fields[i];

		if (offset >= field->offset + field->size || field->offset >= offset + len)
			continue;
		if (field->feature >= 0 && !(sim->features & BIT_ULL(field->feature)))
			sim_violation(sim, "reads %s, which is not offered", field->name);
		if (field->feature == VIRTIO_BLK_F_CONFIG_WCE && sim_too_early(sim))
			sim_violation(sim, "reads %s with status %#x", field->name, sim->status);
	}
}

static void sim_config_copy(struct sim_dev *sim, unsigned int offset, void *buf, unsigned int len)
{
	if (offset > sizeof(sim->config) || len > sizeof(sim->config) - offset) {
		sim_violation(sim, "reads %u bytes of configuration at %u", len, offset);
		memset(buf, 0, len);
		return;
	}
	sim_check_read(sim, offset, len);
	spin_lock(&sim->config_lock);
	memcpy(buf, (void *)&sim->config + offset, len);
	/* Half of it old, half of it new: only the generation tells. */
	if (len > sizeof(u32) && sim_fault(sim, SIM_TORN_CONFIG))
		memset(buf, 0xa5 ^ ++sim->generation, len / 2);
	spin_unlock(&sim->config_lock);
}

/**
 * sim_config_read - the driver reads the configuration
 * @sim: the device
 * @offset: from where
 * @buf: to where
 * @len: how much
 *
 * Context: process, sleeps.
 */
void sim_config_read(struct sim_dev *sim, unsigned int offset, void *buf, unsigned int len)
{
	unsigned int ms = READ_ONCE(sim->config_ms);

	atomic_inc(&sim->reads);
	if (ms)
		msleep(ms);
	sim_config_copy(sim, offset, buf, len);
	atomic_dec(&sim->reads);
}

/**
 * sim_config_write - the driver writes the configuration
 * @sim: the device
 * @offset: where to
 * @buf: what
 * @len: how much
 *
 * Only the cache mode can be written.
 */
void sim_config_write(struct sim_dev *sim, unsigned int offset, const void *buf,
		      unsigned int len)
{
	const u8 *mode = buf;

	if (offset != offsetof(struct virtio_blk_config, wce) || len != 1 || *mode > 1 ||
	    !virtio_has_feature(&sim->vdev, VIRTIO_BLK_F_CONFIG_WCE) || sim_too_early(sim)) {
		sim_violation(sim, "writes %u bytes of configuration at %u with status %#x", len,
			      offset, sim->status);
		return;
	}
	sim_config_set(sim, "writeback", *mode);
}

/**
 * sim_config_print - all fields, one a line
 * @sim: the device
 * @buf: a page
 *
 * Return: the length of the text.
 */
int sim_config_print(struct sim_dev *sim, char *buf)
{
	unsigned int i;
	int len = 0;

	for (i = 0; i < ARRAY_SIZE(sim_fields); i++)
		len += sysfs_emit_at(buf, len, "%s %llu\n", sim_fields[i].name,
				     sim_field_get(sim, &sim_fields[i]));
	return len;
}
