# SPDX-License-Identifier: GPL-2.0-only
#
# What the simulator needs to know of the kernel beyond the driver's compat.mk.

# 6.4, June 2023: notification data
ccflags-y += $(call probe,NOTIFICATION_DATA,linux/virtio_ring.h,vring_notification_data,vring_interrupt)
# 6.18, November 2025: struct virtio_map_ops
ccflags-y += $(call probe,VIRTIO_MAP_OPS,linux/virtio_config.h,struct virtio_map_ops,struct virtio_config_ops)
