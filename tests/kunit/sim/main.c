// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: devices come by its parameter and by the driver's files in
 * /sys/bus/platform/drivers/virtio_blk_sim, new_device and delete_device.
 */
#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "sim.h"

#define SIM_MAX_DEVICES	16

static char *device[SIM_MAX_DEVICES];
static unsigned int nr_devices;
module_param_array(device, charp, &nr_devices, 0444);
MODULE_PARM_DESC(device, "Devices to begin with, each a line of options, separated by commas: see README.md");

static DEFINE_MUTEX(sim_mutex);		/* protects sim_list, sim_next */
static LIST_HEAD(sim_list);
static int sim_next;

/**
 * sim_violation - the driver did what the specification forbids
 * @sim: the device
 * @fmt: what it did
 *
 * Whatever test runs now has failed.
 *
 * Context: any.
 */
void sim_violation(struct sim_dev *sim, const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	sim_count(sim, SIM_STAT_VIOLATIONS);
	va_start(args, fmt);
	vaf.va = &args;
	dev_WARN(&sim->vdev.dev, "driver: %pV\n", &vaf);
	va_end(args);
}

static void sim_release(struct device *dev)
{
	struct sim_dev *sim = container_of(dev_to_virtio(dev), struct sim_dev, vdev);

	complete(&sim->released);
}

static void sim_exit_queues(struct sim_dev *sim)
{
	unsigned int i;

	for (i = 0; i < sim->num_queues; i++)
		sim_queue_exit(&sim->queues[i]);
	kvfree(sim->queues);
}

static int sim_init_queues(struct sim_dev *sim)
{
	unsigned int i;
	int err;

	sim->queues = kvcalloc(sim->num_queues, sizeof(*sim->queues), GFP_KERNEL);
	if (!sim->queues)
		return -ENOMEM;
	for (i = 0; i < sim->num_queues; i++) {
		err = sim_queue_init(&sim->queues[i], sim, i);
		if (err) {
			sim_exit_queues(sim);
			return err;
		}
	}
	return 0;
}

static int sim_add_parent(struct sim_dev *sim, int index)
{
	struct platform_device *pdev = platform_device_alloc(SIM_NAME, index);
	int err;

	if (!pdev)
		return -ENOMEM;
	pdev->dev.groups = sim_attr_groups;
	dev_set_drvdata(&pdev->dev, sim);
	err = dma_coerce_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (!err)
		err = platform_device_add(pdev);
	if (err) {
		platform_device_put(pdev);
		return err;
	}
	sim->pdev = pdev;
	return 0;
}

static int sim_register(struct sim_dev *sim)
{
	int err;

	sim->vdev.id.device = VIRTIO_ID_BLOCK;
	sim->vdev.id.vendor = VIRTIO_DEV_ANY_ID;
	sim->vdev.config = &sim_config_ops;
	sim->vdev.dev.parent = &sim->pdev->dev;
	sim->vdev.dev.release = sim_release;
	err = register_virtio_device(&sim->vdev);
	if (err)
		put_device(&sim->vdev.dev);
	return err;
}

static struct sim_dev *sim_add(const char *options)
{
	struct sim_dev *sim = sim_parse(options, sim_next);
	int err;

	if (IS_ERR(sim))
		return sim;
	err = sim_init_queues(sim);
	if (err)
		goto out_free;
	err = sim_add_parent(sim, sim_next);
	if (err)
		goto out_queues;
	err = sim_register(sim);
	if (err)
		goto out_parent;

	sim_next++;
	list_add_tail(&sim->entry, &sim_list);
	return sim;

out_parent:
	platform_device_unregister(sim->pdev);
out_queues:
	sim_exit_queues(sim);
out_free:
	sim_free(sim);
	return ERR_PTR(err);
}

