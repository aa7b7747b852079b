// SPDX-License-Identifier: GPL-2.0-only
/*
 * Zones (VIRTIO 1.3, 5.2.6: zoned block devices): their states, the limits of
 * open and active ones, report.
 */
#include <linux/vmalloc.h>

#include "sim.h"

/* What a device answers where the specification leaves a write pointer undefined. */
#define SIM_NO_WP	(~0ULL)

static struct sim_zone *sim_zone(struct sim_dev *sim, u64 sector)
{
	return &sim->zones[div_u64(sector, sim->zone_sectors)];
}

static u64 sim_zone_end(struct sim_dev *sim, const struct sim_zone *zone)
{
	return min(zone->start + sim->zone_sectors, sim->capacity);
}

static unsigned int *sim_zone_counter(struct sim_dev *sim, u8 state)
{
	switch (state) {
	case VIRTIO_BLK_ZS_IOPEN:
		return &sim->nr_imp_open;
	case VIRTIO_BLK_ZS_EOPEN:
		return &sim->nr_exp_open;
	case VIRTIO_BLK_ZS_CLOSED:
		return &sim->nr_closed;
	default:
		return NULL;
	}
}

static void sim_zone_become(struct sim_dev *sim, struct sim_zone *zone, u8 state)
{
	unsigned int *counter = sim_zone_counter(sim, zone->state);

	if (counter)
		--*counter;
	zone->state = state;
	counter = sim_zone_counter(sim, state);
	if (counter)
		++*counter;
}

static void sim_zone_close(struct sim_dev *sim, struct sim_zone *zone)
{
	sim_zone_become(sim, zone, zone->wp == zone->start ? VIRTIO_BLK_ZS_EMPTY :
							     VIRTIO_BLK_ZS_CLOSED);
}

static bool sim_zone_close_one(struct sim_dev *sim)
{
	unsigned int i;

	for (i = 0; i < sim->nr_zones; i++) {
		if (sim->zones[i].state == VIRTIO_BLK_ZS_IOPEN) {
			sim_zone_close(sim, &sim->zones[i]);
			return true;
		}
	}
	return false;
}

/* May a zone that is not open become so? Another may have to close for it. */
static u8 sim_zone_may_open(struct sim_dev *sim, const struct sim_zone *zone)
{
	u32 max_open = sim_config_get(sim, "max_open_zones");
	u32 max_active = sim_config_get(sim, "max_active_zones");

	if (zone->state == VIRTIO_BLK_ZS_EMPTY && max_active &&
	    sim->nr_imp_open + sim->nr_exp_open + sim->nr_closed >= max_active)
		return VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE;
	if (max_open && sim->nr_imp_open + sim->nr_exp_open >= max_open &&
	    !sim_zone_close_one(sim))
		return VIRTIO_BLK_S_ZONE_OPEN_RESOURCE;
	return VIRTIO_BLK_S_OK;
}

/**
 * sim_zone_check_read - may sectors be read
 * @sim: the device
 * @sector: the first
 * @nr: how many; all of them exist
 */
u8 sim_zone_check_read(struct sim_dev *sim, u64 sector, u64 nr)
{
	struct sim_zone *zone;
	u8 status;

	if (!sim->zones)
		return VIRTIO_BLK_S_OK;
	mutex_lock(&sim->zone_lock);
	zone = sim_zone(sim, sector);
	if (zone->state == VIRTIO_BLK_ZS_OFFLINE ||
	    (zone->type == VIRTIO_BLK_ZT_SWR && sector + nr > sim_zone_end(sim, zone)))
		status = VIRTIO_BLK_S_ZONE_INVALID_CMD;
	else
		status = VIRTIO_BLK_S_OK;
	mutex_unlock(&sim->zone_lock);
	return status;
}

/**
 * sim_zone_start_write - may sectors be written
 * @sim: the device, its zone_lock held
 * @sector: the first
 * @nr: how many; all of them exist
 *
 * Opens the zone if it has to be.
 */
u8 sim_zone_start_write(struct sim_dev *sim, u64 sector, u64 nr)
{
	u32 granularity = sim_config_get(sim, "write_granularity");
	struct sim_zone *zone;
	u8 status;

	if (!sim->zones)
		return VIRTIO_BLK_S_OK;
	zone = sim_zone(sim, sector);
	if (zone->type != VIRTIO_BLK_ZT_SWR)
		return VIRTIO_BLK_S_OK;

	switch (zone->state) {
	case VIRTIO_BLK_ZS_FULL:
	case VIRTIO_BLK_ZS_RDONLY:
	case VIRTIO_BLK_ZS_OFFLINE:
		return VIRTIO_BLK_S_ZONE_INVALID_CMD;
	}
	if (sector != zone->wp)
		return VIRTIO_BLK_S_ZONE_UNALIGNED_WP;
	if (sector + nr > zone->start + zone->cap ||
	    (granularity && (nr << SECTOR_SHIFT) % granularity))
		return VIRTIO_BLK_S_ZONE_INVALID_CMD;
	if (zone->state == VIRTIO_BLK_ZS_IOPEN || zone->state == VIRTIO_BLK_ZS_EOPEN)
		return VIRTIO_BLK_S_OK;

	status = sim_zone_may_open(sim, zone);
	if (!status)
		sim_zone_become(sim, zone, VIRTIO_BLK_ZS_IOPEN);
	return status;
}

