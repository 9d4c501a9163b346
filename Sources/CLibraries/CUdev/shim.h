#ifndef HAWSER_CUDEV_SHIM_H
#define HAWSER_CUDEV_SHIM_H

#include <libudev.h>

#endif
