# SPDX-License-Identifier: GPL-2.0-only
#
# Feature probes for compat.h: one for each interface that changed between the
# oldest and the newest kernel that the driver builds for.
#
#   $(call probe,NAME,headers,pattern of the new form,pattern of the old form)
#
# defines HAVE_NAME when the kernel's headers have the new form. Neither form
# stops the build: a kernel that nobody has looked at yet must not be guessed
# at. The patterns are grep's; a dot stands for each character that make would
# take for its own. The dates are those of the first kernel with the new form,
# or ("by") of the first that was looked at and has it.

vblk_has = $(shell grep -qs -e '$(2)' $(addprefix $(srctree)/include/,$(1)) && echo y)
probe = $(if $(call vblk_has,$(2),$(3)),-DHAVE_$(1),$(if $(call vblk_has,$(2),$(4)),,$(error \
	virtio_blk: $(addprefix include/,$(2)) of this kernel: neither form of $(1) that compat.mk \
	knows; see what the kernel has instead, then extend compat.mk and compat.h)))

# 6.3, April 2023: zoned devices
vblk-compat := $(call probe,VIRTIO_BLK_F_ZONED,uapi/linux/virtio_blk.h,VIRTIO_BLK_F_ZONED,VIRTIO_BLK_F_SECURE_ERASE)
# 6.3, April 2023: bvec_set_virt
vblk-compat += $(call probe,BVEC_SET_VIRT,linux/bvec.h,bvec_set_virt,struct bio_vec {)
# 6.10, July 2024: register_virtio_driver() sets the owner
vblk-compat += $(call probe,VIRTIO_DRIVER_OWNER,linux/virtio.h,__register_virtio_driver,int register_virtio_driver)
# 6.11, September 2024: queue limits and features are given to blk_mq_alloc_disk()
vblk-compat += $(call probe,QUEUE_LIMITS_FEATURES,linux/blkdev.h linux/blk-mq.h,BLK_FEAT_WRITE_CACHE,blk_mq_alloc_disk.set. queuedata)
# 6.11, September 2024: struct virtqueue_info
vblk-compat += $(call probe,VIRTQUEUE_INFO,linux/virtio_config.h,struct virtqueue_info,virtio_find_vqs_ctx)
# 6.13, January 2025 (and 6.12 stable): struct rq_list
vblk-compat += $(call probe,RQ_LIST,linux/blk-mq.h,queue_rqs..struct rq_list,queue_rqs..struct request)
# 6.13, January 2025: the hardware's limit of zone append has a name of its own
vblk-compat += $(call probe,MAX_HW_ZONE_APPEND,linux/blkdev.h,max_hw_zone_append_sectors,max_zone_append_sectors)
# 6.13, January 2025 (and 6.12 stable): a queue can be frozen by one task and thawed by another
vblk-compat += $(call probe,FREEZE_NON_OWNER,linux/blk-mq.h,blk_freeze_queue_start_non_owner,void blk_freeze_queue_start.struct)
# until 6.13, January 2025: merging had to be asked for
vblk-compat += $(call probe,SHOULD_MERGE,linux/blk-mq.h,BLK_MQ_F_SHOULD_MERGE,BLK_MQ_F_TAG_QUEUE_SHARED)
# 6.14, March 2025 (and 6.12 stable): blk_mq_map_hw_queues()
vblk-compat += $(call probe,MAP_HW_QUEUES,linux/blk-mq.h linux/blk-mq-virtio.h,blk_mq_map_hw_queues,blk_mq_virtio_map_queues)
# by 7.3, November 2026: more than 64 feature bits
vblk-compat += $(call probe,FEATURES_U64S,linux/virtio_features.h linux/virtio.h,VIRTIO_FEATURES_U64S,u64 features;)
# by 7.2, August 2026: requests are mapped without naming their queue
vblk-compat += $(call probe,MAP_SG_NO_QUEUE,linux/blk-mq.h,int blk_rq_map_sg.struct request .rq,int blk_rq_map_sg.struct request_queue)
vblk-compat += $(call probe,MAP_KERN_NO_QUEUE,linux/blk-mq.h,int blk_rq_map_kern.struct request .rq,int blk_rq_map_kern.struct request_queue)
# by 7.2, August 2026: reset_prepare and reset_done
vblk-compat += $(call probe,RESET_PREPARE,linux/virtio.h,.reset_prepare.,.restore.)
# by 7.3, November 2026: the virtio bus lets drivers shut their devices down
vblk-compat += $(call probe,VIRTIO_SHUTDOWN,linux/virtio.h,.shutdown..struct virtio_device,.restore.)
# by 7.2, August 2026: blk_mq_num_possible_queues()
vblk-compat += $(call probe,NUM_POSSIBLE_QUEUES,linux/blk-mq.h,blk_mq_num_possible_queues,blk_mq_map_queues)
# by 7.2, August 2026: getgeo takes the disk
vblk-compat += $(call probe,GETGEO_DISK,linux/blkdev.h,getgeo..struct gendisk,getgeo..struct block_device)
# by 7.2, August 2026: WQ_PERCPU
vblk-compat += $(call probe,WQ_PERCPU,linux/workqueue.h,WQ_PERCPU,WQ_UNBOUND)
# by 7.2, August 2026: report_zones takes a struct
vblk-compat += $(call probe,REPORT_ZONES_ARGS,linux/blkdev.h,int disk_report_zone,typedef int ..report_zones_cb)
# by 7.2, August 2026: the node of init_request is signed
vblk-compat += $(call probe,INIT_REQUEST_INT,linux/blk-mq.h,unsigned int. int.;,unsigned int. unsigned int.;)
# by 7.2, August 2026: typed allocation
vblk-compat += $(call probe,KMALLOC_OBJ,linux/slab.h,define kzalloc_objs,kcalloc)

ccflags-y += $(vblk-compat)