/**
 * sim_zone_start_append - as sim_zone_start_write(), for an append
 * @sim: the device, its zone_lock held
 * @sector: where the zone begins; set to where the data goes
 * @nr: how many sectors
 */
u8 sim_zone_start_append(struct sim_dev *sim, u64 *sector, u64 nr)
{
	struct sim_zone *zone;
	u64 where;
	u8 status;

	if (!sim->zones)
		return VIRTIO_BLK_S_UNSUPP;
	zone = sim_zone(sim, *sector);
	where = zone->wp;
	if (zone->type == VIRTIO_BLK_ZT_CONV || *sector != zone->start ||
	    nr > sim_config_get(sim, "max_append_sectors"))
		return VIRTIO_BLK_S_ZONE_INVALID_CMD;
	status = sim_zone_start_write(sim, where, nr);
	if (!status)
		*sector = where;
	return status;
}

/**
 * sim_zone_end_write - note what was written
 * @sim: the device, its zone_lock held
 * @sector: the first sector
 * @nr: how many
 */
void sim_zone_end_write(struct sim_dev *sim, u64 sector, u64 nr)
{
	struct sim_zone *zone;

	if (!sim->zones)
		return;
	zone = sim_zone(sim, sector);
	if (zone->type != VIRTIO_BLK_ZT_SWR)
		return;
	zone->wp = sector + nr;
	if (zone->wp == zone->start + zone->cap)
		sim_zone_become(sim, zone, VIRTIO_BLK_ZS_FULL);
}

static u8 sim_zone_open(struct sim_dev *sim, struct sim_zone *zone)
{
	u8 status;

	switch (zone->state) {
	case VIRTIO_BLK_ZS_EOPEN:
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_ZS_EMPTY:
	case VIRTIO_BLK_ZS_CLOSED:
		status = sim_zone_may_open(sim, zone);
		if (status)
			return status;
		fallthrough;
	case VIRTIO_BLK_ZS_IOPEN:
		sim_zone_become(sim, zone, VIRTIO_BLK_ZS_EOPEN);
		return VIRTIO_BLK_S_OK;
	default:
		return VIRTIO_BLK_S_ZONE_INVALID_CMD;
	}
}

static u8 sim_zone_reset(struct sim_dev *sim, struct sim_zone *zone)
{
	if (zone->state == VIRTIO_BLK_ZS_RDONLY || zone->state == VIRTIO_BLK_ZS_OFFLINE)
		return VIRTIO_BLK_S_ZONE_INVALID_CMD;
	sim_zone_become(sim, zone, VIRTIO_BLK_ZS_EMPTY);
	zone->wp = zone->start;
	sim_store_zero(sim, zone->start, sim_zone_end(sim, zone) - zone->start);
	return VIRTIO_BLK_S_OK;
}

static u8 sim_zone_finish(struct sim_dev *sim, struct sim_zone *zone)
{
	switch (zone->state) {
	case VIRTIO_BLK_ZS_EMPTY:
	case VIRTIO_BLK_ZS_CLOSED:
	case VIRTIO_BLK_ZS_IOPEN:
	case VIRTIO_BLK_ZS_EOPEN:
		sim_zone_become(sim, zone, VIRTIO_BLK_ZS_FULL);
		zone->wp = zone->start + zone->cap;
		fallthrough;
	case VIRTIO_BLK_ZS_FULL:
		return VIRTIO_BLK_S_OK;
	default:
		return VIRTIO_BLK_S_ZONE_INVALID_CMD;
	}
}

static u8 sim_zone_manage_one(struct sim_dev *sim, u32 type, struct sim_zone *zone)
{
	switch (type) {
	case VIRTIO_BLK_T_ZONE_OPEN:
		return sim_zone_open(sim, zone);
	case VIRTIO_BLK_T_ZONE_CLOSE:
		if (zone->state == VIRTIO_BLK_ZS_CLOSED || zone->state == VIRTIO_BLK_ZS_EMPTY)
			return VIRTIO_BLK_S_OK;
		if (zone->state != VIRTIO_BLK_ZS_IOPEN && zone->state != VIRTIO_BLK_ZS_EOPEN)
			return VIRTIO_BLK_S_ZONE_INVALID_CMD;
		sim_zone_close(sim, zone);
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_ZONE_FINISH:
		return sim_zone_finish(sim, zone);
	default:
		return sim_zone_reset(sim, zone);
	}
}

/**
 * sim_zone_manage - open, close, finish, reset
 * @sim: the device
 * @type: VIRTIO_BLK_T_ZONE_*
 * @sector: where the zone begins; not for VIRTIO_BLK_T_ZONE_RESET_ALL
 */
