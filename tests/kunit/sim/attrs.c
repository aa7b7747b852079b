// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's files: how it behaves from now on, and what it has seen.
 */
#include <linux/device.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "sim.h"

static struct sim_dev *to_sim(struct device *dev)
{
	return dev_get_drvdata(dev);
}

struct sim_uint_attr {
	struct device_attribute attr;
	size_t offset;
};

static unsigned int *sim_uint(struct device *dev, struct device_attribute *attr)
{
	return (void *)to_sim(dev) + container_of(attr, struct sim_uint_attr, attr)->offset;
}

static ssize_t sim_uint_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(*sim_uint(dev, attr)));
}

static ssize_t sim_uint_store(struct device *dev, struct device_attribute *attr, const char *buf,
			      size_t count)
{
	unsigned int value;
	int err = kstrtouint(buf, 0, &value);

	if (err)
		return err;
	WRITE_ONCE(*sim_uint(dev, attr), value);
	return count;
}

static struct sim_uint_attr sim_attr_latency_us = {
	__ATTR(latency_us, 0644, sim_uint_show, sim_uint_store),
	offsetof(struct sim_dev, latency_us),
};

static struct sim_uint_attr sim_attr_late_ms = {
	__ATTR(late_ms, 0644, sim_uint_show, sim_uint_store),
	offsetof(struct sim_dev, late_ms),
};

static struct sim_uint_attr sim_attr_config_ms = {
	__ATTR(config_ms, 0644, sim_uint_show, sim_uint_store),
	offsetof(struct sim_dev, config_ms),
};

static struct sim_uint_attr sim_attr_notify_us = {
	__ATTR(notify_us, 0644, sim_uint_show, sim_uint_store),
	offsetof(struct sim_dev, notify_us),
};

static struct sim_uint_attr sim_attr_map_fails_pct = {
	__ATTR(map_fails_pct, 0644, sim_uint_show, sim_uint_store),
	offsetof(struct sim_dev, map_fails_pct),
};

static struct sim_uint_attr sim_attr_map_skip = {
	__ATTR(map_skip, 0644, sim_uint_show, sim_uint_store),
	offsetof(struct sim_dev, map_skip.counter),
};

static const char * const sim_orders[] = {
	[SIM_FIFO] = "fifo",
	[SIM_LIFO] = "lifo",
	[SIM_RANDOM] = "random",
};

static ssize_t order_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", sim_orders[READ_ONCE(to_sim(dev)->order)]);
}

static ssize_t order_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	int order = sysfs_match_string(sim_orders, buf);

	if (order < 0)
		return order;
	WRITE_ONCE(to_sim(dev)->order, order);
	return count;
}

static DEVICE_ATTR_RW(order);

static ssize_t credit_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", atomic_read(&to_sim(dev)->credit));
}

static ssize_t credit_store(struct device *dev, struct device_attribute *attr, const char *buf,
			    size_t count)
{
	int credit, err = kstrtoint(buf, 0, &credit);

	if (err)
		return err;
	sim_set_credit(to_sim(dev), credit);
	return count;
}

static DEVICE_ATTR_RW(credit);

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_sim(dev)->serial);
}

static DEVICE_ATTR_RO(serial);

static ssize_t config_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sim_config_print(to_sim(dev), buf);
}

/* "field value": the driver is told that the configuration has changed. */
static ssize_t config_store(struct device *dev, struct device_attribute *attr, const char *buf,
			    size_t count)
{
	struct sim_dev *sim = to_sim(dev);
	char name[32];
	u64 value;
	int err;

	if (sscanf(buf, "%31s %llu", name, &value) != 2)
		return -EINVAL;
	if (!strcmp(name, "capacity") && value > sim->capacity && sim->zones)
		return -EINVAL;
	err = sim_config_set(sim, name, value);
	if (err)
		return err;
	irq_work_queue(&sim->config_irq);
	return count;
}

static DEVICE_ATTR_RW(config);

/* "zone state": 13 for read-only, 15 for offline. */
static ssize_t zone_state_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	unsigned int idx, state;

	if (sscanf(buf, "%u %u", &idx, &state) != 2 ||
	    (state != VIRTIO_BLK_ZS_RDONLY && state != VIRTIO_BLK_ZS_OFFLINE))
		return -EINVAL;
	return sim_zone_set_state(to_sim(dev), idx, state) ?: count;
}

static DEVICE_ATTR_WO(zone_state);

static ssize_t needs_reset_store(struct device *dev, struct device_attribute *attr,
				 const char *buf, size_t count)
{
	struct sim_dev *sim = to_sim(dev);
	unsigned int i;

	for (i = 0; i < sim->num_queues; i++)
		sim_queue_fail(&sim->queues[i]);
	return count;
}

