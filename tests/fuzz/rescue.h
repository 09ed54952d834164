/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Getting a processor back that a guest keeps for itself.
 *
 * On real hardware an interrupt always ends a guest's stay.  The emulator does
 * not notice one if the guest was entered with RFLAGS.IF = 0 and never sets it,
 * so a random guest can take a processor away for good.  Two watchers, one a
 * processor, see that the other one does not get its turns and send it an NMI
 * (sysrq l), which does end the stay.  Used by both fuzzers.
 */
#ifndef FUZZ_RESCUE_H
#define FUZZ_RESCUE_H

/* Start the watchers; without a second processor there is nothing to do. */
void rescue_start(void);

/*
 * Slow kernels take longer: the variable TAP_PATIENCE says how many times, as in the
 * ioctl tests.
 */
unsigned int fuzz_patience(void);

/* End them.  Return: how often a processor had to be rescued. */
unsigned int rescue_stop(void);

#endif /* FUZZ_RESCUE_H */
