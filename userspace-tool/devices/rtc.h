/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of a PC (MC146818): date and time, and 114 bytes that last.
 *
 * machine.c puts it at ports 0x70 and 0x71.  Read rtc.c next.
 */
#ifndef VITRINE_RTC_H
#define VITRINE_RTC_H

#include <stdbool.h>
#include <time.h>

#include "device.h"

#define RTC_PORT	0x70
#define RTC_PORTS	2
#define RTC_BYTES	128

struct rtc_regs {
	uint8_t index;
	uint8_t pad[7];
	int64_t offset;		/* seconds between the guest's clock and the host's */
	uint8_t byte[RTC_BYTES];
};

struct rtc {
	struct rtc_regs regs;
	time_t (*now)(void);
};

extern const struct device_ops rtc_ops;

void rtc_init(struct rtc *rtc);
void rtc_exit(struct rtc *rtc);

#endif /* VITRINE_RTC_H */
