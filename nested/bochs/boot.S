/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Option ROM that starts a Linux kernel which already lies in RAM.
 *
 * The BIOS of the emulated machine calls the ROM (at 0xd0003) once its ACPI
 * and MP tables are written.  lib/machine/image.py assembles it, fills in the
 * parameter block and adds the command line; read that next.  No disk, no
 * boot loader and no decompression take part: the kernel is entered through
 * its PVH entry point, as PVH guests of Xen and QEMU are.
 *
 * Subtle: the emulator maps host memory to guest memory in blocks of 128 KiB,
 * in the order of the first touch, but loads a RAM image into one run of host
 * memory.  So the ROM must touch the image's blocks in the image's order, and
 * must first use up the blocks that belong to the padding in front of it.
 */
#define MARK_ADDRESS	0x600		/* low memory; neither BIOS nor Linux uses it */
#define INFO_ADDRESS	0x700
#define MARK		0x56545231	/* "this machine has booted once already" */
#define BLOCK		0x20000

	.code16
	.globl	_start
_start:
	.byte	0x55, 0xaa, 0		/* signature; size in 512 bytes: image.py */
	jmp	start
	.org	0x10
/* Parameter block, little endian; offsets are known to image.py. */
entry:		.long	0		/* 0x10: PVH entry point */
pads:		.long	0		/* 0x14: address of the first padding block */
last_pad:	.long	0		/* 0x18: first word of the last padding block */
		.long	0
touch:		.fill	8, 4, 0		/* 0x20: four ranges {start, end} to touch */
start_info:	.fill	56, 1, 0	/* 0x40: struct hvm_start_info */
		.fill	8, 1, 0
module:		.fill	32, 1, 0	/* 0x80: struct hvm_modlist_entry (initrd) */
		.fill	32, 1, 0
memory_map:	.fill	8 * 24, 1, 0	/* 0xc0: struct hvm_memmap_table_entry [8] */

	.org	0x180
start:
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	inb	$0x92, %al		/* open address line 20 */
	orb	$2, %al
	outb	%al, $0x92
	lgdtl	gdt_pointer - _start
	mov	%cr0, %eax
	or	$1, %al
	mov	%eax, %cr0
	ljmpl	$8, $protected

	.code32
protected:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$0x90000, %esp

	/*
	 * The image in RAM is used up after the first boot: a reset cannot
	 * boot again.  Say so where the host looks, and switch the machine off.
	 */
	cmpl	$MARK, MARK_ADDRESS
	je	second_boot
	movl	$MARK, MARK_ADDRESS

	mov	pads, %edx
1:	add	$BLOCK, %edx
	mov	(%edx), %eax
	cmp	last_pad, %eax
	jne	1b

	mov	$touch, %esi
2:	mov	(%esi), %edx
	mov	4(%esi), %ecx
	add	$8, %esi
3:	cmp	%ecx, %edx
	jae	4f
	mov	(%edx), %eax
	add	$BLOCK, %edx
	jmp	3b
4:	cmp	$touch + 32, %esi
	jb	2b

	/* Newer kernels use the structure as their first stack: not in ROM. */
	mov	$start_info, %esi
	mov	$INFO_ADDRESS, %edi
	mov	$56 / 4, %ecx
	cld
	rep movsl
	mov	$INFO_ADDRESS, %ebx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%edi, %edi
	mov	entry, %eax
	jmp	*%eax

second_boot:
	mov	$reset_text, %esi
	mov	$0xe9, %edx
	call	print
	mov	$shutdown_text, %esi
	mov	$0x8900, %edx
	call	print
5:	hlt
	jmp	5b

print:	/* write the string at ESI to port DX */
	lodsb
	test	%al, %al
	jz	6f
	outb	%al, %dx
	jmp	print
6:	ret

	.balign	8
gdt:	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt
reset_text:
	.asciz	"\nvitrine-machine: reset\n"
shutdown_text:
	.asciz	"Shutdown"
	.balign	16
/* The command line follows. */
