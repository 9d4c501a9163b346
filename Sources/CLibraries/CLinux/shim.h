#ifndef HAWSER_CLINUX_SHIM_H
#define HAWSER_CLINUX_SHIM_H

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/sysmacros.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/file.h>
#include <linux/fs.h>
#include <linux/loop.h>

/* prctl is variadic, which Swift cannot call. */
static inline int hawser_name_this_thread(const char *name) { return prctl(PR_SET_NAME, name, 0, 0, 0); }

#endif
