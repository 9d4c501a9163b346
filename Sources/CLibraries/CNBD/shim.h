#ifndef HAWSER_CNBD_SHIM_H
#define HAWSER_CNBD_SHIM_H

#include <libnbd.h>

#endif
