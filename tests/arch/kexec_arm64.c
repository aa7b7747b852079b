// SPDX-License-Identifier: GPL-2.0-only
/* Starts another kernel on arm64: four instructions that ask the firmware (PSCI) for a reset. */
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRY	0x60000000ul	/* in the RAM of QEMU's virt machine */

static const unsigned int code[] = {
	0x52800120,	/* mov w0, #0x9 */
	0x72b08000,	/* movk w0, #0x8400, lsl #16: SYSTEM_RESET */
	0xd4000002,	/* hvc #0 */
	0x14000000,	/* b . */
};

int main(void)
{
	struct kexec_segment segment = { code, sizeof(code), (void *)ENTRY, 4096 };

	if (syscall(SYS_kexec_load, ENTRY, 1ul, &segment, (unsigned long)KEXEC_ARCH_AARCH64))
		perror("kexec_load");
	else if (syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			 LINUX_REBOOT_CMD_KEXEC, NULL))
		perror("reboot");
	return 1;
}