u8 sim_zone_manage(struct sim_dev *sim, u32 type, u64 sector)
{
	u8 status = VIRTIO_BLK_S_OK;
	struct sim_zone *zone;
	unsigned int i;

	mutex_lock(&sim->zone_lock);
	if (type == VIRTIO_BLK_T_ZONE_RESET_ALL) {
		for (i = 0; i < sim->nr_zones; i++) {
			if (sim->zones[i].type != VIRTIO_BLK_ZT_CONV)
				sim_zone_reset(sim, &sim->zones[i]);
		}
	} else {
		zone = sector < sim->capacity ? sim_zone(sim, sector) : NULL;
		if (!zone || sector != zone->start || zone->type == VIRTIO_BLK_ZT_CONV)
			status = VIRTIO_BLK_S_ZONE_INVALID_CMD;
		else
			status = sim_zone_manage_one(sim, type, zone);
	}
	mutex_unlock(&sim->zone_lock);
	return status;
}

static void sim_zone_describe(struct sim_dev *sim, const struct sim_zone *zone,
			      struct virtio_blk_zone_descriptor *desc)
{
	struct virtio_device *vdev = &sim->vdev;
	u64 wp = zone->wp, start = zone->start;

	switch (zone->state) {
	case VIRTIO_BLK_ZS_NOT_WP:
	case VIRTIO_BLK_ZS_FULL:
	case VIRTIO_BLK_ZS_RDONLY:
	case VIRTIO_BLK_ZS_OFFLINE:
		wp = SIM_NO_WP;
	}
	if (sim_fault(sim, SIM_BAD_REPORT))
		start += sim->capacity;
	*desc = (struct virtio_blk_zone_descriptor) {
		.z_cap = cpu_to_virtio64(vdev, zone->cap),
		.z_start = cpu_to_virtio64(vdev, start),
		.z_wp = cpu_to_virtio64(vdev, wp),
		.z_type = zone->type,
		.z_state = zone->state,
	};
}

/**
 * sim_zone_report - describe zones
 * @sim: the device
 * @sector: in the first of them
 * @to: where to, for as many as fit
 */
u8 sim_zone_report(struct sim_dev *sim, u64 sector, struct iov_iter *to)
{
	struct virtio_blk_zone_report head = { };
	struct virtio_blk_zone_descriptor desc;
	size_t room = iov_iter_count(to);
	unsigned int i, n;
	u64 first;
	bool ok;

	if (room < sizeof(head) || sector >= sim->capacity)
		return VIRTIO_BLK_S_ZONE_INVALID_CMD;

	first = div_u64(sector, sim->zone_sectors);
	n = min_t(u64, (room - sizeof(head)) / sizeof(desc), sim->nr_zones - first);
	head.nr_zones = cpu_to_virtio64(&sim->vdev, n);
	ok = copy_to_iter(&head, sizeof(head), to) == sizeof(head);

	mutex_lock(&sim->zone_lock);
	for (i = 0; ok && i < n; i++) {
		sim_zone_describe(sim, &sim->zones[first + i], &desc);
		ok = copy_to_iter(&desc, sizeof(desc), to) == sizeof(desc);
	}
	mutex_unlock(&sim->zone_lock);
	return ok ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

/**
 * sim_zone_set_state - have a zone fail
 * @sim: the device
 * @idx: number of the zone
 * @state: VIRTIO_BLK_ZS_RDONLY or VIRTIO_BLK_ZS_OFFLINE
 *
 * Return: 0, or -EINVAL.
 */
int sim_zone_set_state(struct sim_dev *sim, unsigned int idx, u8 state)
{
	if (idx >= sim->nr_zones)
		return -EINVAL;
	mutex_lock(&sim->zone_lock);
	sim_zone_become(sim, &sim->zones[idx], state);
	mutex_unlock(&sim->zone_lock);
	return 0;
}

/**
 * sim_zones_init - divide a device into zones
 * @sim: the device, its capacity and zone_sectors set
 * @conventional: how many of the first zones are conventional ones
 * @zone_cap: sectors of a zone that can be written
 *
 * Return: 0, or -ENOMEM.
 */
int sim_zones_init(struct sim_dev *sim, unsigned int conventional, u64 zone_cap)
{
	bool aware = sim_config_get(sim, "model") == VIRTIO_BLK_Z_HA;
	unsigned int i;

	sim->nr_zones = DIV_ROUND_UP_ULL(sim->capacity, sim->zone_sectors);
	sim->zones = kvcalloc(sim->nr_zones, sizeof(*sim->zones), GFP_KERNEL);
	if (!sim->zones)
		return -ENOMEM;

	for (i = 0; i < sim->nr_zones; i++) {
		struct sim_zone *zone = &sim->zones[i];

		zone->start = (u64)i * sim->zone_sectors;
		zone->wp = zone->start;
		zone->cap = sim_zone_end(sim, zone) - zone->start;
		if (i < conventional) {
			zone->type = VIRTIO_BLK_ZT_CONV;
			zone->state = VIRTIO_BLK_ZS_NOT_WP;
		} else {
			zone->type = aware ? VIRTIO_BLK_ZT_SWP : VIRTIO_BLK_ZT_SWR;
			zone->state = VIRTIO_BLK_ZS_EMPTY;
			zone->cap = min(zone->cap, zone_cap);
		}
	}
	return 0;
}