static void sim_remove(struct sim_dev *sim)
{
	list_del(&sim->entry);
	unregister_virtio_device(&sim->vdev);
	wait_for_completion(&sim->released);
	platform_device_unregister(sim->pdev);
	sim_exit_queues(sim);
	irq_work_sync(&sim->config_irq);
	sim_free(sim);
}

static void sim_remove_all(void)
{
	struct sim_dev *sim, *tmp;

	mutex_lock(&sim_mutex);
	list_for_each_entry_safe(sim, tmp, &sim_list, entry)
		sim_remove(sim);
	mutex_unlock(&sim_mutex);
}

/**
 * sim_create - make a device, and let the driver probe it
 * @options: README.md has the words
 *
 * Context: process, sleeps.
 *
 * Return: the device, or an ERR_PTR.
 */
struct sim_dev *sim_create(const char *options)
{
	struct sim_dev *sim;

	mutex_lock(&sim_mutex);
	sim = sim_add(options);
	mutex_unlock(&sim_mutex);
	return sim;
}

/**
 * sim_destroy - take a device from the driver, and free it
 * @sim: the device
 *
 * Context: process, sleeps.
 */
void sim_destroy(struct sim_dev *sim)
{
	mutex_lock(&sim_mutex);
	sim_remove(sim);
	mutex_unlock(&sim_mutex);
}

static ssize_t new_device_store(struct device_driver *drv, const char *buf, size_t count)
{
	return PTR_ERR_OR_ZERO(sim_create(buf)) ?: count;
}

static DRIVER_ATTR_WO(new_device);

static ssize_t delete_device_store(struct device_driver *drv, const char *buf, size_t count)
{
	ssize_t ret = -ENODEV;
	struct sim_dev *sim;

	mutex_lock(&sim_mutex);
	list_for_each_entry(sim, &sim_list, entry) {
		if (sysfs_streq(buf, sim->serial)) {
			sim_remove(sim);
			ret = count;
			break;
		}
	}
	mutex_unlock(&sim_mutex);
	return ret;
}

static DRIVER_ATTR_WO(delete_device);

static struct attribute *sim_driver_attrs[] = {
	&driver_attr_new_device.attr,
	&driver_attr_delete_device.attr,
	NULL
};
ATTRIBUTE_GROUPS(sim_driver);

#ifdef CONFIG_PM_SLEEP
/**
 * sim_suspend - have the driver suspend a device
 * @sim: the device
 *
 * Return: 0, or the driver's error.
 */
int sim_suspend(struct sim_dev *sim)
{
	int err = virtio_device_freeze(&sim->vdev);

	if (!err && atomic_read(&sim->reads))
		sim_violation(sim, "suspends the device while it reads the configuration");
	return err;
}

static int sim_freeze(struct device *dev)
{
	return sim_suspend(dev_get_drvdata(dev));
}

static int sim_restore(struct device *dev)
{
	struct sim_dev *sim = dev_get_drvdata(dev);

	return virtio_device_restore(&sim->vdev);
}
#endif

static SIMPLE_DEV_PM_OPS(sim_pm_ops, sim_freeze, sim_restore);

static struct platform_driver sim_driver = {
	.driver = {
		.name = SIM_NAME,
		.groups = sim_driver_groups,
		.pm = &sim_pm_ops,
		.suppress_bind_attrs = true,
	},
};

static int __init sim_init(void)
{
	unsigned int i;
	int err;

	err = platform_driver_register(&sim_driver);
	for (i = 0; !err && i < nr_devices; i++) {
		err = PTR_ERR_OR_ZERO(sim_create(device[i]));
		if (err) {
			sim_remove_all();
			platform_driver_unregister(&sim_driver);
		}
	}
	return err;
}

static void __exit sim_exit(void)
{
	sim_remove_all();
	platform_driver_unregister(&sim_driver);
}

module_init(sim_init);
module_exit(sim_exit);

MODULE_DESCRIPTION("A virtio block device in the kernel's own memory, for tests of its driver");
MODULE_LICENSE("GPL");