static DEVICE_ATTR_WO(needs_reset);

#ifdef CONFIG_PM_SLEEP
static ssize_t sleep_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	struct sim_dev *sim = to_sim(dev);
	int err;

	device_lock(&sim->vdev.dev);
	err = sim_suspend(sim);
	if (!err)
		err = virtio_device_restore(&sim->vdev);
	device_unlock(&sim->vdev.dev);
	return err ?: count;
}

static DEVICE_ATTR_WO(sleep);
#endif

static const char * const sim_stat_names[SIM_NR_STATS] = {
	[SIM_STAT_READ]			= "read",
	[SIM_STAT_WRITE]		= "write",
	[SIM_STAT_FLUSH]		= "flush",
	[SIM_STAT_GET_ID]		= "get_id",
	[SIM_STAT_DISCARD]		= "discard",
	[SIM_STAT_WRITE_ZEROES]		= "write_zeroes",
	[SIM_STAT_UNMAPS]		= "unmaps",
	[SIM_STAT_SECURE_ERASE]		= "secure_erase",
	[SIM_STAT_ZONE_APPEND]		= "zone_append",
	[SIM_STAT_ZONE_REPORT]		= "zone_report",
	[SIM_STAT_ZONE_OPEN]		= "zone_open",
	[SIM_STAT_ZONE_CLOSE]		= "zone_close",
	[SIM_STAT_ZONE_FINISH]		= "zone_finish",
	[SIM_STAT_ZONE_RESET]		= "zone_reset",
	[SIM_STAT_ZONE_RESET_ALL]	= "zone_reset_all",
	[SIM_STAT_ERRORS]		= "errors",
	[SIM_STAT_KICKS]		= "kicks",
	[SIM_STAT_KICKS_IRQS_OFF]	= "kicks_irqs_off",
	[SIM_STAT_INTERRUPTS]		= "interrupts",
	[SIM_STAT_RESETS]		= "resets",
	[SIM_STAT_MAPS_FAILED]		= "maps_failed",
	[SIM_STAT_VIOLATIONS]		= "violations",
};

static ssize_t stats_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct sim_dev *sim = to_sim(dev);
	unsigned int i;
	int len = 0;

	for (i = 0; i < SIM_NR_STATS; i++)
		len += sysfs_emit_at(buf, len, "%s %lld\n", sim_stat_names[i],
				     atomic64_read(&sim->stats[i]));
	return len;
}

static DEVICE_ATTR_RO(stats);

static ssize_t requests_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sim_print_records(to_sim(dev), buf);
}

static DEVICE_ATTR_RO(requests);

static ssize_t faults_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct sim_dev *sim = to_sim(dev);
	unsigned int i;
	int len = 0;

	for (i = 0; i < SIM_NR_FAULTS; i++)
		len += sysfs_emit_at(buf, len, "%s %d\n", sim_fault_names[i],
				     atomic_read(&sim->faults[i]));
	return len;
}

/* "fault times": -1 for ever. */
static ssize_t faults_store(struct device *dev, struct device_attribute *attr, const char *buf,
			    size_t count)
{
	char name[32];
	int fault, times;

	if (sscanf(buf, "%31s %d", name, &times) != 2)
		return -EINVAL;
	fault = match_string(sim_fault_names, SIM_NR_FAULTS, name);
	if (fault < 0)
		return fault;
	atomic_set(&to_sim(dev)->faults[fault], times);
	return count;
}

static DEVICE_ATTR_RW(faults);

static struct attribute *sim_attrs[] = {
	&sim_attr_latency_us.attr.attr,
	&sim_attr_late_ms.attr.attr,
	&sim_attr_config_ms.attr.attr,
	&sim_attr_notify_us.attr.attr,
	&sim_attr_map_fails_pct.attr.attr,
	&sim_attr_map_skip.attr.attr,
	&dev_attr_order.attr,
	&dev_attr_credit.attr,
	&dev_attr_serial.attr,
	&dev_attr_config.attr,
	&dev_attr_zone_state.attr,
	&dev_attr_needs_reset.attr,
#ifdef CONFIG_PM_SLEEP
	&dev_attr_sleep.attr,
#endif
	&dev_attr_stats.attr,
	&dev_attr_requests.attr,
	&dev_attr_faults.attr,
	NULL
};

static const struct attribute_group sim_attr_group = {
	.attrs = sim_attrs,
};

const struct attribute_group *sim_attr_groups[] = {
	&sim_attr_group,
	NULL
};
