#ifndef HAWSER_CUDEV_SHIM_H
#define HAWSER_CUDEV_SHIM_H

#include <libudev.h>
#include <sys/sysmacros.h>

/* major() and minor() are macros. */
static inline unsigned hawser_udev_major(dev_t number) { return major(number); }
static inline unsigned hawser_udev_minor(dev_t number) { return minor(number); }

#endif
