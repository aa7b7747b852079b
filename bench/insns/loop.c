// SPDX-License-Identifier: GPL-2.0-only
/* Executes 2 * ROUNDS instructions and a few: what insns.c is checked with. */

void _start(void)
{
	unsigned long rounds = ROUNDS, status = 0;

	asm volatile("1: dec %0; jnz 1b" : "+r" (rounds));
	asm volatile("syscall" : : "a" (60UL), "D" (status) : "rcx", "r11");
	__builtin_unreachable();
}
