# SPDX-License-Identifier: GPL-2.0-only
#
# The user's commands; kbuild reads Kbuild, not this file.

KERNEL   ?=
TEST     ?=
MODE     ?=
QUEUES   ?=
VCPUS    ?=
RING     ?=
WORKLOADS ?=
VARIANTS ?=
RUNS     ?=
MINUTES  ?=
SEED     ?=
OUT      ?=
KDIR     ?= /lib/modules/$(shell uname -r)/build

opt = $(if $($(1)),--$(2) '$($(1))')

.PHONY: help modules clean compare test test-full soak deps dkms-install dkms-remove deb

help:
	@echo 'make compare   run 2010, in-tree and this driver against each other in QEMU guests'
	@echo '                 KERNEL=    6.1, 6.12, 7.x (default) or /path/to/linux/tree'
	@echo '                 MODE=      counted, parallel (default: both)'
	@echo '                 QUEUES=    virtqueues of the device (default: 1,4)'
	@echo '                 VCPUS=     of the guest (default: 4)'
	@echo '                 RING=      slots of each virtqueue (default: 256)'
	@echo '                 WORKLOADS= job files of bench/jobs without .fio (default: all but uring-large and'
	@echo '                            depth*), or depth: requests in flight on disks with latency'
	@echo '                 VARIANTS=  2010, in-tree, virtio_blk (default: these), patched (in-tree with'
	@echo '                            patches/), also with module parameters:'
	@echo '                            virtio_blk:indirect=1:queue_depth=64'
	@echo '                 RUNS=      for each figure of the parallel mode (default: 5; with a target: x 3)'
	@echo '                 OUT=       where the report goes (default: build/compare)'
	@echo 'make test      build and test the driver in guests: 6.1, 6.12 and 7.x'
	@echo '                 KERNEL=    only this one;  TEST= only this one; TEST=dkms: only install the'
	@echo '                            driver on a Debian 12, reboot, remove it, reboot; TEST=patches: the'
	@echo '                            series for the driver of KERNEL= (default: 7.x), each patch and all'
	@echo 'make test-full the same with what takes hours: each kernel with each sanitiser, more rounds'
	@echo 'make soak      verified I/O while whatever can happen to a guest happens at random'
	@echo '                 MINUTES=   how long (default: 60);  SEED= of what happens (default: another'
	@echo '                            each time);  KERNEL= (default: 7.x);  OUT= (default: build/soak)'
	@echo '                 ACTIONS=   hot_plug,resize,rebind,reload,sleep,freeze,cpus,bus_master,fault,'
	@echo '                            failure,no_memory,zeroes,zones (default: all)'
	@echo 'make modules   build virtio_blk/virtio_blk.ko for KDIR=$(KDIR)'
	@echo 'make dkms-install  put the driver on this machine, for each kernel whose headers are there (as root)'
	@echo 'make dkms-remove   and take it back'
	@echo 'make deb       build the Debian package virtio-blk-dkms into build/'
	@echo 'make deps      install the Debian packages that the above need (as root)'
	@echo 'make clean     remove what make modules made, and build/'

compare:
	@harness/deps.sh core bench
	@python3 -m bench.compare $(call opt,KERNEL,kernel) $(call opt,MODE,mode) \
		$(call opt,QUEUES,queues) $(call opt,VCPUS,vcpus) $(call opt,RING,ring) \
		$(call opt,WORKLOADS,workloads) $(call opt,VARIANTS,variants) $(call opt,RUNS,runs) \
		$(call opt,OUT,out)

test:
	@harness/deps.sh core test install
	@python3 -m tests.run $(call opt,KERNEL,kernel) $(call opt,TEST,test)

test-full:
	@harness/deps.sh core test install arch
	@VBLK_POWER_LOSSES=$${VBLK_POWER_LOSSES:-50} python3 -m tests.run --full \
		$(call opt,KERNEL,kernel) $(call opt,TEST,test)
	@$(if $(TEST)$(KERNEL),,python3 -m tests.arch.run)

soak:
	@harness/deps.sh core test
	@python3 -m tests.soak $(call opt,MINUTES,minutes) $(call opt,SEED,seed) \
		$(call opt,ACTIONS,actions) $(call opt,KERNEL,kernel) $(call opt,OUT,out)

modules:
	@$(MAKE) -C $(KDIR) M=$(CURDIR) modules

dkms-install:
	@packaging/dkms.sh install

dkms-remove:
	@packaging/dkms.sh remove

deb:
	@packaging/deb.sh

deps:
	@harness/deps.sh core bench test install

clean:
	@if [ -d $(KDIR) ]; then $(MAKE) -C $(KDIR) M=$(CURDIR) clean; fi
	@rm -rf build
