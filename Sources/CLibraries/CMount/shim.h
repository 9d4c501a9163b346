#ifndef HAWSER_CMOUNT_SHIM_H
#define HAWSER_CMOUNT_SHIM_H

#include <libmount/libmount.h>
#include <sys/sysmacros.h>

/* major() and minor() are macros. */
static inline unsigned hawser_mount_major(dev_t number) { return major(number); }
static inline unsigned hawser_mount_minor(dev_t number) { return minor(number); }

#endif
