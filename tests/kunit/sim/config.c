// SPDX-License-Identifier: GPL-2.0-only
/*
 * The configuration space (VIRTIO 1.3, 5.2.4), field by field, and the names of
 * the feature bits.
 */
#include <linux/string.h>

#include "sim.h"

struct sim_field {
	const char *name;
	unsigned int offset;
	unsigned int size;
};

#define SIM_FIELD_AS(name, ...)	{ name, offsetof(__VA_ARGS__), sizeof_field(__VA_ARGS__) }
#define SIM_FIELD(member)	SIM_FIELD_AS(#member, struct virtio_blk_config, member)
#define SIM_GEOMETRY(member)	SIM_FIELD_AS(#member, struct virtio_blk_config, geometry.member)
#define SIM_ZONED(member)	SIM_FIELD_AS(#member, COMPAT_ZONED_CONFIG, zoned.member)

static const struct sim_field sim_fields[] = {
	SIM_FIELD(capacity),
	SIM_FIELD(size_max),
	SIM_FIELD(seg_max),
	SIM_GEOMETRY(cylinders),
	SIM_GEOMETRY(heads),
	SIM_GEOMETRY(sectors),
	SIM_FIELD(blk_size),
	SIM_FIELD(physical_block_exp),
	SIM_FIELD(alignment_offset),
	SIM_FIELD(min_io_size),
	SIM_FIELD(opt_io_size),
	SIM_FIELD_AS("writeback", struct virtio_blk_config, wce),
	SIM_FIELD(num_queues),
	SIM_FIELD(max_discard_sectors),
	SIM_FIELD(max_discard_seg),
	SIM_FIELD(discard_sector_alignment),
	SIM_FIELD(max_write_zeroes_sectors),
	SIM_FIELD(max_write_zeroes_seg),
	SIM_FIELD(write_zeroes_may_unmap),
	SIM_FIELD(max_secure_erase_sectors),
	SIM_FIELD(max_secure_erase_seg),
	SIM_FIELD(secure_erase_sector_alignment),
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

/**
 * sim_config_read - the driver reads the configuration
 * @sim: the device
 * @offset: from where
 * @buf: to where
 * @len: how much
 */
void sim_config_read(struct sim_dev *sim, unsigned int offset, void *buf, unsigned int len)
{
	if (offset > sizeof(sim->config) || len > sizeof(sim->config) - offset) {
		sim_violation(sim, "reads %u bytes of configuration at %u", len, offset);
		memset(buf, 0, len);
		return;
	}
	spin_lock(&sim->config_lock);
	memcpy(buf, (void *)&sim->config + offset, len);
	/* Half of it old, half of it new: only the generation tells. */
	if (len > sizeof(u32) && sim_fault(sim, SIM_TORN_CONFIG)) {
		memset(buf, 0xa5, len / 2);
		sim->generation++;
	}
	spin_unlock(&sim->config_lock);
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
	    !virtio_has_feature(&sim->vdev, VIRTIO_BLK_F_CONFIG_WCE)) {
		sim_violation(sim, "writes %u bytes of configuration at %u", len, offset);
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
